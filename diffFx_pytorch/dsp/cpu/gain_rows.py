"""Overshoot and gain of a compressor in float32, and their adjoints, in one pass over the signal each.

Signals are (G, C, T): G groups of C channels that share one gain. Knobs are constant, one for every ``share`` groups.
A piece of work is one group over one of ``pieces`` stretches of time, cut so that results do not depend on threads.
"""

from __future__ import annotations

import numpy as np

from diffFx_pytorch.kernels import njit

from .elementary import HALF, INLINE, ONE, TWO, ZERO, exp, log

CHUNK = 1024
"""Samples at a time: what is computed on the way stays in the first-level cache."""

_ROOT_OF = np.float32(1e-24)
_SMALL = np.float32(1e-12)


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "nsz", "reassoc"})
def total(values, count):  # pragma: no cover
    """Sum in float64, in whatever order is quick."""
    total = 0.0
    for i in range(count):
        total += np.float64(values[i])
    return total


@njit(**INLINE)
def find_loudest(key, group, first, count, power, size):  # pragma: no cover
    """``size[t]`` is the greatest magnitude (or power) of the channels; NaN where one is NaN."""
    one = key[group, 0, first : first + count]
    for i in range(count):
        size[i] = one[i] if power else abs(one[i])
    for c in range(1, key.shape[1]):
        one = key[group, c, first : first + count]
        for i in range(count):
            v, most = one[i] if power else abs(one[i]), size[i]
            size[i] = most if (most >= v) | (most != most) else v


@njit(**INLINE)
def overshoot_slope(over, per):  # pragma: no cover
    """Derivative of an overshoot by the level, from the overshoot and 2 over the width of the knee."""
    square = over * per
    square = _ROOT_OF if square < _ROOT_OF else square
    return np.sqrt(ONE if square > ONE else square) - _SMALL


