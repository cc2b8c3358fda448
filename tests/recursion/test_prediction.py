"""Linear prediction against scipy's Toeplitz solver, Burg's method sample by sample, and roots of polynomials."""

import numpy as np
import pytest
import torch
from scipy import linalg, signal

from diffFx_pytorch.recursion import (
    allpole,
    autocorrelation,
    is_stable,
    levinson,
    lpc,
    lpc_to_lsf,
    lpc_to_reflection,
    lsf_to_lpc,
    reflection_to_lpc,
)


def noise(*shape):
    return torch.from_numpy(np.random.default_rng(0).standard_normal(shape))


def stable(*shape):
    return reflection_to_lpc(torch.tanh(noise(*shape)))


def burg(x, order):
    """Marple 1987, equations 7.36 to 7.40, in plain Python."""
    f, b, a = list(x), list(x), [1.0]
    for m in range(1, order + 1):
        k = -2 * sum(f[t] * b[t - 1] for t in range(m, len(x)))
        k /= sum(f[t] ** 2 + b[t - 1] ** 2 for t in range(m, len(x)))
        f, b = (
            [f[t] + k * b[t - 1] if t else f[t] for t in range(len(x))],
            [b[t - 1] + k * f[t] if t else b[t] for t in range(len(x))],
        )
        a = [u + k * v for u, v in zip([*a, 0.0], [0.0, *a[::-1]], strict=True)]
    return a[1:]


def test_autocorrelation_and_levinson_are_scipys():
    x, order = noise(3, 50), 7
    r = autocorrelation(x, order)
    a, k, error = levinson(r)
    for i in range(3):
        true = signal.correlate(x[i], x[i])[49 : 50 + order]
        np.testing.assert_allclose(r[i], true, rtol=1e-10)
        np.testing.assert_allclose(a[i], linalg.solve_toeplitz(true[:-1], -true[1:]), rtol=1e-8)
        assert error[i].item() == pytest.approx(true[0] + true[1:] @ a[i].numpy())
    torch.testing.assert_close(a, lpc(x, order))
    torch.testing.assert_close(k, lpc_to_reflection(a))


def test_complex_predictors_solve_their_normal_equations():
    x = torch.complex(noise(40), noise(2, 40)[1])
    r = autocorrelation(x, 3)
    a = lpc(x, 3).numpy()
    np.testing.assert_allclose(linalg.toeplitz(r[:3]) @ a, -r[1:].numpy(), rtol=1e-8)
    assert lpc(x, 3, "burg").is_complex()


def test_burg():
    x = noise(2, 40)
    for i in range(2):
        np.testing.assert_allclose(lpc(x, 6, "burg")[i], burg(x[i].tolist(), 6), rtol=1e-8)


@pytest.mark.parametrize("method", ["autocorrelation", "burg"])
def test_a_resonator_is_found_and_silence_is_zero(method):
    a = stable(2, 4)
    x = allpole(noise(2, 20000), a)
    torch.testing.assert_close(lpc(x, 4, method), a, atol=0.05, rtol=0)
    assert is_stable(lpc(x[..., :30], 12, method)).all()
    both = lpc(torch.stack((torch.zeros(20), noise(20).float())), 3, method)
    assert both[0].abs().max() == 0
    assert both.isfinite().all()


@pytest.mark.parametrize("order", [1, 2, 3, 6, 7, 16])
def test_forms_go_round(order):
    a = stable(3, order)
    torch.testing.assert_close(reflection_to_lpc(lpc_to_reflection(a)), a)
    lsf = lpc_to_lsf(a)
    torch.testing.assert_close(lsf_to_lpc(lsf), a)
    for row, angles in zip(a.numpy(), lsf.numpy(), strict=True):
        ahead, back = np.r_[1, row, 0], np.r_[0, row[::-1], 1]
        roots = np.angle(np.r_[np.roots(ahead + back), np.roots(ahead - back)])
        np.testing.assert_allclose(angles, np.sort(roots[(roots > 1e-4) & (roots < np.pi - 1e-4)]), atol=1e-6)


def test_gradients():
    a, x = stable(2, 5).requires_grad_(), noise(2, 12).requires_grad_()
    for convert in (lpc_to_lsf, lpc_to_reflection):
        assert torch.autograd.gradcheck(convert, (a,))
    assert torch.autograd.gradgradcheck(lpc_to_lsf, (a,))
    assert torch.autograd.gradcheck(lsf_to_lpc, (lpc_to_lsf(a).detach().requires_grad_(),))
    assert torch.autograd.gradcheck(reflection_to_lpc, (noise(2, 4).mul(0.3).requires_grad_(),))
    for method in ("autocorrelation", "burg"):
        assert torch.autograd.gradcheck(lambda x, method=method: lpc(x, 4, method), (x,))


def test_refusals_name_what_is_legal():
    with pytest.raises(ValueError, match=r"order must be 1 \.\. T - 1 = 9, got 10"):
        lpc(torch.zeros(10), 10)
    with pytest.raises(ValueError, match="method must be 'autocorrelation' or 'burg'"):
        lpc(torch.zeros(10), 2, "covariance")
    with pytest.raises(TypeError, match="lsf_to_lpc: x must be float32 or float64"):
        lsf_to_lpc(torch.zeros(3, dtype=torch.int64))
