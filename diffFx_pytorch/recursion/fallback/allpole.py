"""The all-pole recursion in eager torch operations, for devices that have no kernel of their own.

Constant coefficients make products over blocks of samples (`block`), in the precision of the sound up to order 2, in
float64 above. Blocks round where the plain loop does not, about as many times its error as what a unit past adds to the
outputs sums up to; so above order 2 what the result lacks of the equation is run through the recursion again, and
filters whose poles lie so close together that this cannot help run in one piece, sample by sample. To know which is to
wait for the device.

Time-varying ones up to order 2 are scanned (`moving`). Above, time is cut into chunks: all run side by side from a
silent state, beside them the N decays of a unit past; what is left is to carry N numbers from chunk to chunk. With
chunks of sqrt(T) that is about 2 sqrt(T) dependent steps instead of T, all in float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import pad

from diffFx_pytorch.kernels.precision import exact_products
from diffFx_pytorch.kernels.rows import broadcast_shape

from ..checks import state_dtype
from ..ops.lags import lag_products, lagged_sum, with_past
from .block import LENGTH, all_pole_blocks, in_coordinates, run_blocks
from .groups import Groups
from .moving import moving_all_pole
from .scan import first_order_scan_

STEEP = 1e5  # decays that sum up to more than this lose too many digits to be mended
REFINEMENTS = 2


def allpole(x: Tensor, a: Tensor, zi: Tensor, chunk: int | None = None) -> tuple[Tensor, Tensor]:
    """The equation of ``diffFx::allpole``.

    Args:
        x: (..., T).
        a: (..., T or 1, N).
        zi: (..., N) past outputs, most recent first.
        chunk: samples per chunk; None takes about sqrt(T).

    Returns:
        y (..., T) in x's dtype and zf (..., N) in float64 or complex128.
    """
    wide, order, samples = state_dtype(x.dtype), a.shape[-1], x.shape[-1]
    batch_shape = broadcast_shape(x.shape[:-1], a.shape[:-2], zi.shape[:-1])
    state = zi.to(wide).expand(*batch_shape, order)
    if 0 in (samples, *batch_shape):
        return x.new_empty((*batch_shape, samples)), state
    if order <= 2 and not x.dtype.is_complex and a.shape[-2] != 1:
        return _moving(x, a, state)
    a = a.to(wide)
    if a.shape[-2] == 1 and order <= LENGTH:
        return _constant(x, a, state)
    drive = x.to(wide)
    length = chunk or max(order, math.isqrt(samples), 1)
    y, growth = _in_chunks(drive, a, state, length)
    if length < samples and not growth < STEEP:
        y, _ = _in_chunks(drive, a, state, samples)
    elif length < samples and growth > 1.0:
        y = _refined(y, lambda lack: _in_chunks(lack, a, torch.zeros_like(state), length)[0], drive, a, state)
    return y.to(x.dtype), with_past(y, state)[..., samples:].flip(-1)


def _refined(y: Tensor, solve: Callable[[Tensor], Tensor], drive: Tensor, a: Tensor, state: Tensor) -> Tensor:
    """The output without what it lacks of the equation."""
    for _ in range(REFINEMENTS):
        correction = solve(drive - y - lagged_sum(a, y, state))
        y = torch.where(correction.isfinite(), y + correction, y)
    return y


def _constant(x: Tensor, a: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """By blocks; a (..., 1, N) and the state (..., N) in the widest precision, the state in the batch shape."""
    samples, order = x.shape[-1], a.shape[-1]
    groups = Groups(state.shape[:-1], a, 2)
    signal, coef, start = groups.rows(x, 1), groups.sets(a).squeeze(1), groups.rows(state, 1)
    blocks = all_pole_blocks(coef, samples)
    with exact_products(x.device):
        if order <= 2:
            if order == 1 or coef.dtype.is_complex:
                y, end = run_blocks(signal.to(coef.dtype) if coef.dtype.is_complex else signal, blocks, start)
            else:
                change, back = _coordinates(coef)
                blocks = in_coordinates(blocks, change, back)
                y, end = run_blocks(signal, blocks, start @ change.mT)
                end = end @ back.mT
            return groups.apart(y).to(x.dtype), groups.apart(end)
        growth = blocks.free.abs().sum(-1).max().item()
        signal = signal.to(coef.dtype)
        if samples > LENGTH and not growth < STEEP:
            y = _in_chunks(x.to(a.dtype), a, state, samples)[0].expand(*state.shape[:-1], samples)
            return y.to(x.dtype), with_past(y, state)[..., samples:].flip(-1)
        y, _ = run_blocks(signal, blocks, start)
        if samples > LENGTH and growth > 1.0:
            still, silence = coef[:, None, None], torch.zeros_like(start)
            y = _refined(y, lambda lack: run_blocks(lack, blocks, silence)[0], signal, still, start)
        return groups.apart(y).to(x.dtype), groups.apart(with_past(y, start)[..., samples:].flip(-1))


def _moving(x: Tensor, a: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """Up to order 2, by a scan; a (..., T, N) and the state (..., N) in the widest precision and the batch shape."""
    groups = Groups(state.shape[:-1], a, 2)
    coef, start = groups.sets(a), groups.rows(state, 1)
    if a.shape[-1] == 2:
        y, end = moving_all_pole(groups.rows(x, 1), coef, start)
    else:
        c, y = -coef.mT.to(state.dtype), groups.rows(x, 1).to(state.dtype, copy=True)
        y[..., :1].addcmul_(c[..., :1], start)
        y = first_order_scan_(c, y)
        end = y[..., -1:].clone()
    return groups.apart(y).to(x.dtype), groups.apart(end)


def _coordinates(a: Tensor) -> tuple[Tensor, Tensor]:
    """States q = change (y1, y2) in which neither is nearly the other, and the way back; constants of the derivative.

    For complex poles k +- j h they are y1 and (y2 - k y1) / h.
    """
    k = (-0.5 * a[:, 0].detach()).clamp(-1, 1)
    h = ((k * k - a[:, 1].detach()).abs() + (1 - k.abs()).square() + 1e-12).sqrt()
    unit = torch.eye(2, dtype=a.dtype, device=a.device)
    one, zero = unit[0].expand(len(a), 2).unbind(-1)
    change, back = torch.stack([torch.stack([one, zero, -k / h, 1 / h], -1), torch.stack([one, zero, k, h], -1)])
    return change.reshape(-1, 2, 2), back.reshape(-1, 2, 2)


def _in_chunks(x: Tensor, a: Tensor, state: Tensor, length: int) -> tuple[Tensor, float]:
    """The output, and the largest sum of the decays of the past."""
    order, samples = a.shape[-1], x.shape[-1]
    chunks = -(-samples // length)
    lack = chunks * length - samples
    # (..., chunk, time in the chunk); broadcasting over batch axes is left to the operations.
    u = pad(x, (0, lack)).reshape(*x.shape[:-1], chunks, length)
    cut = (1, 1) if a.shape[-2] == 1 else (chunks, length)
    a = pad(a, (0, 0, 0, cut[0] * cut[1] - a.shape[-2])).reshape(*a.shape[:-2], *cut, order)
    forced = _from_silence(u, a)
    decays = _unit_decays(a, length)
    states = []
    for c in range(chunks):
        states.append(state)
        matrix = decays[..., min(c, decays.shape[-3] - 1), -order:, :]
        tail = forced[..., c, -order:].flip(-1)
        state = tail + (matrix.flip(-2) @ state.unsqueeze(-1)).squeeze(-1)
    start = torch.stack(states, dim=-2)
    if decays.shape[-3] == 1:
        free = start @ decays[..., 0, order:, :].transpose(-1, -2)
    else:
        free = (decays[..., order:, :] @ start.unsqueeze(-1)).squeeze(-1)
    y = forced[..., order:] + free
    growth = decays.abs().sum(-1).max().item() if decays.numel() else 0.0
    return y.reshape(*y.shape[:-2], chunks * length)[..., :samples], growth


def _from_silence(u: Tensor, a: Tensor) -> Tensor:
    """(..., chunks, N + length): N zeros, then the response of every chunk to its own samples."""
    order, length = a.shape[-1], u.shape[-1]
    c = a.flip(-1).expand(*a.shape[:-2], length, order)
    y = u.new_zeros((*broadcast_shape(u.shape[:-1], a.shape[:-2]), order + length))
    for k in range(length):
        y[..., order + k] = u[..., k] - (c[..., k, :] * y[..., k : k + order]).sum(-1)
    return y


def _unit_decays(a: Tensor, length: int) -> Tensor:
    """(..., chunks or 1, N + length, N): column m is the past in which only y[-1 - m] is 1, and what follows it."""
    order = a.shape[-1]
    c = a.flip(-1).unsqueeze(-1).expand(*a.shape[:-2], length, order, 1)
    y = a.new_zeros((*a.shape[:-2], order + length, order))
    y[..., :order, :] = torch.eye(order, dtype=a.dtype, device=a.device).flip(0)
    for k in range(length):
        y[..., order + k, :] = -(c[..., k, :, :] * y[..., k : k + order, :]).sum(-2)
    return y


def allpole_backward(
    grad_y: Tensor,
    grad_zf: Tensor,
    y: Tensor | None,
    a: Tensor,
    zi: Tensor,
    solve: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]] = allpole,
) -> tuple[Tensor, Tensor | None, Tensor]:
    """The gradient of ``diffFx::allpole``: the same recursion over the reversed signal.

    Args:
        grad_y: (..., T) gradient of the output.
        grad_zf: (..., N) gradient of the last outputs.
        y: (..., T) the output, or None if a needs no gradient.
        a: (..., T or 1, N).
        zi: (..., N) past outputs.
        solve: what runs the recursion, as `allpole`.

    Returns:
        Gradients of x, a (None if not needed) and zi, in the broadcast batch shape.
    """
    wide, order, samples = state_dtype(grad_y.dtype), a.shape[-1], grad_y.shape[-1]
    coefs, time_varying = a.to(wide).conj() if order > 2 or a.is_complex() else a, a.shape[-2] != 1
    end = grad_zf.to(wide)
    reached = min(order, samples)
    exact = grad_y.dtype if order <= 2 else wide  # of what is added up anyhow in the widest
    drive = grad_y.to(exact) + pad(end[..., :reached].flip(-1).to(exact), (samples - reached, 0))
    backwards = coefs
    if time_varying:
        # In reversed time the coefficient of lag i is the one that stood at the later sample.
        lags = (pad(coefs[..., i:, i - 1], (0, min(i, samples))) for i in range(1, order + 1))
        backwards = torch.stack([lag[..., :samples].flip(-1) for lag in lags], dim=-1)
    g = solve(drive.flip(-1), backwards, torch.zeros_like(end))[0].flip(-1)
    grad_zi = torch.zeros((*g.shape[:-1], order), dtype=wide, device=g.device)
    grad_zi[..., : order - reached] += end[..., reached:]
    for m in range(order):
        for t in range(min(order - m, samples)):
            grad_zi[..., m] -= coefs[..., t if time_varying else 0, t + m] * g[..., t]
    if y is None:
        return g, None, grad_zi
    return g, -lag_products(g, y.to(exact), zi.to(wide), time_varying), grad_zi
