"""A feedback delay network, block by block: within the shortest delay all that the lines give is known before.

A block of every line is read into tiles of LANES lines, filtered there, multiplied by the matrix and written back. Only
the absorption is a recursion from sample to sample, and its lines lie in lanes.
"""

from __future__ import annotations

import numpy as np

from diffFx_pytorch.kernels import njit
from diffFx_pytorch.kernels.inner import INNER
from diffFx_pytorch.kernels.vector import SIDE

from .buffers import aligned_zeros, move_back
from .feedback_network_lanes import LANES, THRESHOLD, first_order_four, mix_lanes, section
from .row_tiles import distance, read_tile, write_tile
from .taps import ROOM, copy_range, new_taps, prepare_taps, read_time_varying

OPTIONS = {"nogil": True, "cache": True, "error_model": "numpy", "fastmath": {"contract", "nsz"}, "compact": True}
CHUNK = 128
"""Samples between checkpoints of the absorption's states; a block never crosses a border between chunks."""
_ROOM = 2048


@njit(**INNER)
def longest_block(delay, offset, past, still):  # pragma: no cover
    """Samples that can be computed at once, whole vectors if possible, or 0 where a delay is out of range.

    Time-varying delays are read by four points. ``still`` says after it which lines do not move at all.
    """
    shortest = np.int64(2**62)
    for i in range(delay.shape[0]):
        low, high = np.float64(delay[i]), np.float64(delay[i])
        still[i] = 1
        if offset.shape[1]:
            smallest, largest = np.inf, -np.inf
            for n in range(offset.shape[1]):
                smallest, largest = min(smallest, offset[i, n]), max(largest, offset[i, n])
                if offset[i, n] != offset[i, n]:
                    return np.int64(0)
            still[i] = 1 if smallest == 0.0 and largest == 0.0 else 0
            low, high = np.floor(low + smallest) - 1.0, high + largest
        if low < 1.0 or high > past - 2:
            return np.int64(0)
        shortest = min(shortest, np.int64(low))
    shortest = min(shortest, np.int64(CHUNK))
    return shortest // SIDE * SIDE if shortest > SIDE else shortest


@njit(**INNER)
def time_varying_taps(delay, offset, first, count, tables, delays, taps):  # pragma: no cover
    """Prepare the taps of a block of one line; ``delays`` is room for it."""
    for q in range(count):
        delays[q] = delay + offset[first + q]
    prepare_taps(delays[:count], 0, count, 1, np.inf, tables, False, taps)


@njit(**INNER)
def read_block(
    work, base, at, delay, offset, still, first, count, group, tables, taps, scratch, places, tile
):  # pragma: no cover
    """A block of a group of lines, delayed, into a tile.

    ``base`` says where the lines begin and ``at`` how far on the block is; ``first`` is its time, ``scratch`` two rooms
    of a block.
    """
    lines = delay.shape[0]
    if offset.shape[1] == 0:
        for lane in range(LANES):
            i = min(group * LANES + lane, lines - 1)
            places[lane] = base[i] + at - delay[i]
        read_tile(work, places, count, tile, LANES, count)
        return
    heard = scratch[:ROOM]
    for lane in range(LANES):
        i = min(group * LANES + lane, lines - 1)
        if still[i]:
            copy_range(work, base[i] + at - delay[i], heard, 0, count)
        else:
            time_varying_taps(delay[i], offset[i], first, count, tables, scratch[ROOM:], taps)
            read_time_varying(work, base[i] + at, taps.weights, taps, count, heard)
        for q in range(count):
            tile[q * LANES + lane] = heard[q]


@njit(**INNER)
def is_wire(coef):  # pragma: no cover
    """Whether a constant section of a group lets everything pass as it is, in all its lanes."""
    different = 0
    for i in range(5 * LANES):
        different += 1 if coef[i] != (1.0 if i < LANES else 0.0) else 0
    return different == 0


@njit(**INNER)
def _is_first_order(coef, state):  # pragma: no cover
    """Whether a constant section of a group is of first order in all its lanes, with a state that is."""
    different = 0
    for i in range(LANES):
        different += (coef[2 * LANES + i] != 0.0) | (coef[4 * LANES + i] != 0.0) | (state[LANES + i] != 0.0)
    return different == 0


@njit(**INNER)
def _flush(values, count):  # pragma: no cover
    for i in range(count):
        values[i] = 0.0 if abs(values[i]) < THRESHOLD else values[i]


