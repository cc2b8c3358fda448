"""The network that stands still, in few operations a block, and its gradient; without derivatives of their own.

A block of a network with filters is four operations: a look-up into the slot of `slots`, the two products of the
filters, and the mixture, which is added to the lines where they stand. The gradient runs the network of the transposed
system backwards in time, in as many.

The gradients of coefficients are those of the matrices of a piece, which are one product for a segment; the states that
it takes are kept every ``PIECE`` samples, and what went into the lines in the precision of the sound.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from .block import toeplitz
from .delay_blocks import PIECE
from .slots import Slots, System, by_lines, lengths, system

AHEAD, BACK = 16384, 8192
"""Samples of a segment, for which all but the lines is held at once, forwards and backwards."""


def _roll(room: Tensor, past: int, size: int) -> None:
    """What stands before the end of a segment becomes the past of the next."""
    last = room[..., size : size + past]
    room[..., :past] = last if size >= past else last.clone()


class StillNetwork:
    """A network whose delays and filters stand still.

    Args:
        x: (R, inputs, T), T > 0.
        delay: whole (R, N) int64.
        least: the least of them, or less.
        mixing: (R, N + inputs, N + outputs).
        filters: A (Q, n, n), b, c (Q, n), d (Q,) of N R lines, or of N that all rows share; None is none.
        past: (R, N, P).
        zi: states (R, N, n).
    """

    def __init__(
        self,
        x: Tensor,
        delay: Tensor,
        least: int,
        mixing: Tensor,
        filters: tuple[Tensor, Tensor, Tensor, Tensor] | None,
        past: Tensor,
        zi: Tensor,
    ) -> None:
        self.x, self.mixing, self.past, self.zi = x, mixing, past, zi
        (self.R, self.N, self.P), self.T = past.shape, x.shape[-1]
        self.cut = lengths(least, self.T, filters is not None)
        self.system = None if filters is None else system(*filters, self.cut)
        self.delay = delay[..., None]
        time = torch.arange(self.cut.block, device=x.device)
        self.time = time if filters is None else time.view(self.cut.pieces, -1).mT.flatten()
        """Of the samples of a block, as they stand in a slot."""

    def over_rows(self, t: Tensor) -> Tensor:
        """(Q, ...) as (R or 1, N, ...)."""
        return t.unflatten(0, (self.N, -1)).transpose(0, 1)

    def run(self, kept: torch.dtype | None = None) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """The outputs, the last of the lines, last states; what the gradient reads: all of the lines, and states.

        Args:
            kept: the type in which lines are kept; None keeps neither.
        """
        P, T, L, N = self.P, self.T, self.cut.block, self.N
        into, given = self.mixing[:, :N].mT, self.mixing[:, N:].mT
        size = self.cut.segment(AHEAD, T)
        slots = Slots(self.system, self.cut, (self.R, N), size, self.past)
        slots.begin_with(self.zi)
        lines = self.past.new_empty(self.R, N, P + T if kept else P, dtype=kept)
        states = self.past.new_empty(self.R, N, -(-T // PIECE) if kept else 0, slots.n)
        room, y = self.past.new_zeros(self.R, N, P + size), self.x.new_empty(self.R, given.shape[1] - N, T)
        lines[..., :P], room[..., :P], found = self.past, self.past, by_lines(self.past, self.R, N, size)
        begin, stop, then = 0, 0, P + self.time - self.delay
        while stop < T:
            if stop:
                _roll(room, P, size)
                slots.begin_after(slots.blocks)
            begin, stop = stop, min(T, stop + size)
            x = self.x[..., begin:stop].to(room.dtype)
            torch.bmm(given[:, :N], x, out=room[..., P : P + stop - begin])
            for b in range(-(-(stop - begin) // L)):
                seen, to = room[..., b * L :], found[..., b * L : (b + 1) * L]
                torch.gather(seen, -1, then, out=slots.samples(b) if slots.n else to)
                if slots.n:
                    slots.find_states(b)
                    slots.filter(b, to)
                room[..., P + b * L : P + (b + 1) * L].baddbmm_(into[:, :N], to)
            y[..., begin:stop] = torch.bmm(given[:, N:], x).baddbmm_(into[:, N:], found[..., : stop - begin])
            if kept:
                lines[..., P + begin : P + stop] = room[..., P : P + stop - begin]
                if slots.n:
                    here = states[..., begin // PIECE : -(-stop // PIECE), :]
                    here.copy_(slots.every(slots.blocks)[..., : here.shape[-2], :])
        return y, room[..., stop - begin :][..., :P].clone(), self._end(slots, stop - begin), lines, states

    def _end(self, slots: Slots, samples: int) -> Tensor:
        """The states after so many samples of the last segment."""
        if self.system is None:
            return self.zi
        b, rest = divmod(samples - 1, self.cut.block)
        p, last = divmod(rest, self.cut.piece)
        u = slots.samples(b).unflatten(-1, (self.cut.piece, -1))[..., : last + 1, p].flip(-1)
        pushed = (self.system.powers[:, : last + 1] @ self.system.b[:, None, :, None]).squeeze(-1)
        power, state = self.over_rows(self.system.powers[:, last + 1]), slots.states(b)[0][..., p, None]
        return (power @ state + self.over_rows(pushed).mT @ u[..., None]).squeeze(-1)

    def gradient(
        self, to_y: Tensor, to_end: Tensor | None, to_zf: Tensor, lines: Tensor, states: Tensor, of_delay: bool
    ) -> dict[str, Any]:
        """The gradients by name; those of filters as ``filters``.

        Args:
            to_y: gradient of the outputs (R, outputs, T).
            to_end: of the last of the lines (R, N, P), None where there is none.
            to_zf: of the last states (R, N, n).
            lines: as `run` keeps them.
            states: likewise.
            of_delay: whether that of the delays is wanted.
        """
        return _Gradient(self, lines, states, of_delay).run(to_y, to_end, to_zf)


class _Gradient:
    """One pass backwards. In it time runs from the last sample to the first, so that it is a network too.

    Before the last sample stand so many zeros that the blocks end with the first. What comes back from the outputs and
    from the end of the lines stands beside what comes back to what was read, so that one look-up finds all.
    """

    def __init__(self, net: StillNetwork, lines: Tensor, states: Tensor, of_delay: bool) -> None:
        self.net, self.lines, self.of_delay = net, lines, of_delay
        self.size, unit = net.cut.segment(BACK, net.T), net.cut.unit
        self.whole = -(-net.T // unit) * unit
        self.late = self.whole - net.T
        back, like, kind = None if net.system is None else net.system.turned(), net.past, lines.dtype
        self.slots = Slots(back, net.cut, (net.R, net.N), self.size, like)
        self.then = net.P + torch.arange(self.size, device=like.device).flip(0) - net.delay
        # What comes back to x takes its place as time goes.
        self.x, self.to_delay = pad(net.x.flip(-1), (self.late, 0)), like.new_zeros(net.R, net.N)
        if net.system is not None and back is not None:
            self.back, n = back, states.shape[-1]
            self.states = pad(states, (0, 0, 0, self.whole // PIECE - states.shape[-2])).flip(-2).to(kind)
            self.to_pieces = like.new_zeros(net.R * net.N, PIECE + n, PIECE + n, dtype=kind)
            free, response = net.system.responses()
            h = torch.cat([net.system.d[:, None], response[:, :-1]], -1)
            self.outputs = self.slots.of_rows(torch.cat([toeplitz(h), free.flip(1).mT], 1).to(kind))

    def run(self, to_y: Tensor, to_end: Tensor | None, to_zf: Tensor) -> dict[str, Any]:
        """As `StillNetwork.gradient`."""
        net, N, P, L = self.net, self.net.N, self.net.P, self.net.cut.block
        self.to_y, self.to_zf = pad(to_y.flip(-1), (self.late, 0)), to_zf
        self.to_end = None if to_end is None else to_end.flip(-1)
        own = net.mixing.shape[-1]
        self.mixing = net.mixing if to_end is None else torch.cat([net.mixing, net.mixing[..., :N]], -1)
        rows = self.mixing.shape[-1]
        self.inputs, self.mix = self.mixing[:, N:].to(self.x.dtype), self.mixing[:, :N]
        self.to_mixing = torch.zeros_like(self.mixing, dtype=self.x.dtype)
        self.room, late = by_lines(net.past, net.R, rows, P + self.size), pad(net.delay, (0, 0, 0, rows - N))
        self.now, self.later = P + net.time - late, (P + torch.arange(L, device=late.device) - late)[:, :, None]
        for begin in reversed(range(0, net.T, self.size)):
            size = min(self.size, self.whole - begin)
            first = self.whole - begin - size
            self._place_direct(first, size)
            for b in range(size // L):
                self._block(b, self.late - first - b * L)
            self._learn(begin, first, size)
            _roll(self.room[:, :N], P, size)
            self.slots.begin_after(size // L)
        time = torch.arange(P, device=late.device)
        to_past = pad(self.room[:, :N, :P], (0, P)).gather(-1, P + time - net.delay).flip(-1)
        if to_end is not None and net.T < P:
            to_past = to_past + pad(to_end[..., : P - net.T], (net.T, 0))
        to_mixing = self.to_mixing[..., :own]
        if to_end is not None:
            to_mixing = torch.cat([to_mixing[..., :N] + self.to_mixing[..., own:], to_mixing[..., N:]], -1)
        found = {"x": self.x[..., self.late :].flip(-1), "delay": self.to_delay, "mixing": to_mixing}
        found |= {"past": to_past, "zi": self.slots.memory[..., : self.slots.n].clone()}
        return found if net.system is None else {**found, "filters": self._to_filters(net.system)}

    def _place_direct(self, first: int, size: int) -> None:
        """What comes back from the outputs of a segment, and from the end of the lines."""
        N, P, late, outs = self.net.N, self.net.P, self.late, self.to_y.shape[1]
        self.room[:, N : N + outs, P : P + size] = self.to_y[..., first : first + size]
        if self.to_end is not None:
            self.room[:, N + outs :] = 0.0
            start, stop = max(first, late), min(first + size, late + P)
            if start < stop:
                end = self.to_end[..., start - late : stop - late]
                self.room[:, N + outs :, P + start - first : P + stop - first] = end

    def _block(self, b: int, last: int) -> None:
        """One block; ``last``: where in it the last sample stands."""
        net, L, at = self.net, self.net.cut.block, self.net.P + b * self.net.cut.block
        into, sent = self.room[:, : net.N, at : at + L], self.room[..., b * L :].gather(-1, self.now)
        if not self.slots.n:
            torch.bmm(self.mix, sent, out=into)
            return
        torch.bmm(self.mix, sent, out=self.slots.samples(b))
        self.slots.find_states(b)
        if not 0 <= last < L:
            self.slots.filter(b, into)
            return
        # What comes back to the last states enters within a piece.
        p, before = divmod(last, net.cut.piece)
        samples, given = net.cut.piece - before, self.to_zf[..., None]
        left = net.over_rows(self.back.powers[:, samples]) @ given
        spread = (net.over_rows(self.back.steps[:, : net.cut.pieces - p]) @ left.unsqueeze(2)).squeeze(-1)
        states, after = self.slots.states(b)
        states[..., p + 1 :] += spread[..., :-1, :].mT
        after += spread[..., -1, :]
        self.slots.filter(b, into)
        free = net.over_rows(self.back.responses()[0][:, :samples])
        into[..., last : last + samples] += (free @ given).squeeze(-1)

    def _learn(self, begin: int, first: int, size: int) -> None:
        """Take in the gradients of a segment, after its blocks; products have the precision of the sound."""
        net, P, kind = self.net, self.net.P, self.x.dtype
        seen, then, here = self.lines[..., begin:], self.then[..., self.size - size :], slice(first, first + size)
        if begin + size > net.T:
            then = then.clamp_max(seen.shape[-1] - 1 - self.of_delay)
        u = seen.gather(-1, then)
        if self.of_delay:
            slope = (seen.gather(-1, (then - 1).clamp_min(0)) - seen.gather(-1, then + 1)) / 2
            self.to_delay += (self.room[:, : net.N, P : P + size] * slope).sum(-1)
            del slope
        if self.slots.n:
            states = self.states[..., first // PIECE : (first + size) // PIECE, :]
            if 0 <= self.late - first < size:
                self._take_tail(u[..., self.late - first :], states[..., (self.late - first) // PIECE, :])
            u = u.transpose(0, 1).unflatten(-1, (-1, PIECE))
            given = torch.cat([u, states.transpose(0, 1)], -1).flatten(0, 1)
            self.to_pieces.baddbmm_(self.slots.by_piece(size // net.cut.block, kind), given)
            u = torch.bmm(given, self.outputs).view(net.N, net.R, size).transpose(0, 1)
            del given
        read = self.room[..., : P + size].unfold(-1, P + net.cut.block, net.cut.block)
        sent = read.gather(-1, self.later.expand(*read.shape[:3], -1)).flatten(2)
        sent = sent.to(kind)
        self.to_mixing.baddbmm_(torch.cat([u, self.x[..., here]], 1), sent.mT)
        torch.bmm(self.inputs, sent, out=self.x[..., here])

    def _take_tail(self, u: Tensor, state: Tensor) -> None:
        """The samples from the last one back, and the states before the piece that they stand in."""
        u = u[..., : PIECE - self.late % PIECE]
        self.tail = self.to_zf[..., None] * u.unsqueeze(-2), self.to_zf[..., None] * state.unsqueeze(-2)

    def _to_filters(self, system: System) -> tuple[Tensor, ...]:
        found = [self.to_pieces.double(), *(t.transpose(0, 1).flatten(0, 1) for t in self.tail)]
        if self.slots.shared:
            found = [t.unflatten(0, (-1, self.net.R)).sum(1) for t in found]
        return system.pull(*found)
