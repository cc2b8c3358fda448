"""The delay line in eager torch, for devices without a kernel: equation and adjoint, differentiable to any order.

Blocks are as long as the delays at hand allow: where none is shorter than D samples they cost T / D rounds of a few
operations, and where some are, only there more. A whole line is written in place, so that bytes grow as T does.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from diffFx_pytorch.dsp.delay_read import gather_taps, tap_weights
from diffFx_pytorch.dsp.interpolation import POINTS, split_delay
from diffFx_pytorch.kernels.rows import broadcast_shape
from diffFx_pytorch.recursion.fallback.delay_blocks import LONGEST, Pole, as_it_is, blocks, even_blocks

_AT_ONCE = 16384
"""Samples for which the weights of all taps are held."""


class _Reader:
    """Where the taps of every sample lie in a line, what they weigh, and which can be read at once.

    Where a delay stands still in a loop, one block's places serve all, and what comes back to the line is a read too:
    of what comes later. Else it is added up where it comes from, by ``scatter_add_``.

    Attributes:
        pad: samples of past that the line needs in front, at least as many as were asked for.
    """

    def __init__(self, delay: Tensor, interpolation: str, youngest: int, limit: float, pad: int, T: int) -> None:
        # Out of range is clamped, NaN the least: a range error would make a device wait, and nothing may lie outside
        # of the line.
        self.inside = (delay >= youngest) & (delay <= limit)
        delay = torch.where(delay >= youngest, delay.double(), float(youngest)).clamp(max=limit)
        self.delay = delay.clamp(max=float(pad + T + POINTS[interpolation]))
        self.interpolation, self.youngest, self.pad, self.T = interpolation, youngest, pad, T
        self.stands_still = youngest > 0 and delay.shape[-1] == 1 and delay.numel() > 0
        self._held = slice(0, 0)
        if self.stands_still:
            self.blocks = self._one_block_for_all()
        elif youngest:
            k, _, t = split_delay(self.delay.detach(), interpolation, youngest)
            self.blocks = blocks(k - t + 1, T)
        else:
            self.blocks = even_blocks(LONGEST, T)
        self.longest = max((n.stop - n.start for n in self.blocks), default=1)

    def _one_block_for_all(self) -> list[slice]:
        back, weight = tap_weights(self.delay, self.interpolation, self.youngest)
        k, _, t = split_delay(self.delay.detach(), self.interpolation, self.youngest)
        least, most = torch.stack([(k - t + 1).amin(), back.amax()]).tolist()
        length = max(1, min(least, self.T, LONGEST))
        self.pad = max(self.pad, most)
        back = back.unsqueeze(-2) - torch.arange(POINTS[self.interpolation], device=back.device)[:, None]
        now = torch.arange(length, device=back.device)
        # A tap of no weight may lie ahead.
        self._now = (now + self.pad - back).minimum(now + self.pad - 1), weight.movedim(0, -2).mT
        self._later = now + back.clamp_min(1)
        return even_blocks(length, self.T)

    def pole(self) -> Pole | None:
        """The pole of the all-pass interpolator; zero where it falls back to linear."""
        if self.interpolation != "allpass":
            return None
        _, f, _ = split_delay(self.delay, "allpass", self.youngest)
        return Pole(torch.where(f < 0.5, 0.0, -(1 - f) / (1 + f)), self.longest)

    def read(self, line: Tensor, n: slice) -> Tensor:
        """The taps' sum (..., n) in a block, of a line (..., pad + T)."""
        if self.stands_still:
            return self._weighted(line[..., n.start :], self._now[0], n)
        index, weight = self._taps(n)
        return (_gathered(line, index) * weight).sum(-2)

    def read_later(self, later: Tensor, n: slice) -> Tensor:
        """What comes back to the line (..., n) from what was read of it at the block and after (..., at least pad)."""
        return self._weighted(later, self._later, n)

    def spread(self, into: Tensor, g: Tensor, n: slice) -> None:
        """What comes back from the sum in a block, added to the line's, in place."""
        index, weight = self._taps(n)
        flat = index.expand(*into.shape[:-1], *index.shape[-2:]).flatten(-2)
        into.scatter_add_(-1, flat, (g.unsqueeze(-2) * weight).flatten(-2).expand(flat.shape))

    def _weighted(self, line: Tensor, index: Tensor, n: slice) -> Tensor:
        return (self._now[1] @ _gathered(line, index[..., : n.stop - n.start])).squeeze(-2)

    def _taps(self, n: slice) -> tuple[Tensor, Tensor]:
        """Index and weight (..., P, n) of the taps of a block; they are made for more, ahead or behind."""
        held = self._held
        if not held.start <= n.start < n.stop <= held.stop:
            size = max(_AT_ONCE, n.stop - n.start)
            backwards = n.stop in (held.start, self.T)
            first = max(0, n.stop - size) if backwards else n.start
            self._held = held = slice(first, n.stop if backwards else min(self.T, first + size))
            self._from = self._make(held)
        inside = slice(n.start - held.start, n.stop - held.start)
        return self._from[0][..., inside], self._from[1][..., inside]

    def _make(self, n: slice) -> tuple[Tensor, Tensor]:
        oldest, weight = tap_weights(_over(self.delay, n), self.interpolation, self.youngest)
        points = torch.arange(POINTS[self.interpolation], device=oldest.device)[:, None]
        now = torch.arange(n.start, n.stop, device=oldest.device) + self.pad
        index = now - oldest.unsqueeze(-2) + points
        # Taps that lie outside of what there is weigh nothing, wherever they read.
        weight = torch.where(index >= 0, weight.movedim(0, -2), 0.0)
        return index.clamp_min(0).minimum(now - self.youngest), weight


