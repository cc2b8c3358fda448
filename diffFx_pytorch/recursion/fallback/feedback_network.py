"""The feedback delay network in plain torch operations, for devices without a kernel; differentiable to any order.

Blocks are as long as the delays at hand allow. Where nothing moves the gradient has blocks of its own, in which all
that comes back to a line is read, not added up: no order of additions depends on the device.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from diffFx_pytorch.recursion.fallback.delay_blocks import LONGEST, Filter, as_it_is, cut, even_blocks
from diffFx_pytorch.recursion.fallback.sections import cascade, sections_matrices


def delay_error(delay: Tensor, offset: Tensor | None, past: int) -> ValueError:
    """What to raise for delays that are out of range, or NaN."""
    least = "1 sample" if offset is None else "2 samples"
    return ValueError(
        f"feedback_network: delays must be at least {least} and at most longest = {past - 2}, and no NaN; got "
        f"{delay.min():g} to {delay.max():g}"
        + ("" if offset is None else f", moved by {offset.min():g} to {offset.max():g}")
        + ". Clamp them, or raise longest."
    )


class _Network(NamedTuple):
    """The arguments of ``feedback_network_blocks``."""

    x: Tensor
    delay: Tensor
    offset: Tensor | None
    mixing: Tensor
    coef: Tensor
    past: Tensor
    zi: Tensor


def _blocks(delay: Tensor, offset: Tensor | None, past: int, T: int) -> list[slice]:
    """What can be computed at once; the wait for the shortest delays tells of illegal ones too.

    Whole delays reach one sample less far: their surrogate gradient reads the sample after.
    """
    if not delay.numel() or not T:
        return even_blocks(LONGEST, T)
    whole, newest = delay.detach().round(), []
    if offset is None:
        least, most = torch.stack(torch.aminmax(whole)).tolist()
    else:
        gap = (whole[..., None] + offset.detach()).floor()
        ahead = (torch.arange(T, device=gap.device) + 1 - gap.amin((0, 1))).cummax(0).values
        *newest, lowest, most = torch.cat([ahead, torch.stack(torch.aminmax(gap))]).tolist()
        least = lowest - 1
    if not (least >= 1 and most <= past - 2):
        raise delay_error(delay, offset, past)
    if offset is not None:
        return cut(newest)
    return even_blocks(int(least) - 1, T)


def _read(lines: Tensor, at: int, count: int, delay: Tensor, offset: Tensor | None, first: int) -> Tensor:
    """A block of every line (R, N, count), delayed by whole samples or, time-varying, read by four points."""
    now = torch.arange(at, at + count, device=lines.device)
    if offset is None:
        then = now - delay.detach().round().long()[..., None]
        # Whole delays have no slope: the surrogate is that of the line around the sample.
        return lines.gather(-1, then) + (delay - delay.detach())[..., None] * _slope(lines, then).detach()
    d = (delay + (delay.detach().round() - delay.detach()))[..., None] + offset[..., first : first + count]
    k = d.detach().floor()
    f = d - k
    weights = (
        -f * (f - 1) * (f - 2) / 6,
        (f + 1) * (f - 1) * (f - 2) / 2,
        -(f + 1) * f * (f - 2) / 2,
        (f + 1) * f * (f - 1) / 6,
    )
    taps = [w * lines.gather(-1, now - k.long() - j) for j, w in zip((-1, 0, 1, 2), weights, strict=True)]
    return torch.stack(taps).sum(0)


def _slope(lines: Tensor, then: Tensor) -> Tensor:
    return (lines.gather(-1, (then - 1).clamp_min(0)) - lines.gather(-1, then + 1)) / 2


def _filter(coef: Tensor, longest: int, back: bool = False) -> Filter:
    """All sections in series (R, 1, K, 5, N) as one filter a line."""
    M, N, C, D, _ = sections_matrices(coef[:, 0].permute(0, 3, 1, 2))
    M = M + torch.eye(2, dtype=M.dtype, device=M.device)
    A, B, c, d = M[..., 0, :, :], N[..., 0, :], C[..., 0, :], D[..., 0]
    for k in range(1, coef.shape[2]):
        zero = A.new_zeros(*A.shape[:-1], 2)
        lower = torch.cat([N[..., k, :, None] * c[..., None, :], M[..., k, :, :]], -1)
        A = torch.cat([torch.cat([A, zero], -1), lower], -2)
        B = torch.cat([B, N[..., k, :] * d[..., None]], -1)
        c, d = torch.cat([D[..., k, None] * c, C[..., k, :]], -1), d * D[..., k]
    return Filter(A, B, c, d, longest, A.shape[:-2], back)


def feedback_network_blocks(
    x: Tensor, delay: Tensor, offset: Tensor | None, mixing: Tensor, coef: Tensor, past: Tensor, zi: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Run networks block by block.

    Args:
        x: (R, inputs, T), float64 like all others.
        delay: (R, N), rounded to whole samples.
        offset: (R, N, T) or None.
        mixing: (R, N + inputs, N + outputs).
        coef: (R, 1 or T, K, 5, N), b0 b1 b2 a1 a2.
        past: (R, N, P).
        zi: (R, K, 2, N).

    Returns:
        ``(y, end, zf)``: what the matrix gives to the outputs (R, outputs, T), the last that went into the lines
        (R, N, P), states as zi.

    Raises:
        ValueError: delays out of range.
    """
    net = _Network(x, delay, offset, mixing, coef, past, zi)
    lines, y, zf = _run(net, _blocks(delay, offset, past.shape[-1], x.shape[-1]))
    return y, lines[..., x.shape[-1] :], zf


