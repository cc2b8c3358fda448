"""Sibilants go, vowels stay."""

import math

import numpy as np
import pytest
import soundfile
import torch
from scipy.signal import butter, sosfilt

from diffFx_pytorch.processors.dynamics import DeEsser

RATE = 44100
SYLLABLE = RATE // 4
FORMANTS = {"a": (700, 1200, 2600), "i": (300, 2300, 3000), "u": (320, 800, 2300)}


def vowel(name, pitch_hz=140.0):
    """Pulses through the formants of a vowel."""
    n = np.arange(SYLLABLE)
    harmonics = range(1, int(0.45 * RATE / pitch_hz))
    x = np.zeros(SYLLABLE)
    for k in harmonics:
        f = k * pitch_hz
        gain = sum(1 / (1 + ((f - formant) / 90) ** 2) for formant in FORMANTS[name]) + 0.01
        x += gain / k * np.sin(2 * math.pi * f * n / RATE + k)
    return x / np.sqrt((x**2).mean()) * 0.1 * np.hanning(SYLLABLE) ** 0.2


def sibilant(low_hz=5000.0, high_hz=10000.0):
    noise = np.random.default_rng(0).standard_normal(SYLLABLE)
    x = sosfilt(butter(3, (low_hz, high_hz), "bandpass", fs=RATE, output="sos"), noise)
    return x / np.sqrt((x**2).mean()) * 0.05 * np.hanning(SYLLABLE) ** 0.2


def speech(level=1.0):
    """(1, 1, T): vowels and sibilants in turn."""
    parts = [vowel("a"), sibilant(), vowel("i"), sibilant(4500.0, 8000.0), vowel("u"), sibilant(), vowel("i", 280.0)]
    return level * torch.from_numpy(np.concatenate(parts))[None, None]


def level_db(y, x, part):
    """Level of y over x in the middle of a syllable."""
    middle = slice(part * SYLLABLE + SYLLABLE // 8, (part + 1) * SYLLABLE - SYLLABLE // 8)
    return float(10 * torch.log10(y[..., middle].square().sum() / x[..., middle].square().sum()))


@pytest.mark.parametrize("level", [1.0, 0.03])
def test_six_db_off_sibilants_and_nothing_off_vowels(level):
    x = speech(level)
    y = DeEsser(RATE)(x)
    for part in (1, 3, 5):
        assert level_db(y, x, part) < -6.0
    for part in (0, 2, 4, 6):
        assert abs(level_db(y, x, part)) < 0.1


def test_the_beginning_of_a_vowel_after_silence_is_left_alone():
    x = torch.cat((torch.zeros(1, 1, RATE // 2, dtype=torch.float64), speech()), -1)
    y = DeEsser(RATE)(x)
    start = slice(RATE // 2, RATE // 2 + SYLLABLE // 2)
    assert (y - x)[..., start].norm() < 0.02 * x[..., start].norm()


@pytest.mark.real_audio
def test_singing(audio_folder):
    x, rate = soundfile.read(audio_folder / "singing.flac", always_2d=True)
    y = DeEsser(rate)(torch.from_numpy(x.T.copy())[None])[0, 0].numpy()
    x = x[:, 0]
    high, low = (sosfilt(butter(4, 4000.0, kind, fs=rate, output="sos"), x) for kind in ("high", "low"))
    frame = int(0.02 * rate)

    def levels(v):
        return 10 * np.log10((v[: len(v) // frame * frame].reshape(-1, frame) ** 2).mean(1) + 1e-12)

    loud = levels(x) > levels(x).max() - 35
    contrast, change = levels(high) - levels(low), levels(y) - levels(x)
    sibilants, vowels = loud & (contrast > 5), loud & (contrast < -20)
    assert sibilants.sum() >= 2
    assert vowels.sum() > 400
    assert change[sibilants].max() < -6.0
    assert np.abs(change[vowels]).max() < 0.5


def test_the_shelf_is_a_butterworth_shelf():
    x = speech()[..., SYLLABLE : 2 * SYLLABLE]
    fx, knobs = DeEsser(RATE), {"threshold_db": -40.0, "range_db": 20.0, "attack_ms": 0.1, "freq_hz": 5000.0}
    y = fx(x, dsp_params=knobs)
    spectra = [torch.fft.rfft(v[0, 0, 2000:]).abs() for v in (x, y)]
    curve = fx.curve(**{k: torch.full((1, 1, 1), v) for k, v in {**fx.default_params(), **knobs}.items()})
    for freq in (5000.0, 6500.0, 9000.0):
        near = slice(*(round(f * (SYLLABLE - 2000) / RATE) for f in (freq - 150, freq + 150)))
        gain = float(10 * torch.log10(spectra[1][near].square().sum() / spectra[0][near].square().sum()))
        assert gain == pytest.approx(np.interp(freq, curve.x, curve.y), abs=0.3)


def test_linked_channels_share_a_gain():
    x = torch.cat((speech(), 0.1 * speech().roll(SYLLABLE, -1)), 1)
    linked, apart = (DeEsser(RATE, link=link)(x) for link in (True, False))
    alone = DeEsser(RATE)(x[:, 1:])
    assert torch.allclose(apart[:, 1:], alone, atol=1e-12)
    assert not torch.allclose(linked[:, 1:], alone, atol=1e-4)
    both = speech().expand(1, 2, -1)
    assert torch.allclose(DeEsser(RATE)(both)[:, :1], DeEsser(RATE)(speech()), atol=1e-12)
