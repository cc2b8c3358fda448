"""Writing a minute of stereo in 16 bits, with dither, beside pedalboard, which has none."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from harness import Speed

from diffFx_pytorch.render import AudioWriter

RATE, SECONDS, CHANNELS = 44100, 60, 2
FRAMES = SECONDS * RATE
BLOCK = 4 * RATE
TARGET = Path(tempfile.gettempdir()) / "diffFx_pytorch_bench_writing.wav"


def _sound() -> np.ndarray:
    return (0.1 * np.random.default_rng(0).standard_normal((FRAMES, CHANNELS))).astype(np.float32)


def writing() -> Callable[[], object]:
    x = _sound()

    def call() -> None:
        with AudioWriter(TARGET, RATE, CHANNELS, "PCM_16") as writer:
            for first in range(0, FRAMES, BLOCK):
                writer.write(x[first : first + BLOCK])

    return call


def pedalboard_writing() -> Callable[[], object]:
    from pedalboard.io import AudioFile

    x = _sound()

    def call() -> None:
        with AudioFile(str(TARGET), "w", RATE, CHANNELS, bit_depth=16) as file:
            for first in range(0, FRAMES, BLOCK):
                file.write(x[first : first + BLOCK].T)

    return call


SPEED = [
    Speed("writing in 16 bits, dithered", writing, pedalboard_writing, "pedalboard, no dither", None, FRAMES * CHANNELS)
]
