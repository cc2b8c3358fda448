"""Single filters: RBJ cookbook; Vicanek 2016 (poles sampled, zeros by the analogue gain); all-pass of the cookbook."""

from mpmath import cos, cosh, exp, mp, mpf, pi, sin, sqrt

mp.dps = 40
ONE = mpf(1)


def poles(w, q):
    zeta = 1 / (2 * q)
    root = sqrt(abs(1 - zeta**2)) * w
    a1, a2 = -2 * exp(-zeta * w) * (cos(root) if zeta < 1 else cosh(root)), exp(-2 * zeta * w)
    A = (1 + a1 + a2) ** 2, (1 - a1 + a2) ** 2, -4 * a2
    p = cos(w / 2) ** 2, sin(w / 2) ** 2, sin(w) ** 2
    return (ONE, a1, a2), A, p


def rbj(kind, w, q, amp):
    """Bilinear; amp is the square root of the gain."""
    c, al, s = cos(w), sin(w) / (2 * q), 2 * sqrt(amp) * sin(w) / (2 * q)
    up, down = amp + 1, amp - 1
    plain = 1 + al, -2 * c, 1 - al
    return {
        "low_pass": (((1 - c) / 2, 1 - c, (1 - c) / 2), plain),
        "high_pass": (((1 + c) / 2, -1 - c, (1 + c) / 2), plain),
        "band_pass": ((al, 0, -al), plain),
        "notch": ((1, -2 * c, 1), plain),
        "all_pass": ((1 - al, -2 * c, 1 + al), plain),
        "peak": ((1 + al * amp, -2 * c, 1 - al * amp), (1 + al / amp, -2 * c, 1 - al / amp)),
        "low_shelf": (
            (amp * (up - down * c + s), 2 * amp * (down - up * c), amp * (up - down * c - s)),
            (up + down * c + s, -2 * (down + up * c), up + down * c - s),
        ),
        "high_shelf": (
            (amp * (up + down * c + s), -2 * amp * (down + up * c), amp * (up + down * c - s)),
            (up - down * c + s, 2 * (down - up * c), up - down * c - s),
        ),
    }[kind]


def matched(kind, w, q, amp):
    if kind == "all_pass":  # the cookbook's, its Q so that the phase turns as fast at w as the analogue one's
        return rbj(kind, w, q * sin(w) / w, amp)
    if kind == "low_shelf" and amp < 1:  # a cut undoes a boost
        return matched(kind, w, q, 1 / amp)[::-1]
    if kind == "high_shelf":
        b, a = matched("low_shelf", w, q, 1 / amp)
        return [amp**2 * v for v in b], a
    if kind == "low_shelf":  # gain at DC and Nyquist; the product of the zeros is sampled as the poles' is
        a, A, _ = poles(w / sqrt(amp), q)
        s = 1j * pi / w
        nyquist = abs(amp * (s**2 + s * sqrt(amp) / q + amp) / (amp * s**2 + s * sqrt(amp) / q + 1))
        P, M, ratio = amp**2 * sqrt(A[0]), nyquist * sqrt(A[1]), exp(-w * sqrt(amp) / q)
        b0 = (P + M) / 2 / (1 + ratio)
        return (b0, (P - M) / 2, b0 * ratio), a
    a, A, p = poles(w, q * amp)
    R1 = (A[0] * p[0] + A[1] * p[1] + A[2] * p[2]) * (q**2 if kind.endswith("_pass") and kind != "band_pass" else 1)
    R2 = -A[0] + A[1] + 4 * (p[0] - p[1]) * A[2]
    if kind == "high_pass":
        b0 = sqrt(R1) / (4 * p[1])
        return (b0, -2 * b0, b0), a
    if kind == "notch":  # zeros on the circle, unity at DC
        b0 = sqrt(A[0]) / (4 * p[1])
        return (b0, -2 * b0 * cos(w), b0), a
    if kind == "low_pass":
        B = A[0], (R1 - A[0] * p[0]) / p[1], mpf(0)
    elif kind == "band_pass":
        B2 = (R1 - R2 * p[1]) / (4 * p[1] ** 2)
        B = mpf(0), R2 + 4 * (p[1] - p[0]) * B2, B2
    else:
        B2 = (amp**4 * (R1 - R2 * p[1]) - A[0]) / (4 * p[1] ** 2)
        B = A[0], amp**4 * R2 + A[0] + 4 * (p[1] - p[0]) * B2, B2
    W = (sqrt(B[0]) + sqrt(B[1])) / 2
    b0 = (W + sqrt(W**2 + B[2])) / 2
    return (b0, (sqrt(B[0]) - sqrt(B[1])) / 2, -B[2] / (4 * b0)), a


def first_order(kind, w, design):
    if design == "bilinear":
        n = sin(w / 2) / cos(w / 2)
        return ((n, n, 0) if kind == "low_pass" else (1, -1, 0)), (1 + n, n - 1, 0)
    a = 1, -exp(-w), 0  # the gain is the analogue one at DC (or infinity) and 1 / sqrt(2) at w
    at_w = (1 + a[1] ** 2 + 2 * a[1] * cos(w)) / 2
    if kind == "high_pass":
        b = sqrt(at_w / (4 * sin(w / 2) ** 2))
        return (b, -b, 0), a
    P = 1 + a[1]
    M = sqrt((at_w - P**2 * cos(w / 2) ** 2) / sin(w / 2) ** 2)
    return ((P + M) / 2, (P - M) / 2, 0), a


def run(kind, x, sample_rate, freq_hz, q=1, gain_db=0, slope_db_per_octave=12, design="matched"):
    w, amp, order = 2 * pi * mpf(freq_hz) / sample_rate, mpf(10) ** (mpf(gain_db) / 40), slope_db_per_octave // 6
    qs = [mpf(q)] if order == 2 else [1 / (2 * sin(pi * (2 * k + 1) / (2 * order))) for k in range(order // 2)]
    filters = [(rbj if design == "bilinear" else matched)(kind, w, each, amp) for each in qs]
    y = [list(map(mpf, channel)) for channel in x]
    for b, a in filters if order > 1 else [first_order(kind, w, design)]:
        for channel in y:
            x1 = x2 = y1 = y2 = mpf(0)
            for n, u in enumerate(channel):
                channel[n] = (b[0] * u + b[1] * x1 + b[2] * x2 - a[1] * y1 - a[2] * y2) / a[0]
                x1, x2, y1, y2 = u, x1, channel[n], y1
    return [list(map(float, channel)) for channel in y]


def _twin(kind):
    return lambda x, sample_rate, **knobs: run(kind, x, sample_rate, **knobs)


twin_lowpass, twin_highpass, twin_bandpass = _twin("low_pass"), _twin("high_pass"), _twin("band_pass")
twin_notch, twin_allpass, twin_peak = _twin("notch"), _twin("all_pass"), _twin("peak")
twin_lowshelf, twin_highshelf = _twin("low_shelf"), _twin("high_shelf")
