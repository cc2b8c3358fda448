"""From floating point to integer samples."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import DTypeLike

from ..dsp.cpu.rounding import RUN, dither_samples, round_samples

INTEGER_BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}
"""Subtypes of sound files that hold integers, and their bits."""

Dither = Literal["auto", "tpdf", "none"]
"""Where samples are dithered: to 16 bits and fewer where they need rounding, always, or never."""

_DITHERED = 16
"""Bits up to which integers are dithered."""


class Quantizer:
    """Rounds to integers: with triangular dither to 16 bits and fewer, without to more.

    Dither of two steps' width, the difference of two uniform numbers, makes the error's mean and variance independent
    of the signal, so that a fade ends in noise and not in distortion. Integers that were read come back unchanged
    from 24 bits and more.

    What needs no rounding gets no dither: where 2048 or more samples of a channel in a row are integers already, or
    all up to the beginning or the end of the signal, they are written as they are. So a 16-bit file that nothing was
    done to comes back bit for bit, and digital silence stays silent. Fewer in a row are chance; dither that comes and
    goes with them would be heard. The choice looks at the samples only, never at the blocks they come in.

    Args:
        bits: of the integers.
        seed: of the dither, 0 or more. Its numbers are a function of seed, channel and place in the signal alone, so
            the same seed gives the same file, whatever the blocks.
        dtype: of the result, of ``bits`` or more.
        dither: "auto" is as said; "tpdf" is added to every sample, whatever the bits; "none" only rounds.

    References:
        S. P. Lipshitz, R. A. Wannamaker, J. Vanderkooy, Quantization and Dither: A Theoretical Survey,
        J. Audio Eng. Soc. 40 (5), 1992.
    """

    def __init__(self, bits: int, seed: int = 0, dtype: DTypeLike = np.int32, dither: Dither = "auto") -> None:
        self.bits, self.dtype = bits, np.dtype(dtype)
        self._dithers = bits <= _DITHERED if dither == "auto" else dither == "tpdf"
        self._spares = dither == "auto"
        self._seed = np.random.SeedSequence(seed).generate_state(1, np.uint64)[0]
        self._frame = 0
        self._waiting: np.ndarray | None = None  # samples whose run of integers has not ended
        self._runs: np.ndarray | None = None  # integers in a row before them, by channel

    def __call__(self, block: np.ndarray, more: bool = False) -> np.ndarray:
        """Samples (T, C) in [-1, 1) as integers whose upper ``bits`` bits hold the value; what is beyond is clipped.

        Args:
            block: samples.
            more: whether other blocks follow; some samples are then returned with those.
        """
        half, shift = float(2 ** (self.bits - 1)), 8 * self.dtype.itemsize - self.bits
        if self._waiting is not None and len(self._waiting):
            block = np.concatenate((self._waiting, block))
        block = np.ascontiguousarray(block, None if block.dtype == np.float32 else np.float64)
        samples = np.empty(block.shape, self.dtype)
        if not self._dithers:
            round_samples(block.reshape(-1), half, shift, samples.reshape(-1))
            return samples
        if self._runs is None:
            self._runs = np.full(block.shape[1], RUN if self._spares else 0)
        now = (self._seed, self._frame, self._runs, self._spares, more)
        decided = dither_samples(block, half, shift, *now, samples)
        self._waiting = block[decided:].copy()
        self._frame += decided
        return samples[:decided]
