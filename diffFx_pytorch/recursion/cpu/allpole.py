"""Numba kernels of the all-pole recursion with constant coefficients.

One row runs in blocks of 16 samples. The response to the samples of the block is a product with the triangular
Toeplitz matrix of the impulse response, free of any recursion; what the past adds is a product of the last N
outputs with their decay over the block, so the recursion is paid once a block instead of once a sample. Both
matrices and all sums are float64 whatever the audio is. A block rounds each of its samples apart, where the plain
loop rounds along the recursion; that costs about as many times the loop's error as the decays sum up to, which is at
most 33 for one pair of poles but millions for many close together (a Butterworth filter of order 8 at a twentieth
of the sample rate). Beyond ``LIMIT`` a filter therefore runs by the plain loop.

A block mixes its samples, so an infinity or NaN would show up to 15 samples early. An all-pole filter never
forgets one, so it is enough to look at the state at the end of a tile and to redo that tile by the plain loop.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from diffFx_pytorch.kernels import njit
from diffFx_pytorch.kernels.inner import INNER
from diffFx_pytorch.kernels.vector import SIDE, constant, high, join, load, low, spread, store, total

from .buffers import aligned_zeros, copy_reversed, copy_run

jit = njit(nogil=True, cache=True, fastmath={"contract", "nsz"})

TILE = 512
BLOCK = 16
RUN = 32
LIMIT = 40.0  # below it a float64 block is far more exact than a float32 sample, and every pair of poles is
LIMIT_DOUBLE = 16.0


@njit(**INNER)
def _in_blocks(u, toeplitz, response, y, at, count, order):  # pragma: no cover
    """The recursion over ``count`` samples, a multiple of ``4 * BLOCK``; ``y[at - order : at]`` holds the past.

    A block is ``y[l] = sum_{j <= l} toeplitz[j, l] u[j]``, four at a time, then
    ``y[l] += sum_m response[m, l] y[-1 - m]``, the oldest term first.
    """
    half = BLOCK // 2
    for k in range(0, count, 4 * BLOCK):
        y0 = y1 = y2 = y3 = constant(y, 0.0, BLOCK)
        for j in range(half):
            column = load(toeplitz, j * BLOCK, BLOCK)
            y0 += column * spread(u, k + j, BLOCK)
            y1 += column * spread(u, k + BLOCK + j, BLOCK)
            y2 += column * spread(u, k + 2 * BLOCK + j, BLOCK)
            y3 += column * spread(u, k + 3 * BLOCK + j, BLOCK)
        z0, z1, z2, z3 = high(y0), high(y1), high(y2), high(y3)
        for j in range(half, BLOCK):  # the first half of these columns is zero
            column = load(toeplitz, j * BLOCK + half)
            z0 += column * spread(u, k + j)
            z1 += column * spread(u, k + BLOCK + j)
            z2 += column * spread(u, k + 2 * BLOCK + j)
            z3 += column * spread(u, k + 3 * BLOCK + j)
        store(y, at + k, join(low(y0), z0))
        store(y, at + k + BLOCK, join(low(y1), z1))
        store(y, at + k + 2 * BLOCK, join(low(y2), z2))
        store(y, at + k + 3 * BLOCK, join(low(y3), z3))
        for here in range(at + k, at + k + 4 * BLOCK, BLOCK):
            block = load(y, here, BLOCK)
            if order == 2:  # the most usual, without a loop
                block += load(response, BLOCK, BLOCK) * spread(y, here - 2, BLOCK)
                block += load(response, 0, BLOCK) * spread(y, here - 1, BLOCK)
            else:
                for m in range(order - 1, -1, -1):
                    block += load(response, m * BLOCK, BLOCK) * spread(y, here - 1 - m, BLOCK)
            store(y, here, block)


@njit(**INNER)
def _dot_run(u, v, count):  # pragma: no cover
    """``sum_k u[k] v[k]`` over 0 <= k < count, count a multiple of RUN."""
    products = constant(u, 0.0, RUN)
    for k in range(0, count, RUN):
        products += load(u, k, RUN) * load(v, k, RUN)
    return total(products)


@jit
def plain_recursion(u, a, y, at, count):
    """``y[at + k] = u[k] - sum_m a[m] y[at + k - 1 - m]``, one sample after the other."""
    order = a.shape[0]
    for k in range(count):
        total = u[k]
        for m in range(order - 1, -1, -1):
            total -= a[m] * y[at + k - 1 - m]
        y[at + k] = total


@jit
def block_responses(a, toeplitz, response):
    """What a sample, and what each past output, adds to the samples of its block; the largest sum of the latter."""
    order = a.shape[0]
    impulse = np.zeros(BLOCK, a.dtype)
    impulse[0] = 1.0
    for k in range(1, BLOCK):
        for m in range(min(k, order)):
            impulse[k] -= a[m] * impulse[k - 1 - m]
    for j in range(BLOCK):
        for k in range(BLOCK):
            toeplitz[j * BLOCK + k] = impulse[k - j] if k >= j else 0.0
    for m in range(order):
        for k in range(BLOCK):
            total = 0.0
            for j in range(min(k + 1, order - m)):
                total -= impulse[k - j] * a[j + m]
            response[m * BLOCK + k] = total
    growth = 0.0
    for k in range(BLOCK):
        sum_k = 0.0
        for m in range(order):
            sum_k += abs(response[m * BLOCK + k])
        growth = sum_k if not sum_k <= growth else growth  # a NaN stays
    return growth


def _recursion(*_: Any) -> None:
    """``plain_recursion``, in blocks where the numbers are real; replaced by the overload below."""


@overload(_recursion, jit_options={"fastmath": {"contract", "nsz"}})
def _overload_recursion(u, a, y, at, count, toeplitz, response, in_blocks):
    if isinstance(u.dtype, types.Complex):

        def plain(u, a, y, at, count, toeplitz, response, in_blocks):
            plain_recursion(u, a, y, at, count)

        return plain

    def blocks(u, a, y, at, count, toeplitz, response, in_blocks):
        order = a.shape[0]
        if in_blocks and count >= BLOCK:
            padded = -(-count // (4 * BLOCK)) * 4 * BLOCK
            u[count:padded] = 0.0
            _in_blocks(u, toeplitz, response, y, at, padded, order)
            sound = True
            for m in range(min(order, count)):
                sound &= np.isfinite(y[at + count - 1 - m])
            if sound:
                return
        plain_recursion(u, a, y, at, count)

    return blocks


@jit
def zero_denormals(y, start, stop, denormal_threshold):
    """Set a state below ``denormal_threshold`` to zero, before denormal numbers slow the arithmetic."""
    for k in range(start, stop):
        if not abs(y[k]) < denormal_threshold:
            return
    y[start:stop] = 0.0


@jit
def constant_forward(start, stop, x, a, zi, x_row, a_row, y, zf, denormal_threshold):
    """Rows ``start`` to ``stop - 1`` of y and zf.

    Args:
        start: first row.
        stop: the row after the last.
        x: (X, T) input.
        a: (A, N) coefficients, in the type of the sums.
        zi: (R, N) past outputs, most recent first, in the type of the sums.
        x_row: (R,) which row of x a row of y reads.
        a_row: (R,) which row of a.
        y: (R, T) output, written.
        zf: (R, N) last outputs, written.
        denormal_threshold: states below this are silence.
    """
    order, samples = a.shape[1], x.shape[1]
    room = -(-order // SIDE) * SIDE
    u = aligned_zeros(TILE, zi)
    past = aligned_zeros(room + TILE, zi)
    toeplitz = aligned_zeros(BLOCK * BLOCK, zi)
    response = aligned_zeros(BLOCK * order, zi)
    limit = LIMIT_DOUBLE if denormal_threshold < 1e-100 else LIMIT
    ready, in_blocks = -1, False
    for r in range(start, stop):
        coefs = a[a_row[r]]
        if a_row[r] != ready:
            in_blocks = block_responses(coefs, toeplitz, response) <= limit
            ready = a_row[r]
        for m in range(order):
            past[room - 1 - m] = zi[r, m]
        row, out = x[x_row[r]], y[r]
        for t in range(0, samples, TILE):
            count = min(TILE, samples - t)
            zero_denormals(past, room - order, room, denormal_threshold)
            copy_run(row[t : t + count], u)
            _recursion(u, coefs, past, room, count, toeplitz, response, in_blocks)
            copy_run(past[room : room + count], out[t:])
            for k in range(room - order, room):
                past[k] = past[k + count]
        for m in range(order):
            zf[r, m] = past[room - 1 - m]


@jit
def _lagged_output(y, zi, last, count, lagged):
    """``lagged[k] = y[last - 1 - k]``, k up to count + N - 1; before time zero stand the past outputs."""
    order = zi.shape[0]
    reach = count + order - 1
    known = min(reach, last)
    copy_reversed(y[last - known : last], lagged)
    for k in range(known, reach):
        lagged[k] = zi[k - last]
    lagged[reach:] = 0.0


def _correlate(*_: Any) -> None:
    """Add ``sum_k g[k] conj(lagged[k + m])`` to every ``sums[m]``; replaced by the overload below."""


@overload(_correlate, jit_options={"fastmath": {"contract", "nsz"}})
def _overload_correlate(g, lagged, count, sums):
    if isinstance(g.dtype, types.Complex):

        def plain(g, lagged, count, sums):
            for m in range(sums.size):
                for k in range(count):
                    sums[m] += g[k] * np.conj(lagged[k + m])

        return plain

    def runs(g, lagged, count, sums):
        padded = -(-count // RUN) * RUN
        g[count:padded] = 0.0
        for m in range(sums.size):
            sums[m] += _dot_run(g, lagged[m:], padded)

    return runs


@jit
def constant_backward(
    start, stop, grad_y, grad_zf, y, a, zi, a_row, grad_x, grad_a, grad_zi, needs_a, denormal_threshold
):
    """The adjoint of :func:`constant_forward`: the same recursion run backwards in time, one row at a time.

    Args:
        start: first row.
        stop: the row after the last.
        grad_y: (R, T) gradient of the output.
        grad_zf: (R, N) gradient of the last outputs.
        y: (R, T) output of the forward pass; read only if ``needs_a``.
        a: (A, N) coefficients.
        zi: (R, N) past outputs.
        a_row: (R,) which row of a.
        grad_x: (R, T), written.
        grad_a: (R, N), one per row of y, written if ``needs_a``.
        grad_zi: (R, N), written.
        needs_a: whether grad_a is wanted.
        denormal_threshold: states below this are silence.
    """
    order, samples = a.shape[1], grad_y.shape[1]
    room = -(-order // SIDE) * SIDE
    u = aligned_zeros(TILE, zi)
    future = aligned_zeros(room + TILE, zi)
    lagged = aligned_zeros(TILE + RUN + order, zi)
    toeplitz = aligned_zeros(BLOCK * BLOCK, zi)
    response = aligned_zeros(BLOCK * order, zi)
    sums = np.zeros(order, zi.dtype)
    coefs = np.zeros(order, zi.dtype)
    limit = LIMIT_DOUBLE if denormal_threshold < 1e-100 else LIMIT
    ready, in_blocks = -1, False
    for r in range(start, stop):
        if a_row[r] != ready:
            coefs[:] = np.conj(a[a_row[r]])
            in_blocks = block_responses(coefs, toeplitz, response) <= limit
            ready = a_row[r]
        future[:room] = 0.0
        sums[:] = 0.0
        row, out = grad_y[r], grad_x[r]
        for end in range(samples, 0, -TILE):
            count = min(TILE, end)
            zero_denormals(future, room - order, room, denormal_threshold)
            copy_reversed(row[end - count : end], u)
            for k in range(max(0, samples - end), min(order - (samples - end), count)):
                u[k] += grad_zf[r, samples - end + k]
            _recursion(u, coefs, future, room, count, toeplitz, response, in_blocks)
            copy_reversed(future[room : room + count], out[end - count :])
            if needs_a:
                _lagged_output(y[r], zi[r], end - 1, count, lagged)
                _correlate(future[room:], lagged, count, sums)
            for k in range(room - order, room):
                future[k] = future[k + count]
        if needs_a:
            for m in range(order):
                grad_a[r, m] = -sums[m]
        for m in range(order):
            total = grad_zf[r, m + samples] if m + samples < order else 0.0
            for t in range(order - m):
                total -= coefs[t + m] * future[room - 1 - t]
            grad_zi[r, m] = total
