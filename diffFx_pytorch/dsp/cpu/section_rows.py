"""Sections from their knobs and the Jacobian, one section per row: the equations of ``section_equations`` in float64.

Numbers come with their derivatives by the knobs, ``(value, by w0, by q, by gain_db)``, and each operation applies its
rule to them; so values and derivatives have one text. Where only values are stored the compiler drops the rest.
"""

from __future__ import annotations

import math

import numpy as np

from diffFx_pytorch.kernels import njit

# No fastmath: at 0 dB numerator and denominator are the same to the last bit only if nothing is rearranged.
_OPTIONS = {"nogil": True, "cache": True, "error_model": "numpy", "boundscheck": False}
_INNER = {**_OPTIONS, "no_cpython_wrapper": True}
_NEPER_PER_DB = math.log(10.0) / 20.0
_ZERO = (0.0, 0.0, 0.0, 0.0)
_ONE = (1.0, 0.0, 0.0, 0.0)

PEAK, LOW_SHELF, HIGH_SHELF, LOW_PASS, HIGH_PASS, BAND_PASS, NOTCH, ALL_PASS, LOW_PASS_1, HIGH_PASS_1 = range(10)


@njit(**_INNER)
def _chain(x, value, slope):  # pragma: no cover
    """A function of x from its value and its derivative there."""
    return value, slope * x[1], slope * x[2], slope * x[3]


@njit(**_INNER)
def _add(x, y):  # pragma: no cover
    return x[0] + y[0], x[1] + y[1], x[2] + y[2], x[3] + y[3]


@njit(**_INNER)
def _sub(x, y):  # pragma: no cover
    return x[0] - y[0], x[1] - y[1], x[2] - y[2], x[3] - y[3]


@njit(**_INNER)
def _mul(x, y):  # pragma: no cover
    a, b = x[0], y[0]
    return a * b, a * y[1] + b * x[1], a * y[2] + b * x[2], a * y[3] + b * x[3]


@njit(**_INNER)
def _div(x, y):  # pragma: no cover
    v, r = x[0] / y[0], 1.0 / y[0]
    return v, (x[1] - v * y[1]) * r, (x[2] - v * y[2]) * r, (x[3] - v * y[3]) * r


@njit(**_INNER)
def _scale(k, x):  # pragma: no cover
    return k * x[0], k * x[1], k * x[2], k * x[3]


@njit(**_INNER)
def _shift(k, x):  # pragma: no cover
    return k + x[0], x[1], x[2], x[3]


@njit(**_INNER)
def _sqrt(x):  # pragma: no cover
    root = np.sqrt(x[0])
    return _chain(x, root, 0.5 / root)


@njit(**_INNER)
def _exp(x):  # pragma: no cover
    e = np.exp(x[0])
    return _chain(x, e, e)


@njit(**_INNER)
def _sin(x):  # pragma: no cover
    return _chain(x, np.sin(x[0]), np.cos(x[0]))


@njit(**_INNER)
def _cos(x):  # pragma: no cover
    return _chain(x, np.cos(x[0]), -np.sin(x[0]))


@njit(**_INNER)
def _square(x):  # pragma: no cover
    return _chain(x, x[0] * x[0], 2.0 * x[0])


@njit(**_INNER)
def _sinh_squared(x):  # pragma: no cover
    s = np.sinh(x[0])
    return _chain(x, s * s, 2.0 * s * np.sqrt(1.0 + s * s))


@njit(**_INNER)
def _tanh(x):  # pragma: no cover
    t = np.tanh(x[0])
    return _chain(x, t, 1.0 - t * t)


@njit(**_INNER)
def _sin_squared(u):  # pragma: no cover
    """sin(sqrt(u))**2, continued to -sinh(sqrt(-u))**2 for u < 0."""
    x = u[0]
    if abs(x) < 1e-3:
        value = x * (1 - x * (1 / 3 - x * (2 / 45 - x * (1 / 315 - x * (2 / 14175)))))
        slope = 1 - x * (2 / 3 - x * (2 / 15 - x * (4 / 315 - x * (2 / 2835))))
    elif x > 0:
        root = np.sqrt(x)
        s = np.sin(root)
        value, slope = s * s, s * np.cos(root) / root
    else:
        root = np.sqrt(-x)
        s = np.sinh(root)
        value, slope = -s * s, s * np.sqrt(1.0 + s * s) / root
    return _chain(u, value, slope)


