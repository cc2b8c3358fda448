"""The auto-wah as an engineer measures it."""

import math

import numpy as np
import pytest
import torch

from diffFx_pytorch.processors import AutoWah

RATE = 44100
KNOBS = {"freq_hz": 400.0, "octaves": 2.0, "q": 6.0, "attack_ms": 1.0, "release_ms": 50.0, "mix": 1.0}


def test_it_opens_with_the_level():
    """A tone at the rest frequency passes when quiet and dies when loud; one two octaves up the other way."""
    t = torch.arange(RATE, dtype=torch.float64) / RATE
    gain = {}
    for hertz in (400.0, 1500.0):
        for amplitude in (1e-4, 1.0):
            x = amplitude * torch.sin(2 * math.pi * hertz * t)[None, None]
            y = AutoWah(RATE)(x, dsp_params={**KNOBS, "sensitivity_db": 30.0})
            gain[hertz, amplitude] = float(y[..., RATE // 2 :].norm() / x[..., RATE // 2 :].norm())
    assert gain[400.0, 1e-4] == pytest.approx(1.0, abs=0.02)
    assert gain[400.0, 1.0] < 0.1
    assert gain[1500.0, 1e-4] < 0.1
    assert gain[1500.0, 1.0] > 0.8


def test_without_octaves_it_is_a_resonance_at_its_frequency():
    x = torch.zeros(1, 1, 2**15, dtype=torch.float64)
    x[..., 0] = 1
    y = AutoWah(RATE)(x, dsp_params={**KNOBS, "octaves": 0.0})[0, 0]
    freq, gain = np.fft.rfftfreq(2**15, 1 / RATE), np.abs(np.fft.rfft(y.numpy()))
    assert freq[gain.argmax()] == pytest.approx(400.0, abs=2.0)
    assert gain.max() == pytest.approx(1.0, abs=1e-3)
    band = freq[gain > math.sqrt(0.5)]
    assert 400.0 / (band[-1] - band[0]) == pytest.approx(6.0, rel=0.05)


def test_attack_opens_faster_than_release_closes():
    x = torch.full((1, 1, RATE), 0.5, dtype=torch.float64)
    x[..., RATE // 2 :] = 0
    fx = AutoWah(RATE)
    _, envelope, _ = fx.run(x[..., : RATE // 100], dsp_params={**KNOBS, "attack_ms": 10.0})[1].inner
    assert float(envelope) == pytest.approx(0.5 * (1 - math.exp(-1)), rel=1e-3)
    _, envelope, _ = fx.run(x[..., : RATE // 2 + 440 + 2205], dsp_params={**KNOBS, "attack_ms": 10.0})[1].inner
    assert float(envelope) == pytest.approx(0.5 * math.exp(-1), rel=1e-3)
