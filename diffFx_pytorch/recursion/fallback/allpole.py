"""The all-pole recursion in plain torch operations, for devices that have no kernel of their own.

Time is cut into chunks. All chunks run side by side from a silent state, beside them the N decays of a unit past;
what is left is to carry N numbers from chunk to chunk. With chunks of sqrt(T) that is about 2 sqrt(T) dependent
steps instead of T. Everything is float64: in float32 the powers of the companion matrix would lose poles near the
unit circle. The decays are computed by the recursion itself and not by squaring a matrix. Chunks still round where
the plain loop does not, about as many times its error as the decays sum up to; so what the result lacks of the
equation is run through the recursion again, and filters whose poles lie so close together that this cannot help
run in one piece, sample by sample.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import pad

from ..checks import state_dtype
from ..ops.lags import lag_products, lagged_sum, with_past

STEEP = 1e5  # decays that sum up to more than this lose too many digits to be mended
REFINEMENTS = 2


def allpole(x: Tensor, a: Tensor, zi: Tensor | None, moving: bool, chunk: int | None = None) -> tuple[Tensor, Tensor]:
    """The operator ``diffFx::allpole``.

    Args:
        x: (..., T).
        a: (..., N), or (..., T, N) if ``moving``.
        zi: (..., N) past outputs, most recent first, or None.
        moving: whether a moves.
        chunk: samples a chunk; None takes about sqrt(T).

    Returns:
        y (..., T) in x's dtype and zf (..., N) in float64 or complex128.
    """
    wide, order, samples = state_dtype(x.dtype), a.shape[-1], x.shape[-1]
    shapes = [x.shape[:-1], a.shape[: -2 if moving else -1]]
    if zi is not None:
        shapes.append(zi.shape[:-1])
    lead = torch.broadcast_shapes(*shapes)
    state = x.new_zeros((*lead, order), dtype=wide)
    if zi is not None:
        state = state + zi
    if samples == 0:
        return x.new_empty((*lead, 0)), state
    length = chunk or max(order, math.isqrt(samples), 1)
    drive, a = x.to(wide), a.to(wide)
    y, growth = _in_chunks(drive, a, state, moving, length)
    if length < samples and not growth < STEEP:
        y, _ = _in_chunks(drive, a, state, moving, samples)
    elif length < samples and growth > 1.0:
        for _ in range(REFINEMENTS):
            lack = drive - y - lagged_sum(a, y, state, moving)
            correction, _ = _in_chunks(lack, a, torch.zeros_like(state), moving, length)
            y = torch.where(correction.isfinite(), y + correction, y)
    zf = with_past(y, state, order)[..., samples:].flip(-1)
    return y.to(x.dtype).contiguous(), zf.contiguous()


def _in_chunks(x: Tensor, a: Tensor, state: Tensor, moving: bool, length: int) -> tuple[Tensor, float]:
    """The output, and the largest sum of the decays of the past."""
    order, samples = a.shape[-1], x.shape[-1]
    chunks = -(-samples // length)
    lack = chunks * length - samples
    # (..., chunk, time in the chunk); broadcasting over leading axes is left to the operations.
    u = pad(x, (0, lack)).reshape(*x.shape[:-1], chunks, length)
    if moving:
        a = pad(a, (0, 0, 0, lack)).reshape(*a.shape[:-2], chunks, length, order)
    forced = _from_silence(u, a, moving)
    decays = _unit_decays(a, length, moving)
    states = []
    for c in range(chunks):
        states.append(state)
        matrix = decays[..., c, :, :] if moving else decays
        tail = forced[..., c, -order:].flip(-1)
        state = tail + (matrix[..., -order:, :].flip(-2) @ state.unsqueeze(-1)).squeeze(-1)
    before = torch.stack(states, dim=-2)
    if moving:
        free = (decays[..., order:, :] @ before.unsqueeze(-1)).squeeze(-1)
    else:
        free = before @ decays[..., order:, :].transpose(-1, -2)
    y = forced[..., order:] + free
    growth = decays.abs().sum(-1).max().item() if decays.numel() else 0.0
    return y.reshape(*y.shape[:-2], chunks * length)[..., :samples], growth


def _from_silence(u: Tensor, a: Tensor, moving: bool) -> Tensor:
    """(..., chunks, N + length): N zeros, then the response of every chunk to its own samples."""
    order, length = a.shape[-1], u.shape[-1]
    coefs = a.flip(-1) if moving else a.flip(-1).unsqueeze(-2)
    lead = torch.broadcast_shapes(u.shape[:-1], a.shape[:-2] if moving else (*a.shape[:-1], 1))
    y = u.new_zeros((*lead, order + length))
    for k in range(length):
        c = coefs[..., k, :] if moving else coefs
        y[..., order + k] = u[..., k] - (c * y[..., k : k + order]).sum(-1)
    return y


def _unit_decays(a: Tensor, length: int, moving: bool) -> Tensor:
    """(..., N + length, N): column m is the past in which only y[-1 - m] is 1, and what follows it."""
    order = a.shape[-1]
    lead = a.shape[:-2] if moving else a.shape[:-1]
    y = a.new_zeros((*lead, order + length, order))
    y[..., :order, :] = torch.eye(order, dtype=a.dtype, device=a.device).flip(0)
    for k in range(length):
        c = (a[..., k, :] if moving else a).flip(-1).unsqueeze(-1)
        y[..., order + k, :] = -(c * y[..., k : k + order, :]).sum(-2)
    return y


def allpole_backward(
    grad_y: Tensor, grad_zf: Tensor, y: Tensor | None, a: Tensor, zi: Tensor | None, moving: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """The operator ``diffFx::allpole_backward``: the same recursion over the reversed signal.

    Args:
        grad_y: (..., T) gradient of the output.
        grad_zf: (..., N) gradient of the last outputs.
        y: (..., T) the output, or None if a needs no gradient.
        a: (..., N), or (..., T, N) if ``moving``.
        zi: (..., N) past outputs, or None.
        moving: whether a moves.

    Returns:
        Gradients of x and zi, of the common leading shape, and of a: of a's shape if it moves, (..., N) in the common
        leading shape if it is constant, empty if not wanted.
    """
    wide, order, samples = state_dtype(grad_y.dtype), a.shape[-1], grad_y.shape[-1]
    coefs = a.to(wide).conj()
    end = grad_zf.to(wide)
    drive = grad_y.to(wide)
    late = min(order, samples)
    drive = drive + pad(end[..., :late].flip(-1), (samples - late, 0))
    if moving:
        # In reversed time the coefficient of lag i is the one that stood at the later sample.
        lags = [pad(coefs[..., i:, i - 1], (0, min(i, samples))) for i in range(1, order + 1)]
        backwards = torch.stack([lag[..., :samples] for lag in lags], dim=-1).flip(-2)
    else:
        backwards = coefs
    g, _ = allpole(drive.flip(-1), backwards, None, moving)
    g = g.flip(-1)
    grad_zi = torch.zeros((*g.shape[:-1], order), dtype=wide, device=g.device)
    grad_zi[..., : order - late] += end[..., late:]
    for m in range(order):
        for t in range(min(order - m, samples)):
            c = coefs[..., t, t + m] if moving else coefs[..., t + m]
            grad_zi[..., m] -= c * g[..., t]
    if y is None:
        grad_a = a.new_empty(0, dtype=a.dtype if moving else wide)
    else:
        grad_a = -lag_products(g, y.to(wide), None if zi is None else zi.to(wide), order, moving)
        if moving:
            grad_a = grad_a.sum_to_size(a.shape).to(a.dtype)
    return g.to(grad_y.dtype).contiguous(), grad_a.contiguous(), grad_zi
