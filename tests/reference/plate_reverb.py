"""Dattorro 1997, figure 1 and tables 1 and 2, one sample at a time."""

import math


def later(x, d):
    """x(n - d) by Lagrange interpolation through 10 points, fewer where less lies in the past."""
    k = int(d)
    half = min(5, k + 1)
    taps = range(k - half + 1, k + half + 1)
    weights = [math.prod((d - j) / (m - j) for j in taps if j != m) for m in taps]
    return [sum(w * x[n - m] for w, m in zip(weights, taps, strict=True) if n >= m) for n in range(len(x))]


def ago(line, d):
    return line[-d] if d <= len(line) else 0.0


def keys(line, d):
    """Cubic convolution kernel, a = -1/2 (Keys 1981, eq. 15)."""

    def kernel(s):
        s = abs(s)
        return 1.5 * s**3 - 2.5 * s**2 + 1 if s <= 1 else -0.5 * s**3 + 2.5 * s**2 - 4 * s + 2 if s < 2 else 0.0

    return sum(ago(line, m) * kernel(d - m) for m in range(math.floor(d) - 1, math.floor(d) + 3))


def twin(
    x, fs, decay_s, damping_hz, bandwidth_hz, diffusion, predelay_ms, mod_rate_hz, mod_depth, width, mix, size=1,
    freezable=False, freeze=0.0,
):  # fmt: skip
    scale, open_end = size * fs / 29761, min(20000.0, 0.49 * fs)
    at = lambda samples: round(samples * scale)  # noqa: E731
    pole = lambda hz: math.exp(-2 * math.pi * hz / fs) * (1 - (hz / open_end) ** 4)  # noqa: E731
    g, is_open = (
        10 ** (-3 * (1 - freeze) * (21589 / 29761) * size / 4 / max(decay_s - 0.08 * size, decay_s / 2)),
        1 - freeze,
    )
    lines, soft = {}, [0.0, 0.0, 0.0]  # the tank's lines are numbered as the nodes of the figure
    entering = later([is_open * 0.265 * (a + b) for a, b in zip(x[0], x[-1], strict=True)], predelay_ms / 1000 * fs)
    wet = [[], []]

    def all_pass(name, u, delayed, k):
        lines[name].append(u - k * delayed)
        return delayed + k * lines[name][-1]

    for name in (13, 19, 15, 21, 23, 24, 31, 33, 46, 48, 55, 59):
        lines[name] = []
    for n, u in enumerate(entering):
        tap = lambda name, samples: ago(lines[name], at(samples))  # noqa: E731
        left = [(48, 266), (48, 2974), (55, -1913), (59, 1996), (24, -1990), (31, -187), (33, -1066)]
        right = [(24, 353), (24, 3627), (31, -1228), (33, 2673), (48, -2111), (55, -335), (59, -121)]
        for side, taps in enumerate((left, right)):
            wet[side].append(sum((1 if s > 0 else -1) * tap(name, abs(s)) for name, s in taps))
        ends = [tap(59, 3163), tap(33, 3720)]
        soft[0] = pole(bandwidth_hz) * soft[0] + (1 - pole(bandwidth_hz)) * u
        v = soft[0]
        for name, length, k in ((13, 142, 0.75), (19, 107, 0.75), (15, 379, 0.625), (21, 277, 0.625)):
            v = all_pass(name, v, tap(name, length), k * diffusion)
        tank = ((23, 672, 24, 4453, 31, 1800, 33), (46, 908, 48, 4217, 55, 2656, 59))
        for half, (moved, length, first, long, still, short, last) in enumerate(tank):
            move = is_open * 16 * scale * mod_depth * math.sin(2 * math.pi * (mod_rate_hz * n / fs + half / 4))
            out = tap(first, long)
            lines[first].append(all_pass(moved, v + g * ends[half], keys(lines[moved], at(length) + move), -0.7))
            dull = is_open * pole(damping_hz)
            soft[1 + half] = dull * soft[1 + half] + (1 - dull) * out
            k = min(max(g + 0.15, 0.25), 0.5)
            lines[last].append(all_pass(still, g * soft[1 + half], tap(still, short), k))
    near, far = (1 + width) / 2, (1 - width) / 2
    return [
        [(1 - mix) * d + mix * (near * a + far * b) for d, a, b in zip(dry, one, other, strict=True)]
        for dry, one, other in ((x[0], *wet), (x[-1], *wet[::-1]))
    ]
