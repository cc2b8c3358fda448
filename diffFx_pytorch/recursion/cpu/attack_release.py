"""Numba kernels of the attack/release smoother: rows side by side, a tile of time steps at a time.

Every kernel works on rows ``start`` to ``stop - 1``, as many of them at once as ``width`` is long. Coefficient arrays
are (rows, 1) or (rows, T), and ``*_row`` says which of their rows each output row reads, so that coefficients shared by
channels are never copied.
"""

from __future__ import annotations

import numpy as np

from diffFx_pytorch.kernels import njit
from diffFx_pytorch.kernels.inner import INNER
from diffFx_pytorch.kernels.vector import SIDE, load, load_wide, store, where

from .row_tiles import distance, read_tile, write_tile

WIDE = (0,) * 16
"""Sixteen rows: two vectors of float64, the latency of one hidden behind the other."""
NARROW = (0,) * SIDE
"""Eight rows: dearer per row, but twice as many pieces of work for threads to share."""
STEPS = 256
"""Samples a tile."""
FEW = 4  # up to so many rows, one after the other is faster than lanes mostly empty


@njit(**INNER)
def _next_level(x, y, up, down):  # pragma: no cover
    # Both candidates are known early: one multiply-add and one selection lie on the critical path.
    rise = up * y + (1.0 - up) * x
    fall = down * y + (1.0 - down) * x
    return where(x > y, rise, fall)


@njit(**INNER)
def _smooth_tile(width, state, xs, attacks, attack_stride, releases, release_stride, levels, steps):  # pragma: no cover
    """Run the recursion over a tile; ``levels`` (which may be ``xs``) receives all levels and ``state`` the last."""
    lanes = len(width)
    y = load(state, 0, width)
    for t in range(steps):
        up, down = load_wide(attacks, t * attack_stride, width), load_wide(releases, t * release_stride, width)
        y = _next_level(load_wide(xs, t * lanes, width), y, up, down)
        store(levels, t * lanes, y)
    store(state, 0, y)


@njit(**INNER)
def _smooth_tile_adjoint(
    carry, sums, levels, xs, attacks, attack_stride, releases, release_stride, grads, to_attack, to_release, steps
):  # pragma: no cover
    """The recursion backwards over a tile of SIDE rows; ``grads`` holds the gradient of y and becomes that of x.

    Those of the coefficients are added up (``sums``, attack and release), and kept for each step where the coefficient
    varies (with a stride of 0 every step overwrites the last). ``levels`` begins with the state before the tile.
    """
    carried, attack_sum, release_sum = load(carry, 0), load(sums, 0), load(sums, SIDE)
    for t in range(steps - 1, -1, -1):
        at, up_at, down_at = t * SIDE, t * attack_stride, t * release_stride
        x, y = load_wide(xs, at), load(levels, at)
        rising = x > y
        g = load_wide(grads, at) + carried
        carried = where(rising, load_wide(attacks, up_at), load_wide(releases, down_at)) * g
        store(grads, at, g - carried)
        slope = g * (y - x)
        up, down = where(rising, slope, 0.0), where(rising, 0.0, slope)
        store(to_attack, up_at, up)
        store(to_release, down_at, down)
        attack_sum += up
        release_sum += down
    store(carry, 0, carried)
    store(sums, 0, attack_sum)
    store(sums, SIDE, release_sum)


@njit(**INNER)
def _read(source, row_of, first, rows, t0, steps, tile, places):  # pragma: no cover
    """Steps from ``t0`` on of the rows ``first`` to ``first + rows - 1``; lanes beyond repeat the last.

    Of what is constant, (rows, 1), one step, which every step of the tile then reads.
    """
    lanes, length = tile.size // STEPS, source.shape[1]
    for lane in range(lanes):
        row = row_of[first + min(lane, rows - 1)]
        places[lane] = row if length == 1 else row * length + t0
    read_tile(source, places, min(steps, length), tile, lanes, steps)


@njit(**INNER)
def _write(target, first, rows, t0, steps, tile, places, unwanted):  # pragma: no cover
    """The way back of `_read` for rows of their own; lanes beyond go to the array ``unwanted``."""
    lanes, nowhere = tile.size // STEPS, distance(target, unwanted)
    for lane in range(lanes):
        places[lane] = (first + lane) * target.shape[1] + t0 if lane < rows else nowhere
    write_tile(target, places, steps, tile, lanes, steps)


