"""A feedback delay network, block by block: within the shortest delay all that the lines give is known before.

A block of every line is read into tiles of LANES lines (see `simd`), filtered there, multiplied by the matrix and
written back. Only the absorption is a recursion from sample to sample, and its lines lie in lanes.
"""

from __future__ import annotations

import numpy as np

from diffFx_pytorch.kernels import njit

from .feedback_network_lanes import mix_lanes, section_forward
from .simd import LANES, aligned_zeros, read_lanes, write_lanes

OPTIONS = {"nogil": True, "cache": True, "error_model": "numpy", "fastmath": {"contract", "nsz"}}
CHUNK = 128
"""Samples between checkpoints of the absorption's states; a block never crosses a border between chunks."""
TINY = 1e-200
_ROOM = 4096


@njit(**OPTIONS)
def cubic_read(work, base, at, delay, slope):  # pragma: no cover
    """Lagrange interpolation through four points ``delay`` samples before ``at``, or its derivative to ``delay``."""
    k = np.int64(np.floor(delay))
    f = delay - k
    if slope:
        w0 = -(3.0 * f * f - 6.0 * f + 2.0) / 6.0
        w1 = (3.0 * f * f - 4.0 * f - 1.0) / 2.0
        w2 = -(3.0 * f * f - 2.0 * f - 2.0) / 2.0
        w3 = (3.0 * f * f - 1.0) / 6.0
    else:
        w0 = -f * (f - 1.0) * (f - 2.0) / 6.0
        w1 = (f + 1.0) * (f - 1.0) * (f - 2.0) / 2.0
        w2 = -(f + 1.0) * f * (f - 2.0) / 2.0
        w3 = (f + 1.0) * f * (f - 1.0) / 6.0
    i = base + at - k
    return w0 * work[i + 1] + w1 * work[i] + w2 * work[i - 1] + w3 * work[i - 2]


@njit(**OPTIONS)
def longest_block(delay, offset, past, still):  # pragma: no cover
    """Samples that can be computed at once, or 0 where a delay is out of range; moving ones are read by four points.

    ``still`` says after it which lines do not move at all.
    """
    shortest = np.int64(2**62)
    for i in range(delay.shape[0]):
        low, high = np.float64(delay[i]), np.float64(delay[i])
        still[i] = True
        if offset.shape[1]:
            smallest, largest = np.inf, -np.inf
            for n in range(offset.shape[1]):
                smallest, largest = min(smallest, offset[i, n]), max(largest, offset[i, n])
                if offset[i, n] != offset[i, n]:
                    return np.int64(0)
            still[i] = smallest == 0.0 and largest == 0.0
            low, high = np.floor(low + smallest) - 1.0, high + largest
        if low < 1.0 or high > past - 2:
            return np.int64(0)
        shortest = min(shortest, np.int64(low))
    return min(shortest, np.int64(CHUNK))


@njit(**OPTIONS)
def lane_starts(lines, stride, group, offsets):  # pragma: no cover
    """Where each lane of a group finds its line in a flat buffer; lanes beyond the last line find that."""
    for lane in range(LANES):
        offsets[lane] = min(group * LANES + lane, lines - 1) * stride


