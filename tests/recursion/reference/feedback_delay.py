"""The delay line with feedback as on paper: one sample at a time, differentiable by autograd."""

from __future__ import annotations

import math

import torch
from torch import Tensor

POINTS = {"linear": 2, "cubic": 4, "lagrange": 10, "sinc": 16}


def _weights(f: Tensor, taps: int, interpolation: str, beta: float = 6.0) -> list[Tensor]:
    """Weights of ``taps`` neighbours of the instant, oldest first, from their definition."""
    nodes = [taps // 2 - p for p in range(taps)]
    if interpolation != "sinc" or taps < 16:
        inner = [node for node in nodes if -6 < node <= 6]
        return [
            torch.stack([(f - o) / (node - o) for o in inner if o != node] + [torch.ones_like(f)]).prod(0)
            if node in inner
            else torch.zeros_like(f)
            for node in nodes
        ]
    bare = []
    for node in nodes:
        distance = node - f
        window = torch.special.i0(beta * torch.sqrt((1 - (distance / 8) ** 2).clamp(min=0)))
        bare.append(torch.sinc(distance) * window)
    total = torch.stack(bare).sum(0)
    return [w / total for w in bare]


def feedback_delay(
    x: Tensor,
    delay: Tensor,
    feedback: Tensor | None,
    lowpass: Tensor | None = None,
    highpass: Tensor | None = None,
    saturate: bool = False,
    interpolation: str = "linear",
    past: Tensor | None = None,
    tail: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """One row: ``v[n] = w(n - d[n])``, ``w[n] = x[n] + g[n] F(v[n])``; ``feedback=None`` is a plain read.

    Args:
        x: (T,).
        delay: (T,), in samples.
        feedback: (T,) or None.
        lowpass: (T,) or None.
        highpass: (T,) or None.
        saturate: tanh in the loop.
        interpolation: name.
        past: samples of the line before, oldest first (H,).
        tail: states of all-pass, low-pass and high-pass (3,).

    Returns:
        Tap (T,), line with its past (H + T,) and states (3,).
    """
    zero = torch.zeros((), dtype=x.dtype)
    w = [] if past is None else list(past)
    start = len(w)
    last, l, m = (zero, zero, zero) if tail is None else tail  # noqa: E741
    taps = []
    for n in range(x.shape[0]):
        if feedback is None:
            w.append(x[n])
        least = 0 if feedback is None else 1
        d = delay[n]

        def at(lag: int, now: int = start + n) -> Tensor:
            return w[now - lag] if 0 <= now - lag < len(w) else zero

        if interpolation == "allpass":
            k = max(math.floor(float(d) - 0.5), least)
            f = d - k
            if f < 0.5:
                v = (1 - f) * at(k) + f * at(k + 1)
            else:
                eta = (1 - f) / (1 + f)
                v = eta * at(k) + at(k + 1) - eta * last
            last = v
        else:
            k = math.floor(float(d))
            half = max(1, min(k + 1 - least, POINTS[interpolation] // 2))
            weights = _weights(d - k, 2 * half, interpolation)
            v = sum((weight * at(k + half - p) for p, weight in enumerate(weights)), zero)
        taps.append(v)
        if feedback is not None:
            u = v
            if lowpass is not None:
                l = lowpass[n] * l + (1 - lowpass[n]) * u  # noqa: E741
                u = l
            if highpass is not None:
                m = highpass[n] * m + (1 - highpass[n]) * u
                u = u - m
            if saturate:
                u = torch.tanh(u)
            w.append(x[n] + feedback[n] * u)
    return torch.stack(taps), torch.stack(w), torch.stack([last, l, m])
