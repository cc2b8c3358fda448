"""The feedback delay network in plain torch operations, for devices without a kernel; differentiable to any order.

Blocks are as long as the delays at hand allow. Where nothing moves the gradient has blocks of its own, in which all
that comes back to a line is read, not added up: no order of additions depends on the device.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any, NamedTuple

import torch
from torch import Tensor

from diffFx_pytorch.recursion.fallback.block import Blocks, run_blocks, run_blocks_adjoint, state_space_blocks
from diffFx_pytorch.recursion.fallback.delay_blocks import LONGEST, Filter, as_it_is, cut, even_blocks
from diffFx_pytorch.recursion.fallback.sections import cascade, sections_matrices

SEGMENT = 8192
"""Samples of lines that are held at once where nothing asks for all of them."""


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


def _system(coef: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """All sections in series (R, 1, K, 5, N) as one system a line: A (R, N, n, n), B and C (R, N, n), D (R, N)."""
    M, N, C, D, _ = sections_matrices(coef[:, 0].permute(0, 3, 1, 2))
    M = M + torch.eye(2, dtype=M.dtype, device=M.device)
    A, B, c, d = M[..., 0, :, :], N[..., 0, :], C[..., 0, :], D[..., 0]
    for k in range(1, coef.shape[2]):
        zero = A.new_zeros(*A.shape[:-1], 2)
        lower = torch.cat([N[..., k, :, None] * c[..., None, :], M[..., k, :, :]], -1)
        A = torch.cat([torch.cat([A, zero], -1), lower], -2)
        B = torch.cat([B, N[..., k, :] * d[..., None]], -1)
        c, d = torch.cat([D[..., k, None] * c, C[..., k, :]], -1), d * D[..., k]
    return A, B, c, d


def _filter(coef: Tensor, longest: int, back: bool = False) -> Filter:
    return Filter(*_system(coef), longest, (coef.shape[0], coef.shape[-1]), back)


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
    pieces = _blocks(delay, offset, past.shape[-1], x.shape[-1])
    lines, y, zf = _run(net, pieces, [list(group) for _, group in groupby(pieces, lambda n: n.start // SEGMENT)])
    return y, lines[..., lines.shape[-1] - past.shape[-1] :], zf


def _run(
    net: _Network, pieces: list[slice], segments: list[list[slice]], outputs: bool = True
) -> tuple[Tensor, Tensor, Tensor]:
    """What went into the lines (R, N, P + samples of the last segment), the outputs, if asked for, and last states."""
    x, delay, offset, mixing, coef, lines, zi = net
    R, N, P = lines.shape
    K = coef.shape[2]
    longest = max((n.stop - n.start for n in pieces), default=1)
    still = offset is None and coef.shape[1] == 1
    filters = _filter(coef, longest) if still and K else None
    state = zi.permute(0, 3, 1, 2)
    state = state.flatten(-2) if filters else state.reshape(R * N, K, 2)
    then = torch.arange(P, P + longest, device=x.device) - delay.detach().round().long()[..., None] if still else None
    into, y = mixing[:, :N].mT, []
    for segment in segments:
        begin = segment[0].start
        # What the inputs give is there at once, so lines are written where they stand.
        from_x = mixing[:, N:].mT @ x[..., begin : segment[-1].stop]
        lines, from_x = torch.cat([lines[..., lines.shape[-1] - P :], from_x[:, :N]], -1), from_x[:, N:].clone()
        found = []
        for n in segment:
            at, count = n.start - begin, n.stop - n.start
            seen = as_it_is(lines[..., at : at + P + count])
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
            here = lines[..., P + at : P + at + count]
            if not outputs:
                here.baddbmm_(into[:, :N], u)
                continue
            out = into @ u
            here.add_(out[:, :N])
            found.append(out[:, N:])
        if outputs:
            y.append(torch.cat(found, -1) + from_x)
    whole = torch.cat(y, -1) if y else x.new_zeros(R, mixing.shape[-1] - N, 0)
    return lines, whole, state.reshape(R, N, K, 2).permute(0, 2, 3, 1)


def feedback_network_gradient(
    net: tuple[Tensor, ...], to_y: Tensor, to_end: Tensor | None, to_zf: Tensor, of_delay: bool
) -> tuple[Tensor, ...]:
    """The gradients of a network that stands still: of its seven arguments, but for that of the offset.

    Args:
        net: the arguments of ``feedback_network_blocks``.
        to_y: gradient of y (R, outputs, T).
        to_end: of end, None where there is none.
        to_zf: of zf.
        of_delay: whether that of the delays is wanted.
    """
    x, delay, _, mixing, coef, past, zi = given = _Network(*net)
    R, N, P = past.shape
    T, K = x.shape[-1], coef.shape[2]
    pieces = _blocks(delay, None, P, T)
    longest = max((n.stop - n.start for n in pieces), default=1)
    lines = _run(given, pieces, [pieces] if pieces else [], outputs=False)[0]
    whole = delay.detach().round().long()[..., None]
    later = torch.arange(longest, device=x.device) + whole
    # What comes back to what the matrix gave, to the lines and to the outputs.
    to_out = torch.cat([torch.zeros_like(lines), torch.nn.functional.pad(to_y, (P, 0))], 1)
    if to_end is not None:
        to_out[:, :N, T:] += to_end
    back = _filter(coef, longest, True) if K else None
    state = to_zf.permute(0, 3, 1, 2).flatten(-2)
    # What comes back to what was read, between silence: nothing is read before the start or behind the end.
    read, into = lines.new_zeros(R, N, P + T + P), mixing[:, :N]
    for n in reversed(pieces):
        here = slice(P + n.start, P + n.stop)
        to_out[:, :N, here].add_(as_it_is(read[..., P + n.start :]).gather(-1, later[..., : n.stop - n.start]))
        g = torch.bmm(into, as_it_is(to_out[..., here]))
        if back is not None:
            g, state = back.run(g, state)
        read[..., here] = g
    for n in even_blocks(longest, P):  # the past too was read
        to_out[:, :N, n].add_(as_it_is(read[..., n.start :]).gather(-1, later[..., : n.stop - n.start]))
    del back
    parts = [(n, torch.arange(P + n.start, P + n.stop, device=x.device) - whole) for n in even_blocks(SEGMENT, T)]
    to_delay = torch.zeros_like(delay)
    for n, then in parts if of_delay else []:
        to_delay = to_delay + (read[..., P + n.start : P + n.stop] * _slope(lines, then).detach()).sum(-1)
    del read
    to_coef, sent, of_lines = torch.zeros_like(coef), to_out[..., P:], mixing.new_zeros(R, N, mixing.shape[-1])
    if K and T:
        u = torch.cat([lines.gather(-1, then) for _, then in parts], -1)
        del lines
        u, to_coef = _filtered(u, torch.bmm(into, sent), coef, zi, to_zf)
        of_lines = u @ sent.mT
        del u
    else:
        for n, then in parts:
            of_lines = of_lines + lines.gather(-1, then) @ sent[..., n].mT
    to_mixing = torch.cat([of_lines, x @ sent.mT], 1)
    to_zi = state.reshape(R, N, K, 2).permute(0, 2, 3, 1)
    return mixing[:, N:] @ sent, to_delay, to_mixing, to_coef, to_out[:, :N, :P], to_zi


def _filtered(u: Tensor, g: Tensor, coef: Tensor, zi: Tensor, to_zf: Tensor) -> tuple[Tensor, Tensor]:
    """What constant filters make of all that was read (R, N, T), and the gradient of their coefficients by that, g."""
    (R, N, T), states = u.shape, 2 * coef.shape[2]

    def designed(coef: Tensor) -> tuple[Tensor, ...]:
        A, B, C, D = _system(coef)
        unit = torch.eye(states, dtype=A.dtype, device=A.device)
        A, B, C, D = (t.flatten(0, 1) for t in (A - unit, B, C, D))
        return tuple(state_space_blocks(A, B, C, D, T))

    found: Any = torch.func.vjp(designed, coef)
    matrices, pull = found
    start, end = (t.permute(0, 3, 1, 2).reshape(R * N, 1, states) for t in (zi, to_zf))
    rows, blocks = u.reshape(R * N, 1, T), Blocks(*matrices)
    of_blocks = run_blocks_adjoint(g.reshape(R * N, 1, T), end, rows, blocks, start, True, of_x=False)[1]
    assert of_blocks is not None
    del g
    return run_blocks(rows, blocks, start)[0].view(R, N, T), pull(tuple(of_blocks))[0]
