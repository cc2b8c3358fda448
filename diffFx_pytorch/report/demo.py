"""A short synthesised piece of music, and a chain of effects over it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..dsp.convolution import convolve
from ..presets import load_chain
from ..render import AudioWriter, read_sound, render_file
from .page import write_page
from .voice import sung

_BEAT = 0.6
_STEP = _BEAT / 4
_STEPS = 16
_PEAK = 0.7

# Am7 F C G, a bar each: the root of the bass and the voices of the chord, in Hz.
_BARS = (
    (55.00, (220.00, 261.63, 329.63, 392.00)),
    (43.65, (220.00, 261.63, 349.23, 440.00)),
    (65.41, (196.00, 261.63, 329.63, 392.00)),
    (49.00, (196.00, 246.94, 293.66, 392.00)),
)
_KICKS, _SNARES, _OPEN_HAT = (0, 7, 10), (4, 12), 14
_BASS = ((0, 3, 1.0), (3, 1, 2.0), (6, 2, 1.0), (8, 2, 1.0), (10, 3, 1.0), (14, 2, 1.5))
# Step, length in steps, voice of the chord, octave, consonant and vowels of a syllable; two bars and again.
_SONG = (
    ((2, 3.6, 3, 1.0, "s", "ai"), (6, 1.8, 2, 1.0, "", "e"), (8, 5.0, 1, 1.0, "t", "a"), (14, 1.8, 2, 1.0, "s", "i")),
    ((0, 5.5, 3, 1.0, "s", "ou"), (6, 1.8, 2, 1.0, "t", "e"), (8, 6.5, 1, 1.0, "", "oa")),
)
_MELODY = ((0, 3, 2.0), (3, 2, 2.0), (6, 1, 2.0), (11, 2, 4.0), (13, 3, 2.0))


PARTS = ("drums", "bass", "keys", "pluck", "voice")
"""The parts of the demo clip, in the order in which they are mixed."""


def demo_clip(sample_rate: int = 44100, seconds: float = 9.6) -> Tensor:
    """Drums, bass, chords, a plucked tune and a voice at 100 beats a minute: transients, sustained sounds, lows, width.

    The same samples every time; four bars last 9.6 s and come again.

    Args:
        sample_rate: in Hz; harmonics above its reach are left out.
        seconds: length.

    Returns:
        float32 (1, 2, T), T = round(seconds * sample_rate), peaks at 0.7.
    """
    parts = demo_parts(sample_rate, seconds)
    return torch.stack([parts[name] for name in PARTS]).sum(0)


def demo_parts(sample_rate: int = 44100, seconds: float = 9.6) -> dict[str, Tensor]:
    """The parts of ``demo_clip``, by their names in ``PARTS``: their sum is the clip.

    Args:
        sample_rate: in Hz; harmonics above its reach are left out.
        seconds: length.

    Returns:
        float32 (1, 2, T) each, T = round(seconds * sample_rate); the clip peaks at 0.7.
    """
    frames = round(seconds * sample_rate)
    parts = {name: np.zeros((2, frames)) for name in PARTS}
    noise = np.random.default_rng(0)
    bar = 0
    while bar * _STEPS * _STEP < seconds:
        for part, at, pan, sound in _bar(bar, sample_rate, noise):
            start = round((bar * _STEPS + at) * _STEP * sample_rate)
            piece = sound[..., : max(0, frames - start)]
            parts[part][:, start : start + piece.shape[-1]] += _panned(piece, pan)
        bar += 1
    fade = np.minimum(1.0, np.arange(frames)[::-1] / max(1, sample_rate // 50 - 1))
    clip = np.sum([part * fade for part in parts.values()], 0)
    gain = _PEAK / max(np.abs(clip).max(initial=0.0), 1e-9)
    return {name: torch.from_numpy(gain * fade * part).float().unsqueeze(0) for name, part in parts.items()}


SOUNDS = {
    "mix": "the whole band",
    "voice": "the voice",
    "drums": "the drums",
    "bass": "the bass",
    "keys": "the electric piano",
    "pluck": "the plucked strings",
    "noisy voice": "the voice, in a hissing room",
    "noisy drums": "the drums, in a hissing room",
    "humming voice": "the voice, with hum at 50 Hz",
    "popping voice": "the voice, with gusts of p and b on the microphone",
    "clicking keys": "the electric piano, on a scratched record",
    "roomy voice": "the voice, in a hall",
    "offset bass": "the bass, pushed off zero",
    "band": "bass, piano and strings without drums",
}
"""The sounds of ``demo_sound``, in words."""


def demo_sound(name: str, sample_rate: int = 44100, seconds: float = 4.8) -> Tensor:
    """A part of the demo clip, as material for an effect: its peak is 0.5, so that thresholds have a meaning.

    Args:
        name: one of ``SOUNDS``.
        sample_rate: in Hz.
        seconds: length.

    Returns:
        float32 (1, 2, T).

    Raises:
        ValueError: for an unknown name.
    """
    if name not in SOUNDS:
        raise ValueError(f"{name!r} is no sound of the demo; known: {', '.join(SOUNDS)}")
    parts = demo_parts(sample_rate, seconds)
    if name == "mix":
        x = demo_clip(sample_rate, seconds)
    elif name == "band":
        x = parts["bass"] + parts["keys"] + parts["pluck"]
    else:
        x = parts[name.split()[-1]]
    x = x * (0.5 / x.abs().max().clamp_min(1e-9))
    t = torch.arange(x.shape[-1]) / sample_rate
    if name.startswith("noisy"):
        x = x + 0.004 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    if name.startswith("humming"):
        x = x + 0.03 * torch.sin(2 * torch.pi * 50 * t) + 0.015 * torch.sin(2 * torch.pi * 150 * t)
    if name.startswith("popping"):
        since = (t - 0.2) % 0.8
        x = x + 0.5 * torch.sin(2 * torch.pi * 35 * since) * torch.exp(-since / 0.05)
    if name.startswith("clicking"):
        draw = torch.rand(x.shape[-1], generator=torch.Generator().manual_seed(0))
        x = x + torch.where(draw < 20 / sample_rate, 0.6 * (draw * sample_rate / 10 - 1), 0.0)
    if name.startswith("roomy"):
        tail = torch.randn(2, int(0.9 * sample_rate), generator=torch.Generator().manual_seed(0))
        tail = tail * torch.exp(-6.9 / sample_rate * torch.arange(tail.shape[-1]))
        x = x + convolve(x, 0.6 * tail / tail.norm(dim=-1, keepdim=True))
    if name.startswith("offset"):
        x = 0.8 * x + 0.1
    return x


def demo_chain_text() -> str:
    """The text of the demo's chain file."""
    return resources.files("diffFx_pytorch.report").joinpath("data/demo.yaml").read_text(encoding="utf-8")


