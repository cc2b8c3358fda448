"""Cascades of state variable filters, row by row: a single row (`time_varying_lanes` takes more), and the adjoint.

One section, trapezoidal integrators (Wishnick, DAFx 2014; Zavalishin, "The Art of VA Filter Design", 2018, ch. 4):
v1 = d (s1 + g (x - s2)), v2 = s2 + g v1, d = 1 / (1 + g (g + r)), s1 <- 2 v1 - s1, s2 <- 2 v2 - s2,
y = h (x - r v1 - v2) + b v1 + l v2.
"""

from __future__ import annotations

import numpy as np

from diffFx_pytorch.kernels import njit

from .biquad_tile import BLOCK

jit = njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "nsz"})


@jit
def _flush(value, denormal_threshold):
    return 0.0 if abs(value) < denormal_threshold else value


@jit
def _prepare(svf, q, first, count, wide, planes):
    """Lay the tile's coefficients out as 2 d - 1, 2 d g, 2 d g^2, h, (b - r h) / 2, (l - h) / 2 for each section."""
    K = svf.shape[2]
    known = min(count, svf.shape[1])
    raw = svf[q, first : first + known].reshape(-1)
    for n in range(known * K * 5):
        wide[n] = raw[n]
    for k in range(K):
        for i in range(known):
            at = (i * K + k) * 5
            g, r, h, b, low = wide[at], wide[at + 1], wide[at + 2], wide[at + 3], wide[at + 4]
            d = 1.0 / (1.0 + g * (g + r))
            p = 2.0 * d * g
            planes[k, 0, i] = 2.0 * d - 1.0
            planes[k, 1, i] = p
            planes[k, 2, i] = p * g
            planes[k, 3, i] = h
            planes[k, 4, i] = 0.5 * (b - r * h)
            planes[k, 5, i] = 0.5 * (low - h)
        for i in range(known, count):  # constant ones
            for n in range(6):
                planes[k, n, i] = planes[k, n, 0]


@jit
def _next(planes, k, i, x, s1, s2):
    """The states after a sample; v1 and v2 are half their sums with those before it."""
    u = x - s2
    return planes[k, 0, i] * s1 + planes[k, 1, i] * u, (s2 + planes[k, 1, i] * s1) + planes[k, 2, i] * u


@jit
def _cascade(planes, count, signals, inner, state, denormal_threshold):
    """Fill lines 1 .. K of ``signals`` from line 0, and ``inner`` with 2 v1, 2 v2 of each section.

    Two sections run in one loop, each hiding the other's latency.
    """
    K = planes.shape[0]
    for k in range(0, K - 1, 2):
        s1, s2, r1, r2 = state[k, 0], state[k, 1], state[k + 1, 0], state[k + 1, 1]
        for i in range(count):
            x = signals[k, i]
            n1, n2 = _next(planes, k, i, x, s1, s2)
            v1, v2 = s1 + n1, s2 + n2
            s1, s2 = n1, n2
            y = planes[k, 3, i] * x + planes[k, 4, i] * v1 + planes[k, 5, i] * v2
            signals[k + 1, i], inner[k, 0, i], inner[k, 1, i] = y, v1, v2
            n1, n2 = _next(planes, k + 1, i, y, r1, r2)
            v1, v2 = r1 + n1, r2 + n2
            r1, r2 = n1, n2
            z = planes[k + 1, 3, i] * y + planes[k + 1, 4, i] * v1 + planes[k + 1, 5, i] * v2
            signals[k + 2, i], inner[k + 1, 0, i], inner[k + 1, 1, i] = z, v1, v2
        state[k, 0], state[k, 1] = _flush(s1, denormal_threshold), _flush(s2, denormal_threshold)
        state[k + 1, 0], state[k + 1, 1] = _flush(r1, denormal_threshold), _flush(r2, denormal_threshold)
    if K % 2:
        k = K - 1
        s1, s2 = state[k, 0], state[k, 1]
        for i in range(count):
            x = signals[k, i]
            n1, n2 = _next(planes, k, i, x, s1, s2)
            v1, v2 = s1 + n1, s2 + n2
            s1, s2 = n1, n2
            y = planes[k, 3, i] * x + planes[k, 4, i] * v1 + planes[k, 5, i] * v2
            signals[k + 1, i], inner[k, 0, i], inner[k, 1, i] = y, v1, v2
        state[k, 0], state[k, 1] = _flush(s1, denormal_threshold), _flush(s2, denormal_threshold)


