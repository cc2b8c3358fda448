"""Tones in, spectra out."""

import math

import numpy as np
import pytest
import torch

RATE = 44100


def _sine(freq_hz, amplitude=1.0, seconds=2.0):
    n = torch.arange(int(seconds * RATE), dtype=torch.float64)
    return amplitude * torch.sin(2 * math.pi * freq_hz * n / RATE)[None, None]


def _spectrum(y):
    return np.abs(np.fft.rfft(y[0, 0, -RATE:].numpy()))


@pytest.fixture
def sine():
    """A tone of whole hertz as (1, 1, T)."""
    return _sine


@pytest.fixture
def spectrum():
    """Magnitudes of the last second, one bin a hertz."""
    return _spectrum


@pytest.fixture
def alias_db():
    """Power of everything but DC and harmonics over that of the fundamental; ``loudest`` takes the worst one alone."""

    def measure(y, freq_hz, below_hz=RATE, loudest=False):
        magnitude = _spectrum(y)
        bins = np.arange(magnitude.size)
        rest = magnitude[(bins % freq_hz != 0) & (bins < below_hz)] ** 2
        return 10 * math.log10((rest.max() if loudest else rest.sum()) / magnitude[freq_hz] ** 2)

    return measure
