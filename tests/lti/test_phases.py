"""Delays and second-order sections on a circle: exact phases, scipy's responses, gradients."""

import math

import numpy as np
import pytest
import torch
from scipy import signal

from diffFx_pytorch.lti.ops import delay_response, sos_at, sos_response
from diffFx_pytorch.lti.ops.delay_response import delay_response_eagerly
from diffFx_pytorch.lti.ops.sos_response import sos_response_eagerly

TOLERANCE = {torch.complex64: 5e-7, torch.complex128: 2e-13}


pytestmark = pytest.mark.usefixtures("poisoned_memory")


def circle(nfft, alias_decay_db):
    """The points z themselves."""
    angle = 2 * math.pi / nfft * torch.arange(nfft // 2 + 1, dtype=torch.float64)
    return torch.polar(torch.full_like(angle, 10 ** (alias_decay_db / 20 / nfft)), angle)


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
@pytest.mark.parametrize("nfft", [1, 2, 7, 16, 1031, 96000])
def test_whole_delays_are_exact_at_any_length(nfft, dtype):
    """In Python's own integers, which have no end; a float32 angle would be wrong by radians."""
    delays = [0, 1, 5, 48_017, 10**5 + 3, 10**12 + 7, -2]
    H = delay_response(torch.tensor(delays), nfft, dtype=dtype)
    assert H.dtype == dtype
    for m, row in zip(delays, H, strict=True):
        turns = [m * k % nfft / nfft for k in range(nfft // 2 + 1)]
        expected = torch.polar(torch.ones(len(turns)).double(), -2 * math.pi * torch.tensor(turns, dtype=torch.float64))
        assert (row - expected).abs().max() < TOLERANCE[dtype], m


@pytest.mark.parametrize("nfft", [9, 64])
def test_an_inverse_transform_puts_the_impulse_where_it_belongs(nfft):
    h = torch.fft.irfft(delay_response(torch.tensor([3, nfft + 4]), nfft, 20.0, torch.complex128), nfft)
    gamma = 10 ** (-1 / nfft)
    expected = torch.zeros(2, nfft, dtype=torch.float64)
    expected[0, 3], expected[1, 4] = gamma**3, gamma ** (nfft + 4)  # the second has come round once
    assert torch.allclose(h, expected, atol=1e-15)


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
@pytest.mark.parametrize("nfft", [2, 33, 2400])
def test_fractional_delays(nfft, dtype):
    delay = torch.tensor([[0.0, 0.5], [17.25, 1e5 + 0.123]], dtype=torch.float64)
    z = circle(nfft, 15.0)
    expected = z ** -delay.unsqueeze(-1)
    for H in (delay_response(delay, nfft, 15.0, dtype), delay_response_eagerly(delay, nfft, 15.0, dtype)):
        assert (H - expected).abs().max() < (1e-6 if dtype == torch.complex64 else 1e-10)
    whole = delay_response(delay.floor(), nfft, 15.0, dtype)
    assert torch.equal(whole, delay_response(delay.long(), nfft, 15.0, dtype))


@pytest.mark.parametrize("nfft", [1, 8, 13])
def test_derivatives_of_delays(nfft):
    delay = torch.tensor([2.5, 7.0, 0.1], dtype=torch.float64, requires_grad=True)  # whole ones too

    def response(m):
        return delay_response(m, nfft, 40.0, torch.complex128)

    torch.autograd.gradcheck(response, (delay,), check_forward_ad=True, check_batched_grad=True)
    torch.autograd.gradgradcheck(response, (delay,))


def test_a_float32_delay_keeps_its_type_and_its_gradient_is_that_of_float64():
    m = torch.tensor([4801.5, 100000.25])
    grad = torch.randn(2, 48001, dtype=torch.complex128)
    grads = []
    for real, dtype in ((torch.float32, torch.complex64), (torch.float64, torch.complex128)):
        delay = m.to(real).requires_grad_()
        grads += torch.autograd.grad(delay_response(delay, 96000, 30.0, dtype), delay, grad.to(dtype))
    assert grads[0].dtype == torch.float32
    assert torch.allclose(grads[0].double(), grads[1], rtol=1e-4)


def sections(fs=48000.0):
    """Cascades of six sections: low and high shelves, peaks, cuts and zeros on the circle."""
    designs = [
        signal.butter(12, 2000.0, fs=fs, output="sos"),
        signal.cheby2(12, 60.0, 8000.0, fs=fs, output="sos"),
        signal.butter(6, [300.0, 3000.0], "bandstop", fs=fs, output="sos"),
    ]
    return torch.tensor(np.stack(designs))


@pytest.mark.parametrize("nfft", [24000, 24001])
def test_sections_equal_scipy(nfft):
    sos = sections()
    assert sos.shape == (3, 6, 6)
    freqs = 2 * np.pi * np.arange(nfft // 2 + 1) / nfft
    expected = torch.tensor(np.stack([signal.sosfreqz(s, freqs)[1] for s in sos.numpy()]))
    H = sos_response(sos, nfft, dtype=torch.complex128)
    assert (H - expected).abs().max() < 1e-12
    low = sos_response(sos, nfft)
    assert low.dtype == torch.complex64
    heard = (torch.arange(nfft // 2 + 1) * 48000 / nfft >= 20) & (expected.abs() > 1e-6)
    assert ((low - expected).abs() / expected.abs())[heard].max() < 1e-6
    assert (
        sos_at(sos, torch.polar(torch.ones(len(freqs)).double(), torch.tensor(freqs))) - expected
    ).abs().max() < 1e-12


def test_sections_off_the_unit_circle_and_scaled_denominators():
    sos, nfft = sections(), 1000
    z = circle(nfft, 60.0)
    expected = sos_at(sos, z)
    assert expected.shape == (3, 501)
    assert (sos_response(sos, nfft, 60.0, torch.complex128) - expected).abs().max() < 1e-12
    assert (sos_response(3.0 * sos, nfft, 60.0, torch.complex128) - expected).abs().max() < 1e-12
    assert sos_at(sos, z[:4].view(2, 2)).shape == (3, 2, 2)
    assert torch.allclose(sos_at(sos, z[3]), expected[:, 3])


@pytest.mark.parametrize("nfft", [1, 8, 15])
def test_derivatives_of_sections(nfft):
    sos = torch.randn(2, 3, 6, dtype=torch.float64) * 0.3
    sos[..., 3] += 2.0
    sos.requires_grad_()

    def response(s):
        return sos_response(s, nfft, 40.0, torch.complex128)

    torch.autograd.gradcheck(response, (sos,), check_forward_ad=True, check_batched_grad=True)
    torch.autograd.gradgradcheck(response, (sos,))


def test_gradient_at_a_zero_of_a_section():
    """A high-pass is zero at the first point; there the derivative is still what the other sections make of it."""
    sos = torch.tensor([[1.0, -2.0, 1.0, 1.0, -0.5, 0.2], [0.5, 0.1, 0.0, 1.0, 0.3, 0.0]], dtype=torch.float64)
    torch.autograd.gradcheck(lambda s: sos_response(s, 16, 0.0, torch.complex128), (sos.requires_grad_(),))


@pytest.mark.parametrize("points", [600, 513])
def test_gradients_of_many_points_are_those_of_the_equation(points):
    m = torch.tensor([3.25, 1000.0, 77.5], dtype=torch.float64)
    pairs = ((sections(), sos_response, sos_response_eagerly), (m, delay_response, delay_response_eagerly))
    for dtype, tolerance in ((torch.complex64, 1e-5), (torch.complex128, 1e-11)):
        grad = torch.randn(3, points, dtype=dtype)
        for given, *calls in pairs:
            given = given.clone().requires_grad_()
            found, expected = (
                torch.autograd.grad(call(given, 2 * points - 2, 5.0, dtype), given, grad)[0] for call in calls
            )
            assert (found - expected).abs().max() / expected.abs().max() < tolerance


def test_torch_library_and_transforms():
    delay, sos = torch.tensor([2.5, 9.0]).double(), sections()
    settings = (40, 10.0, torch.complex128)
    for name, given, call in (("delay", delay, delay_response), ("sos", sos, sos_response)):
        op = getattr(torch.ops.diffFx, f"lti_{name}_response")
        torch.library.opcheck(op, (given.clone().requires_grad_(), *settings))
        H = call(given, *settings)
        backward = getattr(torch.ops.diffFx, f"lti_{name}_response_backward")
        torch.library.opcheck(backward, (H, given, *([H] if name == "delay" else []), *settings, [True]))
        assert torch.allclose(torch.vmap(lambda t, call=call: call(t, *settings))(given), H)

        def loss(t, call=call):
            return call(t, *settings).real.square().sum()

        given = given.requires_grad_()
        (whole,) = torch.autograd.grad(loss(given), given)
        assert torch.allclose(torch.vmap(torch.func.grad(loss))(given.detach()), whole)
        compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
        assert torch.allclose(torch.autograd.grad(compiled(given), given)[0], whole)


def test_empty():
    assert delay_response(torch.ones(0, 3), 8).shape == (0, 3, 5)
    assert sos_response(torch.ones(0, 2, 6), 8).shape == (0, 5)
    none = sos_response(torch.ones(2, 0, 6), 8)
    assert torch.equal(none, torch.ones(2, 5, dtype=torch.complex64))


def test_what_does_not_fit_is_refused():
    with pytest.raises(TypeError, match="complex64"):
        delay_response(torch.tensor(1.0), 8, dtype=torch.float32)
    with pytest.raises(ValueError, match="nfft"):
        delay_response(torch.tensor(1.0), 0)
    with pytest.raises(ValueError, match=r"\(2, 5\)"):
        sos_response(torch.ones(2, 5), 8)
    with pytest.raises(ValueError, match="b0 b1 b2"):
        sos_at(torch.ones(6), torch.ones(3, dtype=torch.complex64))