@njit(**_INNER)
def _half_sine_squared(w0):  # pragma: no cover
    return _square(_sin(_scale(0.5, w0)))


@njit(**_INNER)
def _poles(w0, zeta):  # pragma: no cover
    """The scale 4 e, a1, a2 and the quadratic's d0, d1 of sampled analogue poles."""
    reach = _mul(zeta, w0)
    e = _exp(_scale(-1.0, reach))
    S = _sinh_squared(_scale(0.5, reach))
    s = _sin_squared(_scale(0.25, _mul(_shift(1.0, _scale(-1.0, _square(zeta))), _square(w0))))
    a1 = _mul(_scale(-2.0, e), _shift(1.0, _scale(-2.0, s)))
    d1 = _sub(_sub(S, s), _scale(2.0, _mul(s, S)))
    return _scale(4.0, e), a1, _square(e), _add(S, s), d1


@njit(**_INNER)
def _quadratic(d0, d1, phi):  # pragma: no cover
    return _add(_add(_square(phi), _scale(2.0, _mul(d1, phi))), _square(d0))


@njit(**_INNER)
def _zeros(P, M, delta):  # pragma: no cover
    W = _scale(0.5, _add(P, M))
    return _scale(0.5, _add(W, delta)), _scale(0.5, _sub(P, M)), _scale(0.5, _sub(W, delta))


@njit(**_INNER)
def _normalised(b0, b1, b2, a0, a1, a2):  # pragma: no cover
    return _div(b0, a0), _div(b1, a0), _div(b2, a0), _div(a1, a0), _div(a2, a0)


@njit(**_INNER)
def _amplitude(gain_db, share):  # pragma: no cover
    return _exp(_scale(share * _NEPER_PER_DB, gain_db))


@njit(**_INNER)
def _peak_zeros(d0, d1, G2, phi):  # pragma: no cover
    n0 = _square(d0)
    notch = _mul(_shift(1.0, _scale(-1.0, G2)), n0)
    n1 = _sub(_scale(2.0, _mul(G2, d1)), _scale(2.0, _div(notch, phi)))
    at_nyquist = _mul(G2, _quadratic(d0, d1, _ONE))
    M = _sqrt(_add(at_nyquist, _mul(notch, _square(_sub(_ONE, _div(_ONE, phi))))))
    delta = _sqrt(_add(_add(_scale(2.0, n0), n1), _scale(2.0, _mul(d0, M))))
    return _zeros(d0, M, _scale(0.5, delta))


@njit(**_INNER)
def _peak(matched, w0, q, gain_db):  # pragma: no cover
    A = _amplitude(gain_db, 0.5)
    if not matched:
        alpha, a1 = _div(_sin(w0), _scale(2.0, q)), _scale(-2.0, _cos(w0))
        up, down = _mul(alpha, A), _div(alpha, A)
        return _normalised(_add(_ONE, up), a1, _sub(_ONE, up), _add(_ONE, down), a1, _sub(_ONE, down))
    k, a1, a2, d0, d1 = _poles(w0, _div(_ONE, _scale(2.0, _mul(A, q))))
    phi = _half_sine_squared(w0)
    b0, b1, b2 = _peak_zeros(d0, d1, _square(_square(A)), phi)
    u0, u1, u2 = _peak_zeros(d0, d1, _ONE, phi)
    return (_add(_ONE, _mul(k, _sub(b0, u0))), _add(a1, _mul(k, _sub(b1, u1))), _add(a2, _mul(k, _sub(b2, u2))), a1, a2)


@njit(**_INNER)
def _prototype(x, q):  # pragma: no cover
    return _add(_square(_sub(_ONE, _square(x))), _square(_div(x, q)))


@njit(**_INNER)
def _shelf_zeros(d0, d1, gain, w, at_nyquist, zeta):  # pragma: no cover
    P = _mul(gain, d0)
    M = _mul(gain, _sqrt(_mul(_quadratic(d0, d1, _ONE), at_nyquist)))
    return _zeros(P, M, _mul(_scale(0.5, _add(P, M)), _tanh(_mul(zeta, w))))


