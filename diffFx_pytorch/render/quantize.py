"""From floating point to integer samples."""

from __future__ import annotations

import numpy as np

INTEGER_BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}
"""Subtypes of sound files that hold integers, and their bits."""

_DITHERED = 16
_RUN = 2048


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
        seed: of the dither; the same seed gives the same file, whatever the blocks.

    References:
        S. P. Lipshitz, R. A. Wannamaker, J. Vanderkooy, Quantization and Dither: A Theoretical Survey,
        J. Audio Eng. Soc. 40 (5), 1992.
    """

    def __init__(self, bits: int, seed: int = 0) -> None:
        self.bits = bits
        self._random = np.random.default_rng(seed)
        self._half = 2 ** (bits - 1)
        self._waiting: tuple[np.ndarray, np.ndarray] | None = None  # samples whose run has not ended, and their dither
        self._run: np.ndarray | None = None  # integers in a row before them, by channel

    def __call__(self, block: np.ndarray, more: bool = False) -> np.ndarray:
        """Samples (T, C) in [-1, 1) as int32 whose upper ``bits`` bits hold the value; what is beyond is clipped.

        Args:
            block: samples.
            more: whether other blocks follow; some samples are then returned with those.
        """
        steps = np.multiply(block, float(self._half), dtype=np.float64)
        if self.bits <= _DITHERED:
            uniform = self._random.random((*block.shape, 2))
            steps = self._dithered(steps, uniform[..., 0] - uniform[..., 1], more)
        np.rint(steps, out=steps)
        np.clip(steps, -self._half, self._half - 1, out=steps)
        return steps.astype(np.int32) << (32 - self.bits)

    def _dithered(self, steps: np.ndarray, dither: np.ndarray, more: bool) -> np.ndarray:
        if self._waiting is not None:
            steps, dither = (np.concatenate(pair) for pair in zip(self._waiting, (steps, dither), strict=True))
        whole = (steps == np.rint(steps)) & (steps >= -self._half) & (steps < self._half)
        before = np.full(steps.shape[1], _RUN) if self._run is None else self._run
        decided = len(steps)
        for channel, integers in enumerate(whole.T):
            edges = np.flatnonzero(np.diff(integers, prepend=False, append=False))
            for start, end in edges.reshape(-1, 2):
                length = end - start + (before[channel] if start == 0 else 0)
                if end == len(steps) and length < _RUN:
                    decided = min(decided, start) if more else decided
                    length = 0 if more else _RUN
                if length >= _RUN:
                    dither[start:end, channel] = 0.0
        self._waiting = steps[decided:].copy(), dither[decided:].copy()
        self._run = _run_at(whole[:decided], before)
        return steps[:decided] + dither[:decided]


def _run_at(whole: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Integers in a row at the end of a block, by channel."""
    broken = ~whole[::-1]
    run = np.where(broken.any(axis=0), broken.argmax(axis=0) if len(whole) else 0, len(whole) + before)
    return np.minimum(run, _RUN)
