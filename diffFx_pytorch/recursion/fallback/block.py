r"""Constant linear systems as products of matrices over blocks of samples, on devices without kernels.

Of a system with states s, the output of a block of L samples u that begins in state s, and the state after it, are

.. math:: y = H u + O s, \qquad s' = A^L s + C u

with H the Toeplitz matrix of the impulse response, O the responses to the states and C what the samples leave in them.
All blocks are products at once; their states follow by doubling, in log2(T / L) products more. Matrices are designed in
float64. Products have the precision of the sound, and are added up in float64 where they go into states: float32 sound
comes within -135 dB or so, provided that the coordinates of the states are such that none is a small difference of
large ones (20 Hz, Q 10). Where a device has no float64, A^L goes into the states as A^L - I.

A sample that is not finite spoils its block, the samples before it included.

References:
    J. J. Shynk, "Block implementation of recursive digital filters", Stanford, 1982 (block state space).
    W. D. Hillis, G. L. Steele, "Data parallel algorithms", CACM 29(12), 1986 (doubling).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

LENGTH = 64
"""Samples a block, L."""


class Blocks(NamedTuple):
    """The matrices of Q systems of n states over blocks of L samples, and over the last block, which ends early."""

    response: Tensor
    """H (Q, L, L)."""
    free: Tensor
    """O (Q, L, n)."""
    driven: Tensor
    """C (Q, n, L)."""
    step: Tensor
    """A^L (Q, n, n), a `_whole` one or what it has over the identity."""
    last_driven: Tensor
    """C of the last block (Q, n, L); what is after the signal counts nothing."""
    last_step: Tensor
    """A^l, l the samples of the last block, as ``step``."""


def _whole(dtype: torch.dtype) -> bool:
    """Whether powers of A are kept whole; in float32 they are kept less the identity."""
    return dtype != torch.float32


def _through(v: Tensor, power: Tensor, onto: Tensor | None = None) -> Tensor:
    """Rows v (Q, m, n) times a power of A, added onto others."""
    if _whole(power.dtype):
        return torch.bmm(v, power) if onto is None else torch.baddbmm(onto, v, power)
    return torch.baddbmm(v if onto is None else onto + v, v, power)


def _times(first: Tensor, second: Tensor) -> Tensor:
    """The product of two powers of A."""
    return _through(first, second, None if _whole(first.dtype) else second)


def samples_of_last(samples: int, length: int = LENGTH) -> int:
    """How many samples the last block of a signal has."""
    return (samples - 1) % length + 1


def toeplitz(h: Tensor) -> Tensor:
    """The matrices (..., L, L) by which impulse responses (..., L) act: h[i - j] in row i and column j."""
    return pad(h, (h.shape[-1] - 1, 0)).unfold(-1, h.shape[-1], 1).flip(-1)


def state_space_blocks(A: Tensor, b: Tensor, c: Tensor, d: Tensor, samples: int, length: int = LENGTH) -> Blocks:
    """Of s' = (I + A) s + b x, y = c s + d x, for a signal of so many samples; differentiable.

    Args:
        A: (Q, n, n), less the identity.
        b: (Q, n).
        c: (Q, n).
        d: (Q,).
        samples: of the signal.
        length: samples a block.
    """
    A = A + torch.eye(A.shape[-1], dtype=A.dtype, device=A.device) if _whole(A.dtype) else A
    # Side by side: the rows c A^i, and the columns A^i b as rows of the transposed system.
    power, rows = torch.cat([A, A.mT]), torch.cat([c, b]).unsqueeze(-2)
    Q, last, step, last_step = len(A), samples_of_last(samples, length), None, None
    for bit in range(length.bit_length()):
        power = _times(power, power) if bit else power
        if length >> bit & 1:
            step = power[:Q] if step is None else _times(step, power[:Q])
        if last >> bit & 1:
            last_step = power[:Q] if last_step is None else _times(last_step, power[:Q])
        if (more := min(1 << bit, length - (1 << bit))) > 0:
            rows = torch.cat([rows, _through(rows[:, :more], power)], 1)
    assert step is not None
    assert last_step is not None
    free = rows[:Q]
    h = torch.cat([d[:, None], (free[:, :-1] @ b[..., None]).squeeze(-1)], -1)
    driven = rows[Q:].flip(-2).mT
    if last == length:
        return Blocks(toeplitz(h), free, driven, step, driven, step)
    return Blocks(toeplitz(h), free, driven, step, pad(driven[..., length - last :], (0, length - last)), last_step)


def all_pole_blocks(a: Tensor, samples: int) -> Blocks:
    """Of y[t] = x[t] - a_1 y[t-1] - ... - a_N y[t-N], whose states are the last outputs, most recent first.

    One triangular solve is the recursion itself, so poles that lie close together cost no more digits than there.

    Args:
        a: (Q, N), N at most L.
        samples: of the signal.
    """
    Q, N = a.shape
    matrix = toeplitz(pad(pad(a, (1, 0), value=1.0), (0, LENGTH))[:, :LENGTH])
    unit = torch.eye(LENGTH, max(N, 1), dtype=a.dtype, device=a.device)
    past = -pad(a, (0, LENGTH - 1)).unfold(-1, N, 1)  # what the last outputs, continued by silence, still add
    ends = torch.cat([unit[:, :1].expand(Q, -1, -1), past], -1)
    h, free = torch.linalg.solve_triangular(matrix, ends, upper=False, unitriangular=True).split([1, N], -1)
    response = toeplitz(h.squeeze(-1))
    known = torch.cat([unit[:N].flip(0).expand(Q, -1, -1), free], 1)  # from y[-N] on
    driven = torch.cat([torch.zeros_like(response[:, :N]), response], 1)
    whole = _whole(a.dtype)

    def after(n: int) -> tuple[Tensor, Tensor]:
        step = known[:, n : n + N].flip(1)
        return driven[:, n : n + N].flip(1), step if whole else step - unit[:N]

    (C, step), last = after(LENGTH), samples_of_last(samples)
    return Blocks(response, free, C, step, *((C, step) if last == LENGTH else after(last)))


def in_coordinates(blocks: Blocks, change: Tensor, back: Tensor) -> Blocks:
    """The system with states q = change s, s = back q, (Q, n, n)."""
    response, free, driven, step, last_driven, last_step = blocks
    steps = change @ step @ back, change @ last_step @ back
    return Blocks(response, free @ back, change @ driven, steps[0], change @ last_driven, steps[1])


def _split(x: Tensor) -> Tensor:
    """(Q, P, T) as (Q, P, blocks, L)."""
    lack = LENGTH - samples_of_last(x.shape[-1])
    return (pad(x, (0, lack)) if lack else x).unflatten(-1, (-1, LENGTH))


def _added_up(v: Tensor, step: Tensor) -> Tensor:
    """s[j] = s[j - 1] step + v[j] over axis 1 of (Q, blocks, P, n)."""
    Q, blocks, P, n = v.shape
    v, reach = v.reshape(Q, blocks * P, n), P
    while reach < blocks * P:
        v = torch.cat([v[:, :reach], _through(v[:, :-reach], step, v[:, reach:])], 1)
        reach *= 2
        step = _times(step, step) if reach < blocks * P else step
    return v.reshape(Q, blocks, P, n)


def _drive(u: Tensor, blocks: Blocks, start: Tensor) -> Tensor:
    """What the blocks before leave in the states, and what was there, (Q, blocks, P, n)."""
    left = _by_matrix(u[:, :, :-1], blocks.driven.mT.to(u.dtype)).to(start.dtype)
    return torch.cat([start[:, :, None], left], 2).transpose(1, 2)


def _by_matrix(v: Tensor, matrix: Tensor) -> Tensor:
    """(Q, P, m, k) times (Q, k, l)."""
    Q, P, m, k = v.shape
    return torch.bmm(v.reshape(Q, P * m, k), matrix).reshape(Q, P, m, matrix.shape[-1])


def _contracted(left: Tensor, right: Tensor) -> Tensor:
    """(Q, P, m, k) and (Q, P, m, l) to the sum over P and m of their products (Q, k, l)."""
    return torch.bmm(left.flatten(1, 2).mT, right.flatten(1, 2))


def run_blocks(x: Tensor, blocks: Blocks, start: Tensor) -> tuple[Tensor, Tensor]:
    """Run systems over signals.

    Args:
        x: (Q, P, T) of the precision in which products are computed, T > 0; P signals go through each system.
        blocks: of the Q systems for T samples.
        start: states (Q, P, n), of the precision in which states are added up.

    Returns:
        The outputs (Q, P, T), and the states after them.
    """
    u = _split(x)
    states = _added_up(_drive(u, blocks, start), blocks.step.mT).transpose(1, 2)
    driven = u[:, :, -1].to(start.dtype) @ blocks.last_driven.mT
    return _outputs(u, states, blocks, x.shape[-1]), _through(states[:, :, -1], blocks.last_step.mT, driven)


def _outputs(u: Tensor, states: Tensor, blocks: Blocks, samples: int) -> Tensor:
    """Of blocks of the input (Q, P, m, L) and the states before them (Q, P, m, n): (Q, P, samples)."""
    Q, P, m, L = u.shape
    y = torch.bmm(states.to(u.dtype).reshape(Q, P * m, states.shape[-1]), blocks.free.mT.to(u.dtype))
    y.baddbmm_(u.reshape(Q, P * m, L), blocks.response.mT.to(u.dtype))
    return y.reshape(Q, P, m * L)[..., :samples]


def run_blocks_adjoint(
    grad_y: Tensor, grad_end: Tensor, x: Tensor, blocks: Blocks, start: Tensor, of_matrices: bool, of_x: bool = True
) -> tuple[Tensor | None, Blocks | None, Tensor]:
    """The gradients of `run_blocks`: of x and of the matrices if asked for, and of the states before.

    The adjoint of the states runs backwards through the blocks by the same doubling, so nothing is kept but x.
    """
    u, g = _split(x), _split(grad_y)
    Q, P, m, L = u.shape
    adjoint, states = _states_both_ways(u, g, grad_end, blocks, start, of_matrices)
    after = adjoint[:, :, 1:]  # of the state that each block leaves; the last leaves the end
    grad_x = None
    if of_x:
        flow = [
            _by_matrix(after.to(g.dtype), blocks.driven.to(g.dtype)),
            (grad_end @ blocks.last_driven).to(g.dtype)[:, :, None],
        ]
        grad_u = torch.baddbmm(
            torch.cat(flow, 2).reshape(Q, P * m, L), g.reshape(Q, P * m, L), blocks.response.to(g.dtype)
        )
        grad_x = grad_u.reshape(Q, P, m * L)[..., : x.shape[-1]]
    if not of_matrices:
        return grad_x, None, adjoint[:, :, 0]
    return grad_x, _of_blocks(u, g, grad_end, adjoint, states), adjoint[:, :, 0]


def outputs_and_gradient(
    grad_y: Tensor, grad_end: Tensor, x: Tensor, blocks: Blocks, start: Tensor
) -> tuple[Tensor, Blocks]:
    """The outputs of `run_blocks` and the gradients of the matrices, for which states are run once."""
    u, g = _split(x), _split(grad_y)
    adjoint, states = _states_both_ways(u, g, grad_end, blocks, start, True)
    of_blocks = _of_blocks(u, g, grad_end, adjoint, states)
    return _outputs(u, states, blocks, x.shape[-1]), of_blocks


def _states_both_ways(
    u: Tensor, g: Tensor, grad_end: Tensor, blocks: Blocks, start: Tensor, forwards: bool
) -> tuple[Tensor, Tensor]:
    """The adjoint of the states before each block and, beside it if asked for, the states (Q, P, m, n)."""
    direct = _by_matrix(g, blocks.free.to(g.dtype)).to(start.dtype)
    last = direct[:, :, -1:] + _through(grad_end, blocks.last_step)[:, :, None]
    drive, step = torch.cat([last, direct[:, :, :-1].flip(2)], 2).transpose(1, 2), blocks.step
    if forwards:
        drive, step = torch.cat([drive, _drive(u, blocks, start)]), torch.cat([step, step.mT])
    both = _added_up(drive, step).transpose(1, 2)
    return both[: len(u)].flip(2), both[len(u) :]


def _of_blocks(u: Tensor, g: Tensor, grad_end: Tensor, adjoint: Tensor, states: Tensor) -> Blocks:
    """The gradients of the matrices."""
    after, wide = adjoint[:, :, 1:], states.dtype
    return Blocks(
        _contracted(g, u).to(wide),
        _contracted(g, states.to(g.dtype)).to(wide),
        _contracted(after.to(u.dtype), u[:, :, :-1]).to(wide),
        _contracted(after, states[:, :, :-1]),
        grad_end.mT @ u[:, :, -1].to(wide),
        grad_end.mT @ states[:, :, -1],
    )
