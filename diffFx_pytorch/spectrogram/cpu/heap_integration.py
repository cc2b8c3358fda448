"""Numba kernel of phase gradient heap integration."""

from __future__ import annotations

import math

import numpy as np

from diffFx_pytorch.kernels import njit

PENDING = 0  # no phase yet
REACHED = 1  # given a phase in an earlier pass, may hand it on in the next
DONE = 2


@njit(nogil=True, cache=True, boundscheck=False, error_model="numpy", inline="always")
def _push(keys, nodes, size, key, node):  # pragma: no cover
    child = size
    while child > 0:
        parent = (child - 1) >> 1
        if keys[parent] >= key:
            break
        keys[child] = keys[parent]
        nodes[child] = nodes[parent]
        child = parent
    keys[child] = key
    nodes[child] = node
    return size + 1


@njit(nogil=True, cache=True, boundscheck=False, error_model="numpy", inline="always")
def _drop_top(keys, nodes, size):  # pragma: no cover
    size -= 1
    key = keys[size]
    node = nodes[size]
    parent = 0
    while True:
        child = 2 * parent + 1
        if child >= size:
            break
        if child + 1 < size and keys[child + 1] > keys[child]:
            child += 1
        if keys[child] <= key:
            break
        keys[parent] = keys[child]
        nodes[parent] = nodes[child]
        parent = child
    keys[parent] = key
    nodes[parent] = node
    return size


@njit(nogil=True, cache=True, boundscheck=False, error_model="numpy")
def integrate_rows(start, stop, level, order, time_slope, bin_slope, floors, phase, state):  # pragma: no cover
    """Phase of every bin above the last floor, from its loudest neighbour that has one.

    From the loudest bin without a phase, which gets 0, the phase spreads to the four neighbours of the loudest bin
    reached so far, each step the mean of the slopes at its two ends. What a floor hid is reached in a later pass, from
    all that has a phase by then.

    Args:
        start: first row.
        stop: one beyond the last row.
        level: log magnitude, (rows, frames, bins).
        order: indices of an item's bins, the loudest first, (rows, frames * bins).
        time_slope: phase step from a frame to the next, (rows, frames, bins).
        bin_slope: phase step from a bin to the next, (rows, frames, bins).
        floors: level that a bin must exceed to be reached, (rows, passes), falling.
        phase: filled where reached, float64 (rows, frames, bins).
        state: scratch and result, uint8 of zeros (rows, frames * bins): ``PENDING`` where not reached.
    """
    frames = level.shape[1]
    bins = level.shape[2]
    total = frames * bins
    turn_angle = 2 * math.pi
    keys = np.empty(total, level.dtype)
    nodes = np.empty(total, np.int64)
    for row in range(start, stop):
        s = level[row].reshape(total)
        dt = time_slope[row].reshape(total)
        df = bin_slope[row].reshape(total)
        p = phase[row].reshape(total)
        known = state[row]
        for turn in range(floors.shape[1]):
            floor = floors[row, turn]
            size = 0
            if turn:
                for i in range(total):
                    if known[i] == REACHED:
                        size = _push(keys, nodes, size, s[i], i)
            position = 0
            while True:
                if size == 0:
                    while position < total and known[order[row, position]] != PENDING:
                        position += 1
                    if position == total or not s[order[row, position]] > floor:
                        break
                    i = order[row, position]
                    p[i] = 0.0
                    known[i] = REACHED
                    size = _push(keys, nodes, size, s[i], i)
                i = nodes[0]
                size = _drop_top(keys, nodes, size)
                n = i // bins
                k = i - n * bins
                open_neighbours = False
                for side in range(4):
                    if side == 0:
                        if n + 1 == frames:
                            continue
                        j = i + bins
                        step = 0.5 * (dt[i] + dt[j])
                    elif side == 1:
                        if n == 0:
                            continue
                        j = i - bins
                        step = -0.5 * (dt[i] + dt[j])
                    elif side == 2:
                        if k + 1 == bins:
                            continue
                        j = i + 1
                        step = 0.5 * (df[i] + df[j])
                    else:
                        if k == 0:
                            continue
                        j = i - 1
                        step = -0.5 * (df[i] + df[j])
                    if known[j] != PENDING:
                        continue
                    if s[j] > floor:
                        p[j] = p[i] + step
                        known[j] = REACHED
                        size = _push(keys, nodes, size, s[j], j)
                    else:
                        open_neighbours = True
                if not open_neighbours:
                    known[i] = DONE
        for i in range(total):
            p[i] -= turn_angle * math.floor(p[i] / turn_angle + 0.5)
