"""Gated and reverse reverb: the shape of the burst, as a meter shows it."""

import numpy as np
import pytest
import torch

from diffFx_pytorch.processors import ShapedReverb

RATE = 8000


def levels(window_ms=20.0, seeds=12, **knobs):
    """Level over time in dB, one value in ``window_ms``, of the mean power of several draws."""
    power = 0.0
    x = torch.zeros(1, 1, RATE * 3 // 5, dtype=torch.float64)
    x[..., 0] = 1.0
    for seed in range(seeds):
        power = power + ShapedReverb(RATE, ir_seconds=0.5, seed=seed, mix=1.0)(x, **knobs)[0].square().mean(0).numpy()
    samples = round(window_ms * RATE / 1000)
    frames = power[: len(power) // samples * samples].reshape(-1, samples).mean(-1)
    return 10 * np.log10(frames + 1e-20)


def test_a_gated_one_stays_and_is_gone():
    level = levels(length_ms=400.0, slope_db=0.0, gate_ms=1.0)
    assert level[:20].max() - level[:20].min() < 2.0
    assert (level[21:] < -150).all()


@pytest.mark.parametrize("slope_db", [40.0, -40.0])
def test_a_slope_is_a_straight_line_in_db(slope_db):
    """40 dB over half a second, up for a reverse reverb and down for an ordinary one."""
    level = levels(length_ms=499.0, slope_db=slope_db, gate_ms=1.0)[:25]
    slope, _ = np.polyfit((np.arange(25) + 0.5) * 0.02, level, 1)
    assert slope == pytest.approx(slope_db / 0.5, rel=0.03)


def test_it_is_as_loud_as_the_sound_whatever_its_shape():
    x = torch.randn(1, 2, 3 * RATE, generator=torch.Generator().manual_seed(0))
    for knobs in ({"length_ms": 100.0}, {"length_ms": 1200.0, "slope_db": 40.0}, {"slope_db": -50.0, "gate_ms": 200.0}):
        y = ShapedReverb(RATE, mix=1.0)(x, **knobs)[..., 3 * RATE // 2 :]
        assert float(10 * (y.square().mean() / x.square().mean()).log10()) == pytest.approx(0.0, abs=1.0)


def test_its_tail_ends_where_the_gate_is_shut():
    fx = ShapedReverb(RATE, length_ms=300.0, slope_db=20.0, gate_ms=5.0, predelay_ms=50.0)
    assert float(fx.tail_seconds()) == pytest.approx(0.355, abs=0.004)


def test_the_same_room_at_every_rate():
    """The noise of a higher rate is that of a lower one with more treble."""
    low, high = (ShapedReverb(rate, ir_seconds=0.5, mix=1.0, lowpass_hz=1000.0) for rate in (8000, 16000))
    x = torch.zeros(1, 1, 3200, dtype=torch.float64)
    x[..., 0] = 1.0
    a, b = low(x[..., ::2])[0, 0], high(x)[0, 0, ::2] * 2**0.5
    assert torch.corrcoef(torch.stack((a, b)))[0, 1] > 0.9
