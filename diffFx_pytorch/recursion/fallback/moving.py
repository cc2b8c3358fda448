"""Time-varying sections and all-pole filters of second order by a scan over time, without derivatives.

Matrices of two samples make that of both, and so on (`second_order_scan_`), in the precision of the sound: in these
coordinates and less the identity, float32 comes within -120 dB or so of float64 where products of whole matrices stand
at -90 and those of direct forms at nothing. Coefficients become matrices in their own precision, a part of the signal
at a time, so that nothing wide has the length of the signal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from .scan import second_order_scan_, through
from .sections import Sections, rotation

PARTS = 4
"""Parts of a signal whose coefficients are worked at once."""


class MovingDesign(NamedTuple):
    """How coefficients become sections."""

    matrices: Callable[[Tensor], Sections]
    """Of coefficients (Q, 1 + T, n), from the second sample on."""
    change: Callable[[Tensor], Tensor | None]
    """The coordinates (Q, 2, 2) of the states after a sample, from its coefficients (Q, n)."""
    into_states: Callable[[Tensor], Tensor]
    """N alone of ``matrices``."""
    gradient: Callable[[Tensor, Products], Tensor]
    """The gradient of coefficients (Q, 1 + T, n), from the second sample on, (Q, n, T)."""


class Products:
    """What the gradients of a section's matrices are made of, summed over the signals that share them.

    Args:
        adjoint: of the states after each sample, (Q, 2, P, T).
        before: the states before each sample, (Q, 2, P, T).
        grad: of the output, (Q, P, T).
        x: the input, (Q, P, T).
    """

    def __init__(self, adjoint: Tensor, before: Tensor, grad: Tensor, x: Tensor) -> None:
        self.adjoint, self.before, self.grad, self.x = adjoint, before, grad, x

    def M(self, i: int, j: int) -> Tensor:
        """(Q, T), as all of these."""
        return _summed(self.adjoint[:, i], self.before[:, j])

    def N(self, i: int) -> Tensor:
        """Of what the input adds to state i."""
        return _summed(self.adjoint[:, i], self.x)

    def C(self, j: int) -> Tensor:
        """Of what state j adds to the output."""
        return _summed(self.grad, self.before[:, j])

    def D(self) -> Tensor:
        """Of what the input adds to the output."""
        return _summed(self.grad, self.x)


def _summed(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).squeeze(1) if a.shape[1] == 1 else (a * b).sum(1)


def _parts(samples: int) -> Iterator[slice]:
    length = -(-samples // PARTS)
    return (slice(start, min(start + length, samples)) for start in range(0, samples, length))


def _with_one_before(coef: Tensor, part: slice) -> Tensor:
    """(Q, 1 + part, n) of coefficients (Q, T, n); before the first sample stands the first."""
    if part.start:
        return coef[:, part.start - 1 : part.stop]
    return torch.cat([coef[:, :1], coef[:, : part.stop]], 1)


class _Section:
    """One section at all samples: matrices (Q, 2, 2, T), what signals put into its states, and its output."""

    def __init__(self, design: MovingDesign, x: Tensor, coef: Tensor, zi: Tensor) -> None:
        Q, P, T = x.shape
        self.design, self.x, self.coef, self.wide = design, x, coef, zi.dtype
        change = design.change(coef[:, 0].to(self.wide))
        self.start = (zi.mT if change is None else change @ zi.mT)[..., None].to(x.dtype)
        self.elements = x.new_empty(Q, 2, 2 + P, T)
        self.C, self.D = x.new_empty(Q, 2, T), x.new_empty(Q, T)
        for part in _parts(T):
            M, N, C, D, _ = design.matrices(_with_one_before(coef, part).to(self.wide))
            self.elements[..., :2, part] = M.movedim(1, -1)
            self.C[..., part], self.D[..., part] = C.mT, D
            torch.mul(N.mT[:, :, None].to(x.dtype), x[:, None, :, part], out=self.elements[..., 2:, part])
            del M, N, C, D  # before the next part has its own
        self.elements[..., 2:, :1] += through(self.elements[..., :1], self.start)

    def states(self) -> Tensor:
        """The states after each sample (Q, 2, P, T), for which the elements are used up."""
        return second_order_scan_(self.elements)

    def run(self) -> tuple[Tensor, Tensor]:
        """The states, and the output (Q, P, T)."""
        states, y = self.states(), self.D[:, None] * self.x
        for i in range(2):
            c = self.C[:, i, None]
            y[..., 1:].addcmul_(c[..., 1:], states[:, i, :, :-1])
            y[..., :1].addcmul_(c[..., :1], self.start[:, i])
        return states, y

    def end(self, states: Tensor) -> Tensor:
        """The last states (Q, P, 2), in the coordinates of users."""
        last, change = states[..., -1].to(self.wide), self.design.change(self.coef[:, -1].to(self.wide))
        return (last if change is None else torch.linalg.solve_triangular(change, last, upper=False)).mT

    def adjoint(self, elements: Tensor, gy: Tensor, gzf: Tensor) -> tuple[Tensor, Tensor]:
        """That of the states after each sample, and the gradient of those before, (Q, P, 2).

        Args:
            elements: M of each sample, transposed, at the sample before it; with room for P signals.
            gy: (Q, P, T).
            gzf: (Q, P, 2).
        """
        change = self.design.change(self.coef[:, -1].to(self.wide))
        end = gzf.mT if change is None else torch.linalg.solve_triangular(change.mT, gzf.mT, upper=True)
        torch.mul(self.C[:, :, None, 1:], gy[:, None, :, 1:], out=elements[..., 2:, :-1])
        elements[..., 2:, -1] = end
        first = elements[..., -1:].clone()  # where there is no sample after the last, that of the first is kept
        found = second_order_scan_(elements, backwards=True)
        start = (
            through(first, found[..., :1]).addcmul_(self.C[:, :, None, :1], gy[:, None, :, :1])[..., 0].to(self.wide)
        )
        change = self.design.change(self.coef[:, 0].to(self.wide))
        return found, (start if change is None else change.mT @ start).mT

    def gradients(self, states: Tensor, adjoint: Tensor, gy: Tensor, gcoef: Tensor) -> Tensor:
        """That of the input; that of the coefficients is put into ``gcoef`` (Q, T, n)."""
        gx = self.D[:, None] * gy
        for part in _parts(gy.shape[-1]):
            given = _with_one_before(self.coef, part).to(self.wide)
            N = self.design.into_states(given).mT[:, :, None].to(gx.dtype)
            a, before = adjoint[..., part], states[..., max(part.start - 1, 0) : part.stop - 1]
            before = before if part.start else torch.cat([self.start, before], -1)
            for i in range(2):
                gx[..., part].addcmul_(N[:, i], a[:, i])
            products = Products(a, before, gy[..., part], self.x[..., part])
            gcoef[:, part] = self.design.gradient(given, products).mT
            del given, N, a, before, products
        return gx


def moving_cascade(design: MovingDesign, x: Tensor, coef: Tensor, zi: Tensor) -> tuple[Tensor, Tensor]:
    """Run K sections in series.

    Args:
        design: of the sections.
        x: (Q, P, T).
        coef: (Q, T, K, n).
        zi: (Q, P, K, 2), of the widest precision.

    Returns:
        The output (Q, P, T) and the last states (Q, P, K, 2).
    """
    ends = []
    for k in range(coef.shape[-2]):
        section = _Section(design, x, coef[:, :, k], zi[:, :, k])
        states, x = section.run()
        ends.append(section.end(states))
    return x, torch.stack(ends, -2)


def moving_cascade_adjoint(
    design: MovingDesign, gy: Tensor, gzf: Tensor, x: Tensor, coef: Tensor, zi: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of `moving_cascade`, of x, coef and zi: the states run again, and their adjoint backwards."""
    signals, gcoef, gzi = [x], None, torch.empty_like(gzf)
    for k in range(coef.shape[-2] - 1):
        signals.append(_Section(design, signals[-1], coef[:, :, k], zi[:, :, k]).run()[1])
    for k in reversed(range(coef.shape[-2])):
        section = _Section(design, signals.pop(), coef[:, :, k], zi[:, :, k])
        elements = torch.empty_like(section.elements)
        elements[..., :2, :-1] = section.elements[..., :2, 1:].transpose(1, 2)
        elements[..., :2, -1] = section.elements[..., :2, 0].transpose(1, 2)
        states = section.states().clone()  # which lets go of the matrices
        del section.elements
        adjoint, gzi[:, :, k] = section.adjoint(elements, gy, gzf[:, :, k])
        adjoint = adjoint.clone()
        del elements, section.C
        gcoef = torch.empty_like(coef) if gcoef is None else gcoef
        gy = section.gradients(states, adjoint, gy, gcoef[:, :, k])
    assert gcoef is not None
    return gy, gcoef, gzi