@njit(**_INNER)
def _low_shelf(matched, w0, q, gain_db):  # pragma: no cover
    if not matched:
        A, c = _amplitude(gain_db, 0.5), _cos(w0)
        beta = _div(_mul(_sqrt(A), _sin(w0)), q)
        up, down = _shift(1.0, A), _shift(-1.0, A)
        upper, lower = _sub(up, _mul(down, c)), _add(up, _mul(down, c))
        return _normalised(
            _mul(A, _add(upper, beta)),
            _scale(2.0, _mul(A, _sub(down, _mul(up, c)))),
            _mul(A, _sub(upper, beta)),
            _add(lower, beta),
            _scale(-2.0, _add(down, _mul(up, c))),
            _sub(lower, beta),
        )
    boost = gain_db[0] >= 0
    A, zeta = _amplitude(gain_db if boost else _scale(-1.0, gain_db), 0.5), _div(_ONE, _scale(2.0, q))
    root = _sqrt(A)
    low, high = _div(w0, root), _mul(w0, root)
    k, a1, a2, d0, d1 = _poles(low, zeta)
    nyquist = _scale(math.pi, _ONE)
    analogue = _prototype(_div(nyquist, low), q)
    b0, b1, b2 = _shelf_zeros(d0, d1, _square(A), high, _div(_prototype(_div(nyquist, high), q), analogue), zeta)
    u0, u1, u2 = _shelf_zeros(d0, d1, _ONE, low, _ONE, zeta)
    n0 = _add(_ONE, _mul(k, _sub(b0, u0)))
    n1 = _add(a1, _mul(k, _sub(b1, u1)))
    n2 = _add(a2, _mul(k, _sub(b2, u2)))
    if boost:
        return n0, n1, n2, a1, a2
    return _normalised(_ONE, a1, a2, n0, n1, n2)


@njit(**_INNER)
def _high_shelf(matched, w0, q, gain_db):  # pragma: no cover
    b0, b1, b2, a1, a2 = _low_shelf(matched, w0, q, _scale(-1.0, gain_db))
    raised = _amplitude(gain_db, 1.0)
    return _mul(raised, b0), _mul(raised, b1), _mul(raised, b2), a1, a2


@njit(**_INNER)
def _bilinear_pass(kind, w0, q):  # pragma: no cover
    phi, c = _half_sine_squared(w0), _cos(w0)
    alpha = _div(_sin(w0), _scale(2.0, q))
    b0, b1, b2 = _ONE, _scale(-2.0, c), _ONE
    if kind == LOW_PASS:
        b0, b1, b2 = phi, _scale(2.0, phi), phi
    elif kind == HIGH_PASS:
        rest = _sub(_ONE, phi)
        b0, b1, b2 = rest, _scale(-2.0, rest), rest
    elif kind == BAND_PASS:
        b0, b1, b2 = alpha, _ZERO, _scale(-1.0, alpha)
    return _normalised(b0, b1, b2, _add(_ONE, alpha), _scale(-2.0, c), _sub(_ONE, alpha))


@njit(**_INNER)
def _matched_pass(kind, w0, q):  # pragma: no cover
    k, a1, a2, d0, d1 = _poles(w0, _div(_ONE, _scale(2.0, q)))
    phi, square = _half_sine_squared(w0), _square(d0)
    b0, b1, b2 = _ZERO, _ZERO, _ZERO
    if kind == LOW_PASS:
        at_corner = _mul(_square(q), _quadratic(d0, d1, phi))
        M = _sqrt(_add(square, _div(_sub(at_corner, square), phi)))
        b0, b1 = _scale(0.5, _add(d0, M)), _scale(0.5, _sub(d0, M))
    elif kind == HIGH_PASS:
        b0 = _div(_mul(q, _sqrt(_quadratic(d0, d1, phi))), _scale(4.0, phi))
        b1, b2 = _scale(-2.0, b0), b0
    elif kind == BAND_PASS:
        n1 = _add(_scale(2.0, d1), _scale(2.0, _div(square, phi)))
        M = _sqrt(_sub(_shift(1.0, n1), _square(_div(d0, phi))))
        b0, b1, b2 = _zeros(_ZERO, M, _scale(0.5, _sqrt(n1)))
    else:
        b0 = _div(d0, _scale(4.0, phi))
        b1, b2 = _mul(_scale(-2.0, b0), _cos(w0)), b0
    return _mul(k, b0), _mul(k, b1), _mul(k, b2), a1, a2


