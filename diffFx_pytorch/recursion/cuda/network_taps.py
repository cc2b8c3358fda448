"""How lines of a network are read where their delays move: by Lagrange interpolation through four points."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

LEAST = 2
"""Samples of a delay: it reads on to the sample after."""

_LEAST = tl.constexpr(LEAST)


@triton.jit
def split(net, m, row, n, t, used, T, N, PAST):
    """Whole samples and the rest of moved delays, (lines, samples); out of range is clamped, NaN the least."""
    at = net.offset.base + ((row // net.offset.each % net.offset.count) * N + n[:, None]) * T + t[None, :]
    d = m[:, None] + tl.load(at, mask=(n < N)[:, None] & used[None, :], other=0.0)
    d = tl.minimum(tl.where(d >= _LEAST, d, _LEAST + 0.0), PAST - 2.0)
    k = tl.floor(d)
    return k.to(tl.int32), d - k


@triton.jit
def weight(f, j: tl.constexpr):
    """Of the sample j before a whole delay, from -1 to 2."""
    if j == -1:
        return -f * (f - 1) * (f - 2) / 6
    elif j == 0:
        return (f + 1) * (f - 1) * (f - 2) / 2
    elif j == 1:
        return -(f + 1) * f * (f - 2) / 2
    else:
        return (f + 1) * f * (f - 1) / 6


@triton.jit
def moved_lines(net, m, lines, row, n, t, used, T, N, PAST, ROOM, RING: tl.constexpr, KIND: tl.constexpr):
    """What lines give, (lines, samples)."""
    k, f = split(net, m, row, n, t, used, T, N, PAST)
    u = tl.zeros(k.shape, KIND)
    for tap in tl.static_range(4):
        at = t[None, :] - k - (tap - 1) + PAST
        at = at % ROOM if RING else at
        heard = tl.load(lines[:, None] + at, mask=(n < N)[:, None] & used[None, :], other=0.0)
        u += weight(f, tap - 1).to(KIND) * heard
    return u


@triton.jit
def moved_back(net, m, lines, g, row, n, t, used, T, N, PAST, ROOM):
    """Add to lines (R, N, ROOM) what comes back to what they gave."""
    k, f = split(net, m, row, n, t, used, T, N, PAST)
    place = lines + row * N * ROOM + n[:, None] * ROOM + t[None, :] + PAST
    for tap in tl.static_range(4):
        to = weight(f, tap - 1).to(g.dtype) * g
        tl.atomic_add(place - k - (tap - 1), to, mask=(n < N)[:, None] & used[None, :], sem="relaxed")


@triton.jit
def shortest(net, m, row, n, T, N, PAST, L: tl.constexpr):
    """Samples that need none of one another: one less than the shortest delay of a row."""
    found = tl.zeros((n.shape[0], L), tl.int32) + (1 << 30)
    for first in range(0, T, L):
        t = first + tl.arange(0, L)
        inside = t < T
        k, _ = split(net, m, row, n, t, inside, T, N, PAST)
        found = tl.minimum(found, tl.where((n < N)[:, None] & inside[None, :], k, 1 << 30))
    return tl.min(tl.min(found, 1), 0) - 1


def read(lines: Tensor, delay: Tensor, offset: Tensor, past: int) -> tuple[Tensor, Tensor]:
    """What lines (..., N, P + T) gave, and its slope along the delays (..., N, T) + whole ones (..., N)."""
    d = delay[..., None] + offset.double()
    inside = (d >= LEAST) & (d <= past - 2)
    d = torch.where(d >= LEAST, d, float(LEAST)).clamp(max=past - 2)
    k = d.floor()
    f = (d - k).to(lines.dtype)
    at = torch.arange(past, lines.shape[-1], device=lines.device) - k.long()
    slopes = (
        -(3 * f * f - 6 * f + 2) / 6,
        (3 * f * f - 4 * f - 1) / 2,
        -(3 * f * f - 2 * f - 2) / 2,
        (3 * f * f - 1) / 6,
    )
    weights = (
        -f * (f - 1) * (f - 2) / 6,
        (f + 1) * (f - 1) * (f - 2) / 2,
        -(f + 1) * f * (f - 2) / 2,
        (f + 1) * f * (f - 1) / 6,
    )
    u = slope = torch.zeros_like(f)
    for j, (w, s) in enumerate(zip(weights, slopes, strict=True), -1):
        heard = lines.gather(-1, at - j)
        u, slope = u + w * heard, slope + s * heard
    return u, slope * inside
