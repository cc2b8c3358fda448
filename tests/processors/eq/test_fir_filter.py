"""FIR filters as an engineer measures them."""

import numpy as np
import pytest
import torch
from scipy import signal

from diffFx_pytorch.processors import FIRFilter

RATE = 44100


def named(taps, side=""):
    return {f"{side}tap_{i}": float(tap) for i, tap in enumerate(taps, 1)}


def impulse(samples, channels=1):
    x = torch.zeros(1, channels, samples, dtype=torch.float64)
    x[..., 0] = 1
    return x


def test_taps_are_what_scipy_filters_with():
    taps, x = np.random.default_rng(0).uniform(-1, 1, 33), torch.randn(2, 2, 5000, dtype=torch.float64)
    y = FIRFilter(RATE)(x, dsp_params=named(taps))
    assert np.abs(y.numpy() - signal.lfilter(taps, [1.0], x.numpy())).max() < 1e-12


def test_predicted_taps_filter_every_item_by_its_own():
    fx, x = FIRFilter(RATE, num_taps=8), torch.randn(3, 1, 500, dtype=torch.float64)
    flat = torch.rand(3, 8, dtype=torch.float64)
    y = fx(x, norm_params=flat)
    for item in range(3):
        alone = signal.lfilter(2 * flat[item].numpy() - 1, [1.0], x[item, 0].numpy())
        assert np.abs(y[item, 0].numpy() - alone).max() < 1e-12


def test_linear_phase_delays_every_tone_by_the_latency_and_no_more():
    fx = FIRFilter(RATE, num_taps=21, phase="linear")
    assert fx.latency_samples == 10
    knobs = named(np.random.default_rng(1).uniform(-0.2, 0.2, 11))
    h = fx(impulse(21), dsp_params=knobs)[0, 0]
    assert torch.allclose(h, h.flip(0), rtol=0, atol=1e-12)
    assert h[10] == pytest.approx(knobs["tap_1"])
    n = torch.arange(RATE, dtype=torch.float64)
    for hertz in (100.0, 1000.0, 9000.0):
        x = torch.cos(2 * torch.pi * hertz * n / RATE)[None, None]
        y = fx(x, dsp_params=knobs)[..., 1000:]
        undelayed = x[..., 990:-10]
        gain = (y * undelayed).mean() / undelayed.square().mean()
        assert torch.allclose(y, gain * undelayed, rtol=0, atol=1e-9)


def test_minimum_phase_turns_a_filter_the_quick_way_round():
    """[0.5, 1] has its zero at -2; the same magnitude with the zero at -1/2 is [1, 0.5]."""
    h = FIRFilter(RATE, num_taps=2, phase="minimum")(impulse(4), dsp_params=named([0.5, 1.0]))[0, 0]
    assert h.tolist() == pytest.approx([1.0, 0.5, 0.0, 0.0], abs=1e-3)


def test_minimum_phase_has_the_magnitude_and_all_zeros_inside():
    taps = signal.firwin(65, [300, 3000], fs=RATE, pass_zero=False, window=("kaiser", 5.0))
    taps[32] += 0.05  # no zero on the circle
    fx = FIRFilter(RATE, num_taps=65, phase="minimum")
    h = fx(impulse(65), dsp_params=named(taps))[0, 0].numpy()
    given, found = (np.abs(np.fft.rfft(v, 1024)) for v in (taps, h))
    assert np.abs(20 * np.log10(found / given)).max() < 0.1
    assert np.abs(np.roots(h)).max() < 1.005
    late = (np.square(v).cumsum() / np.square(v).sum() for v in (taps, h))
    assert all(np.greater_equal(*reversed([*late])))


