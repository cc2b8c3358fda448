"""The recursion of a vector on CUDA devices: sample by sample in float64, rows side by side, matrices in registers.

A step multiplies a state that lies along one axis of the matrix and sums along it, so that the new state lies along the
other. The next step takes the matrix transposed, after which the state lies as it did: it need not be turned between.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from diffFx_pytorch.kernels.cuda import countable, shared_rows

MOST = 16
"""The largest matrix, in rows."""
NUMBERS = 256
"""Of the matrices that one program holds, if it is not one matrix."""


@triton.jit
def _matrices(
    a, row, there, t, T, N, TURNED: tl.constexpr, MOVING: tl.constexpr, BACK: tl.constexpr, SIZE: tl.constexpr
):
    """The matrices of a step (rows, to, from), or ``TURNED`` (rows, from, to); backwards the transposed ones."""
    first, second = tl.arange(0, SIZE)[None, :, None], tl.arange(0, SIZE)[None, None, :]
    at = a.base + (row // a.each % a.count * ((T if MOVING else 1) * N * N))[:, None, None]
    inside = there[:, None, None] & (first < N) & (second < N)
    if MOVING:
        at += t * N * N
        inside = inside & (0 * first + t < T)
    at += second * N + first if TURNED != BACK else first * N + second
    return tl.load(at, mask=inside, other=0.0).to(tl.float64)


@triton.jit
def _states(
    u, a, start, s_ptr, end_ptr, T, R, N, MOVING: tl.constexpr, BACK: tl.constexpr, ROWS: tl.constexpr,
    SIZE: tl.constexpr,
):  # fmt: skip
    """s[t] = A[t] s[t-1] + u[t], or backwards s[t] = A[t+1]' s[t+1] + u[t] from T, of which ``end`` gets A[0]' s[0]."""
    row = (tl.program_id(0) * ROWS + tl.arange(0, ROWS)).to(tl.int64)
    there = row < R
    i = tl.arange(0, SIZE)[None, :]
    here = there[:, None] & (i < N)
    u_at = u.base + (row // u.each % u.count * T)[:, None] * N + i
    s_at = s_ptr + (row * T)[:, None] * N + i
    s = tl.load(start.base + (row // start.each % start.count * N)[:, None] + i, mask=here, other=0.0).to(tl.float64)
    if not MOVING:
        ahead = _matrices(a, row, there, 0, T, N, False, MOVING, BACK, SIZE)
        turned = _matrices(a, row, there, 0, T, N, True, MOVING, BACK, SIZE)
    for n in range(0, T // 2):
        t = T - 1 - 2 * n if BACK else 2 * n
        later = t - 1 if BACK else t + 1
        if MOVING:
            ahead = _matrices(a, row, there, t + 1 if BACK else t, T, N, False, MOVING, BACK, SIZE)
            turned = _matrices(a, row, there, t if BACK else t + 1, T, N, True, MOVING, BACK, SIZE)
        across = tl.sum(ahead * s[:, None, :], 2)
        across += tl.load(u_at + t * N, mask=here, other=0.0).to(tl.float64)
        tl.store(s_at + t * N, across, mask=here)
        s = tl.sum(turned * across[:, :, None], 1)
        s += tl.load(u_at + later * N, mask=here, other=0.0).to(tl.float64)
        tl.store(s_at + later * N, s, mask=here)
    end = end_ptr + (row * N)[:, None] + i
    if T % 2:
        t = 0 if BACK else T - 1
        if MOVING:
            ahead = _matrices(a, row, there, 1 if BACK else t, T, N, False, MOVING, BACK, SIZE)
            turned = _matrices(a, row, there, 0, T, N, True, MOVING, BACK, SIZE)
        across = tl.sum(ahead * s[:, None, :], 2)
        across += tl.load(u_at + t * N, mask=here, other=0.0).to(tl.float64)
        tl.store(s_at + t * N, across, mask=here)
        if BACK:
            tl.store(end, tl.sum(turned * across[:, :, None], 1), mask=here)
        else:
            tl.store(end, across, mask=here)
    elif BACK:
        if MOVING:
            ahead = _matrices(a, row, there, 0, T, N, False, MOVING, BACK, SIZE)
        tl.store(end, tl.sum(ahead * s[:, None, :], 2), mask=here)
    else:
        tl.store(end, s, mask=here)


def serves(inputs: Any) -> bool:
    """Matrices of up to 16 rows."""
    counted = countable((inputs.u, 2), (inputs.A, 3))
    return inputs.u.shape[-2] > 0 and 0 < inputs.zi.shape[-1] <= MOST and counted


def _run(batch_shape: tuple[int, ...], u: Tensor, A: Tensor, start: Tensor, s: Tensor, end: Tensor, back: bool) -> None:
    given = (shared_rows(t, core, batch_shape) for t, core in ((u, 2), (A, 3), (start, 1)))
    samples, order = u.shape[-2:]
    size = triton.next_power_of_2(max(order, 2))
    together, rows = max(1, NUMBERS // size**2), math.prod(batch_shape)
    about = {"MOVING": A.shape[-3] != 1, "BACK": back, "ROWS": together, "SIZE": size, "num_warps": 1}
    _states[(triton.cdiv(rows, together),)](*given, s, end, samples, rows, order, **about, enable_fp_fusion=True)


def forward(batch_shape: tuple[int, ...], inputs: Any, outputs: Any) -> None:
    """As `Kernel.forward` of ``diffFx::state_space``."""
    _run(batch_shape, *inputs, *outputs, back=False)


def backward(batch_shape: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any) -> list[Tensor | None]:
    """As `Kernel.backward`: the recursion of the transposed matrices, and products for those of the matrices."""
    _, A, zi = inputs
    given, (samples, order) = grads.s.double(), grads.s.shape[-2:]
    given = given.expand(*batch_shape, samples, order).clone()
    given[..., -1, :] += grads.zf
    to_u, to_zi = torch.empty_like(given), zi.new_empty(*batch_shape, order)
    _run(batch_shape, given, A, torch.zeros_like(zi), to_u, to_zi, back=True)
    if not needs.A:
        return [to_u, None, to_zi]
    first = zi.double().expand(*batch_shape, order).unsqueeze(-2)
    before = torch.cat([first, saved.s[..., :-1, :].expand(*batch_shape, samples - 1, order)], -2)
    if A.shape[-3] != 1:
        return [to_u, to_u.unsqueeze(-1) * before.unsqueeze(-2), to_zi]
    return [to_u, (to_u.mT @ before).unsqueeze(-3), to_zi]
