"""Series, parallel and loops against products, sums and solves written out point by point."""

import pytest
import torch

from diffFx_pytorch import lti

D = torch.float64
NFFT = 64


def _fir(outputs, inputs, seed):
    generator = torch.Generator().manual_seed(seed)
    return lti.FIR(0.3 * torch.randn(outputs, inputs, 5, generator=generator, dtype=D))


def test_series_is_the_product():
    a, b, c = _fir(3, 2, 0), lti.Gain(torch.randn(4, 3, dtype=D)), lti.FIR(torch.randn(4, 7, dtype=D), diagonal=True)
    A, B, C = (m.frequency_response(NFFT) for m in (a, b, c))
    expected = torch.einsum("aom,obm,bim->aim", C, B, A)
    assert torch.allclose(lti.Series(a, b, c).frequency_response(NFFT), expected, atol=1e-13)


def test_parallel_is_the_sum_or_the_stack():
    a, b = _fir(3, 2, 0), _fir(3, 2, 1)
    A, B = a.frequency_response(NFFT), b.frequency_response(NFFT)
    assert torch.allclose(lti.Parallel(a, b).frequency_response(NFFT), A + B, atol=1e-14)
    stacked = lti.Parallel(a, b, combine="stack")
    assert stacked.outputs == 6
    assert torch.allclose(stacked.frequency_response(NFFT), torch.cat([A, B]), atol=1e-14)


FORWARD = {
    "delays": lambda: lti.Delay(torch.tensor([3, 5, 8]), dtype=D),
    "diagonal filters": lambda: lti.FIR(0.5 * torch.randn(3, 4, dtype=D), diagonal=True),
    "dense": lambda: _fir(3, 3, 4),
    "constant": lambda: lti.Gain(0.3 * torch.randn(3, 3, dtype=D)),
}
BACK = {
    "matrix": lambda: lti.Matrix(3, dtype=D),
    "gains": lambda: lti.Gain(0.5 * torch.rand(3, dtype=D), diagonal=True),
    "matrix, filters": lambda: lti.Series(
        lti.Matrix(3, dtype=D), lti.FIR(0.3 * torch.randn(3, 3, dtype=D), diagonal=True)
    ),
    "filters, matrix": lambda: lti.Series(
        lti.FIR(0.3 * torch.randn(3, 3, dtype=D), diagonal=True), lti.Matrix(3, dtype=D)
    ),
    "gains, matrix, gains": lambda: lti.Series(
        lti.Gain(torch.rand(3, dtype=D), diagonal=True),
        lti.Matrix(3, dtype=D),
        lti.Gain(torch.rand(3, dtype=D), diagonal=True),
    ),
    "scattering": lambda: lti.ScatteringMatrix(3, dtype=D),
    "a loop": lambda: lti.Recursion(
        lti.Delay(torch.tensor([1, 2, 3]), dtype=D), lti.Gain(0.2 * torch.randn(3, 3, dtype=D))
    ),
    "through fewer channels": lambda: lti.Series(
        lti.Gain(torch.randn(1, 3, dtype=D)), lti.Gain(0.2 * torch.randn(3, 1, dtype=D))
    ),
}


@pytest.mark.parametrize("forward", FORWARD)
@pytest.mark.parametrize("back", BACK)
def test_a_loop_is_the_solve_at_every_point(forward, back):
    torch.manual_seed(7)
    F, B = FORWARD[forward](), BACK[back]()
    H = lti.Recursion(F, B).frequency_response(NFFT, alias_decay_db=40.0)
    f, b = (s.frequency_response(NFFT, alias_decay_db=40.0).movedim(-1, 0) for s in (F, B))
    expected = torch.linalg.solve(torch.eye(3, dtype=f.dtype) - f @ b, f).movedim(0, -1)
    assert torch.allclose(H, expected, atol=1e-11 * float(expected.abs().max()))


def test_systems_nest():
    torch.manual_seed(0)
    inner = lti.Parallel(direct=lti.Gain(torch.eye(2, dtype=D)), late=lti.Series(_fir(3, 2, 1), _fir(2, 3, 2)))
    whole = lti.Series(
        _fir(2, 1, 3),
        lti.Recursion(lti.Delay(torch.tensor([4, 9]), dtype=D), lti.Gain(0.2 * torch.randn(2, 2, dtype=D))),
        inner,
    )
    H = [part.frequency_response(NFFT) for part in whole.parts.values()]
    assert torch.allclose(whole.frequency_response(NFFT), torch.einsum("aom,obm,bim->aim", *H[::-1]), atol=1e-12)


def test_sizes_that_do_not_chain_are_drawn():
    with pytest.raises(ValueError, match=r"'b' gives 3 channels and 'c' takes 4") as caught:
        lti.Series(b=lti.Gain(size=(3, 1)), c=lti.Gain(size=(1, 4)))
    assert "[b: Gain] --3--x--4--> [c: Gain]" in str(caught.value)
    with pytest.raises(ValueError, match="'feedback' gives 3 channels and 'feedforward' takes 2"):
        lti.Recursion(lti.Gain(size=(3, 2)), lti.Gain(size=(3, 3)))
    with pytest.raises(ValueError, match="share their inputs"):
        lti.Parallel(lti.Gain(size=(2, 1)), lti.Gain(size=(2, 2)))
    with pytest.raises(ValueError, match="and outputs"):
        lti.Parallel(lti.Gain(size=(2, 1)), lti.Gain(size=(3, 1)))
    with pytest.raises(TypeError, match="must be an lti system, got Linear"):
        lti.Series(torch.nn.Linear(1, 1))
    with pytest.raises(ValueError, match="at least one system"):
        lti.Series()
    with pytest.raises(ValueError, match="combine"):
        lti.Parallel(lti.Gain(size=(2, 1)), combine="mean")
