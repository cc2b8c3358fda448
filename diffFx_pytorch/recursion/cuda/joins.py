"""Coefficients between control points, joined where they are used: none is stored for every sample.

From each point on a coefficient is value exp(w octaves + w (1 - w) bend) + w step, with w from 0 to 1 at the next and
the bend of g alone (`ways_from`): sixteen numbers a point and section. The gradients of those are sums over the samples
of a segment. A chunk of time writes a part for each segment that it meets; (chunk, segment) pairs go up in time, so
their sum names a place that no other pair has, and the parts of a segment stand side by side.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from diffFx_pytorch.kernels.cuda import shared_rows
from diffFx_pytorch.recursion.control_points import ways_from

SEGMENTS = 32
"""Segments whose parts one program adds up."""
NUMBERS = tl.constexpr(16)
"""Of a point and section: five values, octaves and steps, and the bend of the first."""


class Joined(NamedTuple):
    """Coefficients at control points, as rows share them.

    Attributes:
        base: (rows, F, K, 16).
        each: rows of the output that read one row.
        count: rows there are.
        segment: the segment of every sample (rows, T), int32.
        at: the samples of the points (rows, F), int32.
        at_each: as ``each``, of the last two.
        at_count: as ``count``.
        F: points.
    """

    base: Tensor
    each: int
    count: int
    segment: Tensor
    at: Tensor
    at_each: int
    at_count: int
    F: int


def joined_points(points: Tensor, at: Tensor, samples: int, batch_shape: tuple[int, ...]) -> Joined:
    """Control points (..., F, K, 5) at (..., F) as kernels read them."""
    time = torch.arange(samples, device=at.device).expand(*at.shape[:-1], samples).contiguous()
    segment = torch.searchsorted(at.contiguous(), time, right=True) - 1
    last = points.shape[-3] - 1
    of_time, of_points = (shared_rows(t.int(), 1, batch_shape) for t in (segment.clamp(0, last), at))
    table = shared_rows(torch.cat(ways_from(points), -1), 3, batch_shape)
    return Joined(*table, of_time.base, of_points.base, *of_points[1:], last + 1)


@triton.jit
def place(c, row, t, inside, T, SCAN: tl.constexpr):
    """The segment of each sample, and how far on it the sample is."""
    own = row // c.at_each % c.at_count
    segment = tl.load(c.segment + own * T + t, mask=inside, other=0)
    begin = tl.load(c.at + own * c.F + segment)
    length = tl.maximum(tl.load(c.at + own * c.F + tl.minimum(segment + 1, c.F - 1)) - begin, 1)
    w = (t - begin).to(SCAN) / length.to(SCAN)
    return segment, tl.minimum(tl.maximum(w, 0.0), 1.0)


@triton.jit
def way(c, row, k, number: tl.constexpr, segment, w, K, SCAN: tl.constexpr):
    """Of a coefficient of section k: the value of the point, what it is multiplied by, and the step."""
    at = c.base + ((row // c.each % c.count) * c.F * K + segment * K + k) * NUMBERS + number
    exponent = w * tl.load(at + 5).to(SCAN)
    if number == 0:
        exponent += w * (1 - w) * tl.load(at + 15).to(SCAN)
    return tl.load(at).to(SCAN), tl.exp(exponent), tl.load(at + 10).to(SCAN)


@triton.jit
def join(c, row, k, number: tl.constexpr, segment, w, K, SCAN: tl.constexpr):
    """A coefficient of section k."""
    value, factor, step = way(c, row, k, number, segment, w, K, SCAN)
    return value * factor + w * step


@triton.jit
def _of_segment(a1, b1, c1, s1, a2, b2, c2, s2):
    same = s1 == s2
    return tl.where(same, a1 + a2, a2), tl.where(same, b1 + b2, b2), tl.where(same, c1 + c2, c2), s2


@triton.jit
def store_parts(
    to_ptr, c, row, k, number: tl.constexpr, g, t, inside, chunk, T, K, NC, SCAN: tl.constexpr, L: tl.constexpr
):
    """The sums over each segment of a chunk, at its last sample, from the gradient g of a coefficient."""
    segment, w = place(c, row, t, inside, T, SCAN)  # again for each, which keeps fewer registers
    following = tl.load(c.segment + row // c.at_each % c.at_count * T + t + 1, mask=inside & (t + 1 < T), other=-1)
    ends = inside & ((segment != following) | (t == chunk * L + L - 1))
    value, factor, _ = way(c, row, k, number, segment, w, K, SCAN)
    at = to_ptr + ((row * (NC + c.F) + (chunk + segment)) * K + k) * NUMBERS + number
    one, bent, along = (g * factor).to(tl.float64), (g * w).to(tl.float64), w.to(tl.float64)
    a, b, d, _ = tl.associative_scan((one, along * one, bent, segment), 0, _of_segment)
    tl.store(at, a, mask=ends)
    tl.store(at + 5, value.to(tl.float64) * b, mask=ends)
    tl.store(at + 10, d, mask=ends)
    if number == 0:
        a, b, d, _ = tl.associative_scan((along * (1 - along) * one, one, bent, segment), 0, _of_segment)
        tl.store(at + 15, value.to(tl.float64) * a, mask=ends)


@triton.jit
def _sums(parts_ptr, c, to_ptr, T, NC, NB, K, L: tl.constexpr, J: tl.constexpr):
    """The parts of every segment, added up over the chunks that met it."""
    row, block = (tl.program_id(0) // NB).to(tl.int64), tl.program_id(0) % NB
    j = block * J + tl.arange(0, J)
    at = c.at + (row // c.at_each % c.at_count) * c.F
    begin = tl.maximum(tl.load(at + j, mask=j < c.F, other=0), 0)
    end = tl.minimum(tl.load(at + j + 1, mask=j + 1 < c.F, other=1 << 30), T)
    first = begin // L
    count = tl.where((j < c.F) & (end > begin), (end - 1) // L - first + 1, 0)
    n = tl.arange(0, NUMBERS)[None, :]
    for k in range(K):
        total = tl.zeros((J, NUMBERS), tl.float64)
        for i in range(tl.max(count, 0)):
            slot = row * (NC + c.F) + (first + i + j)
            total += tl.load(parts_ptr + (slot * K + k)[:, None] * NUMBERS + n, mask=(i < count)[:, None], other=0.0)
        tl.store(to_ptr + ((row * c.F + j) * K + k)[:, None] * NUMBERS + n, total, mask=(j < c.F)[:, None])


def to_points(parts: Tensor, c: Joined, points: Tensor, batch_shape: tuple[int, ...], T: int, L: int) -> Tensor:
    """The gradient of points (*batch, F, K, 5), from parts (rows, chunks + F, K, 16) of chunks of L samples."""
    rows, K, blocks = math.prod(batch_shape), parts.shape[2], triton.cdiv(c.F, SEGMENTS)
    found = parts.new_empty(rows, c.F, *parts.shape[2:])
    sizes: dict[str, Any] = {"T": T, "NC": parts.shape[1] - c.F, "NB": blocks, "K": K}
    _sums[(rows * blocks,)](parts, c, found, **sizes, L=L, J=SEGMENTS, num_warps=4, enable_fp_fusion=True)
    wide = points.double()
    ways, pull = torch.func.vjp(ways_from, wide.expand(*batch_shape, *wide.shape[-3:]))[:2]
    given = found.view(*batch_shape, *found.shape[1:]).split([w.shape[-1] for w in ways], -1)
    return pull(tuple(given))[0]
