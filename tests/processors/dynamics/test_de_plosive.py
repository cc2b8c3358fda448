"""The de-plosive: gusts go, low voices stay."""

import math

import pytest
import torch

from diffFx_pytorch.processors import DePlosive

RATE = 44100


def time(seconds):
    return torch.arange(int(seconds * RATE), dtype=torch.float64) / RATE


def voice(f0, seconds=1.0):
    """Vowel: a row of harmonics, falling by 6 dB an octave, as strong at its fundamental as anywhere."""
    return sum(0.2 / k * torch.sin(2 * math.pi * k * f0 * time(seconds) + k * k) for k in range(1, 25))[None, None]


def pop(at=0.4, seconds=1.0):
    """A gust: a few turns at 40 Hz that die away in 40 ms."""
    t = (time(seconds) - at).clamp_min(0)
    return (0.8 * torch.sin(2 * math.pi * 40 * t) * torch.exp(-t / 0.04))[None, None]


def heard(fx, x, **knobs):
    """Its output, in step with its input."""
    late = fx.latency_samples
    return fx(torch.nn.functional.pad(x, (0, late)), dsp_params=knobs)[..., late:]


def db(y, x):
    return float(20 * torch.log10(y.norm() / x.norm()))


def test_a_pop_goes_down():
    fx = DePlosive(RATE)
    assert db(heard(fx, pop()), pop()) < -17
    assert db(heard(fx, pop(), range_db=36.0, attack_ms=0.1), pop()) < db(heard(fx, pop()), pop())


@pytest.mark.parametrize("f0", [110.0, 180.0])
def test_a_voice_passes_untouched(f0):
    x = voice(f0)
    assert db(heard(DePlosive(RATE), x) - x, x) < -40


def test_the_pop_goes_out_of_the_voice_and_little_of_the_voice_with_it():
    x, gust = voice(150.0), pop()
    y = heard(DePlosive(RATE), x + gust)
    assert db(y - x, gust) < -6
    before, after = slice(0, int(0.4 * RATE)), slice(int(0.75 * RATE), None)
    for part in (before, after):
        assert db((y - x - gust)[..., part], x[..., part]) < -20


def test_high_sounds_pass_at_any_level():
    x = torch.sin(2 * math.pi * 2000 * time(0.5))[None, None]
    assert db(heard(DePlosive(RATE), x) - x, x) < -50