@njit(**INLINE)
def overshoot_rows(start, stop, pieces, share, key, offset, width, floor, power, over):  # pragma: no cover
    """``over[t] = m (v - m / 2) / W``, v = max(offset + level, 0), m = min(v, W); ``over`` is (G, T).

    Args:
        start: first piece of work.
        stop: one past the last.
        pieces: stretches of time.
        share: groups a knob.
        key: (G, C, T).
        offset: (G / share,) half the knee less the threshold, in neper.
        width: (G / share,) of the knee, in neper.
        floor: keys below this count as this.
        power: whether keys are powers.
        over: (G, T), receives the overshoot.
    """
    T = over.shape[1]
    size = np.empty(CHUNK, np.float32)
    scale = HALF if power else ONE
    for piece in range(start, stop):
        group = piece // pieces
        begin, end = (piece % pieces) * T // pieces, (piece % pieces + 1) * T // pieces
        o, W = offset[group // share], width[group // share]
        per = ONE / W
        for first in range(begin, end, CHUNK):
            count = min(CHUNK, end - first)
            find_loudest(key, group, first, count, power, size)
            out = over[group, first : first + count]
            for i in range(count):
                s = size[i]
                v = o + scale * log(floor if s < floor else s)
                v = ZERO if v < ZERO else v
                m = W if v > W else v
                out[i] = (v - HALF * m) * m * per


@njit(**INLINE)
def overshoot_adjoint_rows(
    start, stop, pieces, share, grad, key, over, width, floor, power, grad_key, sums
):  # pragma: no cover
    """Gradients of ``overshoot_rows``.

    Args:
        start: first piece of work.
        stop: one past the last.
        pieces: stretches of time.
        share: groups a knob.
        grad: (G, T), of the overshoot.
        key: (G, C, T).
        over: (G, T), what ``overshoot_rows`` gave.
        width: (G / share,).
        floor: the square of the floor of amplitudes, below which no square is divided by.
        power: whether keys are powers.
        grad_key: (G, C, T), receives the gradient of the key, or (G, C, 0).
        sums: (pieces of work, 2) float64, receives the sums of g and g (1 - slope), g the gradient of the level.
    """
    T, C = over.shape[1], key.shape[1]
    size = np.empty(CHUNK, np.float32)
    level = np.empty(CHUNK, np.float32)
    knee = np.empty(CHUNK, np.float32)
    for piece in range(start, stop):
        group = piece // pieces
        begin, end = (piece % pieces) * T // pieces, (piece % pieces + 1) * T // pieces
        per = TWO / width[group // share]
        sums[piece] = 0.0
        for first in range(begin, end, CHUNK):
            count = min(CHUNK, end - first)
            g, height = grad[group, first : first + count], over[group, first : first + count]
            for i in range(count):
                slope = overshoot_slope(height[i], per)
                level[i] = g[i] * slope
                knee[i] = level[i] - level[i] * slope
            sums[piece, 0] += total(level, count)
            sums[piece, 1] += total(knee, count)
            if grad_key.shape[2] == 0:
                continue
            find_loudest(key, group, first, count, power, size)
            if C > 1:
                # Channels that are loudest together share.
                knee[:count] = ZERO
                for c in range(C):
                    one = key[group, c, first : first + count]
                    for i in range(count):
                        knee[i] += ONE if (one[i] if power else abs(one[i])) == size[i] else ZERO
            else:
                knee[:count] = ONE
            for i in range(count):
                below = TWO * size[i] if power else size[i] * size[i]
                level[i] = level[i] / ((floor if below < floor else below) * knee[i])
            for c in range(C):
                one, out = key[group, c, first : first + count], grad_key[group, c, first : first + count]
                for i in range(count):
                    v = one[i]
                    pulled = level[i] if power else level[i] * v
                    out[i] = pulled if (C == 1) | ((v if power else abs(v)) == size[i]) else ZERO


@njit(**INLINE)
def gain_rows(start, stop, pieces, share, x, over, slope, makeup, mix, y):  # pragma: no cover
    """``y = x (1 + mix (exp(makeup - slope over) - 1))``.

    Args:
        start: first piece of work.
        stop: one past the last.
        pieces: stretches of time.
        share: groups a knob.
        x: (G, C, T).
        over: (G, T).
        slope: (G / share,); so are the others.
        makeup: in neper.
        mix: 0 .. 1.
        y: (G, C, T), receives the output.
    """
    T, C = over.shape[1], x.shape[1]
    gain = np.empty(CHUNK, np.float32)
    for piece in range(start, stop):
        group = piece // pieces
        begin, end = (piece % pieces) * T // pieces, (piece % pieces + 1) * T // pieces
        s, u, m = slope[group // share], makeup[group // share], mix[group // share]
        for first in range(begin, end, CHUNK):
            count = min(CHUNK, end - first)
            height = over[group, first : first + count]
            for i in range(count):
                gain[i] = ONE + m * (exp(u - s * height[i]) - ONE)
            for c in range(C):
                one, out = x[group, c, first : first + count], y[group, c, first : first + count]
                for i in range(count):
                    out[i] = one[i] * gain[i]


@njit(**INLINE)
def gain_adjoint_rows(
    start, stop, pieces, share, grad, x, over, slope, makeup, mix, grad_x, grad_over, sums
):  # pragma: no cover
    """Gradients of ``gain_rows``.

    Args:
        start: first piece of work.
        stop: one past the last.
        pieces: stretches of time.
        share: groups a knob.
        grad: (G, C, T), of the output.
        x: (G, C, T).
        over: (G, T).
        slope: (G / share,); so are the others.
        makeup: in neper.
        mix: 0 .. 1.
        grad_x: (G, C, T), receives the gradient of x, or (G, C, 0).
        grad_over: (G, T), receives the gradient of the overshoot.
        sums: (pieces of work, 3) float64, receives the gradients of slope, make-up and mix.
    """
    T, C = over.shape[1], x.shape[1]
    gain = np.empty(CHUNK, np.float32)
    share_of = np.empty(CHUNK, np.float32)
    logs = np.empty(CHUNK, np.float32)
    for piece in range(start, stop):
        group = piece // pieces
        begin, end = (piece % pieces) * T // pieces, (piece % pieces + 1) * T // pieces
        s, u, m = slope[group // share], makeup[group // share], mix[group // share]
        sums[piece] = 0.0
        for first in range(begin, end, CHUNK):
            count = min(CHUNK, end - first)
            height, out_over = over[group, first : first + count], grad_over[group, first : first + count]
            for i in range(count):
                gain[i] = exp(u - s * height[i])
            share_of[:count] = ZERO
            for c in range(C):
                one, g = x[group, c, first : first + count], grad[group, c, first : first + count]
                for i in range(count):
                    share_of[i] += g[i] * one[i]
            for i in range(count):
                logs[i] = share_of[i] * gain[i] * m
                out_over[i] = -s * logs[i]
                share_of[i] *= gain[i] - ONE
            sums[piece, 1] += total(logs, count)
            sums[piece, 2] += total(share_of, count)
            for i in range(count):
                logs[i] *= height[i]
            sums[piece, 0] -= total(logs, count)
            if grad_x.shape[2] == 0:
                continue
            for c in range(C):
                g, out = grad[group, c, first : first + count], grad_x[group, c, first : first + count]
                for i in range(count):
                    out[i] = (m * (gain[i] - ONE) + ONE) * g[i]
