"""Reading between samples: exact where it must be, flat where it can be, differentiable everywhere."""

import math

import numpy as np
import pytest
import torch

from diffFx_pytorch.dsp.delay_read import delay_read
from diffFx_pytorch.dsp.interpolation import history_length, interpolation_table
from diffFx_pytorch.recursion import delay_line

NAMES = ["linear", "cubic", "lagrange", "sinc"]


def noise(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("interpolation", NAMES)
@pytest.mark.parametrize("delay", [0, 1, 2, 5, 17])
def test_whole_delays_are_exact(interpolation, delay):
    x = noise(2, 60)
    y = delay_read(x, float(delay), interpolation)
    assert torch.equal(y[..., delay:], x[..., : 60 - delay])
    assert y[..., :delay].abs().max() == 0 if delay else True


@pytest.mark.parametrize("interpolation", NAMES)
def test_a_slow_sine_is_delayed_by_what_is_asked(interpolation):
    t = torch.arange(400, dtype=torch.float64)
    y = delay_read(torch.sin(0.05 * t), 20.3, interpolation)
    assert (y - torch.sin(0.05 * (t - 20.3)))[40:].abs().max() < 4e-4


@pytest.mark.parametrize(("interpolation", "edge_hz"), [("lagrange", 10_000), ("sinc", 15_000)])
@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5, 0.75])
def test_flat_within_a_tenth_of_a_decibel(interpolation, edge_hz, fraction):
    x = torch.zeros(2048, dtype=torch.float64)
    x[0] = 1
    gain = torch.fft.rfft(delay_read(x, 40 + fraction, interpolation)).abs()
    assert 20 * torch.log10(gain[: int(edge_hz / 44_100 * 2048)]).abs().max() < 0.1


@pytest.mark.parametrize("interpolation", ["linear", "cubic", "lagrange"])
def test_lagrange_never_amplifies(interpolation):
    table = interpolation_table(interpolation)
    omega = np.linspace(0, np.pi, 200)
    for taps in range(table.shape[0]):
        for f in np.linspace(0, 1, 11):
            weights = f ** np.arange(table.shape[1]) @ table[taps]
            assert np.abs(np.exp(1j * np.outer(omega, np.arange(table.shape[2]))) @ weights).max() < 1 + 1e-9


@pytest.mark.parametrize("interpolation", NAMES)
def test_value_is_continuous_where_the_number_of_points_changes(interpolation):
    x = noise(80)
    for whole in range(1, 12):
        below, above = (delay_read(x, whole + e, interpolation) for e in (-1e-9, 1e-9))
        assert (below - above).abs().max() < 1e-6


@pytest.mark.parametrize("interpolation", NAMES)
def test_equals_the_kernel(interpolation):
    x, delay = noise(3, 500), 30 * torch.rand(3, 500, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(delay_read(x, delay, interpolation), delay_line(x, delay, interpolation=interpolation))


@pytest.mark.parametrize("interpolation", NAMES)
def test_blocks_with_history_equal_the_whole(interpolation):
    x = noise(2, 300)
    delay = 20 + 10 * torch.sin(torch.arange(300, dtype=torch.float64) * 0.05)[None]
    whole = delay_read(x, delay, interpolation)
    H = history_length(30, interpolation)
    past, parts = torch.zeros(2, H, dtype=torch.float64), []
    for a, b in ((0, 1), (1, 8), (8, 150), (150, 300)):
        parts.append(delay_read(x[:, a:b], delay[:, a:b], interpolation, past))
        past = torch.cat([past, x[:, a:b]], -1)[:, -H:]
    torch.testing.assert_close(torch.cat(parts, -1), whole)


@pytest.mark.parametrize("interpolation", NAMES)
def test_gradients_to_any_order(interpolation):
    x = noise(1, 14).requires_grad_()
    delay = (
        0.3 + 9 * torch.rand(1, 14, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    ).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, d: delay_read(x, d, interpolation), (x, delay))
    assert torch.autograd.gradgradcheck(lambda x, d: delay_read(x, d, interpolation), (x, delay))


def test_doppler_shift():
    t = torch.arange(8000, dtype=torch.float64)
    y = delay_read(torch.sin(0.2 * t), 100 + 0.01 * t, "lagrange")[1000:7000]
    spectrum = torch.fft.rfft(y * torch.hann_window(6000, dtype=torch.float64), n=2**18).abs()
    assert abs(spectrum.argmax().item() * 2 * math.pi / 2**18 - 0.2 * 0.99) < 1e-4


def test_unknown_and_recursive_interpolators_and_the_future_are_refused():
    x = torch.zeros(8)
    with pytest.raises(ValueError, match="lagrange"):
        delay_read(x, 1.0, "magic")
    with pytest.raises(ValueError, match="delay_line"):
        delay_read(x, 1.0, "allpass")
    with pytest.raises(ValueError, match="future"):
        delay_read(x, -1.0)
