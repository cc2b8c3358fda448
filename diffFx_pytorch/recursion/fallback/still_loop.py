r"""The loop of a delay line that stands still with filters in it, in few operations a block; without derivatives.

A block of L samples reads a stretch r of the line, sums its taps, u = W r, and filters the sum, of n states s:

.. math:: [f, s'] = [s, r] \begin{pmatrix} O^T & A^{L T} \\ W^T H^T & W^T C^T \end{pmatrix}

with the matrices of `block`. The states between blocks stand in gaps of n samples between the blocks of the line, so
that a block is one look-up and one product, which is added to the line where it stands. Backwards in time the same is
done with the transposed matrices; where the gain varies, as it does behind a saturation, it comes between two products.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from diffFx_pytorch.kernels.rows import broadcast_shape

from .block import state_space_blocks
from .delay_blocks import LARGEST
from .groups import Groups

System = tuple[Tensor, Tensor, Tensor, Tensor]
"""Filters A (..., n, n), B (..., n), C (..., n) and D (...)."""


def fits(system: System, weights: Tensor, gain: Tensor, length: int) -> bool:
    """Whether the matrices for blocks of so many samples are small enough; arguments as of `StillLoop`."""
    sets = torch.Size(broadcast_shape(weights.shape[:-1], system[3].shape, gain.shape[:-1])).numel()
    states = system[1].shape[-1]
    return sets * (length + states) * (length + states + weights.shape[-1]) <= LARGEST


class StillLoop:
    """Blocks of L samples of a loop.

    Args:
        system: the filters in the loop, float64.
        weights: of the taps, oldest first (..., P).
        oldest: how many samples ago the oldest tap lies (...).
        gain: of what the filters give (..., T or 1).
        saturates: whether tanh comes between.
        length: L.
        most: the largest of ``oldest``, or more.
        batch_shape: of the signals.
    """

    def __init__(
        self,
        system: System,
        weights: Tensor,
        oldest: Tensor,
        gain: Tensor,
        saturates: bool,
        length: int,
        most: int,
        batch_shape: Sequence[int],
    ) -> None:
        batch = broadcast_shape(weights.shape[:-1], system[3].shape, gain.shape[:-1])
        self._groups, self._batch = Groups(batch_shape, weights.new_empty(()).expand(*batch, 1, 1), 2), batch
        self._system = [self._sets(t, core) for t, core in zip(system, (2, 1, 1, 0), strict=True)]
        self._weights, self._gain, self._saturates = self._sets(weights, 1), gain, saturates
        self._oldest = oldest[..., None].expand(*batch_shape, 1).reshape(self._groups.Q, self._groups.P, 1)
        self._n, self._L, self._P = system[1].shape[-1], length, weights.shape[-1]
        self._past = -(-most // length) * length
        self._pitch, self._last = length + self._n, (weights, weights)
        self._varies = saturates or gain.shape[-1] != 1

    def run(self, line: Tensor, past: int, state: Tensor) -> tuple[Tensor, Tensor]:
        """The line (..., past + T) with what the loop gives, and the states (..., n) before its last block."""
        n, L, pitch, T = self._n, self._L, self._pitch, line.shape[-1] - past
        count, first = -(-T // L), self._past // L * pitch
        line = pad(self._groups.rows(line, 1), (self._past - past, 0))
        room = pad(self._with_gaps(line, self._past // L + count, n), (0, n))
        room[..., first : first + n] = self._groups.rows(state, 1)
        # A tap of no weight may lie ahead.
        then = (torch.arange(L + self._P - 1, device=line.device) - self._oldest).clamp_max(-1)
        index = first + torch.cat([self._states_at(0), self._place(then)], -1)
        matrix, gains = self._matrix(T), self._gains(T)
        for b in range(count):
            seen = room[..., b * pitch :].gather(-1, index)
            into = room[..., first + b * pitch + n :][..., :pitch]
            if gains is None:
                into.baddbmm_(seen, matrix)
                continue
            found = torch.bmm(seen, matrix)
            if self._saturates:
                found[..., :L].tanh_()
            into.addcmul_(self._of_block(gains, b), found)
        last = room[..., first + (count - 1) * pitch :][..., :n]
        line = self._without_gaps(room[..., :-n], n)[..., self._past - past :][..., : past + T]
        return self._groups.apart(line), self._groups.apart(last)

    def end(self, v: Tensor, state: Tensor) -> Tensor:
        """After `run`, the last states (..., n) from those before the last block and the sum of the taps (..., T)."""
        (driven, step), count = self._last, (v.shape[-1] - 1) % self._L + 1
        found = torch.bmm(self._groups.rows(state, 1), step.mT)
        return self._groups.apart(found.baddbmm_(self._groups.rows(v[..., -count:], 1), driven[..., :count].mT))

    def back(self, read: Tensor, to_line: Tensor | None, state: Tensor) -> tuple[Tensor, Tensor | None, Tensor]:
        """What comes back to all that was read, to the line where the gain varies, and to the states at the start.

        Args:
            read: what comes back to it (..., T) from elsewhere.
            to_line: what comes back to the line (..., T) from elsewhere; None where the gain stands still and nothing
                does.
            state: what comes back to the last states (..., n).
        """
        n, L, pitch, T = self._n, self._L, self._pitch, read.shape[-1]
        count, matrix = -(-T // L), self._matrix_back(T)
        through, line = self._through() if self._varies else None, None
        room = self._with_gaps(self._groups.rows(read, 1), count + self._past // L + 1, n)
        later = (torch.arange(1 - self._P, L, device=room.device) + self._oldest).clamp_min(0)
        index = torch.cat([self._place(later), self._states_at(pitch)], -1)
        gains, (driven, step) = self._gains(T), self._last
        room[..., (count - 1) * pitch :][..., :pitch].baddbmm_(
            self._groups.rows(state, 1), torch.cat([step, driven], -1)
        )
        if gains is not None:
            assert to_line is not None
            line = self._with_gaps(self._groups.rows(to_line, 1), count, 0)
            here = line[..., (count - 1) * pitch :][..., :L] * self._of_block(gains, count - 1)[..., :L]
            room[..., (count - 1) * pitch :][..., :pitch].baddbmm_(here, matrix[:, :L])
        for b in reversed(range(count - 1)):
            seen, into = room[..., b * pitch :].gather(-1, index), room[..., b * pitch :][..., :pitch]
            if line is not None:
                assert through is not None
                assert gains is not None
                here = line[..., b * pitch :][..., :pitch].baddbmm_(seen, through)
                seen = here * self._of_block(gains, b)
            into.baddbmm_(seen, matrix)
        del matrix, through, gains
        found = self._without_gaps(room, n)[..., :T]
        line = None if line is None else self._groups.apart(self._without_gaps(line, 0)[..., :T])
        return self._groups.apart(found), line, self._groups.apart(room[..., :n])

    def _sets(self, t: Tensor, core: int) -> Tensor:
        """(..., *core) as (Q, *core), in the batch shape of all sets."""
        own = t.shape[t.dim() - core :]
        return self._groups.sets(t.expand((*self._batch, *own))[(..., *[None] * (2 - core))]).reshape(-1, *own)

    def _matrix(self, T: int) -> Tensor:
        """From states and the stretch that is read to a block and the states after it, (Q, n + L + P - 1, L + n)."""
        n, L, (response, free, driven, step) = self._n, self._L, self._blocks(T)
        matrix = response.new_zeros(len(response), n + L + self._P - 1, self._pitch)
        matrix[:, :n, :L], matrix[:, :n, L:] = free.mT, step.mT
        filtered = torch.cat([response.mT, driven.mT], -1)
        del response, driven
        for p in range(self._P):
            matrix[:, n + p : n + p + L].addcmul_(self._weights[:, p, None, None], filtered)
        if not self._varies:
            matrix[..., :L] *= self._sets(self._gain, 1)[..., None]
        return matrix

    def _matrix_back(self, T: int) -> Tensor:
        """From what came back to a block of the line and the states after it to what was read and those before."""
        n, L, (response, free, driven, step) = self._n, self._L, self._blocks(T)
        more = 0 if self._varies else self._P - 1
        matrix = response.new_zeros(len(response), L + more + n, self._pitch)
        matrix[:, L + more :, :n], matrix[:, L + more :, n:] = step, driven
        if self._varies:
            matrix[:, :L, :n], matrix[:, :L, n:] = free, response
            return matrix
        weights = self._weights.flip(-1) * self._sets(self._gain, 1)
        filtered = torch.cat([free, response], -1)
        del free, response
        for p in range(self._P):
            matrix[:, p : p + L].addcmul_(weights[:, p, None, None], filtered)
        return matrix

    def _through(self) -> Tensor:
        """From what comes later and the states after a block to what comes back to it, and the states."""
        L, n, weights = self._L, self._n, self._weights.flip(-1)
        matrix = weights.new_zeros(len(weights), L + self._P - 1 + n, self._pitch)
        Q, J, pitch = matrix.shape
        matrix.as_strided((Q, L, self._P), (J * pitch, pitch + 1, pitch)).copy_(weights[:, None])
        matrix[:, L + self._P - 1 :, L:].diagonal(0, 1, 2).fill_(1.0)
        return matrix

    def _blocks(self, T: int) -> list[Tensor]:
        A, B, C, D = self._system
        unit = torch.eye(self._n, dtype=A.dtype, device=A.device)
        *found, driven, step = state_space_blocks(A - unit, B, C, D, T, self._L)
        self._last = driven, step
        return found

    def _gains(self, T: int) -> Tensor | None:
        """Of blocks and the states behind them, where they vary; one block of those that stand still."""
        if not self._varies:
            return None
        gain = self._groups.rows(self._gain, 1)
        if self._gain.shape[-1] == 1:
            return pad(gain.expand(-1, -1, self._L), (0, self._n), value=1.0)
        return self._with_gaps(gain, -(-T // self._L), 0, 1.0)

    def _of_block(self, gains: Tensor, b: int) -> Tensor:
        return gains[..., b * self._pitch :][..., : self._pitch] if self._gain.shape[-1] != 1 else gains

    def _with_gaps(self, t: Tensor, blocks: int, before: int, value: float = 0.0) -> Tensor:
        """Of (Q, P, T) so many blocks with gaps, before or behind them, (Q, P, blocks (L + n))."""
        whole, rest = divmod(t.shape[-1], self._L)
        room = t.new_full((*t.shape[:-1], blocks, self._pitch), value)
        room[..., :whole, before : before + self._L] = t[..., : whole * self._L].unflatten(-1, (whole, self._L))
        if rest:
            room[..., whole, before : before + rest] = t[..., whole * self._L :]
        return room.flatten(-2)

    def _without_gaps(self, t: Tensor, before: int) -> Tensor:
        return t.unflatten(-1, (-1, self._pitch))[..., before : before + self._L].flatten(-2)

    def _states_at(self, place: int) -> Tensor:
        return torch.arange(place, place + self._n, device=self._oldest.device).expand(*self._oldest.shape[:2], -1)

    def _place(self, time: Tensor) -> Tensor:
        """Where a time after the start of a block stands, from the states before the block."""
        block = torch.div(time, self._L, rounding_mode="floor")
        return time + (block + 1) * self._n
