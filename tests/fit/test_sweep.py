"""Sweeps of choruses and flangers, read off two sounds."""

import pytest
import torch

from diffFx_pytorch import Chorus, FeedbackFlanger, Gain, StereoChorus
from diffFx_pytorch.fit.sweep import sweeps
from diffFx_pytorch.fit.task import Task

RATE = 22050


def sound(seconds=2.0):
    """Noise that comes and goes, which has a low end: what swept delays are heard by."""
    noise = torch.randn(1, 1, int(seconds * RATE), generator=torch.Generator().manual_seed(5))
    n = torch.arange(noise.shape[-1])
    return 0.1 * noise * (0.3 + torch.sin(n / 1500).abs())


def task(fx, **knobs):
    dry = sound()
    with torch.no_grad():
        return Task(fx, dry, fx(dry, **knobs), None, True)


@pytest.mark.parametrize("start", [-170.0, 60.0])
@pytest.mark.parametrize(
    ("cls", "knobs"),
    [
        (Chorus, {"rate_hz": 2.7, "depth": 0.4, "delay_ms": 9.0, "mix": 0.4}),
        (Chorus, {"rate_hz": 0.6, "depth": 0.3, "delay_ms": 15.0, "mix": 0.5}),
        (FeedbackFlanger, {"rate_hz": 1.3, "depth": 0.6, "delay_ms": 3.0, "feedback": 0.4, "mix": 0.5}),
        (StereoChorus, {"rate_hz": 4.0, "depth": 0.2, "delay_ms": 8.0, "phase_deg": 120.0, "mix": 0.4}),
    ],
    ids=["chorus", "slow", "flanger", "left side"],
)
def test_a_sweep_is_read_off(cls, knobs, start):
    found = sweeps(task(cls(RATE), start_deg=start, **knobs))
    assert found[0].rate_hz == pytest.approx(knobs["rate_hz"], rel=0.06)
    assert found[0].centre_ms == pytest.approx(knobs["delay_ms"], rel=0.15)
    off = (found[0].angle_deg - start + 180) % 360 - 180
    assert abs(off) < 45


def test_too_short_a_sound_says_nothing():
    dry = sound(0.2)
    assert sweeps(Task(Gain(RATE), dry, 0.5 * dry, None, True)) == []
