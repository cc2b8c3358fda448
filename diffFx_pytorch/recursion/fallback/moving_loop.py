r"""All-passes in a loop whose coefficients move, in few operations for any length; without derivatives of their own.

Time is cut into pieces of ``PIECE`` samples, which go side by side, all in a sample's one product

.. math:: \begin{pmatrix} y_t \\ s_{t+1} \end{pmatrix} = M_t \begin{pmatrix} s_t \\ x_t \end{pmatrix}

First from silence, together with what the product of a piece's matrices makes of every state; a scan over the pieces
gives the states at their starts; and then they go again, from there. Matrices are made for a few samples of every piece
at a time, since all of them take a hundred times the memory of the sound. In the gradient the adjoint goes from the end
of every piece to its start in the same way; what it is there the first pass has summed too.

States stand in *slots* as the products take them, ``y[t-1] | s[t] | x[t]``, and their adjoints ``gy[t-1] | s[t] |
gx[t]``, so that what a product gives is written where the next one reads.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from diffFx_pytorch.kernels.constants import constant, made_once

from .scan import vector_scan_

PIECE = 32
"""Samples of a piece."""

HELD = 128
"""Numbers in the matrices of the samples of a piece that are worked at once, or those of one sample."""


def _bases(coef: Tensor) -> Tensor:
    """D, and 1 and c, each alone and times g, but for the 1: of b and g (..., 2), stages of first order (..., 4).

    They make of their input p and their state s the state b s + c p and the output c s + D p, D = -b. Those of second
    order, of b1, g and b2 (..., 3), have two states, of which the first becomes b s + c i, i = -D s' + e p, and the
    second c s - b i; their output is e s' + D p, D = -b2. They have 1, e, b, c, e b and e c instead (..., 12).
    """
    b, g, *outer = coef.unbind(-1)
    c = torch.sqrt((1 - b) * (1 + b))
    if not outer:
        return torch.stack([-b, c, g, g * c], -1)
    (d,) = outer
    e = torch.sqrt((1 - d) * (1 + d))
    heads = [e, b, c, e * b, e * c]
    return torch.stack([-d, *heads, g, *(g * h for h in heads)], -1)


def _places(stages: int, order: int) -> np.ndarray:
    """Where in a matrix, row by row, the products of 1, the bases behind D, and powers of D stand, and how often.

    The rows of a matrix are the output and new states, its columns states and input.
    """
    n = stages * order + 1
    found = np.zeros((2, 2 if order == 1 else 6, stages + 1, n + 1, n + 1))
    unit, e, *_ = found[0]
    for k in range(stages):
        row = 1 + k * order
        if order == 1:
            unit[1, row, k] = -1
            into = [(1, 1.0)]
        else:
            b, c = found[0, 2:4]
            b[0, row, row - 1] = c[0, row + 1, row - 1] = b[1, row + 1, row] = 1
            c[1, row, row] = -1
            into = [(5, 1.0), (4, -1.0)]
        for i, (head, sign) in enumerate(into):
            found[:, head, k, row + i, [-1, -2]] = sign * np.eye(2)
            for j in range(k):  # through what comes out of stage j, where e comes twice, and e e = 1 - D D
                twice = found[0, head - 1 if order == 1 else head - 2]
                column = (j + 1) * order - 1
                twice[k - 1 - j, row + i, column] += sign
                twice[k + 1 - j, row + i, column] -= sign
        e[stages - 1 - k, [0, -1], (k + 1) * order - 1] = 1
    found[:, 0, stages, 0, [-1, -2]] = found[:, 0, stages, -1, [-1, -2]] = np.eye(2)
    found[:, 0, 0, 0, [-1, -2]] += np.eye(2)
    return found.reshape(-1, (n + 1) ** 2)


class MovingLoop:
    """A loop over signals that share coefficients.

    Args:
        x: (Q, P, T), T > 0.
        coef: (Q, T, 2): b and g; or (Q, T, 3): b1, g and b2 of second-order stages.
        zi: (Q, P, K, 2), of the widest precision: states of 2 K - 2 stages, or both of K - 1 of second order, last
            output, one unused.
    """

    def __init__(self, x: Tensor, coef: Tensor, zi: Tensor) -> None:
        (self.Q, self.P, self.T), self.n = x.shape, 2 * zi.shape[-2] - 1
        self.order = coef.shape[-1] - 1
        self.stages = (self.n - 1) // self.order
        self.like, self.zi = zi, zi.flatten(-2)
        self.length = min(PIECE, self.T)
        self.pieces = -(-self.T // self.length)
        self.last = (self.T - 1) % self.length
        """Where in the last piece the signal ends."""
        self.x, self.coef = self._side_by_side(x), coef
        self.bases = _bases(self._side_by_side(coef.mT.to(zi.dtype)))
        self.places = made_once(_places, self.stages, self.order, dtype=zi.dtype, device=zi.device)
        self.exponents = constant(tuple(float(k) for k in range(self.stages + 1)), zi.dtype, zi.device)

    def _side_by_side(self, t: Tensor) -> Tensor:
        """(Q, P, T) as (samples of a piece, Q pieces, P), with zeros behind the end."""
        room = t.new_zeros(self.length, self.Q, self.pieces, t.shape[1])
        by_time, (whole, rest) = room.permute(1, 3, 2, 0), divmod(self.T, self.length)
        by_time[:, :, :whole] = t[..., : whole * self.length].unflatten(-1, (whole, self.length))
        if rest:
            by_time[:, :, whole, :rest] = t[..., whole * self.length :]
        return room.flatten(1, 2)

    def _behind_each_other(self, t: Tensor) -> Tensor:
        """The way back."""
        return t.unflatten(1, (self.Q, self.pieces)).permute(1, 3, 2, 0).flatten(2)[..., : self.T]

    def _of_pieces(self, t: Tensor) -> Tensor:
        """(Q pieces, ...) as (Q, pieces, ...)."""
        return t.unflatten(0, (self.Q, self.pieces))

    def _parts(self) -> list[slice]:
        """Samples of a piece whose matrices are held at once."""
        count = max(1, HELD // (self.n + 1) ** 2)
        return [slice(i, min(i + count, self.length)) for i in range(0, self.length, count)]

    def _powers(self, part: slice) -> Tensor:
        return torch.pow(self.bases[part, :, :1], self.exponents)

    def _heads(self, part: slice) -> Tensor:
        bases = self.bases[part]
        return torch.cat([constant(1.0, bases.dtype, bases.device).expand(*bases.shape[:-1], 1), bases[..., 1:]], -1)

    def _matrices(self, heads: Tensor, powers: Tensor) -> Tensor:
        numbers = heads[..., None] * powers[..., None, :]
        return (numbers.flatten(-2) @ self.places).unflatten(-1, (self.n + 1, self.n + 1))

    def _with_matrices(self) -> Iterator[tuple[slice, Tensor]]:
        for part in self._parts():
            yield part, self._matrices(self._heads(part), self._powers(part))

    def _slots(self, count: int) -> Tensor:
        return self.like.new_zeros(count + 1, self.Q * self.pieces, self.n + 2, self.P)

    def _from_silence(self, gy: Tensor | None = None, to_end: Tensor | None = None) -> list[Tensor]:
        """What each piece makes of the states before it (Q, pieces, n, n), and the states after it from silence.

        With what comes back to outputs (samples of a piece, Q pieces, P) and to the last states (Q, n, P) also what
        that brings to the states before a piece (Q, pieces, n, P).
        """
        n, to_start = self.n, self.like.new_zeros(self.Q * self.pieces, self.n, self.P)
        turns = self.like.new_zeros(2, len(to_start), n + 2, n + self.P)
        turns[0, :, 1 : n + 1, :n].diagonal(0, 1, 2).fill_(1.0)
        for part, M in self._with_matrices():
            to_y = None if gy is None else gy[part].to(M.dtype)
            for i in range(part.start, part.stop):
                here, after = turns[i % 2], turns[(i + 1) % 2]
                here[:, n + 1, n:] = self.x[i]
                torch.bmm(M[i - part.start], here[:, 1:], out=after[:, : n + 1])
                if to_y is None or to_end is None:
                    continue
                to_start.baddbmm_(after[:, :1, :n].mT, to_y[i - part.start, :, None])
                if i == self.last:
                    self._of_pieces(to_start)[:, -1].baddbmm_(self._of_pieces(after)[:, -1, 1:-1, :n].mT, to_end)
            del M  # before the next are made
        found = self._of_pieces(turns[self.length % 2, :, 1:-1])
        return [found[..., :n].clone(), found[..., n:].clone(), self._of_pieces(to_start)]

    def _starts(self, whole: Tensor, after: Tensor) -> Tensor:
        """The states before each piece (Q pieces, n, P); its arguments are used up."""
        zi = self.zi[..., :-1].mT
        after[:, 0].baddbmm_(whole[:, 0], zi)
        return torch.cat([zi[:, None], vector_scan_(whole, after)[:, :-1]], 1).flatten(0, 1)

    def _run(self, M: Tensor, slots: Tensor, part: slice) -> None:
        """Fill in the slots of a part, from the states in the first."""
        count = len(M)
        slots[:count, :, -1] = self.x[part]
        for j in range(count):
            torch.bmm(M[j], slots[j, :, 1:], out=slots[j + 1, :, :-1])

    def run(self) -> tuple[Tensor, Tensor]:
        """Outputs (Q, P, T), and the states after the last sample (Q, P, K, 2)."""
        starts = self._starts(*self._from_silence()[:2])
        y, end, slots = torch.empty_like(self.x), self.zi, self._slots(self._parts()[0].stop)
        slots[0, :, 1:-1] = starts
        for part, M in self._with_matrices():
            self._run(M, slots, part)
            del M
            count = part.stop - part.start
            y[part] = slots[1 : count + 1, :, 0]
            if part.start <= self.last < part.stop:
                end = self._of_pieces(slots[self.last - part.start + 1])[:, -1, 1:-1].mT
                end = torch.cat([end, self.zi[..., -1:]], -1)
            slots[0, :, 1:-1] = slots[count, :, 1:-1]
        return self._behind_each_other(y), end.unflatten(-1, (-1, 2))

    def gradient(self, gy: Tensor, gzf: Tensor, of_coef: bool) -> tuple[Tensor, Tensor | None, Tensor]:
        """Those of x (Q, P, T), of coef (Q, T, 2 or 3) if asked for, and of zi (Q, P, K, 2)."""
        gy, gzf = self._side_by_side(gy), gzf.flatten(-2)
        to_end = gzf[..., :-1].mT
        whole, after, to_start = self._from_silence(gy, to_end)
        found = vector_scan_(whole.mT.flip(1), to_start.flip(1))
        to_zi = torch.cat([found[:, -1].mT, gzf[..., -1:]], -1).unflatten(-1, (-1, 2))
        adjoint = pad(found[:, :-1], (0, 0, 0, 0, 1, 0)).flip(1).flatten(0, 1)
        del found, to_start
        parts, before = self._parts(), list[Tensor]()
        slots, back = (self._slots(parts[0].stop) for _ in range(2))
        if of_coef:
            slots[0, :, 1:-1] = self._starts(whole, after)
            del whole, after
            for part, M in self._with_matrices():
                before.append(slots[0, :, 1:-1].clone())
                self._run(M, slots, part)
                del M
                slots[0, :, 1:-1] = slots[part.stop - part.start, :, 1:-1]
        for part in reversed(parts):
            count = part.stop - part.start
            heads, powers = self._heads(part), self._powers(part)
            M = self._matrices(heads, powers)
            if of_coef:
                slots[0, :, 1:-1] = before.pop()
                self._run(M, slots, part)
            back[1 : count + 1, :, 0], back[count, :, 1:-1] = gy[part], adjoint
            for j in reversed(range(count)):
                if part.start + j == self.last:
                    self._of_pieces(back[j + 1])[:, -1, 1:-1] += to_end
                torch.bmm(M[j].mT, back[j + 1, :, :-1], out=back[j, :, 1:])
                if of_coef:
                    torch.bmm(back[j + 1, :, :-1], slots[j, :, 1:].mT, out=M[j])
            # What is known of a part takes the place of what is no longer needed there.
            gy[part], adjoint = back[:count, :, -1], back[0, :, 1:-1].clone()
            if of_coef:
                found = (M.flatten(-2) @ self.places.mT).unflatten(-1, (-1, self.stages + 1))
                self.bases[part, :, 1:] = (found[..., 1:, :] @ powers[..., None]).squeeze(-1)
                found = (heads[..., None, :] @ found).squeeze(-2)
                self.bases[part, :, 0] = (found[..., 1:] * powers[..., :-1]) @ self.exponents[1:]
                del found
            del M
        to_x, to_coef = self._behind_each_other(gy), None
        if of_coef:
            del gy, self.x, before, slots, back
            found = self._side_by_side(self.coef.mT.to(adjoint.dtype))
            half = -(-self.length // 2)
            for coef, to_bases in zip(found.split(half), self.bases.split(half), strict=True):
                coef.copy_(torch.func.vjp(_bases, coef)[1](to_bases)[0])
            to_coef = self._behind_each_other(found).mT
        return to_x, to_coef, to_zi
