"""Rounding to integers with triangular dither, in one pass; the random numbers are a function of the sample's index."""

from __future__ import annotations

import numpy as np

from diffFx_pytorch.kernels import njit

from .elementary import INLINE

CHUNK = 256
"""Samples at a time, of all channels together."""

RUN = 2048
"""As many integers in a row were there before: they get no dither."""

# Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014: the Weyl sequence of SplitMix64,
# and Stafford's variant 13 of the finalizer of MurmurHash3, as in java.util.SplittableRandom.
_WEYL = np.uint64(0x9E3779B97F4A7C15)
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_SHIFT_1, _SHIFT_2, _SHIFT_3, _HALF_A_WORD = (np.uint64(n) for n in (30, 27, 31, 32))
_PER_STEP = 2.0**-32


@njit(**INLINE)
def mixed(z):  # pragma: no cover
    """A word (uint64) every bit of which depends on every bit of ``z``; one for each."""
    z = (z ^ (z >> _SHIFT_1)) * _MIX_1
    z = (z ^ (z >> _SHIFT_2)) * _MIX_2
    return z ^ (z >> _SHIFT_3)


@njit(**INLINE)
def triangular(seed, index):  # pragma: no cover
    """The difference of two uniform numbers of 32 bits, in (-1, 1), for an index (uint64)."""
    word = mixed(seed + index * _WEYL)
    return (np.float64(np.int32(word >> _HALF_A_WORD)) - np.float64(np.int32(word))) * _PER_STEP


@njit(**INLINE)
def _rounded(steps, low, high):  # pragma: no cover
    steps = np.rint(steps)
    steps = low if steps < low else steps
    return np.int32(high if steps > high else steps)


@njit(**INLINE)
def _is_integer(steps, low, high):  # pragma: no cover
    return (steps == np.rint(steps)) & (steps >= low) & (steps <= high)


@njit(**INLINE)
def round_samples(x, half, shift, out):  # pragma: no cover
    """``out = round(half x) << shift``; both (samples,), out int16 or int32."""
    for i in range(len(x)):
        out[i] = _rounded(np.float64(x[i]) * half, -half, half - 1.0) << shift


@njit(**INLINE)
def dither_samples(x, half, shift, seed, frame, runs, spares, more, out):  # pragma: no cover
    """``out = round(half x + d) << shift``, d = 0 where ``RUN`` or more integers of a channel are in a row.

    Args:
        x: (T, C).
        half: steps in an amplitude of 1.
        shift: of the bits of the result.
        seed: of d, uint64.
        frame: index of the first sample since the beginning of the signal.
        runs: (C,) integers in a row before the first sample, at most ``RUN``; receives those before the next call's.
        spares: whether runs of integers get no dither.
        more: whether samples follow, so that a run may go on.
        out: (T, C) int16 or int32, receives what is decided.

    Returns:
        Number of frames that are decided; those after it are to come again, with what follows.
    """
    T, C = x.shape
    low, high = -half, half - 1.0
    flat, written = x.reshape(T * C), out.reshape(T * C)
    first_word = np.uint64(frame) * np.uint64(C)
    run, begin = runs.copy(), np.zeros(C, np.int64)
    in_a_run = False
    for c in range(C):  # numpy's any() would have SciPy imported when the kernel is loaded
        in_a_run |= run[c] > 0
    frames = max(CHUNK // C, 1)
    for first in range(0, T, frames):
        last = min(first + frames, T)
        block, rounded = flat[first * C : last * C], written[first * C : last * C]
        word, integers = first_word + np.uint64(first * C), np.int32(0)
        for i in range(len(block)):
            steps = np.float64(block[i]) * half + triangular(seed, word + np.uint64(i))
            rounded[i] = _rounded(steps, low, high) << shift
        if not spares:
            continue
        for i in range(len(block)):
            integers |= np.int32(_is_integer(np.float64(block[i]) * half, low, high))
        if integers == 0 and not in_a_run:
            continue
        in_a_run = False
        for c in range(C):
            for t in range(first, last):
                if _is_integer(np.float64(x[t, c]) * half, low, high):
                    begin[c] = t if run[c] == 0 else begin[c]
                    run[c] += 1
                elif run[c] > 0:
                    if run[c] >= RUN:
                        round_samples(x[begin[c] : t, c], half, shift, out[begin[c] : t, c])
                    run[c] = 0
            in_a_run |= run[c] > 0
    decided = T
    for c in range(C):
        if run[c] >= RUN or (run[c] > 0 and not more):
            round_samples(x[begin[c] :, c], half, shift, out[begin[c] :, c])
        elif run[c] > 0:
            decided = min(decided, begin[c])
    if not spares:
        return T
    for c in range(C):
        length = 0
        while length < min(decided, RUN) and _is_integer(np.float64(x[decided - 1 - length, c]) * half, low, high):
            length += 1
        runs[c] = min(RUN, length + (runs[c] if length == decided else 0))
    return decided
