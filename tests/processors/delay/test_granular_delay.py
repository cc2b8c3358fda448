"""A granular delay as one hears it: grains at their times, pitches and places, and a loop that ends."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from diffFx_pytorch.processors import GranularDelay

RATE = 8000
ALONE: dict[str, Any] = {"mix": 1.0, "feedback": 0.0}


def click(seconds):
    x = torch.zeros(1, 1, int(seconds * RATE), dtype=torch.float64)
    x[..., 0] = 1.0
    return x


def peak_hz(y):
    """The strongest frequency of a signal, in Hz."""
    spectrum = np.abs(np.fft.rfft(y.numpy() * np.hanning(len(y))))
    return float(np.argmax(spectrum)) * RATE / len(y)


@pytest.mark.parametrize("spray_ms", [0.0, 300.0])
def test_grains_are_as_late_as_said(spray_ms):
    """Unshifted, every grain that holds the click plays it at its own time, between D and D + R."""
    y = GranularDelay(RATE)(click(1), delay_ms=250.0, spray_ms=spray_ms, **ALONE)
    at = y[0].abs().amax(0).nonzero().flatten()
    at = at[y[0].abs().amax(0)[at] > 1e-9]
    assert at.min() >= 2000 - 2
    assert at.max() <= 2000 + spray_ms / 1000 * RATE + 2
    assert (len(at) > 4) == (spray_ms > 0)


@pytest.mark.parametrize("semitones", [-12.0, 0.0, 7.0, 12.0])
def test_the_pitch_is_shifted_by_its_interval(semitones):
    t = torch.arange(4 * RATE, dtype=torch.float64) / RATE
    y = GranularDelay(RATE)(torch.sin(2 * math.pi * 500 * t)[None, None], semitones=semitones, grain_ms=200.0, **ALONE)
    # Grains of 200 ms are 10 Hz wide.
    assert peak_hz(y[0, 0, RATE:]) == pytest.approx(500 * 2 ** (semitones / 12), abs=8.0)


def test_grains_are_spread_to_both_sides():
    x = torch.randn(1, 1, 2 * RATE, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    middle, wide = (GranularDelay(RATE)(x, spread=s, **ALONE)[0, :, RATE:] for s in (0.0, 1.0))
    assert torch.allclose(middle[0], middle[1])
    likeness = float(torch.corrcoef(wide)[0, 1])
    assert likeness < 0.8
    power = wide.square().mean(-1)
    assert float(power[0] / power[1]) == pytest.approx(1.0, abs=0.5), "as many left as right"


def test_the_loop_ends_at_the_largest_feedback():
    """Twice as dense, never louder: what is in the line stays below |x| / (1 - |g|), and dies when nothing comes."""
    x = torch.zeros(1, 2, 12 * RATE, dtype=torch.float64)
    x[..., :RATE] = torch.randn(1, 2, RATE, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for density, semitones, spray in ((8.0, 0.0, 0.0), (8.0, 12.0, 50.0), (2.0, -12.0, 200.0)):
        fx = GranularDelay(RATE, density=density, semitones=semitones, spray_ms=spray, delay_ms=60.0)
        y = fx(x, feedback=0.99, mix=1.0)[0]
        level = 10 * y.square().mean(0).view(12, -1).mean(-1).clamp_min(1e-30).log10()
        assert (level[2:].diff() < 0.5).all(), (density, semitones, level)
        assert level[-1] < level[1] - 6


def test_the_density_says_how_much_sounds_at_once():
    """Of ones the grains are their windows: their sum is half the density on average, and S and the root follow."""
    ones = torch.ones(1, 1, 4 * RATE, dtype=torch.float64)
    for density in (1.0, 4.0, 8.0):
        y = GranularDelay(RATE, density=density, spread=0.0, delay_ms=100.0, spray_ms=0.0)(ones, **ALONE)[0, 0, RATE:]
        # y = s / (1 + s^2)^(1/4) grows with s, so s is found from it.
        s = (y.square() * (y.square() + (y.pow(4) + 4).sqrt()) / 2).sqrt()
        assert float(s.mean()) == pytest.approx(density / 2, rel=0.05)


def test_what_is_drawn_is_the_seeds():
    x = torch.randn(1, 2, RATE, generator=torch.Generator().manual_seed(2))
    first, again, other = (GranularDelay(RATE, seed=s)(x) for s in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other, atol=1e-2)


@pytest.mark.parametrize("knob", [("delay_ms", 200.0, 352.0), ("semitones", -5.0, 7.0), ("grain_ms", 60.0, 150.0)])
def test_a_step_is_heard_from_the_next_grains_on_and_does_not_click(knob):
    name, before, after = knob
    t = torch.arange(2 * RATE, dtype=torch.float64) / RATE
    x = torch.sin(2 * math.pi * 200 * t)[None, None]
    fx = GranularDelay(RATE, spray_ms=0.0)
    step: dict[str, Any] = {name: {0.0: (before, "hold"), 1.0: (after, "hold"), 2.0: after}}
    y = fx(x, **ALONE, **step)[0, 0]
    # Of a sine and slow windows the second difference is small: a jump would stand out.
    curvature = y.diff(n=2).abs()
    around = curvature[RATE - 100 : RATE + 100].max()
    assert around < 1.5 * curvature[RATE // 2 : RATE - 100].max()
    constant: dict[str, Any] = {name: before}
    stays = fx(x, **ALONE, **constant)[0, 0]
    assert torch.allclose(y[:RATE], stays[:RATE], atol=1e-9)
    assert not torch.allclose(y[RATE + 2000 :], stays[RATE + 2000 :], atol=1e-2)