@njit(**OPTIONS)
def feedback_network_rows(
    start, stop, sounds, delay, offset, mixing, coef, past, zi, tables, heard, end, zf, lines, checkpoints, good
):  # pragma: no cover
    """Run the networks of rows ``start`` to ``stop - 1``.

    Args:
        start: first row.
        stop: one after the last row.
        sounds: (R, inputs, T) in float32 and in float64, of which one is without rows: a kernel for each takes twice
            the time to compile.
        delay: (R, N) int64, in samples.
        offset: (R, N, T) float64, added to the delays; (R, N, 0) where they stand still.
        mixing: (R, N + inputs, GO LANES): what each line and each input gives to the N lines and, in the lanes after
            them, to the outputs.
        coef: (R, 1 or T, K, G, 5, LANES), sections b0 b1 b2 a1 a2.
        past: (R, N, P), what went into the lines, oldest first.
        zi: (R, K, G, 2, LANES), states of the sections.
        tables: of weights and slopes of time-varying reads.
        heard: (R, outputs, T), likewise; filled.
        end: (R, N, P), the last that went into the lines; filled.
        zf: as zi; filled.
        lines: (R, N, P + T), all that went into them with its past, or (R, 0, ...); filled.
        checkpoints: (R, chunks or 0, K, G, 2, LANES); filled.
        good: (R,) set to False where a delay is out of range.
    """
    N, P = past.shape[1], past.shape[2]
    (x, x_wide), (y, y_wide) = sounds, heard
    inputs, T, outputs = x.shape[1], x.shape[2], y.shape[1]
    wide = x.shape[0] == 0
    K, G = coef.shape[2], coef.shape[3]
    time_varying = coef.shape[1] != 1
    step = K * G * 5 * LANES if time_varying else 0
    keep = lines.shape[1] > 0
    room = T if keep else min(T, _ROOM)
    # Of its past a line keeps as much as is read, so that all lines stay in the cache.
    local = aligned_zeros(0 if keep else N * (P + room), mixing)
    base, reach = np.zeros(N, np.int64), np.zeros(N, np.int64)
    nowhere = aligned_zeros(CHUNK, mixing)
    out_groups = mixing.shape[2] // LANES
    in_groups = (inputs + LANES - 1) // LANES
    size = CHUNK * LANES
    tile = aligned_zeros((G + in_groups + out_groups) * size, mixing)
    sound, out = G * size, (G + in_groups) * size
    taps = new_taps(4, False)
    scratch = np.zeros(2 * ROOM)
    mixed_from, places, still = np.zeros(N + inputs, np.int64), np.zeros(LANES, np.int64), np.zeros(N, np.int64)
    for j in range(N):
        mixed_from[j] = (j // LANES) * size + j % LANES
    for c in range(inputs):
        mixed_from[N + c] = sound + (c // LANES) * size + c % LANES
    # Of constant sections: whether one lets everything pass, and whether it begins four of first order.
    wire, four = np.zeros(K * G, np.int64), np.zeros(K * G, np.int64)
    for row in range(start, stop):
        longest = longest_block(delay[row], offset[row], P, still)
        if longest == 0:
            good[row] = False
            continue
        flat, columns, state = coef[row].reshape(-1), mixing[row].reshape(-1), zf[row].reshape(-1)
        for k in range(K * G):
            wire[k] = 1 if not time_varying and is_wire(flat[k * 5 * LANES :]) else 0
        work = lines[row].reshape(-1) if keep else local
        behind = np.int64(0)
        for i in range(N):
            reach[i] = P if keep or offset.shape[2] else delay[row, i]
            base[i] = behind + reach[i]
            behind = base[i] + room
            copy_range(past[row, i], P - reach[i], work, base[i] - reach[i], reach[i])
            copy_range(past[row, i], min(T, P), end[row, i], 0, max(P - T, 0))
        copy_range(zi[row].reshape(-1), 0, state, 0, state.size)
        for k in range(K * G):
            four[k] = 0
            if not time_varying and k % (4 * G) < G and k + 3 * G < K * G:
                first = 0
                for here in range(k, k + 4 * G, G):
                    low, wired = _is_first_order(flat[here * 5 * LANES :], state[here * 2 * LANES :]), wire[here]
                    first += 1 if low and not wired else 0
                four[k] = 1 if first == 4 else 0
        at, n = 0, 0
        while n < T:
            if n % CHUNK == 0 and checkpoints.shape[1]:
                copy_range(state, 0, checkpoints[row, n // CHUNK].reshape(-1), 0, state.size)
            if at == room:
                for i in range(N):
                    move_back(work, base[i] - reach[i], base[i], room)
                at = 0
            count = min(longest, CHUNK - n % CHUNK if keep else CHUNK, T - n, room - at)
            for g in range(G):
                lanes = tile[g * size : (g + 1) * size]
                read_block(
                    work, base, at, delay[row], offset[row], still, n, count, g, tables, taps, scratch, places, lanes
                )
                k = 0
                while k < K:
                    here = k * G + g
                    if four[here]:
                        coef_four, state_four = flat[here * 5 * LANES :], state[here * 2 * LANES :]
                        first_order_four(lanes, count, coef_four, 5 * G * LANES, state_four, 2 * G * LANES)
                        k += 4
                        continue
                    if not wire[here]:
                        section(
                            lanes, lanes, count, flat[n * step + here * 5 * LANES :], step, state[here * 2 * LANES :]
                        )
                    k += 1
            for c in range(inputs):
                for q in range(count):
                    tile[mixed_from[N + c] + q * LANES] = x_wide[row, c, n + q] if wide else x[row, c, n + q]
            for g in range(out_groups):
                lanes = tile[out + g * size : out + (g + 1) * size]
                mix_lanes(tile, mixed_from, N + inputs, columns[g * LANES :], out_groups * LANES, lanes, count)
                if g < G:
                    for lane in range(LANES):
                        i = g * LANES + lane
                        places[lane] = base[i] + at if i < N else distance(work, nowhere)
                    write_tile(work, places, count, lanes, LANES, count)
                for j in range(max(N, g * LANES), min(N + outputs, (g + 1) * LANES)):
                    for q in range(count):
                        if wide:
                            y_wide[row, j - N, n + q] = lanes[q * LANES + j % LANES]
                        else:
                            y[row, j - N, n + q] = lanes[q * LANES + j % LANES]
            # The state begins where the signal still has P samples to go.
            skip = max(np.int64(0), T - P - n)
            for i in range(N if skip < count else 0):
                copy_range(work, base[i] + at + skip, end[row, i], n + skip + P - T, count - skip)
            _flush(state, state.size)
            at += count
            n += count
