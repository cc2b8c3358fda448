"""From floating point to integer samples."""

from __future__ import annotations

import numpy as np

INTEGER_BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}
"""Subtypes of sound files that hold integers, and their bits."""

_DITHERED = 16


class Quantizer:
    """Rounds to integers: with triangular dither to 16 bits and fewer, without to more.

    Dither of two steps' width, the difference of two uniform numbers, makes the error's mean and variance independent
    of the signal, so that a fade ends in noise and not in distortion. Integers that were read come back unchanged
    from 24 bits and more.

    Args:
        bits: of the integers.
        seed: of the dither; the same seed gives the same file, whatever the blocks.

    References:
        S. P. Lipshitz, R. A. Wannamaker, J. Vanderkooy, Quantization and Dither: A Theoretical Survey,
        J. Audio Eng. Soc. 40 (5), 1992.
    """

    def __init__(self, bits: int, seed: int = 0) -> None:
        self.bits = bits
        self._random = np.random.default_rng(seed)

    def __call__(self, block: np.ndarray) -> np.ndarray:
        """Samples (T, C) in [-1, 1) as int32 whose upper ``bits`` bits hold the value; what is beyond is clipped."""
        steps = np.multiply(block, 2.0 ** (self.bits - 1), dtype=np.float64)
        if self.bits <= _DITHERED:
            uniform = self._random.random((*block.shape, 2))
            steps += uniform[..., 0] - uniform[..., 1]
        half = 2 ** (self.bits - 1)
        np.rint(steps, out=steps)
        np.clip(steps, -half, half - 1, out=steps)
        return steps.astype(np.int32) << (32 - self.bits)