def test_a_filter_for_the_sum_and_one_for_the_difference():
    fx = FIRFilter(RATE, num_taps=3, layout="mid_side")
    x = torch.randn(1, 2, 400, dtype=torch.float64)
    y = fx(x, dsp_params=named([1, 0, 0], "mid_") | named([0, 0, 0], "side_"))
    assert torch.allclose(y, x.mean(1, keepdim=True).expand(-1, 2, -1), rtol=0, atol=1e-12)
    y = fx(x, dsp_params=named([0, 1, 0], "mid_") | named([0, 1, 0], "side_"))
    assert torch.allclose(y[..., 1:], x[..., :-1], rtol=0, atol=1e-12)
    left = FIRFilter(RATE, num_taps=3, layout="stereo")(x, dsp_params=named([0, 0, 0], "right_"))
    assert torch.allclose(left[:, 0], x[:, 0], rtol=0, atol=1e-12)
    assert left[:, 1].abs().max() == 0


def test_unit_energy_keeps_the_level_of_noise():
    x = torch.randn(1, 1, 200000, generator=torch.Generator().manual_seed(0))
    fx = FIRFilter(RATE, normalize=True)
    y = fx(x, norm_params=0.5 + 0.05 * torch.randn(1, 33, generator=torch.Generator().manual_seed(1)))
    assert float(y.std() / x.std()) == pytest.approx(1.0, abs=0.01)
    assert torch.isfinite(fx(x[..., :100], norm_params=torch.full((1, 33), 0.5))).all(), "silence has no energy"


def test_taps_can_be_trained():
    """A filter learns an unknown one from what goes in and comes out."""
    generator = torch.Generator().manual_seed(0)
    wanted = torch.tensor([0.6, -0.4, 0.3, 0.2, -0.1])
    x = torch.randn(1, 1, 2000, generator=generator)
    y = torch.from_numpy(signal.lfilter(wanted.numpy(), [1.0], x.numpy())).float()
    fx, taps = FIRFilter(RATE, num_taps=5), torch.zeros(1, 5)
    for _ in range(30):
        taps.requires_grad_()
        loss = (fx(x, norm_params=(taps + 1) / 2) - y).square().mean()
        taps = (taps - 0.3 * torch.autograd.grad(loss, taps)[0]).detach()
    assert torch.allclose(taps[0], wanted, atol=1e-3)
    fx.trainable()
    assert len(list(fx.parameters())) == 5


@pytest.mark.parametrize("at", [[-7, 25, 57, 89, 121], [0, 10, 10, 42, 60, 61, 93, 99], [0, 32, 64, 96, 128]])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_moving_taps_are_joined_in_straight_lines(at, dtype):
    """Point by point against every sample with its own taps, whether the points come in one piece or in several."""
    fx, samples = FIRFilter(RATE, num_taps=9), 100
    generator = torch.Generator().manual_seed(0)
    taps = torch.randn(2, 1, len(at), 9, generator=generator, dtype=torch.float64)
    whole = torch.randn(2, 3, samples + 8, generator=generator, dtype=torch.float64)
    exact = torch.zeros(2, 3, samples, dtype=torch.float64)
    for n in range(samples):
        i = max(k for k, place in enumerate(at) if place <= n)
        j = min(i + 1, len(at) - 1)
        share = (n - at[i]) / max(at[j] - at[i], 1)
        h = (1 - share) * taps[:, :, i] + share * taps[:, :, j]
        exact[..., n] = (whole[..., n : n + 9].flip(-1) * h).sum(-1)
    given = (whole.to(dtype), taps, torch.tensor(at))
    tolerance = 1e-11 if dtype == torch.float64 else 1e-5
    for elements in (1, 3000, 1 << 22):
        y = fx._moving(*given, 32) if elements > 3000 else _in_pieces(fx, given, elements)
        assert torch.allclose(y.double(), exact, rtol=0, atol=tolerance)


def _in_pieces(fx, given, elements):
    from diffFx_pytorch.dsp import moving_convolution as taps

    before, taps._ELEMENTS = taps._ELEMENTS, elements
    try:
        return fx._moving(*given, 32)
    finally:
        taps._ELEMENTS = before


def test_linear_phase_wants_an_odd_number_of_taps():
    with pytest.raises(ValueError, match="FIRFilter: num_taps must be odd for linear phase, got 8"):
        FIRFilter(RATE, num_taps=8, phase="linear")


def test_sides_want_two_channels():
    with pytest.raises(ValueError, match="FIRFilter"):
        FIRFilter(RATE, layout="stereo")(torch.zeros(1, 1, 10))
