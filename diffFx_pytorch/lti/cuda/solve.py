"""Small complex systems on CUDA devices: Gauss-Jordan elimination in registers, a few points of a spectrum a program.

A matrix is given, or it is that of a closed loop, I - diag(left) A diag(right), and then never held in memory.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from diffFx_pytorch.kernels.cuda import Rows, shared_rows
from diffFx_pytorch.kernels.precision import exact_products

MOST = 16
"""Equations."""
WIDEST = 32
"""Columns, of matrix and right-hand sides together."""
NUMBERS = {torch.complex64: 2048, torch.complex128: 1024}
"""Complex numbers that one program holds."""


@triton.jit
def _times(a_re, a_im, b_re, b_im):
    return a_re * b_re - a_im * b_im, a_re * b_im + a_im * b_re


@triton.jit
def _numbers(t, row, place, size, m, there, POINTS: tl.constexpr):
    """Complex numbers (..., M, 2) of a row, at places before the axis of points, which may be one point."""
    at = t.base + 2 * ((row // t.each % t.count) * size + place * POINTS + (m if POINTS > 1 else 0 * m))
    return tl.load(at, mask=there, other=0.0), tl.load(at + 1, mask=there, other=0.0)


@triton.jit
def _eliminate(
    given, x_ptr, M, N, K, POINTS: tl.constexpr, LOOP: tl.constexpr, ADJOINT: tl.constexpr, NP: tl.constexpr,
    WP: tl.constexpr, LANES: tl.constexpr,
):  # fmt: skip
    """Solve for a few points; with ``ADJOINT`` the transposed conjugate."""
    blocks = tl.cdiv(M, LANES)
    row, block = (tl.program_id(0) // blocks).to(tl.int64), tl.program_id(0) % blocks
    i, j = tl.arange(0, NP)[:, None, None], tl.arange(0, WP)[None, :, None]
    m = block * LANES + tl.arange(0, LANES)[None, None, :]
    inside = (i < N) & (j < N) & (m < M)
    a, b = (j, i) if ADJOINT else (i, j)
    if LOOP:
        re, im = _numbers(given.matrix, row, a * N + b, N * N, m, inside, 1)
        l_re, l_im = _numbers(given.left, row, a + 0 * b, N * POINTS[0], m, inside, POINTS[0])
        r_re, r_im = _numbers(given.right, row, b + 0 * a, N * POINTS[1], m, inside, POINTS[1])
        re, im = _times(re, im, l_re, l_im)
        re, im = _times(re, im, r_re, r_im)
        re, im = tl.where(inside & (i == j), 1.0, 0.0) - re, -im
    else:
        re, im = _numbers(given.matrix, row, a * N + b, N * N * POINTS[0], m, inside, POINTS[0])
    if ADJOINT:
        im = -im
    sides = (i < N) & (j >= N) & (j < N + K) & (m < M)
    b_re, b_im = _numbers(given.rhs, row, i * K + j - N, N * K * POINTS[2], m, sides, POINTS[2])
    re, im = re + b_re, im + b_im
    rows, columns = tl.arange(0, NP)[:, None], tl.arange(0, WP)[:, None]
    for k in range(0, N):
        column = j == k
        size = tl.abs(tl.sum(tl.where(column, re, 0.0), 1)) + tl.abs(tl.sum(tl.where(column, im, 0.0), 1))
        # Rows are exchanged where the pivot is less than a tenth of the largest below it.
        size = tl.where(rows == k, 10 * size, tl.where((rows > k) & (rows < N), size, -1.0))
        best = tl.argmax(size, 0)[None, None, :]
        here, chosen = i == k, i == best
        p_re, p_im = tl.sum(tl.where(chosen, re, 0.0), 0), tl.sum(tl.where(chosen, im, 0.0), 0)
        k_re, k_im = tl.sum(tl.where(here, re, 0.0), 0), tl.sum(tl.where(here, im, 0.0), 0)
        re, im = tl.where(chosen, k_re[None], re), tl.where(chosen, k_im[None], im)
        d_re, d_im = tl.sum(tl.where(columns == k, p_re, 0.0), 0), tl.sum(tl.where(columns == k, p_im, 0.0), 0)
        scale = 1 / (tl.abs(d_re) + tl.abs(d_im))
        d_re, d_im = d_re * scale, d_im * scale
        scale = scale / (d_re * d_re + d_im * d_im)
        p_re, p_im = _times(p_re, p_im, (d_re * scale)[None], (-d_im * scale)[None])
        f_re = tl.sum(tl.where(column, re, 0.0), 1)[:, None, :]
        f_im = tl.sum(tl.where(column, im, 0.0), 1)[:, None, :]
        u_re, u_im = _times(f_re, f_im, p_re[None], p_im[None])
        re, im = tl.where(here, p_re[None], re - u_re), tl.where(here, p_im[None], im - u_im)
    at = x_ptr + 2 * (row * (N * K * M) + (i * K + j - N) * M + m)
    tl.store(at, re, mask=sides)
    tl.store(at + 1, im, mask=sides)


class _Given(NamedTuple):
    """Numbers as pairs; the diagonals of a loop, else not read."""

    left: Rows
    matrix: Rows
    right: Rows
    rhs: Rows


def _pairs(t: Tensor, core: int, batch_shape: tuple[int, ...]) -> Rows:
    return shared_rows(torch.view_as_real(t.resolve_conj()), core + 1, batch_shape)


def eliminated(
    batch_shape: tuple[int, ...], matrix: Tensor, rhs: Tensor, x: Tensor, adjoint: bool, loop: Any = None
) -> None:
    """Fill x with the solutions, of ``matrix`` or of the loop of ``(left, right)``, each a tensor or None."""
    N, K, M = x.shape[-3:]
    sides = _pairs(rhs, 3, batch_shape)
    if loop is None:
        dense = _pairs(matrix, 3, batch_shape)
        given, points = _Given(dense, dense, dense, sides), (matrix.shape[-1], 1, rhs.shape[-1])
    else:
        one = x.new_ones(N, 1)
        left, right = (one if t is None else t for t in loop)
        diagonals = [_pairs(t, 2, batch_shape) for t in (left, right)]
        numbers = matrix if matrix.is_complex() else matrix.to(x.dtype)
        given = _Given(diagonals[0], _pairs(numbers, 2, batch_shape), diagonals[1], sides)
        points = left.shape[-1], right.shape[-1], rhs.shape[-1]
    height, width = triton.next_power_of_2(N), triton.next_power_of_2(N + K)
    lanes = max(1, NUMBERS[x.dtype] // (height * width))
    grid = (math.prod(batch_shape) * triton.cdiv(M, lanes),)
    about = {"POINTS": points, "LOOP": loop is not None, "ADJOINT": adjoint, "NP": height, "WP": width, "LANES": lanes}
    _eliminate[grid](given, torch.view_as_real(x), M, N, K, **about, num_warps=4, enable_fp_fusion=True)


def fits(rhs: Tensor) -> bool:
    """Whether systems fit into registers."""
    N, K = rhs.shape[-3:-1]
    return 0 < N <= MOST and K > 0 and N + K <= WIDEST


def serves(inputs: Any) -> bool:
    """What fits into registers."""
    return fits(inputs.rhs)


def forward(batch_shape: tuple[int, ...], inputs: Any, outputs: Any) -> None:
    """As `Kernel.forward` of ``diffFx::lti_solve``."""
    eliminated(batch_shape, inputs.matrix, inputs.rhs, outputs.x, False)


def backward(batch_shape: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any) -> list[Tensor | None]:
    """As `Kernel.backward`: the adjoint systems, eliminated anew."""
    z = grads.x.new_empty(*batch_shape, *grads.x.shape[-3:])
    eliminated(batch_shape, inputs.matrix, grads.x, z, True)
    if not needs.matrix:
        return [None, z]
    with exact_products(z.device):
        return [-torch.einsum("...ikm,...jkm->...ijm", z, saved.x.conj()), z]
