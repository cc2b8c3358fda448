"""lfilter against scipy's: outputs, states, and the two functions that make states."""

import numpy as np
import pytest
import torch
from scipy import signal

from diffFx_pytorch.recursion.ops.lfilter import lfilter
from tests.recursion.reference import allpole as reference


def tensors(*arrays):
    return [torch.from_numpy(np.ascontiguousarray(v)) for v in arrays]


def coefficients(nb, na):
    rng = np.random.default_rng(nb * 10 + na)
    b, a = rng.standard_normal(nb), 0.2 * rng.standard_normal(na)
    a[0] = -2.0  # both are divided by it
    return b, a


@pytest.mark.parametrize(("nb", "na"), [(1, 1), (3, 1), (1, 4), (3, 3), (5, 2), (2, 5)])
@pytest.mark.parametrize("samples", [1, 3, 60])
def test_matches_scipy(samples, nb, na):
    b, a = coefficients(nb, na)
    x = np.random.default_rng(0).standard_normal((2, samples))
    zi = np.random.default_rng(1).standard_normal((2, max(nb, na) - 1))
    y, zf = lfilter(*tensors(x, b, a, zi), return_zf=True)
    y_true, zf_true = signal.lfilter(b, a, x, zi=zi)
    np.testing.assert_allclose(y, y_true, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(zf, zf_true, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(lfilter(*tensors(x, b, a)), signal.lfilter(b, a, x), rtol=1e-10, atol=1e-12)


def test_no_samples_hand_the_state_on():
    zi = torch.randn(2, 2)
    y, zf = lfilter(torch.zeros(2, 0), torch.ones(3), torch.ones(3), zi, return_zf=True)
    assert y.shape == (2, 0)
    torch.testing.assert_close(zf, zi.double())
    assert lfilter(torch.zeros(0, 5), torch.ones(3), torch.ones(3)).shape == (0, 5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("hertz", [20.0, 1000.0, 20000.0])
def test_biquads_stay_exact_in_float32(hertz, dtype):
    b, a = signal.iirpeak(hertz, 10.0, fs=44100)
    x = np.random.default_rng(0).standard_normal(20_000).astype(np.float32)
    y_true = signal.lfilter(b, a, x.astype(np.float64))
    y = lfilter(torch.from_numpy(x).to(dtype), *tensors(b, a)).numpy()
    assert 20 * np.log10(np.linalg.norm(y - y_true) / np.linalg.norm(y_true)) < -120


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_step_with_lfilter_zi_stays_constant(dtype):
    b, a = signal.butter(3, 0.01)
    zi = signal.lfilter_zi(b, a)
    y, zf = lfilter(torch.full((4000,), 0.5, dtype=dtype), *tensors(b, a, 0.5 * zi), return_zf=True)
    np.testing.assert_allclose(y, 0.5, rtol=1e-6)
    np.testing.assert_allclose(zf, 0.5 * zi, rtol=1e-6)


def test_lfiltic_continues_a_signal():
    b, a = coefficients(3, 4)
    x = np.random.default_rng(0).standard_normal(50)
    y_true = signal.lfilter(b, a, x)
    zi = signal.lfiltic(b, a, y=y_true[29::-1], x=x[29::-1])
    np.testing.assert_allclose(lfilter(*tensors(x[30:], b, a, zi)), y_true[30:], rtol=1e-9)


@pytest.mark.parametrize("which", ["both", "b", "a"])
def test_moving_is_scipy_called_sample_by_sample(which):
    rng = np.random.default_rng(0)
    samples = 30
    x = rng.standard_normal(samples)
    b = rng.standard_normal((samples, 3))
    a = np.concatenate([np.full((samples, 1), 1.5), 0.3 * rng.standard_normal((samples, 2))], axis=1)
    b = b[0] if which == "a" else b
    a = a[0] if which == "b" else a
    zi = rng.standard_normal(2)
    state, y_true = zi, []
    for t in range(samples):
        now, state = signal.lfilter(b[t] if b.ndim == 2 else b, a[t] if a.ndim == 2 else a, x[t : t + 1], zi=state)
        y_true.append(now[0])
    y, zf = lfilter(*tensors(x, b, a, zi), return_zf=True)
    np.testing.assert_allclose(y, y_true, rtol=1e-10)
    np.testing.assert_allclose(zf, state, rtol=1e-10)


@pytest.mark.parametrize("time_varying", [False, True])
def test_blocks_with_state_are_one_pass(time_varying):
    b, a = (torch.from_numpy(v) for v in signal.iirpeak(60.0, 2.0, fs=44100))
    x = torch.randn(2, 3000)
    if time_varying:
        a, b = a.expand(2, 3000, 3), b * (1.0 + 0.1 * torch.rand(2, 3000, 1, dtype=torch.float64))
    whole, zf_whole = lfilter(x, b, a, return_zf=True)
    state, pieces = None, []
    for piece in torch.arange(3000).split([1, 1, 2, 996, 2000]):
        cut = [v[:, piece] if time_varying else v for v in (b, a)]
        y, state = lfilter(x[:, piece], *cut, state, return_zf=True)
        pieces.append(y)
    assert 20 * torch.log10((torch.cat(pieces, -1) - whole).norm() / whole.norm() + 1e-30) < -120
    torch.testing.assert_close(state, zf_whole, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("time_varying", [False, True])
def test_gradients_match_the_reference(time_varying):
    shape = (2, 20) if time_varying else (2,)
    a = 0.2 * torch.randn(*shape, 3, dtype=torch.float64)
    a[..., 0] = 1.0
    inputs = [
        torch.randn(2, 20, dtype=torch.float64),
        torch.randn(*shape, 3, dtype=torch.float64),
        a,
        torch.randn(2, 2, dtype=torch.float64),
    ]
    inputs = [v.requires_grad_() for v in inputs]
    y, zf = lfilter(*inputs, return_zf=True)
    y_true, zf_true = reference.lfilter(*inputs, time_varying)
    upstream = torch.randn_like(y), torch.randn_like(zf)
    got = torch.autograd.grad((y, zf), inputs, upstream)
    expected = torch.autograd.grad((y_true, zf_true), inputs, upstream)
    for name, g, e in zip(("x", "b", "a", "zi"), got, expected, strict=True):
        if name == "a":  # the reference knows no a[0]
            g, e = g[..., 1:], e[..., 1:]
        torch.testing.assert_close(g, e, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("time_varying", [False, True])
def test_derivatives_and_transforms(time_varying):
    shape = (2, 5) if time_varying else (2,)
    x, b = torch.randn(2, 5, dtype=torch.float64), torch.randn(*shape, 2, dtype=torch.float64)
    a = torch.cat([torch.full((*shape, 1), 1.3), 0.3 * torch.randn(*shape, 2)], -1).double()
    zi = torch.randn(2, 2, dtype=torch.float64)

    def run(x, b, a, zi):
        return lfilter(x, b, a, zi, return_zf=True)

    inputs = [v.requires_grad_() for v in (x, b, a, zi)]
    torch.autograd.gradcheck(run, inputs, check_forward_ad=True)
    torch.autograd.gradgradcheck(run, inputs)
    values = [v.detach() for v in inputs]
    for got, expected in zip(torch.func.vmap(run)(*values), run(*values), strict=True):
        torch.testing.assert_close(got, expected)
    compiled = torch.compile(run, fullgraph=True, backend="aot_eager")(*values)
    torch.testing.assert_close(compiled[0], run(*values)[0])


def test_shapes_broadcast_and_complex_signals_pass():
    b, a = tensors(*coefficients(3, 3))
    x = torch.randn(4, 1, 30, dtype=torch.complex128)
    y = lfilter(x, b.expand(1, 5, 3).to(x.dtype), a.to(x.dtype))
    assert y.shape == (4, 5, 30)
    torch.testing.assert_close(y[2, 3].real, lfilter(x[2, 0].real, b, a))
    torch.testing.assert_close(y[2, 3].imag, lfilter(x[2, 0].imag, b, a))
