"""Numba kernels of the attack/release smoother: rows side by side, a tile of time steps at a time.

Every kernel works on rows ``start`` to ``stop - 1``, as many of them at once as ``width`` is long. Coefficient arrays
are (rows, 1) or (rows, T), and ``*_row`` says which of their rows each output row reads, so that coefficients shared by
channels are never copied.
"""

from __future__ import annotations

import numpy as np

from diffFx_pytorch.kernels import njit
from diffFx_pytorch.recursion.cpu.inner import INNER
from diffFx_pytorch.recursion.cpu.smooth_tile import advance_tile, retreat_tile, smooth_tile
from diffFx_pytorch.recursion.cpu.tiles import STEPS, load_tile, store_tile

FEW = 4  # up to so many rows, one after the other is faster than lanes mostly empty


@njit(**INNER)
def _constant_step(width, tile, source, row_of, first, lanes):  # pragma: no cover
    """One step of a constant coefficient, which every step of the tile then reads."""
    LANES = len(width)
    for lane in range(LANES):
        tile[lane] = source[row_of[first + min(lane, lanes - 1)], 0]


@njit(nogil=True, cache=True, fastmath={"contract", "nsz"}, boundscheck=False, error_model="numpy")
def _one_row(x, attack, release, state, tiny, y, checkpoints):  # pragma: no cover
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
        if abs(state) < tiny:
            state = 0.0
    return state


@njit(nogil=True, cache=True, fastmath={"contract", "nsz"}, boundscheck=False, error_model="numpy")
def attack_release_rows(
    start, stop, width, x, x_row, attack, attack_row, release, release_row, zi, tiny, y, zf, checkpoints
):  # pragma: no cover
    """``y[t] = c y[t-1] + (1 - c) x[t]``, ``c`` the attack where ``x[t] > y[t-1]``, else the release.

    ``checkpoints`` (rows, tiles) keeps the state before each tile in float64 (none wanted: an empty array). States
    smaller than ``tiny`` become zero at the end of a tile, so that decaying tails never reach denormals.
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
                tiny,
                y[row],
                checkpoints[row],
            )
        return
    attack_moves = attack.shape[1] > 1
    release_moves = release.shape[1] > 1
    attack_stride = LANES if attack_moves else 0
    release_stride = LANES if release_moves else 0
    xs = np.empty(LANES * STEPS, x.dtype)
    x_scratch = np.empty(LANES * STEPS, x.dtype)
    attacks = np.empty(LANES * STEPS, attack.dtype)
    releases = np.empty(LANES * STEPS, release.dtype)
    scratch = np.empty(LANES * STEPS, attack.dtype)
    state = np.empty(LANES)
    for first in range(start, stop, LANES):
        lanes = min(LANES, stop - first)
        for lane in range(LANES):
            state[lane] = zi[first + min(lane, lanes - 1)]
        _constant_step(width, attacks, attack, attack_row, first, lanes)
        _constant_step(width, releases, release, release_row, first, lanes)
        for t0 in range(0, T, STEPS):
            steps = min(STEPS, T - t0)
            load_tile(width, xs, x_scratch, x, x_row, first, lanes, t0, steps)
            if attack_moves:
                load_tile(width, attacks, scratch, attack, attack_row, first, lanes, t0, steps)
            if release_moves:
                load_tile(width, releases, scratch, release, release_row, first, lanes, t0, steps)
            if checkpoints.shape[1] > 0:
                for lane in range(lanes):
                    checkpoints[first + lane, t0 // STEPS] = state[lane]
            smooth_tile(width, state, xs, attacks, attack_stride, releases, release_stride, steps)
            store_tile(width, y, xs, x_scratch, first, lanes, t0, steps)
            for lane in range(LANES):
                state[lane] = 0.0 if abs(state[lane]) < tiny else state[lane]
        for lane in range(lanes):
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


@njit(nogil=True, cache=True, fastmath={"contract", "nsz"}, boundscheck=False, error_model="numpy")
def attack_release_backward_rows(
    start,
    stop,
    width,
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
    float64, so the choice is the one the forward pass made. ``grad_attack`` and ``grad_release`` are (rows, T) for
    moving coefficients, (rows, 1) for constant ones, (rows, 0) where nobody asks.
    """
    LANES = len(width)
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
    attack_moves = attack.shape[1] > 1
    release_moves = release.shape[1] > 1
    attack_stride = LANES if attack_moves else 0
    release_stride = LANES if release_moves else 0
    xs = np.empty(LANES * STEPS, x.dtype)
    grads = np.empty(LANES * STEPS, x.dtype)
    x_scratch = np.empty(LANES * STEPS, x.dtype)
    attacks = np.empty(LANES * STEPS, attack.dtype)
    releases = np.empty(LANES * STEPS, attack.dtype)
    grads_attack = np.empty(LANES * STEPS, attack.dtype)
    grads_release = np.empty(LANES * STEPS, attack.dtype)
    scratch = np.empty(LANES * STEPS, attack.dtype)
    levels = np.empty(LANES * (STEPS + 1))
    carry = np.empty(LANES)
    sum_attack = np.empty(LANES)
    sum_release = np.empty(LANES)
    for first in range(start, stop, LANES):
        lanes = min(LANES, stop - first)
        for lane in range(LANES):
            carry[lane] = grad_zf[first + min(lane, lanes - 1)]
            sum_attack[lane] = 0.0
            sum_release[lane] = 0.0
        _constant_step(width, attacks, attack, attack_row, first, lanes)
        _constant_step(width, releases, release, release_row, first, lanes)
        for tile in range(checkpoints.shape[1] - 1, -1, -1):
            t0 = tile * STEPS
            steps = min(STEPS, T - t0)
            load_tile(width, xs, x_scratch, x, x_row, first, lanes, t0, steps)
            load_tile(width, grads, x_scratch, grad_y, grad_y_row, first, lanes, t0, steps)
            if attack_moves:
                load_tile(width, attacks, scratch, attack, attack_row, first, lanes, t0, steps)
            if release_moves:
                load_tile(width, releases, scratch, release, release_row, first, lanes, t0, steps)
            for lane in range(LANES):
                levels[lane] = checkpoints[first + min(lane, lanes - 1), tile]
            advance_tile(width, levels, xs, attacks, attack_stride, releases, release_stride, steps)
            retreat_tile(
                width,
                carry,
                sum_attack,
                sum_release,
                levels,
                xs,
                attacks,
                attack_stride,
                releases,
                release_stride,
                grads,
                grads_attack,
                grads_release,
                steps,
            )
            store_tile(width, grad_x, grads, x_scratch, first, lanes, t0, steps)
            if grad_attack.shape[1] > 1:
                store_tile(width, grad_attack, grads_attack, scratch, first, lanes, t0, steps)
            if grad_release.shape[1] > 1:
                store_tile(width, grad_release, grads_release, scratch, first, lanes, t0, steps)
        for lane in range(lanes):
            grad_zi[first + lane] = carry[lane]
            if grad_attack.shape[1] == 1:
                grad_attack[first + lane, 0] = sum_attack[lane]
            if grad_release.shape[1] == 1:
                grad_release[first + lane, 0] = sum_release[lane]