STEPS = ("the clip", "the chain", "the sound", "the page")
"""What ``write_demo`` makes, in this order."""


def write_demo(
    folder: str | os.PathLike[str],
    sample_rate: int = 44100,
    seconds: float = 9.6,
    progress: Callable[[float, str], None] | None = None,
) -> Path:
    """Write ``dry.wav``, ``chain.yaml``, ``wet.wav`` rendered from them, and ``index.html`` to hear and see them.

    Args:
        folder: made if it is not there.
        sample_rate: in Hz.
        seconds: length of the clip.
        progress: called with how many of the ``STEPS`` are done, in parts too, and the one that follows.

    Returns:
        Path of the page.
    """
    tell = progress or (lambda done, step: None)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    dry, wet, page = folder / "dry.wav", folder / "wet.wav", folder / "index.html"
    tell(0, STEPS[0])
    with AudioWriter(dry, sample_rate, 2) as writer:
        writer.write(demo_clip(sample_rate, seconds)[0].T.numpy())
    tell(1, STEPS[1])
    (folder / "chain.yaml").write_text(demo_chain_text(), encoding="utf-8")
    chain, dsp_params = load_chain(folder / "chain.yaml").build(sample_rate)
    tell(2, STEPS[2])
    rendered = 0.0

    def read(more: float) -> None:
        nonlocal rendered
        rendered += more
        tell(2 + rendered / seconds, STEPS[2])

    render_file(chain, dsp_params, dry, wet, progress=read)
    tell(3, STEPS[3])
    takes = {name: read_sound(path) for name, path in (("dry", dry), ("wet", wet))}
    write_page(page, "A chain of effects, before and after", takes, sample_rate, chain, dsp_params)
    return page


