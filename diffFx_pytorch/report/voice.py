"""A singing voice: harmonics of a moving pitch under the resonances of a mouth, with consonants before them."""

from __future__ import annotations

import numpy as np

# Formants of sung vowels: frequency and bandwidth in Hz, level in dB. G. E. Peterson, H. L. Barney, "Control methods
# used in a study of the vowels", JASA 24(2), 1952 (frequencies, women).
VOWELS = {
    "a": ((850, 90, 0), (1220, 100, -4), (2810, 130, -20), (3800, 200, -26)),
    "e": ((610, 80, 0), (2330, 110, -12), (2990, 130, -18), (3900, 200, -26)),
    "i": ((310, 60, 0), (2790, 110, -16), (3310, 130, -18), (4100, 200, -26)),
    "o": ((590, 80, 0), (920, 90, -6), (2710, 130, -30), (3700, 200, -34)),
    "u": ((370, 60, 0), (950, 80, -14), (2670, 130, -34), (3700, 200, -38)),
}
_SPREAD = ((4500, 9500), (1200, 4500))  # where the noise of an "s" and of a "t" lies, in Hz
_GLIDE_S, _VIBRATO_HZ, _VIBRATO = 0.05, 5.4, 0.012
_GRID_HZ = np.linspace(0.0, 6000.0, 601)
_BLOCK = 32  # samples between the points at which a harmonic's level is known


def sung(
    sample_rate: int, frequency: float, seconds: float, vowel: str, consonant: str, noise: np.random.Generator
) -> np.ndarray:
    """A syllable.

    Args:
        sample_rate: in Hz; what lies above 0.45 of it is left out.
        frequency: of the note, in Hz; it is reached from two semitones below.
        seconds: length.
        vowel: one of ``VOWELS``, or two, and the mouth moves from one to the other.
        consonant: "s", "t" or none.
        noise: where the noise of breath and consonants comes from.

    Returns:
        float64 (T,).
    """
    t = np.arange(int(seconds * sample_rate)) / sample_rate
    if not len(t):
        return t
    lead = {"s": 0.11, "t": 0.03}.get(consonant, 0.0)
    since = np.maximum(t - lead, 0.0)
    vibrato = _VIBRATO * np.clip((since - 0.15) / 0.2, 0, 1) * np.sin(2 * np.pi * _VIBRATO_HZ * since)
    pitch = frequency * 2 ** (vibrato - np.exp(-since / _GLIDE_S) / 6)
    turns = np.cumsum(pitch) / sample_rate
    way = np.clip(since / max(seconds - lead, 1e-3), 0, 1)
    level = np.minimum(since / 0.04, 1) * np.clip((t[-1] - t) / 0.08, 0, 1)
    envelopes = _envelope(vowel[0]), _envelope(vowel[-1])
    points = np.arange(0, len(t) + _BLOCK, _BLOCK)
    at = np.minimum(points, len(t) - 1)
    wave = np.zeros(len(t))
    for k in range(1, 1 + int(min(5500.0, 0.45 * sample_rate) / frequency)):
        first, last = (np.interp(k * pitch[at], _GRID_HZ, envelope) for envelope in envelopes)
        gain = (first + way[at] * (last - first)) / k**0.5
        wave += np.interp(np.arange(len(t)), points, gain) * np.sin(2 * np.pi * k * turns)
    wave *= level / max(np.sqrt(np.mean(wave**2)) * 4, 1e-9)
    hiss = noise.standard_normal(len(t))
    breath = 0.006 * level * hiss
    low, high = _SPREAD[consonant == "t"]
    burst = np.clip(t / 0.02, 0, 1) * np.clip((lead + 0.01 - t) / 0.03, 0, 1) if lead else 0.0 * t
    return wave + breath + 0.24 * burst * _band(hiss, low, high, sample_rate)


def _envelope(vowel: str) -> np.ndarray:
    """The magnitude of a vowel on the grid: resonances side by side."""
    frequency, width, level = np.array(VOWELS[vowel]).T[..., None]
    return (10 ** (level / 20) / np.hypot(1, (_GRID_HZ - frequency) / (width / 2))).sum(0) + 0.004


def _band(noise: np.ndarray, low: float, high: float, sample_rate: int) -> np.ndarray:
    """Noise between two frequencies, with the power of white noise of deviation 1."""
    spectrum = np.fft.rfft(noise)
    frequency = np.fft.rfftfreq(len(noise), 1 / sample_rate)
    spectrum *= np.clip(1 - np.abs(frequency - (low + high) / 2) / (high - low), 0, 1)
    wave = np.fft.irfft(spectrum, len(noise))
    return wave / max(float(np.sqrt(np.mean(wave**2))), 1e-9)