@njit(**_INNER)
def _all_pass(matched, w0, q):  # pragma: no cover
    alpha = _div(w0 if matched else _sin(w0), _scale(2.0, q))
    a1, up, down = _scale(-2.0, _cos(w0)), _add(_ONE, alpha), _sub(_ONE, alpha)
    return _normalised(down, a1, up, up, a1, down)


@njit(**_INNER)
def _first_order(kind, matched, w0):  # pragma: no cover
    low = kind == LOW_PASS_1
    if not matched:
        half = _scale(0.5, w0)
        n = _div(_sin(half), _cos(half))
        b0, b1 = (n, n) if low else (_ONE, _scale(-1.0, _ONE))
        return _normalised(b0, b1, _ZERO, _shift(1.0, n), _shift(-1.0, n), _ZERO)
    p, phi = _exp(_scale(-1.0, w0)), _half_sine_squared(w0)
    P = _chain(w0, -np.expm1(-w0[0]), p[0])
    square, at_corner = _square(P), _scale(4.0, _mul(p, phi))
    if low:
        M = _sqrt(_add(square, _div(_sub(at_corner, square), _scale(2.0, phi))))
        b0, b1 = _scale(0.5, _add(P, M)), _scale(0.5, _sub(P, M))
    else:
        b0 = _sqrt(_div(_add(square, at_corner), _scale(8.0, phi)))
        b1 = _scale(-1.0, b0)
    return b0, b1, _ZERO, _scale(-1.0, p), _ZERO


@njit(**_INNER)
def _designed(kind, matched, w0, q, gain_db):  # pragma: no cover
    """b0, b1, b2, a1, a2 of one section, with derivatives."""
    w, s, g = (w0, 1.0, 0.0, 0.0), (q, 0.0, 1.0, 0.0), (gain_db, 0.0, 0.0, 1.0)
    if kind == PEAK:
        return _peak(matched, w, s, g)
    if kind == LOW_SHELF:
        return _low_shelf(matched, w, s, g)
    if kind == HIGH_SHELF:
        return _high_shelf(matched, w, s, g)
    if kind == ALL_PASS:
        return _all_pass(matched, w, s)
    if kind >= LOW_PASS_1:
        return _first_order(kind, matched, w)
    return _matched_pass(kind, w, s) if matched else _bilinear_pass(kind, w, s)


@njit(**_OPTIONS)
def forward(
    start, stop, freq, freq_row, q, q_row, gain, gain_row, kinds, per_hz, matched, sections
):  # pragma: no cover
    """Sections (rows, 6) of knobs (any,) of which row r reads those named by the indices; kinds repeat over rows."""
    for r in range(start, stop):
        kind = kinds[r % len(kinds)]
        b0, b1, b2, a1, a2 = _designed(kind, matched, per_hz * freq[freq_row[r]], q[q_row[r]], gain[gain_row[r]])
        out = sections[r]
        out[0], out[1], out[2], out[3], out[4], out[5] = b0[0], b1[0], b2[0], 1.0, a1[0], a2[0]


@njit(**_OPTIONS)
def backward(
    start, stop, grad, freq, freq_row, q, q_row, gain, gain_row, kinds, per_hz, matched, to_knobs
):  # pragma: no cover
    """Gradients (3, rows) of the knobs from those of the sections (rows, 6)."""
    for r in range(start, stop):
        kind = kinds[r % len(kinds)]
        b0, b1, b2, a1, a2 = _designed(kind, matched, per_hz * freq[freq_row[r]], q[q_row[r]], gain[gain_row[r]])
        g = grad[r]
        for i in range(3):
            by = g[0] * b0[i + 1] + g[1] * b1[i + 1] + g[2] * b2[i + 1] + g[4] * a1[i + 1] + g[5] * a2[i + 1]
            to_knobs[i, r] = by * per_hz if i == 0 else by
