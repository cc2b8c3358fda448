"""Haas effect: one side is late, read between samples by Lagrange's polynomial through the nearest of the past."""

import math


def between(x, position, most):
    k = math.floor(position)  # x(position) lies between k and k + 1
    out = 0.0
    half = most // 2
    nodes = range(k - half + 1, k + half + 1)
    for p in nodes:
        weight = 1.0
        for q in nodes:
            if q != p:
                weight *= (position - q) / (p - q)
        out += weight * (x[p] if 0 <= p < len(x) else 0.0)
    return out


def twin(x, sample_rate, delay_ms, mix, side="right", interpolation="lagrange"):
    sides = [list(x[0]), list(x[-1])]
    delay, moved = delay_ms / 1000 * sample_rate, side == "right"
    points = {"linear": 2, "cubic": 4, "lagrange": 10}[interpolation]
    points = min(points, 2 * (math.floor(delay) + 1))
    source = sides[moved]
    sides[moved] = [(1 - mix) * v + mix * between(source, n - delay, points) for n, v in enumerate(source)]
    return sides
