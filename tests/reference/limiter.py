"""Limiter: Hamalainen, DAFx 2002, one sample at a time, in dB; peaks between samples as in ITU-R BS.1770-5."""

import math

FIRST = [
    0.0017089843750, 0.0109863281250, -0.0196533203125, 0.0332031250000, -0.0594482421875, 0.1373291015625,
    0.9721679687500, -0.1022949218750, 0.0476074218750, -0.0266113281250, 0.0148925781250, -0.0083007812500,
]  # fmt: skip
SECOND = [
    -0.0291748046875, 0.0292968750000, -0.0517578125000, 0.0891113281250, -0.1665039062500, 0.4650878906250,
    0.7797851562500, -0.2003173828125, 0.1015625000000, -0.0582275390625, 0.0330810546875, -0.0189208984375,
]  # fmt: skip


def bessel(v):
    return sum((v / 2) ** (2 * k) / math.factorial(k) ** 2 for k in range(30))


def kaiser_sinc(shift):
    at = [k - 10 + shift for k in range(20)]
    taps = [math.sin(math.pi * p) / (math.pi * p) * bessel(5 * math.sqrt(1 - (p / 10) ** 2)) for p in at]
    return [h / sum(taps) for h in taps]


def peaks(v):
    """Late by ten samples; the norm's filters, whose middle is at 5.5, wait four more."""
    late = [[0.0] * 10 + [1.0], *([0.0] * 4 + f for row in (FIRST, SECOND) for f in (row, row[::-1]))]
    filters = late + [kaiser_sinc(shift) for shift in (0.25, 0.5, 0.75)]
    padded = [0.0] * 20 + v
    return [max(abs(sum(h * padded[n + 20 - k] for k, h in enumerate(f))) for f in filters) for n in range(len(v))]


def limited(u, ceiling, hold, D, rest, true_peak):
    late = D + rest + (10 if true_peak else 0)
    keys = [peaks(v) if true_peak else [abs(s) for s in v] for v in u]
    r = [0.0] * (D + 2 * rest)
    for several in zip(*keys, strict=True):
        over, knee = 20 * math.log10(max(*several, 1e-15)) - ceiling, 0.001  # the narrowest knee there is
        r.append(over if over >= knee / 2 else (over + knee / 2) ** 2 / (2 * knee) if over > -knee / 2 else 0.0)
    s, held = [0.0] * D, 0.0
    for n in range(len(u[0])):
        m = max(r[n : n + D + 2 * rest + 1])
        held = m if m > held else hold * held + (1 - hold) * m
        s.append(held)
    w = [math.sin(math.pi * (k + 1) / (D + 2)) ** 2 for k in range(D + 1)]
    gains = [10 ** (-sum(a * s[n + k] for k, a in enumerate(w)) / sum(w) / 20) for n in range(len(u[0]))]
    return [[g * v for g, v in zip(gains, [0.0] * late + v, strict=False)] for v in u]


def twin(x, sample_rate, gain_db, ceiling_db, release_ms, lookahead_ms=5.0, true_peak=False, link=True):
    D, hold = round(lookahead_ms * sample_rate / 1000), math.exp(-1000 / (sample_rate * release_ms))
    result = []
    for u in [x] if link else [[v] for v in x]:
        y = [[s * 10 ** (gain_db / 20) for s in v] for v in u]
        for _ in range(2 if true_peak else 1):
            y = limited(y, ceiling_db, hold, D, 8 if true_peak else 0, true_peak)
        result += y
    return result