def _gathered(line: Tensor, index: Tensor) -> Tensor:
    """The samples of a line (..., L) at (..., P, n)."""
    shape = (*line.shape[:-1], index.shape[-2])
    line = as_it_is(line).unsqueeze(-2)
    return line.expand(*shape, line.shape[-1]).gather(-1, index.expand(*shape, index.shape[-1]))


def _over(p: Tensor, n: slice) -> Tensor:
    return p if p.shape[-1] == 1 else p[..., n]


class _Filters:
    """The low-pass and the high-pass of the loop."""

    def __init__(self, lowpass: Tensor | None, highpass: Tensor | None, longest: int) -> None:
        low, high = (None if c is None else (Pole(c.double(), longest), 1 - c.double()) for c in (lowpass, highpass))
        self.low, self.high, self.any = low, high, bool(low or high)

    def forward(self, u: Tensor, n: slice, states: list[Tensor]) -> Tensor:
        """A block (..., n) filtered; the states, of which the last two are theirs, go on."""
        if self.low is not None:
            u = self.low[0].forward(_over(self.low[1], n) * u, n, states[-2])
            states[-2] = u[..., -1:]
        if self.high is not None:
            below = self.high[0].forward(_over(self.high[1], n) * u, n, states[-1])
            u, states[-1] = u - below, below[..., -1:]
        return u


def _padded(line: Tensor, length: int) -> Tensor:
    """A line with silence before it."""
    missing = length - line.shape[-1]
    return torch.nn.functional.pad(line, (missing, 0)) if missing else line


def _start(x: Tensor, past: Tensor | None, batch_shape: tuple[int, ...], interpolation: str) -> Tensor:
    """The past of the line."""
    return x.new_zeros(*batch_shape, POINTS[interpolation]) if past is None else past.expand(*batch_shape, -1)


def _batch_shape(*given: Tensor | None) -> tuple[int, ...]:
    return broadcast_shape(*(t.shape[:-1] for t in given if t is not None))


