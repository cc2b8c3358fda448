r"""Filters of many lines over blocks that are cut into pieces, in two products a block.

A block of :math:`L = r m` samples is r pieces of m. The filters, of n states s each, are two products: one gives the
states before every piece and after the last, from the samples and the state before, and one the outputs of all pieces
from these. What a block needs stands in a *slot* of memory as the products take it,

    state before | samples, those of all pieces that have the same place in theirs side by side | states | state after

and the state after is where the next slot has its state before.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from diffFx_pytorch.kernels.constants import made_once

from .block import toeplitz
from .delay_blocks import LONGEST, PIECE, powers

MOST_PIECES = 32
"""Of a block: the matrix of its states grows with the square of their number."""


class Lengths(NamedTuple):
    """How time is cut."""

    piece: int
    pieces: int
    """Of a block."""
    grain: int
    """Segments are whole numbers of it."""

    @property
    def block(self) -> int:
        """Samples of a block."""
        return self.piece * self.pieces

    @property
    def unit(self) -> int:
        """The least samples of a segment."""
        return math.lcm(self.block, self.grain)

    def segment(self, most: int, samples: int) -> int:
        """Samples of a segment, whole blocks."""
        return self.unit * min(max(1, most // self.unit), -(-samples // self.unit))


def lengths(least: int, samples: int, filtered: bool) -> Lengths:
    """Of blocks for delays of at least so many samples."""
    least = min(least, samples)
    if not filtered:
        return Lengths(1, min(least, LONGEST), 1)
    piece = min(PIECE, 1 << (least.bit_length() - 1))
    return Lengths(piece, min(least // piece, MOST_PIECES), PIECE)


class System(NamedTuple):
    """s' = A s + b u, f = c s + d u of Q lines, and powers of A."""

    powers: Tensor
    """A^0 .. A^PIECE (Q, PIECE + 1, n, n)."""
    transposed: Tensor
    """Those of A transposed."""
    steps: Tensor
    """A^0 .. of whole pieces of a block (Q, pieces + 1, n, n)."""
    b: Tensor
    c: Tensor
    d: Tensor

    def turned(self) -> System:
        """The transposed system."""
        return System(self.transposed, self.powers, self.steps.mT.contiguous(), self.c, self.b, self.d)

    def responses(self) -> tuple[Tensor, Tensor]:
        """What c makes of A^k, (Q, PIECE, n), and of A^k b, (Q, PIECE)."""
        Q, _, n, _ = self.powers.shape
        free = torch.bmm(self.transposed[:, :-1].reshape(Q, -1, n), self.c[..., None]).view(Q, PIECE, n)
        return free, torch.bmm(free, self.b[..., None]).squeeze(-1)

    def to_outputs(self, piece: int) -> Tensor:
        """From samples of a piece and the state before it to its outputs (Q, piece + n, piece)."""
        free, response = self.responses()
        h = torch.cat([self.d[:, None], response[:, : piece - 1]], -1)
        return torch.cat([toeplitz(h).mT, free[:, :piece].mT], 1)

    def to_states(self, cut: Lengths) -> Tensor:
        """From the state before a block and its samples to all other states of a slot (Q, n + L, n (pieces + 1))."""
        (piece, pieces, _), (Q, _, n, _) = cut, self.powers.shape
        pushed = torch.bmm(self.steps.reshape(Q, -1, n), self.b[..., None]).view(Q, pieces + 1, n)
        driven = torch.bmm(self.powers[:, :piece].reshape(Q, -1, n), pushed.mT)
        numbers = torch.cat([torch.zeros_like(self.d)[:, None], self.steps.flatten(1), driven.flatten(1)], -1)
        return numbers[:, made_once(_places, piece, pieces, n, dtype=torch.int64, device=numbers.device)]

    def pull(self, grads: Tensor, to_pushed: Tensor, to_power: Tensor) -> tuple[Tensor, ...]:
        """Gradients of A, b, c and d.

        Args:
            grads: of what takes samples of a piece and the state before it to outputs and the state after (Q, PIECE +
                n, PIECE + n), samples and outputs from the last to the first.
            to_pushed: more of A^k b, k = 0 .. l - 1 (Q, n, l).
            to_power: more of A^l (Q, n, n).
        """
        m, last, (Q, n) = PIECE, to_pushed.shape[-1], self.b.shape
        lags = pad(grads[:, :m, :m], (0, m)).view(Q, -1).as_strided((Q, m, m), (2 * m * m, 2 * m + 1, 1)).sum(1)
        through = pad(lags[:, 1:], (0, 1))[..., None]  # of c A^k b
        pushed = grads[:, m:, :m].mT.contiguous()
        pushed[:, :last] += to_pushed.mT
        free = torch.addcmul(grads[:, :m, m:].flip(1), through, self.b[:, None])
        to_powers = pushed[..., None] * self.b[:, None, None] + self.c[:, None, :, None] * free[:, :, None]
        to_powers = torch.cat([to_powers, grads[:, None, m:, m:]], 1)
        to_powers[:, last] += to_power
        pushed = torch.addcmul(pushed, through, self.c[:, None])
        to_b = torch.bmm(pushed.view(Q, 1, -1), self.powers[:, :m].reshape(Q, -1, n)).squeeze(1)
        to_c = torch.bmm(free.view(Q, 1, -1), self.transposed[:, :m].reshape(Q, -1, n)).squeeze(1)
        # Of every power of A that of A, by a recursion from the last: D_j = to_powers_(j+1) + D_(j+1) A'.
        found, reach = to_powers[:, 1:], 1
        while reach < m:
            ahead, step = found[:, :-reach].reshape(Q, -1, n), self.transposed[:, reach]
            more = torch.baddbmm(ahead, found[:, reach:].reshape(Q, -1, n), step).view(Q, -1, n, n)
            found, reach = torch.cat([more, found[:, -reach:]], 1), 2 * reach
        to_A = torch.bmm(self.powers[:, :m].reshape(Q, -1, n).mT, found.reshape(Q, -1, n))
        return to_A, to_b, to_c, lags[:, 0]