def _bar(bar: int, rate: int, noise: np.random.Generator) -> Iterator[tuple[str, float, float, np.ndarray]]:
    """What sounds in a bar: part, step, place and sound."""
    root, chord = _BARS[bar % len(_BARS)]
    for step in _KICKS:
        yield "drums", step, 0.0, 0.9 * _kick(rate)
    for step in _SNARES:
        yield "drums", step, 0.1, 0.5 * _snare(rate, noise)
    for step in range(0, _STEPS, 2):
        length, level = (0.12, 0.16) if step == _OPEN_HAT else (0.025, 0.22 if step % 4 else 0.14)
        yield "drums", step, 0.5 if step % 4 else -0.4, level * _hat(rate, length, noise)
    for step, length, octave in _BASS:
        yield "bass", step, 0.0, 0.5 * _bass(rate, root * octave, length * _STEP)
    for i, frequency in enumerate(chord):
        yield "keys", 0, 0.0, 0.09 * _keys(rate, frequency, 15.5 * _STEP, 0.4 * i)
    for i, (step, voice, octave) in enumerate(_MELODY):
        yield "pluck", step, 0.7 if i % 2 else -0.7, 0.16 * _pluck(rate, chord[voice] * octave)
    for step, length, voice, octave, consonant, vowels in _SONG[bar % len(_SONG)]:
        syllable = sung(rate, chord[voice] * octave, length * _STEP, vowels, consonant, noise)
        yield "voice", step, 0.0, 0.75 * syllable


def _time(rate: int, seconds: float) -> np.ndarray:
    return np.arange(int(seconds * rate)) / rate


def _kick(rate: int) -> np.ndarray:
    t = _time(rate, 0.45)
    turns = 46 * t + 130 * 0.028 * (1 - np.exp(-t / 0.028))
    return np.sin(2 * np.pi * turns) * np.exp(-t / 0.13) * _edges(t)


def _snare(rate: int, noise: np.random.Generator) -> np.ndarray:
    t = _time(rate, 0.3)
    rattle = np.convolve(noise.standard_normal(len(t)), [1, 0, -1], "same") * np.exp(-t / 0.07)
    return (0.7 * np.sin(2 * np.pi * 185 * t) * np.exp(-t / 0.05) + 0.5 * rattle) * _edges(t)


def _hat(rate: int, seconds: float, noise: np.random.Generator) -> np.ndarray:
    t = _time(rate, 6 * seconds)
    return np.convolve(noise.standard_normal(len(t)), [1, -1, -1, 1], "same") * np.exp(-t / seconds) * 0.6


def _bass(rate: int, frequency: float, seconds: float) -> np.ndarray:
    t = _time(rate, seconds)
    wave = np.zeros(len(t))
    for k in _harmonics(frequency, rate, 14):
        wave += np.sin(2 * np.pi * k * frequency * t) / k * np.exp(-1.4 * k * t)
    return wave * _edges(t, 0.004, 0.03)


def _keys(rate: int, frequency: float, seconds: float, spread: float) -> np.ndarray:
    t = _time(rate, seconds)
    detune = 1 + 0.0012 * np.array([[-1.0], [1.0]])
    phase = 2 * np.pi * frequency * detune * t + spread
    bell = np.sin(2 * phase) * 1.6 * np.exp(-t / 0.35) if 4 * frequency < 0.45 * rate else 0.0
    return np.sin(phase + bell) * np.exp(-t / 1.6) * _edges(t, 0.006, 0.15)


def _pluck(rate: int, frequency: float) -> np.ndarray:
    t = _time(rate, 0.9)
    wave = np.zeros(len(t))
    for k in _harmonics(frequency, rate, 10):
        wave += np.sin(2 * np.pi * k * frequency * t) / k**1.2 * np.exp(-(3 + 3 * k) * t)
    return wave * _edges(t, 0.001, 0.05)


def _harmonics(frequency: float, rate: int, most: int) -> range:
    return range(1, 1 + max(1, min(most, int(0.45 * rate / frequency))))


def _edges(t: np.ndarray, rise: float = 0.001, fall: float = 0.02) -> np.ndarray:
    return np.minimum(np.clip(t / rise, 0, 1), np.clip((t[-1] - t) / fall, 0, 1))


def _panned(sound: np.ndarray, pan: float) -> np.ndarray:
    angle = (pan + 1) * np.pi / 4
    return np.sqrt(2) * np.array([[np.cos(angle)], [np.sin(angle)]]) * sound
