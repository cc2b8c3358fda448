"""The stage of the shapers: w = f(g x + b) - f(b) between half-band filters, less the DC of what is not odd.

The antialiased form is (F(u[n]) - F(u[n-1])) / (u[n] - u[n-1]) with F' = f (Parker et al. 2016, eq. 10).
"""

import functools
import math
from statistics import NormalDist, pstdev

from scipy.special import ellipj, ellipk

from tests.reference.limiter import kaiser_sinc

ALLPASSES = ((7, 0.0465), (4, 0.2268), (3, 0.363))


def allpasses(count, transition):
    """Elliptic half-band of order 2 count + 1: c = (1 - x) / (1 + x) with Jacobi's sn (Valenzuela 1983)."""
    k = math.tan(math.pi / 4 * (1 - 2 * transition)) ** 2
    w = [k * ellipj(2 * ellipk(k * k) * i / (2 * count + 1), k * k)[0] ** 2 for i in range(1, count + 1)]
    x = [math.sqrt((1 - v * k) * (1 - v / k)) / (1 + v) for v in w]
    return sorted((1 - v) / (1 + v) for v in x)


def half_band(m):
    """Kaiser-windowed sinc, 90 dB: 4 m + 1 coefficients, the even ones zero but for the centre."""

    def bessel(v):
        return sum((v / 2) ** (2 * k) / math.factorial(k) ** 2 for k in range(60))

    h = [0.0] * (4 * m + 1)
    for k in range(1, 4 * m, 2):
        r = k - 2 * m
        h[k] = bessel(0.1102 * 81.3 * math.sqrt(1 - (r / (2 * m)) ** 2)) * math.sin(math.pi * r / 2) / r
    total = 2 * sum(h)
    return [0.5 if k == 2 * m else v / total for k, v in enumerate(h)]


def fir(v, h):
    taps = [(k, c) for k, c in enumerate(h) if c]
    return [sum(c * v[n - k] for k, c in taps if n >= k) for n in range(len(v))]


def polyphase(v, c):
    """(A_0(z^2) + z^-1 A_1(z^2)) / 2, each all-pass (c + z^-2) / (1 + c z^-2)."""
    total = [0.0] * len(v)
    for branch in (0, 1):
        u = [0.0] * branch + v
        for g in c[branch::2]:
            y = []
            for n in range(len(v)):
                y.append(g * u[n] + (u[n - 2] - g * y[n - 2] if n > 1 else 0.0))
            u = y
        total = [a + b / 2 for a, b in zip(total, u, strict=False)]
    return total


def wet(
    channel,
    sample_rate,
    f,
    F,
    drive_db,
    bias=0.0,
    oversampling=4,
    phase="linear",
    antialias=None,
    level_match=False,
    ceiling="filtered",
):
    """The shaped signal of a channel, and by how much it is late."""
    stages = oversampling.bit_length() - 1
    if phase == "linear":
        filters = [functools.partial(fir, h=half_band(m)) for m in (32, 8, 6)[:stages]]
        late, early = (0, 64, 72, 75)[stages], 0
    else:
        filters = [functools.partial(polyphase, c=allpasses(*d)) for d in ALLPASSES[:stages]]
        late, early = (0, 3, 4, 4)[stages], 1  # the filter is read one sample ahead on the way down
    v = [10 ** (drive_db / 20) * s for s in channel]
    for h in filters:
        v = h([2 * s if k == 0 else 0.0 for s in v for k in (0, 1)])
    u = [s + bias for s in v]
    plain = [f(s) - f(bias) for s in u]
    w = list(plain)
    if antialias:
        for n, (a, b) in enumerate(zip(u, [bias, *u], strict=False)):
            w[n] = ((F(a) - F(b)) / (a - b) if abs(a - b) > 1e-5 else f((a + b) / 2)) - f(bias)
    for h in reversed(filters):
        w = h(w)[early::2]
    added, dc = [p - (f(s) - f(-s)) / 2 for p, s in zip(plain, v, strict=True)], 0.0
    for n in range(len(w)):
        block = added[n * oversampling : (n + 1) * oversampling]
        dc += (1 - math.exp(-20 * math.pi / sample_rate)) * (sum(block) / oversampling - dc)
        w[n] -= dc
    if ceiling == "strict" and stages:
        late += 74
        peaks = zip([0.0] * 10 + w, *(fir(w, kaiser_sinc(shift)) for shift in (0.25, 0.5, 0.75)), strict=False)
        r = [0.0] * 64 + [math.log(max(1.0, *map(abs, several))) for several in peaks]
        m = [0.0] * 64 + [max(r[n : n + 65]) for n in range(len(w))]
        hann = [math.sin(math.pi * (k + 1) / 66) ** 2 / 33 for k in range(65)]
        gains = [math.exp(-sum(h * e for h, e in zip(hann, m[n:], strict=False))) for n in range(len(w))]
        w = [g * s for g, s in zip(gains, [0.0] * 74 + w, strict=False)]
    elif ceiling == "strict":
        w = [min(max(s, -1.0), 1.0) for s in w]
    if level_match:  # noise of -18 dB, as 32 quantiles of the normal distribution
        noise = [NormalDist().inv_cdf((k + 0.5) / 32) for k in range(32)]
        scale = 10 ** (-18 / 20) / math.sqrt(sum(s * s for s in noise) / 32)
        out = [f(10 ** (drive_db / 20) * scale * s + bias) for s in noise]
        match = 10 ** (-18 / 20) / pstdev(out)
        w = [match * s for s in w]
    return w, late


def biased_tanh(bias):
    """(tanh(u + b) - tanh b) / (1 - tanh^2 b), of slope 1 at 0, and its integral."""
    t = math.tanh(bias)

    def f(u):
        return (math.tanh(u + bias) - t) / (1 - t * t)

    def F(u):
        return (math.log(math.cosh(u + bias)) - t * u) / (1 - t * t)

    return f, F


def mixed(channel, w, late, mix, output_db, oversampling=4, phase="linear"):
    dry = [0.0] * late + channel[: len(channel) - late]
    if phase == "minimum":
        dry = channel
        filters = [functools.partial(polyphase, c=allpasses(*d)) for d in ALLPASSES[: oversampling.bit_length() - 1]]
        for h in filters:
            dry = h([2 * s if k == 0 else 0.0 for s in dry for k in (0, 1)])
        for h in reversed(filters):
            dry = h(dry)[1::2]
        dry = [0.0] * (late - (0, 3, 4, 4)[oversampling.bit_length() - 1]) + dry
    return [10 ** (output_db / 20) * ((1 - mix) * s + mix * v) for s, v in zip(dry, w, strict=False)]


def stage(x, sample_rate, f, F, mix, output_db, **options):
    path = {name: options[name] for name in ("oversampling", "phase") if name in options}
    return [mixed(channel, *wet(channel, sample_rate, f, F, **options), mix, output_db, **path) for channel in x]
