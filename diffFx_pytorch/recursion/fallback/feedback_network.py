"""The feedback delay network in plain torch operations, for devices without a kernel; differentiable to any order.

Blocks are as long as the delays at hand allow. Where nothing moves the gradient has blocks of its own, in which all
that comes back to a line is read, not added up: no order of additions depends on the device.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from itertools import groupby
from typing import Any, NamedTuple

import torch
from torch import Tensor

from diffFx_pytorch.recursion.fallback.block import Blocks, outputs_and_gradient, state_space_blocks
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
    lines, y, zf = _run(net, _segments(_blocks(delay, offset, past.shape[-1], x.shape[-1])))
    return y, lines[..., lines.shape[-1] - past.shape[-1] :], zf


def _segments(pieces: list[slice]) -> list[list[slice]]:
    return [list(group) for _, group in groupby(pieces, lambda n: n.start // SEGMENT)]


def _run(
    net: _Network, segments: list[list[slice]], keep: Callable[[Tensor, Tensor], None] | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """What went into the lines (R, N, P + samples of the last segment), the outputs, and last states.

    With ``keep`` there are no outputs: it is given what went into the lines and the first states, segment by segment.
    """
    x, delay, offset, mixing, coef, lines, zi = net
    R, N, P = lines.shape
    K = coef.shape[2]
    longest = max((n.stop - n.start for segment in segments for n in segment), default=1)
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
        found, first = [], state
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
            lines[..., P + at : P + at + count].baddbmm_(into[:, :N], u)
            if keep is None:
                found.append(u)
        if keep is None:
            y.append(torch.baddbmm(from_x, into[:, N:], torch.cat(found, -1)))
        else:
            keep(lines[..., P:], first)
    whole = torch.cat(y, -1) if y else x.new_zeros(R, mixing.shape[-1] - N, 0)
    return lines, whole, state.reshape(R, N, K, 2).permute(0, 2, 3, 1)


class _Filters:
    """Gradients of the coefficients of constant filters, segment by segment.

    Args:
        coef: (R, 1, K, 5, N).
    """

    def __init__(self, coef: Tensor) -> None:
        self._coef = coef
        self._designs: dict[int, Blocks] = {}
        self._sums: dict[int, Blocks] = {}

    def add(self, g: Tensor, u: Tensor, start: Tensor, end: Tensor) -> Tensor:
        """What the filters make of what was read in a segment, whose gradients are taken in.

        Args:
            g: what comes back to what the filters made of it (R, N, S).
            u: what was read (R, N, S).
            start: the states before (R, N, n).
            end: what comes back to those after.
        """
        R, N, S = u.shape
        if S not in self._designs:
            self._designs[S] = Blocks(*self._designed(self._coef, S))
        g, u, end, start = (t.reshape(R * N, 1, -1) for t in (g, u, end, start))
        y, of_blocks = outputs_and_gradient(g, end, u, self._designs[S], start)
        if S in self._sums:
            for into, more in zip(self._sums[S], of_blocks, strict=True):
                into.add_(more)
        else:
            self._sums[S] = of_blocks
        return y.view(R, N, S)

    def _designed(self, coef: Tensor, samples: int) -> tuple[Tensor, ...]:
        A, B, C, D = _system(coef)
        unit = torch.eye(A.shape[-1], dtype=A.dtype, device=A.device)
        A, B, C, D = (t.flatten(0, 1) for t in (A - unit, B, C, D))
        return tuple(state_space_blocks(A, B, C, D, samples))

    def gradient(self) -> Tensor:
        """Of the coefficients."""
        found = torch.zeros_like(self._coef)
        for S, sums in self._sums.items():
            pull: Any = torch.func.vjp(functools.partial(self._designed, samples=S), self._coef)[1]
            found = found + pull(tuple(sums))[0]
        return found


def feedback_network_gradient(
    net: tuple[Tensor, ...], to_y: Tensor, to_end: Tensor | None, to_zf: Tensor, of_delay: bool, kept: torch.dtype
) -> tuple[Tensor, ...]:
    """The gradients of a network that stands still: of its seven arguments, but for that of the offset.

    What went into the lines is computed anew and kept; all else is held for a segment of time.

    Args:
        net: the arguments of ``feedback_network_blocks``.
        to_y: gradient of y (R, outputs, T).
        to_end: of end, None where there is none.
        to_zf: of zf.
        of_delay: whether that of the delays is wanted.
        kept: the type in which lines are kept.
    """
    x, delay, _, mixing, coef, past, _ = given = _Network(*net)
    R, N, P = past.shape
    T, K = x.shape[-1], coef.shape[2]
    segments, parts = _segments(_blocks(delay, None, P, T)), list[tuple[Tensor, Tensor]]()
    _run(given, segments, lambda lines, first: parts.append((lines.to(kept), first)))
    starts = [first for _, first in parts]
    lines = torch.cat([past.to(kept), *(part for part, _ in parts)], -1)
    parts.clear()
    whole = delay.detach().round().long()[..., None]
    longest = max((n.stop - n.start for segment in segments for n in segment), default=1)
    later = torch.arange(longest, device=x.device) + whole
    back, filters = (_filter(coef, longest, True), _Filters(coef)) if K else (None, None)
    into, state = mixing[:, :N], to_zf.permute(0, 3, 1, 2).flatten(-2)
    # What comes back to what was read after a segment: nothing is read behind the end.
    after, to_delay, to_mixing, to_x = torch.zeros_like(past), torch.zeros_like(delay), None, []
    for segment, first in zip(reversed(segments), reversed(starts), strict=True):
        begin, stop = segment[0].start, segment[-1].stop
        # What comes back to what the matrix gave, to the lines and to the outputs.
        sent = torch.nn.functional.pad(to_y[..., begin:stop], (0, 0, N, 0))
        if to_end is not None and stop > T - P:
            here = max(begin, T - P)
            sent[:, :N, here - begin :] += to_end[..., here - T + P : stop - T + P]
        read, end = torch.nn.functional.pad(after, (stop - begin, 0)), state
        for n in reversed(segment):
            at, here = n.start - begin, slice(n.start - begin, n.stop - begin)
            sent[:, :N, here].add_(as_it_is(read[..., at:]).gather(-1, later[..., : n.stop - n.start]))
            g = torch.bmm(into, as_it_is(sent[..., here], into))
            if back is not None:
                g, state = back.run(g, state)
            read[..., here] = g
        after = read[..., :P].clone()
        then = torch.arange(P + begin, P + stop, device=x.device) - whole
        if of_delay:
            to_delay = to_delay + (read[..., : stop - begin] * _slope(lines, then).detach()).sum(-1)
        del read
        u = lines.gather(-1, then).to(x.dtype)
        del then
        if filters is not None:
            u = filters.add(torch.bmm(into, sent), u, first, end)
        of_segment = torch.cat([u, x[..., begin:stop]], 1) @ sent.mT
        del u
        to_mixing = of_segment if to_mixing is None else to_mixing + of_segment
        to_x.append((mixing[:, N:] @ sent).to(kept))
    # The past too was read.
    del lines, back
    to_past = torch.nn.functional.pad(after, (P, 0)).gather(-1, torch.arange(P, device=x.device) + whole)
    if to_end is not None and T < P:
        to_past = to_past + torch.nn.functional.pad(to_end[..., : P - T], (T, 0))
    to_coef = torch.zeros_like(coef) if filters is None else filters.gradient()
    to_mixing = torch.zeros_like(mixing) if to_mixing is None else to_mixing
    to_zi = state.reshape(R, N, K, 2).permute(0, 2, 3, 1)
    return torch.cat(to_x[::-1], -1) if to_x else x, to_delay, to_mixing, to_coef, to_past, to_zi