def _places(piece: int, pieces: int, n: int) -> np.ndarray:
    """Where the matrix of states has its numbers from: zero, A^(p m) and A^(p m + j) b."""
    to_piece = np.r_[np.tile(np.arange(pieces), n), np.full(n, pieces)]
    of_state = np.r_[np.repeat(np.arange(n), pieces), np.arange(n)]
    free = 1 + (to_piece * n + of_state) * n + np.arange(n)[:, None]
    place, of_piece = (t.ravel()[:, None] for t in np.indices((piece, pieces)))
    ago = (to_piece - of_piece) * piece - 1 - place
    driven = 1 + (pieces + 1) * n * n + ((ago % piece) * n + of_state) * (pieces + 1) + ago // piece
    return np.concatenate([free, np.where(ago >= 0, driven, 0)])


def system(A: Tensor, b: Tensor, c: Tensor, d: Tensor, cut: Lengths) -> System:
    """Of A (Q, n, n), b (Q, n), c (Q, n), d (Q,)."""
    found = powers(A, PIECE)
    return System(found, found.mT.contiguous(), powers(found[:, cut.piece], cut.pieces), b, c, d)


def by_lines(like: Tensor, *shape: int) -> Tensor:
    """Zeros (R, N, T), the rows of a line one after the other in memory."""
    R, N, T = shape
    return like.new_zeros(N, R, T).transpose(0, 1)