@njit(nogil=True, cache=True, fastmath={"contract", "nsz"}, boundscheck=False, error_model="numpy")
def _one_row(x, attack, release, state, denormal_threshold, y, checkpoints):  # pragma: no cover
    T = y.shape[0]
    up = np.float64(attack[0])
    down = np.float64(release[0])
    for t0 in range(0, T, STEPS):
        if checkpoints.shape[0] > 0:
            checkpoints[t0 // STEPS] = state
        for t in range(t0, min(T, t0 + STEPS)):
            if attack.shape[0] > 1:
                up = np.float64(attack[t])
            if release.shape[0] > 1:
                down = np.float64(release[t])
            value = np.float64(x[t])
            rise = up * state + (1.0 - up) * value
            fall = down * state + (1.0 - down) * value
            state = rise if value > state else fall
            y[t] = state
        if abs(state) < denormal_threshold:
            state = 0.0
    return state


@njit(nogil=True, cache=True, fastmath={"contract", "nsz"}, boundscheck=False, error_model="numpy")
def attack_release_rows(
    start, stop, width, x, x_row, attack, attack_row, release, release_row, zi, denormal_threshold, y, zf, checkpoints
):  # pragma: no cover
    """``y[t] = c y[t-1] + (1 - c) x[t]``, ``c`` the attack where ``x[t] > y[t-1]``, else the release.

    ``checkpoints`` (rows, tiles) keeps the state before each tile in float64 (none wanted: an empty array). States
    smaller than ``denormal_threshold`` become zero at the end of a tile, so that decaying tails never reach denormals.
    """
    LANES = len(width)
    T = y.shape[1]
    if stop - start <= FEW:
        for row in range(start, stop):
            zf[row] = _one_row(
                x[x_row[row]],
                attack[attack_row[row]],
                release[release_row[row]],
                zi[row],
                denormal_threshold,
                y[row],
                checkpoints[row],
            )
        return
    attack_stride = LANES if attack.shape[1] > 1 else 0
    release_stride = LANES if release.shape[1] > 1 else 0
    xs = np.empty(LANES * STEPS, x.dtype)
    attacks = np.empty(LANES * STEPS, attack.dtype)
    releases = np.empty(LANES * STEPS, release.dtype)
    unwanted = np.empty(STEPS, x.dtype)
    places, state = np.empty(LANES, np.int64), np.empty(LANES)
    for first in range(start, stop, LANES):
        rows = min(LANES, stop - first)
        for lane in range(LANES):
            state[lane] = zi[first + min(lane, rows - 1)]
        for t0 in range(0, T, STEPS):
            steps = min(STEPS, T - t0)
            _read(x, x_row, first, rows, t0, steps, xs, places)
            _read(attack, attack_row, first, rows, t0, steps, attacks, places)
            _read(release, release_row, first, rows, t0, steps, releases, places)
            if checkpoints.shape[1] > 0:
                for lane in range(rows):
                    checkpoints[first + lane, t0 // STEPS] = state[lane]
            _smooth_tile(width, state, xs, attacks, attack_stride, releases, release_stride, xs, steps)
            _write(y, first, rows, t0, steps, xs, places, unwanted)
            for lane in range(LANES):
                state[lane] = 0.0 if abs(state[lane]) < denormal_threshold else state[lane]
        for lane in range(rows):
            zf[first + lane] = state[lane]


@njit(**INNER)
def _one_row_backward(
    x, attack, release, checkpoints, grad_y, carry, levels, grad_x, grad_attack, grad_release
):  # pragma: no cover
    T = x.shape[0]
    up = np.float64(attack[0])
    down = np.float64(release[0])
    sum_attack = 0.0
    sum_release = 0.0
    for tile in range(checkpoints.shape[0] - 1, -1, -1):
        t0 = tile * STEPS
        steps = min(STEPS, T - t0)
        state = checkpoints[tile]
        for t in range(steps):
            levels[t] = state
            if attack.shape[0] > 1:
                up = np.float64(attack[t0 + t])
            if release.shape[0] > 1:
                down = np.float64(release[t0 + t])
            value = np.float64(x[t0 + t])
            rise = up * state + (1.0 - up) * value
            fall = down * state + (1.0 - down) * value
            state = rise if value > state else fall
        for t in range(steps - 1, -1, -1):
            if attack.shape[0] > 1:
                up = np.float64(attack[t0 + t])
            if release.shape[0] > 1:
                down = np.float64(release[t0 + t])
            value = np.float64(x[t0 + t])
            rising = value > levels[t]
            c = up if rising else down
            total = np.float64(grad_y[t0 + t]) + carry
            carry = c * total
            grad_x[t0 + t] = total - c * total
            slope = total * (levels[t] - value)
            to_attack = slope if rising else 0.0
            to_release = 0.0 if rising else slope
            sum_attack += to_attack
            sum_release += to_release
            if grad_attack.shape[0] > 1:
                grad_attack[t0 + t] = to_attack
            if grad_release.shape[0] > 1:
                grad_release[t0 + t] = to_release
    if grad_attack.shape[0] == 1:
        grad_attack[0] = sum_attack
    if grad_release.shape[0] == 1:
        grad_release[0] = sum_release
    return carry


@njit(nogil=True, cache=True, fastmath={"contract", "nsz"}, boundscheck=False, error_model="numpy", compact=True)
def attack_release_backward_rows(
    start,
    stop,
    x,
    x_row,
    attack,
    attack_row,
    release,
    release_row,
    checkpoints,
    grad_y,
    grad_y_row,
    grad_zf,
    grad_x,
    grad_attack,
    grad_release,
    grad_zi,
):  # pragma: no cover
    """Gradients of :func:`attack_release_rows`, one per output row (sums over shared rows are the caller's).

    The levels, and with them the choice between attack and release, are computed again from the checkpoints in
    float64, so the choice is the one the forward pass made. ``grad_attack`` and ``grad_release`` are (rows, T) where
    they vary in time, (rows, 1) for constant ones, (rows, 0) where nobody asks.
    """
    T = x.shape[1]
    if stop - start <= FEW:
        row_levels = np.empty(STEPS)
        for row in range(start, stop):
            grad_zi[row] = _one_row_backward(
                x[x_row[row]],
                attack[attack_row[row]],
                release[release_row[row]],
                checkpoints[row],
                grad_y[grad_y_row[row]],
                grad_zf[row],
                row_levels,
                grad_x[row],
                grad_attack[row],
                grad_release[row],
            )
        return
    attack_stride = SIDE if attack.shape[1] > 1 else 0
    release_stride = SIDE if release.shape[1] > 1 else 0
    xs, grads, unwanted = np.empty(SIDE * STEPS, x.dtype), np.empty(SIDE * STEPS, x.dtype), np.empty(STEPS, x.dtype)
    attacks, releases = np.empty(SIDE * STEPS, attack.dtype), np.empty(SIDE * STEPS, attack.dtype)
    to_attack, to_release = np.empty(SIDE * STEPS, attack.dtype), np.empty(SIDE * STEPS, attack.dtype)
    unwanted_slope = np.empty(STEPS, attack.dtype)
    levels = np.empty(SIDE * (STEPS + 1))
    places, state = np.empty(SIDE, np.int64), np.empty(SIDE)
    carry, sums = np.empty(SIDE), np.empty(2 * SIDE)
    for first in range(start, stop, SIDE):
        rows = min(SIDE, stop - first)
        for lane in range(SIDE):
            carry[lane] = grad_zf[first + min(lane, rows - 1)]
        sums[:] = 0.0
        for tile in range(checkpoints.shape[1] - 1, -1, -1):
            t0 = tile * STEPS
            steps = min(STEPS, T - t0)
            _read(x, x_row, first, rows, t0, steps, xs, places)
            _read(grad_y, grad_y_row, first, rows, t0, steps, grads, places)
            _read(attack, attack_row, first, rows, t0, steps, attacks, places)
            _read(release, release_row, first, rows, t0, steps, releases, places)
            for lane in range(SIDE):
                levels[lane] = state[lane] = checkpoints[first + min(lane, rows - 1), tile]
            after = levels[SIDE:]
            _smooth_tile(NARROW, state, xs, attacks, attack_stride, releases, release_stride, after, steps)
            _smooth_tile_adjoint(
                carry,
                sums,
                levels,
                xs,
                attacks,
                attack_stride,
                releases,
                release_stride,
                grads,
                to_attack,
                to_release,
                steps,
            )
            _write(grad_x, first, rows, t0, steps, grads, places, unwanted)
            if grad_attack.shape[1] > 1:
                _write(grad_attack, first, rows, t0, steps, to_attack, places, unwanted_slope)
            if grad_release.shape[1] > 1:
                _write(grad_release, first, rows, t0, steps, to_release, places, unwanted_slope)
        for lane in range(rows):
            grad_zi[first + lane] = carry[lane]
            if grad_attack.shape[1] == 1:
                grad_attack[first + lane, 0] = sums[lane]
            if grad_release.shape[1] == 1:
                grad_release[first + lane, 0] = sums[SIDE + lane]
