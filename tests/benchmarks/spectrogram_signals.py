"""Five seconds of speech and of music at 22.05 kHz, the same on every run."""

from __future__ import annotations

import io
import shutil
import subprocess

import numpy as np
import soundfile
import soxr

RATE = 22_050
SECONDS = 5.0
TEXT = (
    "The north wind and the sun were disputing which was the stronger, when a traveller came along wrapped in a warm "
    "cloak, and they agreed that he who first made him take it off should be considered stronger than the other."
)
# F1, F2, F3 in Hz of a few vowels, for the voice that stands in where espeak-ng is missing.
VOWELS = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))


def speech(seconds: float = SECONDS) -> np.ndarray:
    """A man, then a woman, half of the time each, over a noise floor at -80 dB."""
    half = int(seconds * RATE) // 2
    speak = _espeak if shutil.which("espeak-ng") else _formants
    voices = [speak(voice, half) for voice in ("en-us", "en-gb+f3")]
    x = np.concatenate([0.5 * v / np.abs(v).max() for v in voices])
    rms = np.sqrt(np.mean(x**2))
    return x + 1e-4 * rms * np.random.default_rng(0).standard_normal(x.size)


def _espeak(voice: str, samples: int) -> np.ndarray:
    wav = subprocess.run(["espeak-ng", "-v", voice, "--stdout", TEXT], capture_output=True, check=True).stdout
    x, rate = soundfile.read(io.BytesIO(wav))
    x = soxr.resample(x, rate, RATE)
    start = int(np.argmax(np.abs(x) > 1e-3))
    return x[start : start + samples]


def _formants(voice: str, samples: int) -> np.ndarray:
    """Pulses of a gliding pitch through three resonators a vowel, with breaths of noise between."""
    from scipy.signal import lfilter

    rng = np.random.default_rng(len(voice))
    t = np.arange(samples) / RATE
    base = 110 if voice == "en-us" else 210
    phase = np.cumsum(base * (1 + 0.1 * np.sin(2 * np.pi * 0.7 * t)) / RATE)
    source = np.diff(np.floor(phase), prepend=0.0) + 0.01 * rng.standard_normal(samples)
    y = np.zeros(samples)
    step = RATE // 5
    for i, start in enumerate(range(0, samples, step)):
        piece = np.zeros(samples)
        piece[start : start + step] = source[start : start + step] * np.hanning(step)[: samples - start]
        if i % 4 == 3:
            piece[start : start + step] = 0.1 * rng.standard_normal(piece[start : start + step].size)
        for f in VOWELS[i % len(VOWELS)]:
            r = np.exp(-np.pi * 80 / RATE)
            piece = lfilter([1 - r], [1, -2 * r * np.cos(2 * np.pi * f / RATE), r * r], piece)
        y += piece
    return y


def music(seconds: float = SECONDS) -> np.ndarray:
    """Plucked chords, a bass, a melody with vibrato and a brushed drum: harmonics that cross, decay and beat."""
    samples = int(seconds * RATE)
    rng = np.random.default_rng(1)
    y = np.zeros(samples)
    beat = 0.5
    chords = ((45, 60, 64, 69), (41, 60, 65, 69), (48, 60, 64, 67), (43, 59, 62, 67))
    melody = (76, 74, 72, 74, 76, 77, 79, 76, 74, 72)

    def add(note: float, start: float, length: float, gain: float, decay: float, vibrato: float = 0.0) -> None:
        i = int(start * RATE)
        t = np.arange(min(int(length * RATE), samples - i)) / RATE
        f = 440 * 2 ** ((note - 69) / 12)
        swing = vibrato * np.sin(2 * np.pi * 5.5 * t) / 5.5
        fade = np.minimum(1, t / 0.004) * np.minimum(1, (length - t) / 0.02)
        for k in range(1, min(30, int(0.45 * RATE / f)) + 1):
            stretch = k * np.sqrt(1 + 1e-4 * k * k)
            tone = np.sin(2 * np.pi * f * stretch * (t + swing / 100) + rng.uniform(0, 2 * np.pi))
            y[i : i + t.size] += gain / k**1.2 * np.exp(-decay * t * (1 + 0.15 * k)) * fade * tone

    for i in range(int(seconds / beat)):
        chord = chords[(i // 2) % len(chords)]
        for n, note in enumerate(chord[1:]):
            add(note, i * beat + 0.02 * n, 1.5, 0.2, 2.5)
        if i % 2 == 0:
            add(chord[0] - 12, i * beat, 1.0, 0.5, 1.5)
        add(melody[i % len(melody)], i * beat, 0.48, 0.25, 0.3, vibrato=1.0)
        start = int((i + 0.5) * beat * RATE)
        burst = rng.standard_normal(min(RATE // 5, samples - start))
        y[start : start + burst.size] += 0.05 * burst * np.exp(-np.arange(burst.size) / (0.03 * RATE))
    y *= 0.5 / np.abs(y).max()
    return y + 1e-4 * np.sqrt(np.mean(y**2)) * rng.standard_normal(samples)


def recording(path: str, seconds: float = SECONDS, skip: float = 2.0) -> np.ndarray:
    """Mono, at 22.05 kHz, a few seconds from the start on."""
    x, rate = soundfile.read(path, always_2d=True)
    x = soxr.resample(x.mean(1), rate, RATE)
    start = min(int(skip * RATE), max(0, x.size - int(seconds * RATE)))
    return x[start : start + int(seconds * RATE)]