def _run(net: _Network, pieces: list[slice]) -> tuple[Tensor, Tensor, Tensor]:
    """All that went into the lines (R, N, P + T), the outputs and the last states."""
    x, delay, offset, mixing, coef, past, zi = net
    R, N, P = past.shape
    K = coef.shape[2]
    longest = max((n.stop - n.start for n in pieces), default=1)
    from_x = mixing[:, N:].mT @ x
    # What the inputs give is there at once, so lines are written where they stand.
    lines = torch.cat([past, from_x[:, :N]], -1)
    still = offset is None and coef.shape[1] == 1
    filters = _filter(coef, longest) if still and K else None
    state = zi.permute(0, 3, 1, 2)
    state = state.flatten(-2) if filters else state.reshape(R * N, K, 2)
    then = torch.arange(P, P + longest, device=x.device) - delay.detach().round().long()[..., None] if still else None
    into, y = mixing[:, :N].mT, []
    for n in pieces:
        count = n.stop - n.start
        seen = as_it_is(lines[..., n.start : n.start + P + count])
        if then is None or delay.requires_grad:
            u = _read(seen, P, count, delay, offset, n.start)
        else:
            u = seen.gather(-1, then[..., :count])
        if filters:
            u, state = filters.run(u, state)
        elif K:
            now = coef if coef.shape[1] == 1 else coef[:, n]
            rows = now.permute(0, 4, 1, 2, 3).reshape(R * N, now.shape[1], K, 5)
            u, state = cascade(u.reshape(R * N, count), sections_matrices(rows), state)
            u = u.reshape(R, N, count)
        out = into @ u
        lines[..., P + n.start : P + n.stop].add_(out[:, :N])
        y.append(out[:, N:])
    y = torch.cat(y, -1) + from_x[:, N:] if y else from_x[:, N:]
    return lines, y, state.reshape(R, N, K, 2).permute(0, 2, 3, 1)


def feedback_network_gradient(
    net: tuple[Tensor, ...], to_y: Tensor, to_end: Tensor | None, to_zf: Tensor
) -> tuple[Tensor, ...]:
    """The gradients of a network that stands still: of its seven arguments, but for that of the offset.

    Args:
        net: the arguments of ``feedback_network_blocks``.
        to_y: gradient of y (R, outputs, T).
        to_end: of end, None where there is none.
        to_zf: of zf.
    """
    x, delay, _, mixing, coef, past, zi = given = _Network(*net)
    R, N, P = past.shape
    T, K = x.shape[-1], coef.shape[2]
    pieces = _blocks(delay, None, P, T)
    longest = max((n.stop - n.start for n in pieces), default=1)
    lines = _run(given, pieces)[0]
    then = torch.arange(P, P + T, device=x.device) - delay.detach().round().long()[..., None]
    later = torch.arange(longest, device=x.device) + delay.detach().round().long()[..., None]
    to_lines = torch.zeros_like(lines) if to_end is None else torch.nn.functional.pad(to_end, (T, 0))
    back = _filter(coef, longest, True) if K else None
    state = to_zf.permute(0, 3, 1, 2).flatten(-2)
    # What comes back to what was read, between silence: nothing is read before the start or behind the end.
    read = lines.new_zeros(R, N, P + T + P)
    from_y, into = mixing[:, :N, N:] @ to_y, mixing[:, :N, :N]
    filtered = []
    for n in reversed(pieces):
        here = slice(P + n.start, P + n.stop)
        to_lines[..., here].add_(as_it_is(read[..., P + n.start :]).gather(-1, later[..., : n.stop - n.start]))
        g = torch.baddbmm(from_y[..., n], into, as_it_is(to_lines[..., here]))
        filtered.append(g)
        if back is not None:
            g, state = back.run(g, state)
        read[..., here] = g
    for n in even_blocks(longest, P):  # the past too was read
        to_lines[..., n].add_(as_it_is(read[..., n.start :]).gather(-1, later[..., : n.stop - n.start]))
    to_out = torch.cat([to_lines[..., P:], to_y], 1)
    u, to_u = lines.gather(-1, then), read[..., P : P + T]
    to_delay = (to_u * _slope(lines, then).detach()).sum(-1)
    to_coef = torch.zeros_like(coef)
    if K and T:
        cotangent = torch.cat(filtered[::-1], -1), to_zf
        v, pull = torch.func.vjp(lambda c: _filtered(u, c, zi), coef)[:2]
        (to_coef,) = pull(cotangent)
        u = v[0]
    to_mixing = torch.cat([u, x], 1) @ to_out.mT
    to_zi = state.reshape(R, N, K, 2).permute(0, 2, 3, 1)
    return mixing[:, N:] @ to_out, to_delay, to_mixing, to_coef, to_lines[..., :P], to_zi


def _filtered(u: Tensor, coef: Tensor, zi: Tensor) -> tuple[Tensor, Tensor]:
    """What constant filters make of all that was read, and their last states."""
    R, N, T = u.shape
    pieces = even_blocks(LONGEST // 4, T)
    filters, state, found = _filter(coef, pieces[0].stop), zi.permute(0, 3, 1, 2).flatten(-2), []
    for n in pieces:
        v, state = filters.run(u[..., n], state)
        found.append(v)
    return torch.cat(found, -1), state.reshape(R, N, coef.shape[2], 2).permute(0, 2, 3, 1)