@njit(**OPTIONS)
def read_block(work, stride, at, delay, offset, still, first, count, group, offsets, tile, t_at):  # pragma: no cover
    """A block of a group of lines, delayed, into the tile that begins at element ``t_at``; ``first`` is its time."""
    lines = delay.shape[0]
    if offset.shape[1] == 0:
        for lane in range(LANES):
            i = min(group * LANES + lane, lines - 1)
            offsets[lane] = i * stride - delay[i]
        read_lanes(work, offsets, at, count, tile, t_at // LANES)
        return
    for lane in range(LANES):
        i = min(group * LANES + lane, lines - 1)
        if still[i]:
            here = i * stride + at - delay[i]
            for q in range(count):
                tile[t_at + q * LANES + lane] = work[here + q]
            continue
        for q in range(count):
            d = delay[i] + offset[i, first + q]
            tile[t_at + q * LANES + lane] = cubic_read(work, i * stride, at + q, d, False)


@njit(**OPTIONS)
def is_wire(coef, k, group):  # pragma: no cover
    """Whether a constant section of a group lets everything pass as it is, in all its lanes."""
    for lane in range(LANES):
        if coef[0, k, group, 0, lane] != 1.0:
            return False
        for i in range(1, 5):
            if coef[0, k, group, i, lane] != 0.0:
                return False
    return True


@njit(**OPTIONS)
def _flush(values, at, count):  # pragma: no cover
    for i in range(at, at + count):
        values[i] = 0.0 if abs(values[i]) < TINY else values[i]


@njit(**OPTIONS)
def feedback_network_rows(
    start, stop, x, delay, offset, mixing, coef, past, zi, lines, y, zf, checkpoints, good
):  # pragma: no cover
    """Run the networks of rows ``start`` to ``stop - 1``.

    Args:
        start: first row.
        stop: one after the last row.
        x: (R, inputs, T).
        delay: (R, N) int64, in samples.
        offset: (R, N, T) float64, added to the delays; (R, N, 0) where they stand still.
        mixing: (R, N + inputs, GO LANES): what each line and each input gives to the N lines and, in the lanes after
            them, to the outputs.
        coef: (R, 1 or T, K, G, 5, LANES), sections b0 b1 b2 a1 a2.
        past: (R, N, P), what went into the lines, oldest first.
        zi: (R, K, G, 2, LANES), states of the sections.
        lines: (R, N, P + T), or (R, N, P) where only the end is wanted; filled.
        y: (R, outputs, T); filled.
        zf: as zi; filled.
        checkpoints: (R, chunks or 0, K, G, 2, LANES); filled.
        good: (R,) set to False where a delay is out of range.
    """
    N, P = past.shape[1], past.shape[2]
    inputs, T, outputs = x.shape[1], x.shape[2], y.shape[1]
    K, G = coef.shape[2], coef.shape[3]
    moving = coef.shape[1] != 1
    step = K * G * 5 * LANES if moving else 0
    keep = lines.shape[2] > P
    room = T if keep else min(T, max(P, _ROOM))
    stride = P + room
    # Lanes without a line write to lines of their own, so that all lanes can be written at once.
    local = aligned_zeros(0 if keep else G * LANES * stride, mixing)
    out_groups = mixing.shape[2] // LANES
    in_groups = (inputs + LANES - 1) // LANES
    size = CHUNK * LANES
    tile = aligned_zeros((G + in_groups + out_groups) * size, mixing)
    x_at, out_at = G * size, (G + in_groups) * size
    places = np.empty(N + inputs, np.int64)
    for j in range(N):
        places[j] = (j // LANES) * size + j % LANES
    for c in range(inputs):
        places[N + c] = x_at + (c // LANES) * size + c % LANES
    offsets = np.empty(LANES, np.int64)
    wire, still = np.zeros((K, G), np.bool_), np.zeros(N, np.bool_)
    for row in range(start, stop):
        longest = longest_block(delay[row], offset[row], P, still)
        if longest == 0:
            good[row] = False
            continue
        for k in range(K):
            for g in range(G):
                wire[k, g] = not moving and is_wire(coef[row], k, g)
        work = lines[row].reshape(-1) if keep else local
        for i in range(N):
            work[i * stride : i * stride + P] = past[row, i]
        flat, columns = coef[row].reshape(-1), mixing[row].reshape(-1)
        state = zf[row].reshape(-1)
        state[:] = zi[row].reshape(-1)
        at, n = P, 0
        while n < T:
            if n % CHUNK == 0 and checkpoints.shape[1]:
                checkpoints[row, n // CHUNK].reshape(-1)[:] = state
            if at == stride:
                for i in range(N):
                    here = i * stride
                    for q in range(P):
                        work[here + q] = work[here + room + q]
                at = P
            count = min(longest, CHUNK - n % CHUNK, T - n, stride - at)
            for g in range(G):
                read_block(work, stride, at, delay[row], offset[row], still, n, count, g, offsets, tile, g * size)
                for k in range(K):
                    if not wire[k, g]:
                        c_at = n * step + (k * G + g) * 5 * LANES
                        z_at = (k * G + g) * 2 * LANES
                        section_forward(tile, g * size, tile, g * size, count, flat, c_at, step, state, z_at)
            for c in range(inputs):
                for q in range(count):
                    tile[places[N + c] + q * LANES] = x[row, c, n + q]
            for g in range(out_groups):
                here = out_at + g * size
                mix_lanes(tile, places, N + inputs, columns, g * LANES, out_groups * LANES, tile, here, count)
                if g < G:
                    _flush(tile, here, count * LANES)
                    lane_starts(N if keep else G * LANES, stride, g, offsets)
                    lanes = min(LANES, N - g * LANES) if keep else LANES
                    write_lanes(tile, here // LANES, work, offsets, at, count, lanes)
                for j in range(max(N, g * LANES), min(N + outputs, (g + 1) * LANES)):
                    for q in range(count):
                        y[row, j - N, n + q] = tile[here + q * LANES + j % LANES]
            _flush(state, 0, state.size)
            at += count
            n += count
        if not keep:
            for i in range(N):
                lines[row, i] = work[i * stride + at - P : i * stride + at]
