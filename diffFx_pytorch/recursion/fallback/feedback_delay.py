"""The delay line in eager torch, for devices without a kernel: equation and adjoint, differentiable to any order.

Blocks are as long as the delays at hand allow: where none is shorter than D samples they cost T / D rounds of a few
operations, and where some are, only there more. A whole line is written in place, so that bytes grow as T does.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from diffFx_pytorch.dsp.delay_read import tap_weights
from diffFx_pytorch.dsp.interpolation import POINTS, split_delay
from diffFx_pytorch.kernels.rows import broadcast_shape
from diffFx_pytorch.kernels.transforms import transforms_active

from .delay_blocks import LONGEST, Pole, as_it_is, blocks, even_blocks
from .loop_filters import LoopFilters, WholeLoopFilters, over
from .still_loop import StillLoop, fits

_AT_ONCE = 6144
"""Samples for which the weights of all taps are held; fewer where they are of more than one kind."""

_READ_AT_ONCE = 8192
"""Samples for which taps that stand still are read, where all that they read is there."""


class _Reader:
    """Where the taps of every sample lie in a line, what they weigh, and which can be read at once.

    Where a delay stands still in a loop, one block's places serve all, and what comes back to the line is a read too:
    of what comes later. Else it is added up where it comes from, by ``scatter_add_``.

    Attributes:
        pad: samples of past that the line needs in front, at least as many as were asked for.
        at_once: samples for which the weights of all taps are held.
    """

    def __init__(self, delay: Tensor, interpolation: str, youngest: int, limit: float, pad: int, T: int) -> None:
        # Out of range is clamped, NaN the least: a range error would make a device wait, and nothing may lie outside
        # of the line.
        self.inside = (delay >= youngest) & (delay <= limit)
        delay = torch.where(delay >= youngest, delay.double(), float(youngest)).clamp(max=limit)
        delay = delay.clamp(max=float(pad + T + POINTS[interpolation]))
        k, self._f, t = split_delay(delay, interpolation, youngest)
        self._t, self._oldest = t, (k + t).int() if pad + T < 2**30 else k + t
        self.interpolation, self.youngest, self.pad, self.T = interpolation, youngest, pad, T
        self.stands_still = youngest > 0 and delay.shape[-1] == 1 and delay.numel() > 0
        self._held, self._line = slice(0, 0), None
        self._slopes: list[tuple[slice, Tensor]] = []
        self.at_once = _AT_ONCE
        if self.stands_still:
            self.blocks = self._one_block_for_all(k - t + 1)
        elif youngest:
            self.blocks, least = blocks(k - t + 1, T)
            self._t = None if least > 1 else t  # closer to the present there are fewer taps
        if self._t is not None and not self.stands_still and POINTS[interpolation] > 4:
            self.at_once //= 3
        if not youngest:
            self.blocks = even_blocks(self.at_once, T)
        self.longest = max((n.stop - n.start for n in self.blocks), default=1)

    def _one_block_for_all(self, gap: Tensor) -> list[slice]:
        back, weight = self._oldest, tap_weights(self._f, self._t, self.interpolation)[0]
        least, most = torch.stack([gap.amin(), back.amax()]).tolist()
        self.gap = max(1, min(least, self.T, LONGEST))
        self.pad, self._weight = max(self.pad, most), weight
        self.reach(self.gap)
        return even_blocks(self.gap, self.T)

    def reach(self, length: int) -> None:
        """Know the places of taps that stand still for blocks of so many samples."""
        self._length, self._known = length, dict[bool, Tensor]()

    def _places(self, count: int, later: bool) -> Tensor:
        """Where the taps of a block lie, or from the block on what later samples read of it (..., P, count)."""
        if later not in self._known:
            points = torch.arange(POINTS[self.interpolation], device=self._weight.device)
            back = self._oldest.unsqueeze(-2) - points[:, None]
            now = torch.arange(self._length, device=back.device)
            # A tap of no weight may lie ahead.
            ahead = now + self.pad
            self._known[later] = now + back.clamp_min(1) if later else (ahead - back).minimum(ahead - 1)
        return self._known[later][..., :count]

    def pole(self, batch_shape: tuple[int, ...], back: bool = False) -> Pole | None:
        """The pole of the all-pass interpolator; zero where it falls back to linear."""
        if self.interpolation != "allpass":
            return None
        f = self._f
        return Pole(torch.where(f < 0.5, 0.0, -(1 - f) / (1 + f)), self.longest, batch_shape, back)

    def loop(
        self, filters: LoopFilters, back: Tensor | None, saturate: bool, batch_shape: tuple[int, ...]
    ) -> StillLoop | None:
        """What works a loop that stands still with filters in it, where no derivative is asked for."""
        if back is None or not (filters.still and self.stands_still) or self.interpolation == "allpass":
            return None
        system, weight = filters.system, self._weight.squeeze(-2)
        given = (*system, weight, back)
        if transforms_active() or (torch.is_grad_enabled() and any(t.requires_grad for t in given)):
            return None
        if not self.T or not fits(system, weight, back, self.gap):
            return None
        return StillLoop(system, weight, self._oldest[..., 0], back, saturate, self.gap, self.pad, batch_shape)

    def read(self, line: Tensor, n: slice) -> Tensor:
        """The taps' sum (..., n) in a block, of a line (..., pad + T)."""
        if self.stands_still:
            taps = _gathered(line[..., n.start :], self._places(n.stop - n.start, False))
            return (self._weight @ taps).squeeze(-2)
        index, weight = self._taps(n)
        return (_gathered(line, index) * weight).sum(-2)

    def add_later(self, into: Tensor, later: Tensor, n: slice) -> None:
        """Add to a part of the line (..., n), in place, what comes back to it from what was read there and after.

        Args:
            into: the part.
            later: what came back to all that was read, from the block on (..., at least pad).
            n: the block.
        """
        taps = _gathered(later, self._places(n.stop - n.start, True))
        weight = self._weight.expand(*taps.shape[:-2], 1, taps.shape[-2]).reshape(-1, 1, taps.shape[-2])
        _rows_of(into).baddbmm_(weight, taps.reshape(-1, *taps.shape[-2:]))

    def spread(self, into: Tensor, g: Tensor, n: slice) -> None:
        """What comes back from the sum in a block, added to the line's, in place."""
        index, weight = self._taps(n)
        flat = index.expand(*into.shape[:-1], *index.shape[-2:]).flatten(-2)
        into.scatter_add_(-1, flat, (g.unsqueeze(-2) * weight).flatten(-2).expand(flat.shape))

    def _taps(self, n: slice) -> tuple[Tensor, Tensor]:
        """Index and weight (..., P, n) of the taps of a block; they are made for more, ahead or behind."""
        held = self._held
        if not held.start <= n.start < n.stop <= held.stop:
            size = max(self.at_once, n.stop - n.start)
            backwards = n.stop in (held.start, self.T)
            first = max(0, n.stop - size) if backwards else n.start
            self._held = held = slice(first, n.stop if backwards else min(self.T, first + size))
            self._from = self._make(held)
        inside = slice(n.start - held.start, n.stop - held.start)
        return self._from[0][..., inside], self._from[1][..., inside]

    def _make(self, n: slice) -> tuple[Tensor, Tensor]:
        oldest, f, t = over(self._oldest, n), over(self._f, n), None if self._t is None else over(self._t, n)
        weight, slope = tap_weights(f, t, self.interpolation)
        points = torch.arange(POINTS[self.interpolation], device=f.device)[:, None]
        now = torch.arange(n.start + self.pad, n.stop + self.pad, device=f.device)
        index = (now + points) - oldest.unsqueeze(-2)
        # Taps that lie outside of what there is weigh nothing, wherever they read.
        outside = index < 0
        index.clamp_(torch.zeros_like(now), now - self.youngest)
        weight = weight.mT.masked_fill(outside, 0.0)
        if self._line is not None:
            change = _gathered(self._line, index).mul_(slope.mT).masked_fill_(outside, 0.0)
            self._slopes.append((n, change.sum(-2)))
        return index, weight

    def learn_slopes(self, line: Tensor) -> None:
        """Remember what the gradient of the delay needs, while blocks are read from the last to the first.

        Args:
            line: (..., pad + T), before which there was silence.
        """
        self._line = line

    def to_delay(self, g: Tensor, v: Tensor, before: Tensor) -> Tensor:
        """The gradient of the delay.

        Args:
            g: what comes back to the taps' sum (..., T).
            v: what was made of the sum.
            before: what v was before time zero (..., 1).
        """
        if self.stands_still and self.interpolation != "allpass":
            return self._to_still_delay(g)
        known = self.T
        if self.stands_still:
            for n in reversed(even_blocks(_AT_ONCE, self.T)):
                self._make(n)
        found = []
        for n, change in self._slopes:
            n, change = slice(n.start, known), change[..., : known - n.start]
            if self.interpolation == "allpass":
                f = over(self._f, n)
                last = v[..., n.start - 1 : n.stop - 1] if n.start else torch.cat([before, v[..., : n.stop - 1]], -1)
                change = change + last * torch.where(f < 0.5, 0.0, 2 / (1 + f) ** 2)
            change = change * g[..., n]
            found.append(change.sum(-1, keepdim=True) if self._f.shape[-1] == 1 else change)
            known = n.start
        whole = torch.cat(found[::-1], -1)
        return (whole.sum(-1, keepdim=True) if self._f.shape[-1] == 1 else whole) * self.inside

    def _to_still_delay(self, g: Tensor) -> Tensor:
        """As ``to_delay``, of taps whose weights are the same for all samples."""
        assert self._line is not None
        self.reach(_READ_AT_ONCE)
        total = None
        for n in even_blocks(_READ_AT_ONCE, self.T):
            taps = _gathered(self._line[..., n.start :], self._places(n.stop - n.start, False)).to(g.dtype)
            found = taps @ g[..., n].unsqueeze(-1)
            total = found if total is None else total + found
        slope = tap_weights(self._f, self._t, self.interpolation)[1]
        assert total is not None
        return (slope @ total).squeeze(-1) * self.inside


