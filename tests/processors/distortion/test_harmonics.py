"""Exciter, bass enhancer and saturation in bands as an engineer measures them."""

import math

import pytest
import torch

from diffFx_pytorch.processors import BassEnhancer, Exciter, MultiBandSaturator

RATE = 48000


def tone(hertz, amplitude=0.25, seconds=1.0):
    t = torch.arange(int(RATE * seconds), dtype=torch.float64) / RATE
    return amplitude * torch.sin(2 * math.pi * hertz * t)[None, None]


def level(y, hertz):
    """Amplitude of a partial, in dB, over the last half second."""
    y = y[0, 0, -RATE // 2 :]
    t = torch.arange(len(y), dtype=torch.float64) / RATE
    return 20 * math.log10(2 * abs((y * torch.exp(-2j * math.pi * hertz * t)).mean()) + 1e-12)


def test_the_exciter_makes_harmonics_of_the_treble_and_none_of_the_bass():
    fx = Exciter(RATE, freq_hz=3000.0, amount=0.5)
    assert level(fx(tone(5000)), 10000) > -30
    assert level(fx(tone(5000)), 15000) > -35
    assert level(fx(tone(100)), 200) < -85
    assert level(fx(tone(100)), 100) == pytest.approx(level(tone(100), 100), abs=0.05)


def test_the_bass_enhancer_makes_harmonics_of_the_bass_and_leaves_the_treble():
    fx = BassEnhancer(RATE, freq_hz=100.0, amount=1.0)
    assert level(fx(tone(60)), 120) > -25
    assert level(fx(tone(60)), 180) > -30
    assert level(fx(tone(60)), 900) < -60
    assert level(fx(tone(3000)), 3000) == pytest.approx(level(tone(3000), 3000), abs=0.01)
    assert level(fx(tone(3000)), 6000) < -100


def test_more_drive_gives_more_harmonics():
    low, high = (level(Exciter(RATE, drive_db=drive)(tone(6000)), 12000) for drive in (0.0, 18.0))
    assert high > low + 6


def test_a_saturator_in_bands_keeps_the_bass_out_of_the_treble():
    drive = {f"band_{i}.drive_db": 12.0 for i in (1, 2)}
    fx = MultiBandSaturator(RATE, num_bands=2, crossover_1_hz=1000.0)
    y = fx(tone(100, 0.4) + tone(5000, 0.1), dsp_params=drive)
    one = MultiBandSaturator.effect(RATE)(tone(100, 0.4) + tone(5000, 0.1), drive_db=12.0)
    assert level(one, 4800) > -30  # 5000 - 2 * 100: the bass modulates the treble
    assert level(y, 4800) < level(one, 4800) - 30
    assert level(y, 300) > -20