class Slots:
    """Slots of a segment, (R, N, n + blocks pitch), and the filters that work in them."""

    def __init__(self, of: System | None, cut: Lengths, shape: tuple[int, int], segment: int, like: Tensor) -> None:
        self.cut, (self.R, self.N) = cut, shape
        self.n = 0 if of is None else of.b.shape[-1]
        self.pitch, self.blocks = cut.block + self.n * (cut.pieces + 1), segment // cut.block
        self.memory = by_lines(like, self.R, self.N, self.n + self.blocks * self.pitch)
        if of is not None:
            self._to_states = of.to_states(cut)
            self.shared = len(of.b) != self.R * self.N
            self._to_outputs = self.of_rows(of.to_outputs(cut.piece))

    def of_rows(self, matrix: Tensor) -> Tensor:
        """Matrices (Q, ...) for all lines and rows."""
        return matrix[:, None].expand(-1, self.R, *matrix.shape[1:]).flatten(0, 1) if self.shared else matrix

    def samples(self, b: int) -> Tensor:
        """Of a block, (R, N, L)."""
        return self.memory[..., self.n + b * self.pitch :][..., : self.cut.block]

    def states(self, b: int) -> tuple[Tensor, Tensor]:
        """Those before the pieces of a block (R, N, n, pieces), and that after it (R, N, n)."""
        of_block = self.memory[..., (b + 1) * self.pitch - self.n * self.cut.pieces :]
        found, n = of_block[..., : self.n * self.cut.pieces], self.n * self.cut.pieces
        return found.unflatten(-1, (self.n, -1)), of_block[..., n : n + self.n]

    def find_states(self, b: int) -> None:
        """Fill in the states of a block."""
        given = self.memory[..., b * self.pitch :][..., : self.n + self.cut.block]
        found = self.memory[..., (b + 1) * self.pitch - self.n * self.cut.pieces :]
        found = found[..., : self.n * (self.cut.pieces + 1)]
        given, found = given.transpose(0, 1), found.transpose(0, 1)
        if not self.shared:
            given, found = given.flatten(0, 1)[:, None], found.flatten(0, 1)[:, None]
        torch.bmm(given, self._to_states, out=found)

    def filter(self, b: int, into: Tensor) -> None:
        """The outputs of a block, into (R, N, L)."""
        pieces = self.cut.pieces
        held = self.memory[..., self.n + b * self.pitch :][..., : pieces * (self.cut.piece + self.n)]
        held = held.transpose(0, 1).flatten(0, 1).unflatten(-1, (-1, pieces)).mT
        torch.bmm(held, self._to_outputs, out=into.transpose(0, 1).flatten(0, 1).unflatten(-1, (pieces, -1)))

    def held(self, blocks: int) -> Tensor:
        """Samples and states of all pieces of the first blocks, (R, N, blocks, m + n, pieces)."""
        pieces = self.cut.pieces
        found = self.memory[..., self.n :].unflatten(-1, (self.blocks, self.pitch))[:, :, :blocks]
        return found[..., : pieces * (self.cut.piece + self.n)].unflatten(-1, (-1, pieces))

    def every(self, blocks: int) -> Tensor:
        """The states before every ``PIECE`` samples of the first blocks, (R, N, those, n)."""
        states = self.held(blocks)[..., self.cut.piece :, :].movedim(-2, -1).flatten(2, 3)
        return states[..., :: PIECE // self.cut.piece, :]

    def by_piece(self, blocks: int, kind: torch.dtype) -> Tensor:
        """Samples and states of every ``PIECE`` samples of the first blocks, (N R, PIECE + n, those)."""
        held = self.held(blocks).transpose(0, 1)
        if self.cut.piece == PIECE:
            held = held.transpose(2, 3)
            return held.new_empty(held.shape, dtype=kind).copy_(held).view(self.R * self.N, PIECE + self.n, -1)
        samples = held[..., : self.cut.piece, :].mT.reshape(self.N, self.R, -1, PIECE)
        return torch.cat([samples, self.every(blocks).transpose(0, 1)], -1).flatten(0, 1).mT.to(kind)

    def begin_after(self, blocks: int) -> None:
        """Begin in the state after so many blocks."""
        if self.n:
            self.begin_with(self.states(blocks - 1)[1])

    def begin_with(self, states: Tensor) -> None:
        """The states before the first block (R, N, n)."""
        self.memory[..., : self.n] = states
