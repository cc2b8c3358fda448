"""Reverbs are as loud as each other, and as what goes into them."""

import numpy as np
import pytest
import torch

from diffFx_pytorch import registry
from diffFx_pytorch.processors import EarlyReflections

REVERBS = {n: cls for n, cls in registry.effects().items() if registry.family(cls) == "reverb"}


def bursts(rate, sides):
    """Pink noise, 20 Hz .. 12 kHz, a quarter of a second in each half, (1, 2, T): of two sides or of one."""
    seconds = 4.0
    bins = np.arange(int(20 * seconds), int(12000 * seconds))
    drawn = np.random.default_rng(2).standard_normal((2, sides, len(bins))) / np.sqrt(bins)
    spectrum = np.zeros((sides, int(rate * seconds) // 2 + 1), complex)
    spectrum[:, bins] = (drawn[0] + 1j * drawn[1]) * rate
    noise = torch.from_numpy(np.fft.irfft(spectrum, int(rate * seconds)))[None].expand(1, 2, -1)
    return torch.where(torch.arange(noise.shape[-1]) % (rate // 2) < rate // 4, noise, 0.0).float()


def wet_level(cls, x, rate, **knobs):
    """Level of all that comes out over all that goes in, in dB."""
    y = cls(rate)(torch.nn.functional.pad(x, (0, 2 * rate)), dsp_params=knobs)
    return 10 * float((y.double().square().sum() / x.double().square().sum()).log10())


@pytest.mark.parametrize("rate", [44100, 96000])
@pytest.mark.parametrize("sides", [1, 2])
def test_reverbs_are_equally_loud(sides, rate):
    x = bursts(rate, sides)
    levels = {name: wet_level(cls, x, rate, mix=1.0) for name, cls in REVERBS.items()}
    assert len(levels) > 6
    assert max(levels.values()) - min(levels.values()) < 2.2, levels
    assert all(abs(level) < 2.2 for level in levels.values()), levels


@pytest.mark.real_audio
def test_reverbs_are_equally_loud_on_music(audio_folder):
    soundfile = pytest.importorskip("soundfile")
    sounds = []
    for name in ("bass", "drums", "guitar", "singing"):
        x, rate = soundfile.read(audio_folder / f"{name}.flac", dtype="float32", frames=6 * 44100, always_2d=True)
        x = torch.from_numpy(x.T[None].copy()).expand(1, 2, -1)
        sounds.append((x, rate))
    levels = {n: np.mean([wet_level(cls, x, r, mix=1.0) for x, r in sounds]) for n, cls in REVERBS.items()}
    assert max(levels.values()) - min(levels.values()) < 2.0, levels


def test_early_reflections_leave_the_level_alone():
    """At the default share a voice is no louder than without: all reverbs fade from the dry sound to the wet."""
    x = bursts(44100, 1)
    assert -3.0 < wet_level(EarlyReflections, x, 44100) < 0.5
