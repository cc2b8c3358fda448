"""Parametric equaliser: RBJ cookbook, or filters with sampled analogue poles and the analogue gain where it matters
(Vicanek 2016 for the peak; for shelves: gain at DC and Nyquist, product of the zeros sampled as the poles' is).
"""

from mpmath import cos, cosh, exp, mp, mpf, pi, sin, sqrt

mp.dps = 40


def rbj(kind, f, q, gain, fs):
    A, w = mpf(10) ** (gain / mpf(40)), 2 * pi * f / fs
    c, al = cos(w), sin(w) / (2 * q)
    if kind == "peak":
        return 1 + al * A, -2 * c, 1 - al * A, 1 + al / A, -2 * c, 1 - al / A
    s, r = 1 if kind == "low" else -1, 2 * sqrt(A) * al
    b = A * (A + 1 - s * (A - 1) * c + r), s * 2 * A * (A - 1 - s * (A + 1) * c), A * (A + 1 - s * (A - 1) * c - r)
    return *b, A + 1 + s * (A - 1) * c + r, -s * 2 * (A - 1 + s * (A + 1) * c), A + 1 + s * (A - 1) * c - r


def poles(w, zeta):
    root = sqrt(abs(1 - zeta**2)) * w
    return -2 * exp(-zeta * w) * (cos(root) if zeta < 1 else cosh(root)), exp(-2 * zeta * w)


def matched_peak(f, q, gain, fs):
    G, w = mpf(10) ** (gain / mpf(20)), 2 * pi * f / fs
    a1, a2 = poles(w, 1 / (2 * q * sqrt(G)))
    p0, p1 = cos(w / 2) ** 2, sin(w / 2) ** 2
    A0, A1, A2 = (1 + a1 + a2) ** 2, (1 - a1 + a2) ** 2, -4 * a2
    R1, R2 = (A0 * p0 + A1 * p1 + A2 * 4 * p0 * p1) * G**2, (-A0 + A1 + 4 * (p0 - p1) * A2) * G**2
    B0, B2 = A0, (R1 - R2 * p1 - A0) / (4 * p1**2)
    B1 = R2 + B0 + 4 * (p1 - p0) * B2
    W = (sqrt(B0) + sqrt(B1)) / 2
    b0 = (W + sqrt(W**2 + B2)) / 2
    return b0, (sqrt(B0) - sqrt(B1)) / 2, -B2 / (4 * b0), 1, a1, a2


def matched_low_shelf(f, q, gain, fs):
    if gain < 0:
        b0, b1, b2, a0, a1, a2 = matched_low_shelf(f, q, -gain, fs)
        return a0, a1, a2, b0, b1, b2
    A, w, zeta = mpf(10) ** (gain / mpf(40)), 2 * pi * f / fs, 1 / (2 * q)
    a1, a2 = poles(w / sqrt(A), zeta)
    s = 1j * pi / w
    nyquist = abs(A * (s**2 + s * sqrt(A) / q + A) / (A * s**2 + s * sqrt(A) / q + 1))
    # The analogue shelf is A at DC times A: gain A^2.
    P, M, ratio = A**2 * (1 + a1 + a2), nyquist * (1 - a1 + a2), exp(-2 * zeta * w * sqrt(A))
    b0 = (P + M) / 2 / (1 + ratio)
    return b0, (P - M) / 2, b0 * ratio, 1, a1, a2


def matched_high_shelf(f, q, gain, fs):
    b0, b1, b2, *a = matched_low_shelf(f, q, -gain, fs)
    g = mpf(10) ** (gain / mpf(20))
    return g * b0, g * b1, g * b2, *a


def filtered(x, sample_rate, num_peaks, design, k):
    y = [list(map(mpf, channel)) for channel in x]
    matched = {"low": matched_low_shelf, "peak": matched_peak, "high": matched_high_shelf}
    for name in ["low_shelf", *(f"peak_{i + 1}" for i in range(num_peaks)), "high_shelf"]:
        kind, args = name.split("_")[0], (k[f"{name}_freq_hz"], k[f"{name}_q"], k[f"{name}_gain_db"], sample_rate)
        b0, b1, b2, a0, a1, a2 = matched[kind](*map(mpf, args)) if design == "matched" else rbj(kind, *map(mpf, args))
        for channel in y:
            x1 = x2 = y1 = y2 = mpf(0)
            for n, u in enumerate(channel):
                channel[n] = (b0 * u + b1 * x1 + b2 * x2 - a1 * y1 - a2 * y2) / a0
                x1, x2, y1, y2 = u, x1, channel[n], y1
    return [list(map(float, channel)) for channel in y]


def twin(x, sample_rate, num_peaks=3, design="matched", placement="everywhere", **k):
    if placement == "everywhere":
        return filtered(x, sample_rate, num_peaks, design, k)
    pair = x if placement == "left_right" else [[(a + s * b) / 2 for a, b in zip(*x, strict=True)] for s in (1, -1)]
    y = []
    for channel, turn in zip(pair, (-1, 1), strict=True):
        own = dict(k)
        for gain in (name for name in k if name.endswith("_gain_db")):
            place = turn * k[gain.replace("_gain_db", "_place")]
            own[gain] = k[gain] * (1 + place if place < 0 else 1)
        y += filtered([channel], sample_rate, num_peaks, design, own)
    return y if placement == "left_right" else [[a + s * b for a, b in zip(*y, strict=True)] for s in (1, -1)]