def _rows_of(t: Tensor) -> Tensor:
    """A part of signals (..., n) as (R, 1, n), a view."""
    return (t if t.dim() > 1 else t[None]).flatten(0, -2).unsqueeze(1)


def _gathered(line: Tensor, index: Tensor) -> Tensor:
    """The samples of a line (..., L) at (..., P, n)."""
    shape = (*line.shape[:-1], index.shape[-2])
    line = as_it_is(line).unsqueeze(-2)
    return line.expand(*shape, line.shape[-1]).gather(-1, index.expand(*shape, index.shape[-1]))


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
    x = x.expand(*batch_shape, T)
    past = _start(x, past, batch_shape, interpolation).to(x.dtype)
    reader = _Reader(delay, interpolation, 0 if feedback is None else 1, limit, past.shape[-1], T)
    pad = reader.pad
    line = _padded(torch.cat([past, x], -1), pad + T).double()
    line = line.clone() if line.dtype == x.dtype else line
    allpass, filters = reader.pole(batch_shape), LoopFilters(lowpass, highpass, reader.longest, batch_shape)
    tail = tail.double().expand(*batch_shape, 3)
    first, state = tail[..., :1], filters.begin(tail[..., 1:])
    back = None if feedback is None else feedback.double()
    taps = []
    loop = reader.loop(filters, back, saturate, batch_shape)
    if loop is not None:
        line, state = loop.run(line, pad, state)
        reader.reach(_READ_AT_ONCE)
        taps = [torch.cat([reader.read(line, n) for n in even_blocks(_READ_AT_ONCE, T)], -1)]
        state = loop.end(taps[0], state)
    for n in reader.blocks if loop is None else []:
        u = reader.read(line, n)
        if allpass is not None:
            u, first = allpass.run(u, first, n)
        taps.append(u)
        if back is None:
            continue
        if filters.given:
            u, state = filters.run(u, state, n)
        u = torch.tanh(u) if saturate else u
        line[..., pad + n.start : pad + n.stop].addcmul_(over(back, n), u)
    line = line[..., pad - past.shape[-1] :]
    v = torch.cat(taps, -1) if taps else x
    return v, line, torch.cat([first, filters.end(state, tail[..., 1:])], -1)


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
    own = saved.line.shape[-1] - T
    reader = _Reader(delay, interpolation, 0 if feedback is None else 1, limit, own, T)
    pad = reader.pad
    v = saved.v.expand(*batch_shape, T)
    allpass = reader.pole(batch_shape, back=True)
    filters = LoopFilters(lowpass, highpass, reader.longest, batch_shape, back=True)
    back = None if feedback is None else feedback.double()
    before = tail.double().expand(*batch_shape, 3)
    to_end = grads.state.double().expand(*batch_shape, 3)
    first, state = to_end[..., :1], filters.begin(to_end[..., 1:])
    to_line = saved.line.new_zeros(*batch_shape, pad + T, dtype=torch.float64)
    if grads.line is not None:
        to_line = to_line + _padded(grads.line, pad + T)
    whole = WholeLoopFilters(filters, (lowpass, highpass), before[..., 1:], (needs.lowpass, needs.highpass))
    gain, written = back, v
    if back is not None:
        written = torch.tanh(whole.run(v)) if saturate else whole.run(v)
        gain = back * (1 - written * written) if saturate else back
    g_v = grads.v.expand(*batch_shape, T)
    # What has come back to all that was read, between silence: nothing is read before the start or behind the end.
    read = torch.nn.functional.pad(g_v.double(), (pad, 1 + pad)) if reader.stands_still else None
    if filters.given:  # whose matrices take memory
        reader.at_once //= 2
    if needs.delay:
        reader.learn_slopes(_padded(saved.line, pad + T).expand(*batch_shape, pad + T))
    pieces = []
    loop = None if read is None else reader.loop(filters, gain, grads.line is not None, batch_shape)
    if loop is not None:
        assert read is not None
        assert gain is not None
        varies = gain.shape[-1] != 1 or grads.line is not None
        found, of_line, state = loop.back(read[..., pad : pad + T], to_line[..., pad:] if varies else None, state)
        read[..., pad : pad + T] = found
        reader.reach(_READ_AT_ONCE)
        if of_line is not None:
            to_line[..., pad:] = of_line
        else:
            for n in even_blocks(_READ_AT_ONCE, T):
                reader.add_later(to_line[..., pad + n.start : pad + n.stop], read[..., pad + n.start :], n)
    for n in reversed(reader.blocks if loop is None else []):
        here = to_line[..., pad + n.start : pad + n.stop]
        if read is not None:
            reader.add_later(here, read[..., pad + n.start :], n)
        f, here = None, as_it_is(here)
        if back is not None and filters.given:
            assert gain is not None
            f, state = filters.run(here * over(gain, n), state, n)
        if read is not None:
            g = read[..., pad + n.start : pad + n.stop]
            if f is not None:
                g.add_(f)
            elif gain is not None:
                g.addcmul_(here, over(gain, n))
            if allpass is not None:
                found, first = allpass.run(as_it_is(g), first, n)
                g.copy_(found)
            continue
        g = g_v[..., n]
        if f is not None:
            g = g + f
        elif gain is not None:
            g = torch.addcmul(g, here, over(gain, n))
        if allpass is not None:
            g, first = allpass.run(g.double(), first, n)
        reader.spread(to_line, g, n)
        pieces.append(g)
    for n in even_blocks(
        reader.longest if loop is None else _READ_AT_ONCE, pad if read is not None else 0
    ):  # the past too was read
        assert read is not None
        reader.add_later(to_line[..., n], read[..., n.start :], n)
    to_x, to_past = to_line[..., pad:], to_line[..., pad - own : pad]
    to_tail = torch.cat([first, filters.end(state, to_end[..., 1:])], -1)
    del filters, allpass, g_v
    g = None
    if not to_line.numel() or not T:
        return [to_x, *(None if t is None else torch.zeros_like(t) for t in inputs[1:5]), to_past, to_tail]
    to_delay = to_feedback = None
    if needs.delay:
        g = torch.cat(pieces[::-1], -1) if read is None else read[..., pad : pad + T]
        pieces.clear()
        to_delay = reader.to_delay(g, v, before[..., :1])
    del read, reader, g
    to_poles: list[Tensor | None] = [None, None]
    if back is not None:
        if needs.feedback:
            to_feedback = to_x * written
            to_feedback = to_feedback if back.shape[-1] != 1 else to_feedback.sum(-1, keepdim=True)
        to_poles = whole.gradients(v, to_x * gain, to_end[..., 1:])
    return [to_x, to_delay, to_feedback, *to_poles, to_past, to_tail]
