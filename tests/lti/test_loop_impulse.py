"""The impulse response of a loop in time: against one sample at a time, and against the loop in frequency."""

import pytest
import torch

from diffFx_pytorch.lti.ops import closed_loop, delay_response, loop_impulse
from diffFx_pytorch.lti.ops.loop_impulse import loop_impulse_eagerly
from tests.lti import reference

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}
NAMES = ("h", "grad matrix", "grad b", "grad c")


pytestmark = pytest.mark.usefixtures("poisoned_memory")


def system(N, inputs, outputs, dtype, batch=()):
    matrix = 0.95 * torch.linalg.qr(torch.randn(*batch, N, N, dtype=torch.float64))[0].to(dtype)
    b, c = torch.randn(*batch, N, inputs, dtype=dtype), torch.randn(*batch, outputs, N, dtype=dtype)
    return [matrix, b, c]


def error(got, expected):
    assert got.shape == expected.shape
    return ((got - expected).abs().max() / expected.abs().max().clamp_min(1e-3)).item()


def response_and_gradients(function, given, grad):
    given = [t.detach().clone().requires_grad_() for t in given]
    h = function(*given)
    grads = torch.autograd.grad(h, given, grad, allow_unused=True)
    return [h.detach(), *(torch.zeros_like(t) if g is None else g for g, t in zip(grads, given, strict=True))]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("delays", [[17, 23, 40], [30, 16, 500], [8, 9, 11], [1, 3, 2]])
@pytest.mark.parametrize("samples", [1, 50, 203])
def test_matches_reference(samples, delays, dtype):
    """Delays shorter than a vector, longer than the response; a response that ends within a vector."""
    given, m = system(3, 2, 2, dtype), torch.tensor(delays)
    grad = torch.randn(2, 2, samples, dtype=dtype)
    got = response_and_gradients(lambda A, b, c: loop_impulse(A, m, b, c, samples), given, grad)
    other = response_and_gradients(lambda A, b, c: loop_impulse_eagerly(A, m, b, c, samples), given, grad)
    wide = [t.double() for t in given]
    expected = response_and_gradients(
        lambda A, b, c: reference.loop_impulse(A, delays, b, c, samples), wide, grad.double()
    )
    for name, a, p, e in zip(NAMES, got, other, expected, strict=True):
        assert a.dtype == dtype
        assert error(a, e) < TOLERANCE[dtype], name
        assert error(p, e) < TOLERANCE[dtype], f"{name} by the equation"


def test_gradients_over_many_flushes():
    given, m, samples = system(5, 1, 1, torch.float64), torch.tensor([61, 100, 333, 64, 1200]), 1700
    grad = torch.randn(1, 1, samples, dtype=torch.float64)
    got = response_and_gradients(lambda A, b, c: loop_impulse(A, m, b, c, samples), given, grad)
    expected = response_and_gradients(lambda A, b, c: loop_impulse_eagerly(A, m, b, c, samples), given, grad)
    for name, a, e in zip(NAMES, got, expected, strict=True):
        assert error(a, e) < 1e-11, name


@pytest.mark.parametrize("alias_decay_db", [30.0, 60.0, 100.0])
def test_equals_the_closed_loop_in_frequency_but_for_its_alias(alias_decay_db):
    """A lossless loop rings for ever; what folds back is lower by the decay."""
    nfft, m = 4800, torch.tensor([113, 173, 271, 397])
    matrix, b, c = system(4, 1, 1, torch.float64)
    matrix = matrix / 0.95
    h = loop_impulse(matrix, m, b, c, nfft)[0, 0]
    D = delay_response(m, nfft, alias_decay_db, torch.complex128)
    y = closed_loop(D, matrix, None, D.unsqueeze(-2) * b.unsqueeze(-1))
    spectrum = (c.to(y.dtype) @ y.squeeze(-2)).squeeze(0)
    decay = 10 ** (-alias_decay_db / 20 * torch.arange(nfft) / nfft)
    alias = (torch.fft.irfft(spectrum, nfft) - h * decay).norm() / (h * decay).norm()
    assert 0.1 < alias / 10 ** (-alias_decay_db / 20) < 3


def test_float32_keeps_its_tail():
    """A lossless loop over 48000 samples: the error stays small to the end."""
    m = torch.tensor([887, 911, 941, 1699, 1951, 2053])
    matrix, b, c = system(6, 1, 1, torch.float64)
    given = [matrix / 0.95, b, c]
    wide = loop_impulse(given[0], m, *given[1:], 48000)
    narrow = loop_impulse(given[0].float(), m, given[1].float(), given[2].float(), 48000)
    for part in (slice(None), slice(-4800, None)):
        assert ((narrow - wide)[..., part].norm() / wide[..., part].norm()) < 1e-5


