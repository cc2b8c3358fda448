"""The demo's voice: vowels have their formants, an "s" its hiss, and the parts sum to the clip."""

import numpy as np
import torch

from diffFx_pytorch.report.demo import PARTS, demo_clip, demo_parts
from diffFx_pytorch.report.voice import VOWELS, sung

RATE = 44100


def _level(x: np.ndarray, low: float, high: float) -> float:
    power = np.abs(np.fft.rfft(x * np.hanning(len(x)))) ** 2
    frequency = np.fft.rfftfreq(len(x), 1 / RATE)
    return 10 * np.log10(power[(frequency >= low) & (frequency < high)].sum())


def test_a_vowel_has_its_formants_and_its_pitch():
    slope = {}
    for vowel in "ai":
        x = sung(RATE, 220.0, 1.0, vowel, "", np.random.default_rng(0))[RATE // 3 : -RATE // 6]
        spectrum = np.abs(np.fft.rfft(x * np.hanning(len(x))))
        peak = np.argmax(spectrum[: 300 * len(x) // RATE]) * RATE / len(x)
        assert abs(peak - 220) < 4
        second = {name: VOWELS[name][1][0] for name in "ai"}
        slope[vowel] = _level(x, second["a"] - 150, second["a"] + 150) - _level(x, second["i"] - 150, second["i"] + 150)
    assert slope["a"] > slope["i"] + 15


def test_an_s_hisses_before_its_vowel():
    x = sung(RATE, 220.0, 0.8, "a", "s", np.random.default_rng(0))
    hiss, vowel = x[: int(0.1 * RATE)], x[int(0.3 * RATE) : int(0.4 * RATE)]
    assert _level(hiss, 5000, 9000) > _level(hiss, 200, 3000) + 10
    assert _level(vowel, 200, 3000) > _level(vowel, 5000, 9000) + 30


def test_the_parts_sum_to_the_clip():
    parts = demo_parts(16000, 1.5)
    assert tuple(parts) == PARTS
    assert torch.equal(demo_clip(16000, 1.5), torch.stack(list(parts.values())).sum(0))
    assert all(part.abs().max() > 0.03 for part in parts.values())
    assert sung(8000, 220.0, 0.0, "a", "s", np.random.default_rng(0)).shape == (0,)