def feedback_delay_blocks(
    x: Tensor,
    delay: Tensor,
    feedback: Tensor | None,
    lowpass: Tensor | None,
    highpass: Tensor | None,
    past: Tensor | None,
    tail: Tensor,
    interpolation: str,
    saturate: bool,
    limit: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Tap, line and last filter states in float64; arguments as in ``ops.feedback_delay``.

    Delays out of range are clamped, NaN to the least: a range error would make a device wait.
    """
    batch_shape = _batch_shape(x, delay, feedback, lowpass, highpass, past, tail)
    T = x.shape[-1]
    x = x.double().expand(*batch_shape, T)
    past = _start(x, past, batch_shape, interpolation).double()
    reader = _Reader(delay, interpolation, 0 if feedback is None else 1, limit, past.shape[-1], T)
    pad = reader.pad
    line = _padded(torch.cat([past, x], -1), pad + T)
    allpass, filters = reader.pole(), _Filters(lowpass, highpass, reader.longest)
    states = list(tail.double().expand(*batch_shape, 3).split(1, -1))
    taps = []
    for n in reader.blocks:
        u = reader.read(line, n)
        if allpass is not None:
            u = allpass.forward(u, n, states[0])
            states[0] = u[..., -1:]
        taps.append(u)
        if feedback is None:
            continue
        u = filters.forward(u, n, states)
        u = torch.tanh(u) if saturate else u
        line[..., pad + n.start : pad + n.stop].addcmul_(_over(feedback.double(), n), u)
    line = line[..., pad - past.shape[-1] :]
    v = torch.cat(taps, -1) if taps else x
    return v, line, torch.cat(states, -1)


def _filtered(v: Tensor, lowpass: Tensor | None, highpass: Tensor | None, before: Tensor) -> tuple[Tensor, Tensor]:
    """What the filters in the loop make of the whole tap, and their last states (..., 2)."""
    filters, states, pieces = _Filters(lowpass, highpass, LONGEST), list(before.split(1, -1)), []
    for n in even_blocks(LONGEST, v.shape[-1]):
        pieces.append(filters.forward(v[..., n], n, states))
    return torch.cat(pieces, -1) if pieces else v, torch.cat([s.expand(*v.shape[:-1], 1) for s in states], -1)


def feedback_delay_adjoint(
    batch_shape: tuple[int, ...],
    grads: Any,
    inputs: Any,
    saved: Any,
    needs: Any,
    interpolation: str,
    saturate: bool,
    limit: float,
) -> list[Tensor | None]:
    """The gradients, block by block from the last to the first; as ``Kernel.backward``, differentiable."""
    x, delay, feedback, lowpass, highpass, _, tail = inputs
    T = x.shape[-1]
    pad = saved.line.shape[-1] - T
    reader = _Reader(delay, interpolation, 0 if feedback is None else 1, limit, pad, T)
    own, pad = pad, reader.pad
    line = _padded(saved.line.double().expand(*batch_shape, own + T), pad + T)
    v = saved.v.double().expand(*batch_shape, T)
    allpass, filters = reader.pole(), _Filters(lowpass, highpass, reader.longest)
    back = None if feedback is None else feedback.double()
    before = tail.double().expand(*batch_shape, 3)
    to_line = line.new_zeros(*batch_shape, pad + T)
    if grads.line is not None:
        to_line = to_line + _padded(grads.line.double(), pad + T)
    to_state = list(grads.state.double().expand(*batch_shape, 3).split(1, -1))
    written = gain = v
    if back is not None:
        written = _filtered(v, lowpass, highpass, before[..., 1:])[0]
        written = torch.tanh(written) if saturate else written
        gain = back * (1 - written * written) if saturate else back
    zero = torch.zeros_like(before[..., :1])
    after = [zero, zero, zero]
    g_v = grads.v.double().expand(*batch_shape, T)
    pieces = []
    # What has come back to all that was read, between silence: nothing is read before the start or behind the end.
    read = g_v.new_zeros(*batch_shape, pad + T + 1 + pad) if reader.stands_still else None

    def pulled(pole: Pole, g: Tensor, n: slice, which: int) -> Tensor:
        if n.stop == T:
            g = torch.cat([g[..., :-1], g[..., -1:] + to_state[which]], -1)
        found = pole.backward(g, n, after[which])
        after[which] = found[..., :1]
        return found

    for n in reversed(reader.blocks):
        g, here = g_v[..., n], to_line[..., pad + n.start : pad + n.stop]
        if read is not None:
            here.add_(reader.read_later(read[..., pad + n.start :], n))
        here = as_it_is(here)
        if back is not None and not filters.any:
            g = torch.addcmul(g, here, _over(gain, n))
        elif back is not None:
            f = here * _over(gain, n)
            if filters.high is not None:
                f = torch.addcmul(f, _over(filters.high[1], n), pulled(filters.high[0], -f, n, 2))
            if filters.low is not None:
                f = _over(filters.low[1], n) * pulled(filters.low[0], f, n, 1)
            g = g + f
        pieces.append(g)
        if allpass is not None:
            g = pulled(allpass, g, n, 0)
        if read is not None:
            read[..., pad + n.start : pad + n.stop] = g
        else:
            reader.spread(to_line, g, n)
    for n in even_blocks(reader.longest, pad if read is not None else 0):  # the past too was read
        assert read is not None
        to_line[..., n].add_(reader.read_later(read[..., n.start :], n))
    to_x, to_past = to_line[..., pad:], to_line[..., pad - own : pad]
    found: list[Tensor | None] = [to_x, None, None, None, None, to_past, None]
    poles = [allpass, *(None if f is None else f[0] for f in (filters.low, filters.high))] if T else [None] * 3
    ends = zip(poles, to_state, after, strict=True)
    found[6] = torch.cat([end if pole is None else pole.first() * first for pole, end, first in ends], -1)
    if not to_line.numel() or not T:
        parameters = [None if t is None else torch.zeros_like(t) for t in inputs[1:5]]
        return [to_x, *parameters, to_past, found[6]]
    g_v = torch.cat(pieces[::-1], -1)
    if needs.delay:
        found[1] = _to_delay(reader, line, g_v, before[..., :1], to_state[0])
    if back is not None:
        found[2] = (to_x * written) if back.shape[-1] != 1 else (to_x * written).sum(-1, keepdim=True)
        wanted = [(i, c) for i, c in ((3, lowpass), (4, highpass)) if c is not None and needs[i]]
        if wanted:

            def of_filters(*given: Tensor) -> tuple[Tensor, Tensor]:
                named = {i: c for (i, _), c in zip(wanted, given, strict=True)}
                return _filtered(v, named.get(3, lowpass), named.get(4, highpass), before[..., 1:])

            ends = torch.cat(to_state[1:], -1)
            pull = torch.func.vjp(of_filters, *(c.double() for _, c in wanted))[1]
            for (i, _), g in zip(wanted, pull((to_x * gain, ends)), strict=True):
                found[i] = g
    return found


def _to_delay(reader: _Reader, line: Tensor, g: Tensor, before: Tensor, to_last: Tensor) -> Tensor:
    """The gradient of the delay, by that of what was read (..., T)."""
    delay, T = reader.delay, reader.T
    if reader.interpolation != "allpass":
        slope = gather_taps(line, reader.pad, delay, reader.interpolation, reader.youngest, True)
        found = g * slope
    else:

        def read(d: Tensor) -> tuple[Tensor, Tensor]:
            _, f, _ = split_delay(d, "allpass", reader.youngest)
            pole = Pole(torch.where(f < 0.5, 0.0, -(1 - f) / (1 + f)), T)
            y = pole.forward(
                gather_taps(line, reader.pad, d, "allpass", reader.youngest),
                slice(0, T),
                before,
            )
            return y, y[..., -1:]

        found = torch.func.vjp(read, delay)[1]((g, to_last))[0]
    found = found * reader.inside
    return found.sum(-1, keepdim=True) if delay.shape[-1] == 1 else found
