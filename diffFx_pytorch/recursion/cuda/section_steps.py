"""One sample of a second-order section with two states, and of its adjoint: the formulas of the scans of sections.

Without input a sample maps the states s to s + D s, and the adjoint l of the states after it to l + D' l of those
before. A section is either a state variable filter [g r h b l] or a biquad [b0 b1 b2 a0 a1 a2] in transposed direct
form 2 (``BIQUAD``).
"""

from __future__ import annotations

import triton
import triton.language as tl

from .joins import join, place


@triton.jit
def then(a11, a12, a21, a22, u1, u2, b11, b12, b21, b22, v1, v2):
    """First s + A s + u, after it s + B s + v."""
    return (
        a11 + b11 + (b11 * a11 + b12 * a21),
        a12 + b12 + (b11 * a12 + b12 * a22),
        a21 + b21 + (b21 * a11 + b22 * a21),
        a22 + b22 + (b21 * a12 + b22 * a22),
        v1 + u1 + (b11 * u1 + b12 * u2),
        v2 + u2 + (b21 * u1 + b22 * u2),
    )


@triton.jit
def of_section(c, row, k, t, inside, T, K, MOVING: tl.constexpr, BIQUAD: tl.constexpr, SCAN: tl.constexpr):
    """The numbers of section k at times t: g r h b l, or b0 b1 b2 a1 a2 over a0, and a0 (1 for the first kind).

    ``MOVING``: 0 where they stand, 1 where they are given for every sample, 2 at control points (`joins`).
    """
    if MOVING == 2:
        segment, w = place(c, row, t, inside, T, SCAN)
        p3 = join(c, row, k, 3, segment, w, K, SCAN)
        return (
            join(c, row, k, 0, segment, w, K, SCAN),
            join(c, row, k, 1, segment, w, K, SCAN),
            join(c, row, k, 2, segment, w, K, SCAN),
            p3,
            join(c, row, k, 4, segment, w, K, SCAN),
            p3,
        )
    else:
        return _given(c, row, k, t, inside, T, K, MOVING, BIQUAD, SCAN)


@triton.jit
def _given(c, row, k, t, inside, T, K, MOVING: tl.constexpr, BIQUAD: tl.constexpr, SCAN: tl.constexpr):
    N: tl.constexpr = 6 if BIQUAD else 5
    start = c.base + (row // c.each % c.count) * (T * K * N if MOVING else K * N) + k * N
    at = start + t * (K * N if MOVING else 0)
    c0 = tl.load(at, mask=inside, other=0.0).to(SCAN)
    c1 = tl.load(at + 1, mask=inside, other=0.0).to(SCAN)
    c2 = tl.load(at + 2, mask=inside, other=0.0).to(SCAN)
    c3 = tl.load(at + 3, mask=inside, other=1.0).to(SCAN)
    c4 = tl.load(at + 4, mask=inside, other=0.0).to(SCAN)
    if BIQUAD:
        c5 = tl.load(at + 5, mask=inside, other=0.0).to(SCAN)
        return c0 / c3, c1 / c3, c2 / c3, c4 / c3, c5 / c3, c3
    else:
        return c0, c1, c2, c3, c4, c3


@triton.jit
def forward_map(x, c0, c1, c2, c3, c4, inside, BIQUAD: tl.constexpr):
    """D and v of s + D s + v, the states after a sample."""
    if BIQUAD:
        d11, d12, d21, d22 = -1.0 - c3, 1.0 + 0.0 * c3, -c4, -1.0 + 0.0 * c3
        v1, v2 = (c1 - c3 * c0) * x, (c2 - c4 * c0) * x
    else:
        b = 2 * c0 / (1 + c0 * (c0 + c1))
        d11, d12, d21, d22 = -b * (c0 + c1), -b, b, -b * c0
        v1, v2 = b * x, b * c0 * x
    return (
        tl.where(inside, d11, 0.0),
        tl.where(inside, d12, 0.0),
        tl.where(inside, d21, 0.0),
        tl.where(inside, d22, 0.0),
        tl.where(inside, v1, 0.0),
        tl.where(inside, v2, 0.0),
    )


@triton.jit
def adjoint_map(gy, c0, c1, c2, c3, c4, inside, BIQUAD: tl.constexpr):
    """D' and v of l + D' l + v, the adjoint of the states before a sample."""
    d11, d12, d21, d22, _, _ = forward_map(gy, c0, c1, c2, c3, c4, inside, BIQUAD)
    if BIQUAD:
        v1, v2 = gy, 0.0 * gy
    else:
        d = 1 / (1 + c0 * (c0 + c1))
        to_v2 = gy * (c4 - c2)
        to_v1 = gy * (c3 - c2 * c1) + c0 * to_v2
        v1, v2 = d * to_v1, to_v2 - c0 * d * to_v1
    return d11, d21, d12, d22, tl.where(inside, v1, 0.0), tl.where(inside, v2, 0.0)


@triton.jit
def sample(x, s1, s2, c0, c1, c2, c3, c4, BIQUAD: tl.constexpr):
    """The output and the states after, from the states before."""
    if BIQUAD:
        y = c0 * x + s1
        return y, c1 * x - c3 * y + s2, c2 * x - c4 * y
    else:
        v1 = (s1 + c0 * (x - s2)) / (1 + c0 * (c0 + c1))
        v2 = s2 + c0 * v1
        return c2 * (x - c1 * v1 - v2) + c3 * v1 + c4 * v2, 2 * v1 - s1, 2 * v2 - s2


@triton.jit
def sample_adjoint(x, s1, s2, gy, l1, l2, c0, c1, c2, c3, c4, a0, BIQUAD: tl.constexpr):
    """Gradients of x, the states before and the numbers of the section, from those of y and of the states after."""
    if BIQUAD:
        y = c0 * x + s1
        gx = gy - c3 * l1 - c4 * l2  # to y
        g0, g1, g2, g3, g4 = gx * x / a0, l1 * x / a0, l2 * x / a0, -l1 * y / a0, -l2 * y / a0
        to_a0 = -(c0 * g0 + c1 * g1 + c2 * g2 + c3 * g3 + c4 * g4)
        return c0 * gx + c1 * l1 + c2 * l2, gx, l1, g0, g1, g2, to_a0, g3, g4
    else:
        d = 1 / (1 + c0 * (c0 + c1))
        v1 = (s1 + c0 * (x - s2)) * d
        v2 = s2 + c0 * v1
        to_v2 = 2 * l2 + gy * (c4 - c2)
        to_v1 = 2 * l1 + gy * (c3 - c2 * c1) + c0 * to_v2
        n = d * to_v1
        to_g = to_v2 * v1 + n * (x - s2) - (2 * c0 + c1) * n * v1
        to_r = -gy * c2 * v1 - c0 * n * v1
        gx, to_s1, to_s2 = gy * c2 + c0 * n, n - l1, to_v2 - c0 * n - l2
        return gx, to_s1, to_s2, to_g, to_r, gy * (x - c1 * v1 - v2), gy * v1, gy * v2, gy
