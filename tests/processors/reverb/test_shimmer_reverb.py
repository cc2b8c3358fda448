"""Shimmer: octaves that rise out of a sound, a loop that decays at every setting, T60 as said where none is shifted."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from diffFx_pytorch.dsp.room_analysis import reverberation_time
from diffFx_pytorch.processors import ShimmerReverb
from tests.reference.shimmer_reverb import twin

RATE = 16000


def impulse(seconds, rate=RATE):
    x = torch.zeros(1, 2, int(seconds * rate), dtype=torch.float64)
    x[..., 0] = 1.0
    return x


def level(sides, at_s, low, high):
    """Level of both sides in a band over half a second, in dB."""
    seg = sides[:, int(at_s * RATE) :][:, : RATE // 2].numpy() * np.hanning(RATE // 2)
    power, f = (np.abs(np.fft.rfft(seg, RATE)) ** 2).sum(0), np.arange(RATE // 2 + 1)
    return 10 * math.log10(power[(f > low) & (f < high)].sum())


def test_equals_its_twin_several_times_around_the_loop():
    x = torch.randn(2, 2400, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for semitones in (7.0, -5.0):
        fx = ShimmerReverb(4000, semitones=semitones, shimmer=0.6, size=0.6, decay_s=2.0, mix=0.8)
        knobs: dict[str, Any] = {name: float(getattr(fx, name)) for name in fx.params}
        expected = np.asarray(twin(x.tolist(), 4000, **knobs))
        assert np.abs(fx(x[None])[0].detach().numpy() - expected).max() < 1e-9 * np.abs(expected).max()


@pytest.mark.parametrize(("decay_s", "size"), [(0.5, 0.5), (1.0, 1.0), (2.0, 2.0)])
def test_decays_as_long_as_its_knob_says_where_nothing_is_shifted(decay_s, size):
    fx = ShimmerReverb(RATE, shimmer=0.0, damping_hz=0.49 * RATE, mix=1.0, decay_s=decay_s, size=size)
    h = fx(impulse(1.5 * decay_s))[0]
    for t60 in (reverberation_time(h, RATE), reverberation_time(h, RATE, "octave").mean(0)):
        assert torch.allclose(t60, torch.full_like(t60, decay_s), rtol=0.06)


@pytest.mark.parametrize("semitones", [12.0, 7.0, -12.0])
def test_a_sound_is_followed_by_its_intervals(semitones):
    """Of a second of noise around 600 Hz: one interval away there is sound, more as time goes on, and then two away."""
    drawn = torch.randn(5 * RATE, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    spectrum, f = torch.fft.rfft(drawn), torch.arange(5 * RATE // 2 + 1) / 5
    noise = torch.fft.irfft(torch.where((f > 500) & (f < 700), spectrum, 0.0))
    noise[RATE:] = 0.0
    fx = ShimmerReverb(RATE, decay_s=30.0, damping_hz=0.49 * RATE, mix=1.0, semitones=semitones)
    y, still = (fx(noise.expand(1, 2, -1), shimmer=s)[0] for s in (0.15, 0.0))
    bands = [(480 * r, 720 * r) for r in (1.0, 2 ** (semitones / 12), 2 ** (semitones / 6))]
    beside = np.asarray([[level(y, s, *band) - level(y, s, *bands[0]) for band in bands[1:]] for s in (0.3, 1.0, 3.0)])
    assert level(y, 1.0, *bands[1]) > level(still, 1.0, *bands[1]) + 10
    assert (beside[2] > beside[0] + (2.0, 10.0)).all(), beside


@pytest.mark.slow
@pytest.mark.parametrize("shimmer", [0.1, 0.5, 0.8, 1.0])
def test_the_loop_decays_at_every_setting(shimmer):
    """Nothing grows in twelve seconds after a burst of noise, at the longest decay and the shortest lines."""
    intervals = torch.tensor([-12, -7, -2, -0.3, 0, 0.05, 0.3, 1, 2, 4, 7, 12, 24], dtype=torch.float32)
    x = torch.zeros(1, 2, 12 * RATE)
    x[..., : RATE // 2] = torch.randn(1, 2, RATE // 2, generator=torch.Generator().manual_seed(0))
    knobs = {"shimmer": shimmer, "decay_s": 30.0, "size": 0.5, "damping_hz": 0.49 * RATE, "mix": 1.0}
    with torch.no_grad():
        y = ShimmerReverb(RATE)(x.expand(len(intervals), -1, -1), dsp_params={"semitones": intervals, **knobs})
    level = 10 * y.double().square().mean(1).unfold(-1, RATE, RATE).mean(-1).log10()
    assert (level.diff() < 0.5).all()
    assert (level[:, -1] < level[:, 1] - 20).all()


def test_the_interval_has_the_gradient_of_its_sound():
    fx = ShimmerReverb(8000, shimmer=0.7, decay_s=2.0, size=0.5, mix=1.0)
    x = torch.randn(1, 2, 2000, dtype=torch.float64, generator=torch.Generator().manual_seed(3))

    def heard(s):
        return (fx(x, semitones=s) * x.flip(-1)).sum()

    s = torch.tensor([5.0], dtype=torch.float64, requires_grad=True)
    heard(s).backward()
    step = 1e-6
    slope = (heard(s.detach() + step) - heard(s.detach() - step)) / (2 * step)
    assert s.grad is not None
    assert float(s.grad) == pytest.approx(float(slope), rel=1e-5)