def moving_all_pole(x: Tensor, a: Tensor, zi: Tensor) -> tuple[Tensor, Tensor]:
    """``y[t] = x[t] - a_1[t] y[t-1] - a_2[t] y[t-2]``; the states of each sample are y[t] and (y[t-1] - k y[t]) / h.

    Args:
        x: (Q, P, T).
        a: (Q, T, 2).
        zi: y[-1] and y[-2], (Q, P, 2), of the widest precision.

    Returns:
        y (Q, P, T) and the last two outputs (Q, P, 2), most recent first.
    """
    Q, P, T = x.shape
    e = x.new_empty(Q, 2, 2 + P, T)
    for part in _parts(T):
        a1, a2 = _with_one_before(a, part).to(zi.dtype).unbind(-1)
        k, h, _ = rotation(a1, a2)
        (k_before, k), (h_before, h) = ((t[:, :-1], t[:, 1:]) for t in (k, h))
        a1, a2 = a1[:, 1:], a2[:, 1:]
        less, turned = torch.addcmul(a1, a2, k_before), a2 * h_before
        e[:, 0, 0, part], e[:, 0, 1, part] = -less - 1, -turned
        e[:, 1, 0, part], e[:, 1, 1, part] = (k * less + 1) / h, k * turned / h - 1
        e[:, 0, 2:, part] = x[..., part]
        torch.mul((-k / h).to(x.dtype)[:, None], x[..., part], out=e[:, 1, 2:, part])
    (k, k_last), (h, h_last) = (
        t[..., None].unbind(1) for t in rotation(*torch.stack([a[:, 0], a[:, -1]], 1).to(zi.dtype).unbind(-1))[:2]
    )
    start = torch.stack([zi[..., 0], (zi[..., 1] - k * zi[..., 0]) / h], 1)[..., None].to(x.dtype)
    e[..., 2:, :1] += through(e[..., :1], start)
    states = second_order_scan_(e)
    last, slope = states[..., -1].to(zi.dtype).unbind(1)
    return states[:, 0], torch.stack([last, k_last * last + h_last * slope], -1)
