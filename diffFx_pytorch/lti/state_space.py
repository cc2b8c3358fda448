r"""Small systems in state space: their poles and residues.

.. math:: s[n+1] = A s[n] + B x[n], \quad y[n] = C s[n] + D x[n], \quad H(z) = C (zI - A)^{-1} B + D

References:
    D. Rocchesso, J. O. Smith, "Circulant and elliptic feedback delay networks", IEEE TSAP 5(1), 1997, section II.
    S. J. Schlecht, E. A. P. Habets, "Modal decomposition of feedback delay networks", IEEE TSP 67(20), 2019.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from torch import Tensor

from .connections import Parallel, Recursion, Series
from .delays import AllPass, Delay, GainDelay
from .fir_filters import FIR, ScatteringMatrix
from .gains import Gain, Matrix
from .iir_filters import Sections
from .system import System

MOST_STATES = 4096
"""Largest number of rows of the dense matrix whose eigenvalues are the poles."""


@dataclass(frozen=True)
class StateSpace:
    """The four matrices, float64: A (S, S), B (S, inputs), C (outputs, S), D (outputs, inputs)."""

    A: Tensor
    B: Tensor
    C: Tensor
    D: Tensor


def state_space(system: System) -> StateSpace:
    """Realise a system without batch dimensions, with its present parameters.

    Raises:
        ValueError: for delays that are not whole, parameters with batch dimensions, or more than 4096 states.
        TypeError: for a module without a finite realisation.
    """
    with torch.no_grad():
        return _realised(system)


def poles(system: System) -> Tensor:
    """Return the poles, the eigenvalues of A, complex128, in order of falling radius.

    Raises:
        ValueError: as ``state_space``.
    """
    p = torch.linalg.eigvals(state_space(system).A)
    return p[p.abs().argsort(descending=True)]


def poles_and_residues(system: System) -> tuple[Tensor, Tensor, Tensor]:
    r"""Return poles p (P,), residues R (outputs, inputs, P) and D: :math:`H(z) = D + \sum_i R_i / (z - p_i)`.

    Raises:
        ValueError: as ``state_space``; and for multiple poles, as those at 0 of a delay outside of any loop.
    """
    s = state_space(system)
    p, V = torch.linalg.eig(s.A)
    order = p.abs().argsort(descending=True)
    if len(p) and float(torch.linalg.cond(V)) > 1e12:
        raise ValueError(f"{type(system).__name__} has multiple poles (a delay or FIR outside of a loop?): no residues")
    left = torch.linalg.solve(V, s.B.to(V.dtype))
    residues = (s.C.to(V.dtype) @ V).unsqueeze(1) * left.mT.unsqueeze(0)
    return p[order], residues[..., order], s.D


@functools.singledispatch
def _realised(system: System) -> StateSpace:
    raise TypeError(
        f"{type(system).__name__} has no state space of its own; poles are found of gains, delays and filters"
    )


@_realised.register(Gain)
@_realised.register(Matrix)
def _(system: Gain | Matrix) -> StateSpace:
    return _memoryless(_single(system.constant().to(torch.float64), 2))


@_realised.register(Delay)
@_realised.register(GainDelay)
def _(system: Delay | GainDelay) -> StateSpace:
    samples = system.samples()
    whole = samples.round().long()
    if (samples != whole).any():
        raise ValueError(f"{type(system).__name__}: a delay that is not whole has no finite state space")
    gain = system.value("gain").to(torch.float64) if isinstance(system, GainDelay) else torch.ones_like(whole).double()
    taps = torch.zeros(*whole.shape, int(whole.max()) + 1, dtype=torch.float64)
    return _from_taps(taps.scatter_(-1, whole.unsqueeze(-1), gain.unsqueeze(-1)), system.diagonal)


@_realised.register
def _(system: FIR) -> StateSpace:
    return _from_taps(system.value("taps").to(torch.float64), system.diagonal)


@_realised.register
def _(system: AllPass) -> StateSpace:
    # w = x - g z^-m w, y = g w + z^-m w
    gains, delays = _single(system.value("gain").to(torch.float64), 1), system.base.expand(system.outputs)
    parts = []
    for g, m in zip(gains, delays, strict=True):
        line = _from_taps(torch.nn.functional.one_hot(m, int(m) + 1).double().view(1, -1), True)
        parts.append(StateSpace(line.A - g * line.B @ line.C, line.B, (1 - g * g) * line.C, g.view(1, 1)))
    return _blocks(parts)


@_realised.register
def _(system: ScatteringMatrix) -> StateSpace:
    lines = []
    for m in system.delays:
        taps = torch.zeros(len(m), int(m.max()) + 1, dtype=torch.float64)
        lost = system.gain_per_sample ** m.to(torch.float64)
        lines.append(_from_taps(taps.scatter_(-1, m.unsqueeze(-1), lost.unsqueeze(-1)), True))
    whole = lines[0]
    for U, line in zip(_single(system.value("matrices").to(torch.float64), 3), lines[1:], strict=True):
        whole = _chained(_chained(whole, _memoryless(U)), line)
    return whole


@_realised.register
def _(system: Sections) -> StateSpace:
    sos = _single(system.sections(), 3 if system.diagonal else 4)
    if system.diagonal:
        return _blocks([_section_cascade(s) for s in sos])
    rows = []
    for row in sos:
        every = _blocks([_section_cascade(s) for s in row])
        rows.append(_chained(every, _memoryless(torch.ones(1, row.shape[0], dtype=torch.float64))))
    return functools.reduce(_stacked, rows)


@_realised.register
def _(system: Series) -> StateSpace:
    return functools.reduce(_chained, map(_realised, system.parts.values()))


@_realised.register
def _(system: Parallel) -> StateSpace:
    return functools.reduce(_added if system.arrangement == "sum" else _stacked, map(_realised, system.parts.values()))


@_realised.register
def _(system: Recursion) -> StateSpace:
    return _looped(_realised(system.feedforward), _realised(system.feedback))


def _single(value: Tensor, dims: int) -> Tensor:
    if value.dim() != dims:
        raise ValueError(f"poles are found of one system at a time, got parameters with batch dimensions {value.shape}")
    return value


def _limited(A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> StateSpace:
    if A.shape[0] > MOST_STATES:
        raise ValueError(f"a state space of {A.shape[0]} states is too large (up to {MOST_STATES}); see pole_radius")
    return StateSpace(A, B, C, D)


def _memoryless(D: Tensor) -> StateSpace:
    return StateSpace(D.new_zeros(0, 0), D.new_zeros(0, D.shape[1]), D.new_zeros(D.shape[0], 0), D)


def _from_taps(taps: Tensor, diagonal: bool) -> StateSpace:
    """One shift register per input, as long as the longest response that reads it."""
    if diagonal:
        taps = torch.diag_embed(_single(taps, 2).mT).permute(1, 2, 0)
    taps = _single(taps, 3)
    outputs, inputs, _ = taps.shape
    lengths = [int(taps[:, i].ne(0).any(0).nonzero().max()) if taps[:, i].ne(0).any() else 0 for i in range(inputs)]
    size = sum(lengths)
    _limited(taps.new_zeros(min(size, MOST_STATES + 1), 0), taps, taps, taps)
    A, B, C = taps.new_zeros(size, size), taps.new_zeros(size, inputs), taps.new_zeros(outputs, size)
    at = 0
    for i, length in enumerate(lengths):
        if length:
            rows = torch.arange(at, at + length - 1)
            A[rows + 1, rows] = 1.0
            B[at, i] = 1.0
            C[:, at : at + length] = taps[:, i, 1 : length + 1]
        at += length
    return StateSpace(A, B, C, taps[..., 0])


def _section_cascade(sos: Tensor) -> StateSpace:
    parts = []
    for row in sos:
        b0, b1, b2, a1, a2 = (row[[0, 1, 2, 4, 5]] / row[3]).unbind()
        zero, one = torch.zeros_like(b0), torch.ones_like(b0)
        A = torch.stack([torch.stack([-a1, -a2]), torch.stack([one, zero])])
        C = torch.stack([b1 - a1 * b0, b2 - a2 * b0]).view(1, 2)
        parts.append(StateSpace(A, torch.stack([one, zero]).view(2, 1), C, b0.view(1, 1)))
    return functools.reduce(_chained, parts)


def _blocks(parts: list[StateSpace]) -> StateSpace:
    """Systems side by side, each on channels of its own."""
    return _limited(*(torch.block_diag(*(getattr(p, name) for p in parts)) for name in "ABCD"))


def _chained(first: StateSpace, second: StateSpace) -> StateSpace:
    A = torch.block_diag(first.A, second.A)
    A[first.A.shape[0] :, : first.A.shape[0]] = second.B @ first.C
    B = torch.cat([first.B, second.B @ first.D])
    return _limited(A, B, torch.cat([second.D @ first.C, second.C], 1), second.D @ first.D)


def _added(first: StateSpace, second: StateSpace) -> StateSpace:
    A, B = torch.block_diag(first.A, second.A), torch.cat([first.B, second.B])
    return _limited(A, B, torch.cat([first.C, second.C], 1), first.D + second.D)


def _stacked(first: StateSpace, second: StateSpace) -> StateSpace:
    A, B = torch.block_diag(first.A, second.A), torch.cat([first.B, second.B])
    return _limited(A, B, torch.block_diag(first.C, second.C), torch.cat([first.D, second.D]))


def _looped(F: StateSpace, B: StateSpace) -> StateSpace:
    """Solve u = x + B y, y = F u for u, through the direct parts of both."""
    identity = torch.eye(F.D.shape[1], dtype=torch.float64)
    E = torch.linalg.inv(identity - B.D @ F.D)
    # u = E (x + C_b s_b + D_b C_f s_f), y = C_f s_f + D_f u
    u_states = torch.cat([E @ B.D @ F.C, E @ B.C], 1)
    y_states = torch.cat([F.C, F.C.new_zeros(F.C.shape[0], B.A.shape[0])], 1) + F.D @ u_states
    A = torch.block_diag(F.A, B.A) + torch.cat([F.B @ u_states, B.B @ y_states])
    return _limited(A, torch.cat([F.B @ E, B.B @ F.D @ E]), y_states, F.D @ E)