@jit
def _both(planes, count, signals, others, state, other, denormal_threshold):
    """Fill line K of ``signals`` and ``others``, two rows of the same coefficients, from line 0.

    They run in one loop, each hiding the other's latency.
    """
    for k in range(planes.shape[0]):
        s1, s2, r1, r2 = state[k, 0], state[k, 1], other[k, 0], other[k, 1]
        for i in range(count):
            x, u = signals[k, i], others[k, i]
            n1, n2 = _next(planes, k, i, x, s1, s2)
            m1, m2 = _next(planes, k, i, u, r1, r2)
            h, b, low = planes[k, 3, i], planes[k, 4, i], planes[k, 5, i]
            signals[k + 1, i] = h * x + b * (s1 + n1) + low * (s2 + n2)
            others[k + 1, i] = h * u + b * (r1 + m1) + low * (r2 + m2)
            s1, s2, r1, r2 = n1, n2, m1, m2
        state[k, 0], state[k, 1] = _flush(s1, denormal_threshold), _flush(s2, denormal_threshold)
        other[k, 0], other[k, 1] = _flush(r1, denormal_threshold), _flush(r2, denormal_threshold)


@jit
def forward(start, stop, x, svf, rows, zi, denormal_threshold, y, zf, checkpoints):
    """Filter rows ``start`` to ``stop - 1``.

    Args:
        start: first row.
        stop: one past the last row.
        x: (R, T) float32 or float64.
        svf: (Q, T, K, 5), or (Q, 1, K, 5) for constant ones, float32 or float64: g, r, h, b, l.
        rows: (R,) int64, the coefficients that each row uses.
        zi: (R, K, 2) float64.
        denormal_threshold: states below this become 0 at the end of a tile.
        y: (R, T), receives the output.
        zf: (R, K, 2) float64, receives the last states.
        checkpoints: (R, tiles, K, 2) float64, receives the states before each tile, or (R, 0, K, 2).
    """
    T, K = x.shape[1], svf.shape[2]
    signals, others = np.empty((K + 1, BLOCK)), np.empty((K + 1, BLOCK))
    planes = np.empty((K, 6, BLOCK))
    wide = np.empty(K * 5 * BLOCK)
    inner = np.empty((K, 2, BLOCK))
    time_varying = svf.shape[1] > 1
    keep = checkpoints.shape[1] > 0
    row = start
    while row < stop:
        state = zi[row].copy()
        pair = row + 1 < stop and rows[row] == rows[row + 1]
        next_row = row + 1 if pair else row
        other = zi[next_row].copy()
        for first in range(0, T, BLOCK):
            count = min(BLOCK, T - first)
            if keep:
                checkpoints[row, first // BLOCK] = state
                checkpoints[next_row, first // BLOCK] = other
            for i in range(count):
                signals[0, i] = x[row, first + i]
            if time_varying:
                _prepare(svf, rows[row], first, count, wide, planes)
            elif first == 0:
                _prepare(svf, rows[row], 0, BLOCK, wide, planes)
            if pair:
                for i in range(count):
                    others[0, i] = x[next_row, first + i]
                _both(planes, count, signals, others, state, other, denormal_threshold)
                for i in range(count):
                    y[next_row, first + i] = others[K, i]
            else:
                _cascade(planes, count, signals, inner, state, denormal_threshold)
                other[:] = state
            for i in range(count):
                y[row, first + i] = signals[K, i]
        zf[row] = state
        zf[next_row] = other
        row = next_row + 1


@jit
def _adjoint(svf, q, first, count, k, planes, signals, inner, signal, state, denormal_threshold, gsvf, add, needs_grad):
    """The adjoint of one section over a tile; ``state`` holds the gradients of s1 and s2."""
    p1, p2 = state[k, 0], state[k, 1]
    last = svf.shape[1] - 1
    for i in range(count - 1, -1, -1):
        t = min(first + i, last)
        g, r, h = np.float64(svf[q, t, k, 0]), np.float64(svf[q, t, k, 1]), np.float64(svf[q, t, k, 2])
        gy = signal[i]
        half2 = planes[k, 5, i] * gy + p2
        half1 = (planes[k, 4, i] * gy + p1) + g * half2
        # planes 0, 1, 2 hold 2 d - 1, 2 d g and 2 d g^2, and e = 2 d half1 is the gradient of v1 times d.
        ge = planes[k, 1, i] * half1
        e = (planes[k, 0, i] + 1.0) * half1
        gv2 = 2.0 * half2
        p1, p2 = e - p1, (gv2 - p2) - ge
        signal[i] = h * gy + ge
        if needs_grad:
            x, v1, v2 = signals[k, i], 0.5 * inner[k, 0, i], 0.5 * inner[k, 1, i]
            gg, gr = gv2 * v1 + e * ((x - v2) - (g + r) * v1), -v1 * (h * gy + ge)
            gh, gb, gl = gy * ((x - v2) - r * v1), gy * v1, gy * v2
            if add:
                gsvf[q, t, k, 0] += gg
                gsvf[q, t, k, 1] += gr
                gsvf[q, t, k, 2] += gh
                gsvf[q, t, k, 3] += gb
                gsvf[q, t, k, 4] += gl
            else:
                gsvf[q, t, k, 0], gsvf[q, t, k, 1], gsvf[q, t, k, 2] = gg, gr, gh
                gsvf[q, t, k, 3], gsvf[q, t, k, 4] = gb, gl
    state[k, 0], state[k, 1] = _flush(p1, denormal_threshold), _flush(p2, denormal_threshold)


@jit
def backward(start, stop, gy, gzf, x, svf, order, bounds, denormal_threshold, checkpoints, gx, gsvf, gzi):
    """The adjoint of ``forward`` for the coefficients ``start`` to ``stop - 1`` and all rows that use them.

    Args:
        start: first of the Q coefficient sequences.
        stop: one past the last.
        gy: (R, T), gradient of the output.
        gzf: (R, K, 2) float64, gradient of the last states.
        x: (R, T), as given to ``forward``.
        svf: (Q, T, K, 5) or (Q, 1, K, 5).
        order: (R,) int64, the rows sorted by the coefficients they use.
        bounds: (Q + 1,) int64, where in ``order`` each sequence's rows begin.
        denormal_threshold: adjoint states below this become 0.
        checkpoints: (R, tiles, K, 2) from ``forward``, or (R, 0, K, 2) when ``gsvf`` is not wanted.
        gx: (R, T), receives the gradient of x.
        gsvf: as ``svf``, receives its gradient, zeros before where that is constant; or (0, T or 1, K, 5).
        gzi: (R, K, 2) float64, receives the gradient of zi.
    """
    T, K = x.shape[1], svf.shape[2]
    needs_grad = gsvf.shape[0] > 0
    time_varying = svf.shape[1] > 1
    signals = np.empty((K + 1, BLOCK))
    planes = np.empty((K, 6, BLOCK))
    wide = np.empty(K * 5 * BLOCK)
    inner = np.empty((K, 2, BLOCK))
    signal = np.empty(BLOCK)
    for q in range(start, stop):
        if not time_varying:
            _prepare(svf, q, 0, BLOCK, wide, planes)
        for place in range(bounds[q], bounds[q + 1]):
            row = order[place]
            add = place > bounds[q] or not time_varying
            state = gzf[row].copy()
            for tile in range((T - 1) // BLOCK, -1, -1):
                first = tile * BLOCK
                count = min(BLOCK, T - first)
                if time_varying:
                    _prepare(svf, q, first, count, wide, planes)
                if needs_grad:
                    for i in range(count):
                        signals[0, i] = x[row, first + i]
                    _cascade(planes, count, signals, inner, checkpoints[row, tile].copy(), denormal_threshold)
                for i in range(count):
                    signal[i] = gy[row, first + i]
                for k in range(K - 1, -1, -1):
                    _adjoint(
                        svf,
                        q,
                        first,
                        count,
                        k,
                        planes,
                        signals,
                        inner,
                        signal,
                        state,
                        denormal_threshold,
                        gsvf,
                        add,
                        needs_grad,
                    )
                for i in range(count):
                    gx[row, first + i] = signal[i]
            gzi[row] = state
