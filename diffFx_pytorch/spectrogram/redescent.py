"""Descents of a few frames at a time, where a retrieval is stuck: inconsistency is local."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .cycle import KernelCycle
from .rules import METHODS, Reflection, Rule, Tensors

FRAMES = 16
"""Frames of a local descent: what it can change is the sound that no other frame sees."""

LOCAL: tuple[Rule, ...] = (Reflection(rho=0.1),) * 16 + (METHODS["accelerated_griffin_lim"],) * 24
"""The rules of a local descent."""

OVERHEAD = 2
"""Transforms of its frames that a local descent costs beside its iterations."""

TURN = 3.0
"""Standard deviation, in radians, of the phases' disturbance where the magnitudes are off by ``OFF`` or more."""

OFF = 0.2
"""Error of the magnitudes, relative to them, that a bin counts as stuck from."""

EXPECTED = 0.3
"""Share of the error of its frames that a local descent takes away, on average over many."""

ENOUGH, AGAIN, FAILED = 0.8, 0.9, 0.5
"""Share of the error below which a descent counts as a success; what a success and a failure leave of the hope."""

SPAN = 10
"""Iterations over which the progress of the global descent is measured."""


class Redescent:
    r"""Goes on where a global descent has become slow.

    Phase retrieval stagnates where regions of time and frequency, each consistent in itself, meet with phases that do
    not fit: at a few frames, which go on disturbing their neighbours, while the rest has converged. A local descent
    disturbs the phases there, in proportion to the local error of the magnitudes,

    .. math:: \phi \leftarrow \phi + \sigma \min(1, r / r_0)\, g, \qquad r^2 = \overline{(|X| - A)^2} / \overline{A^2},

    g Gaussian and the means over three frames and five bins, and runs reflections and accelerated Griffin-Lim over the
    frames that see a stretch of the signal, the signal outside it being known. So the error it leaves is exact, and it
    is kept where it is smaller. Each costs the transforms of its frames only; it is made where the error is largest,
    where it has not just failed. An iteration is as many transforms as one of the global descent.

    The constants were chosen on synthetic voices, an orchestra of sines and recordings of speech and guitar that the
    tables of docs/phase_retrieval.md do not use.

    Args:
        cycle: of the global descent.
    """

    def __init__(self, cycle: KernelCycle):
        self.cycle = cycle
        stft = cycle.stft
        self.M = len(cycle.target)
        self.overlap = -(-stft.n_fft // stft.hop_length)
        self.frames = max(FRAMES, 3 * self.overlap)
        inner = cycle.padded.numel() - len(cycle.right)
        # Outside of it, a sample has images in the padding, which frames elsewhere see.
        margin = 0 if (cycle.left < 0).all() else stft.padding + 1
        self.free = stft.padding + margin, inner - margin
        self.generator = torch.Generator().manual_seed(0)
        self.errors: np.ndarray | None = None  # of every frame, once begun
        self.hope = np.ones(self.M)  # the less, the more often descents failed there
        self.credit = 0.0

    def is_due(self, errors: np.ndarray, history: Tensor) -> bool:
        """Whether a local descent promises more than another iteration.

        Args:
            errors: (M,), squared error of every frame.
            history: squared errors of the iterations so far.
        """
        if self.errors is not None:
            return True
        room = self.free[1] - self.free[0] >= 2 * self.cycle.stft.n_fft and 2 * self.frames <= self.M
        if not room or len(history) <= SPAN:
            return False
        gained = 1 - float(history[-1] / history[-1 - SPAN].clamp_min(1e-300))
        worst = np.convolve(errors, np.ones(self._core()), "same").max() / max(errors.sum(), 1e-300)
        iterations = (len(LOCAL) + OVERHEAD) * self.frames / self.M
        return EXPECTED * worst / iterations > gained / SPAN

    def _core(self) -> int:
        """Frames that see only samples that a local descent may change."""
        return max(1, self.frames - 2 * (self.overlap - 1))

    def begin(self, estimate: Tensor) -> Tensor:
        """Start from the signal nearest to an estimate (M, F); returns the spectrum of that signal, P_A applied."""
        p = self.cycle.project(estimate)
        self.errors = self.cycle.frame_errors(p)
        self.x = self.cycle.padded.clone()
        return self.cycle.onto(p)

    def iterate(self, estimate: Tensor) -> tuple[Tensor, Tensor]:
        """As many local descents as an iteration pays for, or half of one.

        Args:
            estimate: (M, F), P_A of the spectrum of the signal; overwritten.

        Returns:
            The new one and its signal's squared error, (1,).
        """
        if self.errors is None:
            estimate = self.begin(estimate)
        else:
            self.credit += 1.0
        assert self.errors is not None
        cost = (len(LOCAL) + OVERHEAD) * self.frames / self.M
        while self.credit >= cost:
            self.credit -= cost
            self._descend(estimate)
        return estimate, torch.tensor([self.errors.sum()])

    def _descend(self, y: Tensor) -> None:
        errors, L, o = self.errors, self.frames, self.overlap
        assert errors is not None
        score = np.convolve(errors * self.hope, np.ones(self._core()), "same")
        first = int(np.clip(score.argmax() - L // 2, 0, self.M - L))
        last = first + L
        part = self.cycle.part(self.x, first, last, self.free)
        inside = slice(0 if first == 0 else o - 1, L if last == self.M else L - o + 1)
        estimate = part.begin(self._disturbed(part.spectrum(), part.target, inside).unsqueeze(0))
        for rule, group in groupby(LOCAL):
            tensors: Tensors = (estimate, estimate)
            for _ in group:
                tensors, _ = part.iterate(rule, tensors)
            estimate = tensors[1]
        p = part.project(estimate)
        found, before = part.frame_errors(p), errors[first:last].sum()
        if found.sum() < before:
            hop = self.cycle.stft.hop_length
            self.x[first * hop : first * hop + len(part.padded)] = part.padded
            y[first:last] = part.onto(p)
            errors[first:last] = found
        self.hope[first + o - 1 : last - o + 1] *= AGAIN if found.sum() < ENOUGH * before else FAILED

    def _disturbed(self, p: Tensor, A: Tensor, inside: slice) -> Tensor:
        def mean(squares: Tensor) -> Tensor:
            return F.avg_pool2d(squares[None], (3, 5), 1, (1, 2))[0]

        r = (mean((p.abs() - A).square()) / mean(A.square()).clamp_min(torch.finfo(A.dtype).tiny)).sqrt()
        # Drawn in float64: the same in every precision.
        g = torch.randn(A.shape, dtype=torch.float64, generator=self.generator).to(A)
        turn = torch.zeros_like(A)
        turn[inside] = (TURN * g * (r / OFF).clamp(max=1))[inside]
        return p * torch.polar(torch.ones_like(A), turn)