def test_gains_stand_after_the_delays():
    matrix, b, c = system(3, 1, 1, torch.float64)
    m, g = torch.tensor([20, 31, 45]), torch.rand(3, dtype=torch.float64, requires_grad=True)
    h = loop_impulse(matrix, m, b, c, 300, g)
    s = g.detach().diag()
    expected = loop_impulse(matrix @ s, m, b, c @ s, 300)
    assert error(h.detach(), expected) < 1e-14
    assert torch.autograd.grad(h.square().sum(), g)[0].all()


def test_batch_dimensions_broadcast():
    parts = [system(3, 2, 1, torch.float64, batch)[k] for k, batch in enumerate([(4, 1), (), (5,)])]
    m = torch.randint(10, 60, (5, 3))
    grad = torch.randn(4, 5, 1, 2, 120, dtype=torch.float64)
    got = response_and_gradients(lambda A, b, c: loop_impulse(A, m, b, c, 120), parts, grad)
    expected = [torch.empty_like(got[0]), *(torch.zeros_like(t) for t in parts)]
    for i in range(4):
        for j in range(5):
            one = [parts[0][i, 0], parts[1], parts[2][j]]
            h, to_a, to_b, to_c = response_and_gradients(
                lambda A, b, c, j=j: loop_impulse(A, m[j], b, c, 120), one, grad[i, j]
            )
            expected[0][i, j] = h
            expected[1][i, 0] += to_a
            expected[2] += to_b
            expected[3][j] += to_c
    for name, a, e in zip(NAMES, got, expected, strict=True):
        assert error(a, e) < 1e-12, name


@pytest.mark.parametrize("delays", [[9, 12], [2, 3]])
def test_derivatives(delays):
    given, m = [t.requires_grad_() for t in system(2, 1, 2, torch.float64)], torch.tensor(delays)

    def response(A, b, c):
        return loop_impulse(A, m, b, c, 22)

    torch.autograd.gradcheck(response, given, check_forward_ad=True, check_batched_grad=True)
    torch.autograd.gradgradcheck(response, given)


def test_torch_library_and_transforms():
    (matrix, b, c), m = system(3, 1, 1, torch.float64, (4,)), torch.randint(8, 20, (4, 3))
    op = torch.ops.diffFx.lti_loop_impulse
    given = [t.clone().requires_grad_() for t in (matrix, b, c)]
    torch.library.opcheck(op, (given[0], m, given[1], given[2], 60, True))
    h, x = op(matrix, m, b, c, 60, True)
    needs = [True, False, True, True]
    torch.library.opcheck(torch.ops.diffFx.lti_loop_impulse_backward, (h, matrix, m, b, c, x, 60, needs))
    assert torch.equal(torch.vmap(lambda *t: loop_impulse(*t, 60))(matrix, m, b, c), h)

    def loss(A, b):
        return loop_impulse(A, m[0], b, c[0], 60).square().sum()

    (whole,) = torch.autograd.grad(loss(given[0], b), given[0])
    assert torch.allclose(torch.vmap(torch.func.grad(loss))(matrix, b), whole)
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    assert torch.allclose(torch.autograd.grad(compiled(given[0], b), given[0])[0], whole)


def test_no_items():
    matrix, b, c = (t.requires_grad_() for t in system(3, 1, 1, torch.float32, (0,)))
    h = loop_impulse(matrix, torch.tensor([20, 30, 40]), b, c, 50)
    assert h.shape == (0, 1, 1, 50)
    assert torch.autograd.grad(h.sum(), matrix)[0].shape == matrix.shape


def test_what_does_not_fit_is_refused():
    matrix, b, c = system(2, 1, 1, torch.float32)
    m = torch.tensor([20, 30])
    with pytest.raises(TypeError, match="whole numbers"):
        loop_impulse(matrix, m.float(), b, c, 10)
    with pytest.raises(TypeError, match="b must be float32"):
        loop_impulse(matrix, m, b.double(), c, 10)
    with pytest.raises(ValueError, match=r"delays \(\.\.\., N\)"):
        loop_impulse(matrix, m[:1], b, c, 10)
    with pytest.raises(ValueError, match="at least 1 sample"):
        loop_impulse(matrix, m * 0, b, c, 10)
    with pytest.raises(ValueError, match="samples"):
        loop_impulse(matrix, m, b, c, 0)
