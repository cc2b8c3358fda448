"""From overlapping frames to the signal that fits them best, and back to frames: the time half of a projection."""

from __future__ import annotations

from diffFx_pytorch.kernels import njit

FASTMATH = {"contract", "nsz"}


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def overlap_add_blocks(start, stop, frames, window, hop, x):
    """Write the blocks ``start`` to ``stop - 1`` of ``hop`` samples of the windowed overlap-add of frames (M, N)."""
    M, N = frames.shape
    overlap = -(-N // hop)
    for j in range(start, stop):
        block = x[j * hop : (j + 1) * hop]
        block[:] = 0
        for k in range(max(0, j - M + 1), min(overlap, j + 1)):
            first = k * hop
            last = min(N, first + hop)
            frame = frames[j - k, first:last]
            weights = window[first:last]
            for i in range(last - first):
                block[i] += frame[i] * weights[i]


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def fold_and_pad(x, left, right, weight):
    """Solve for the signal inside the padded x, in place, and continue it again at both ends.

    Args:
        x: (P,): padding, the signal's T samples, padding.
        left: (padding,) index of the sample that each padded one shows; -1 for a zero.
        right: likewise.
        weight: (T,) one over the summed squared windows.
    """
    padding, T = left.size, weight.size
    inner = x[padding : padding + T]
    outer = x[padding + T :]
    for n in range(padding):
        if left[n] >= 0:
            inner[left[n]] += x[n]
    for n in range(right.size):
        if right[n] >= 0:
            inner[right[n]] += outer[n]
    for n in range(T):
        inner[n] *= weight[n]
    for n in range(padding):
        x[n] = inner[left[n]] if left[n] >= 0 else 0
    for n in range(right.size):
        outer[n] = inner[right[n]] if right[n] >= 0 else 0


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def cut_frames(start, stop, x, window, hop, frames):
    """Windowed frames ``start`` to ``stop - 1`` of x into frames (M, N)."""
    N = frames.shape[1]
    for m in range(start, stop):
        piece = x[m * hop : m * hop + N]
        frame = frames[m]
        for i in range(N):
            frame[i] = piece[i] * window[i]
