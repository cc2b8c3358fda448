"""The loop of alternating projections, for one item or a batch of them, a step at a time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from .cycle import KernelCycle, TensorCycle
from .rules import Rule, Tensors

PATIENCE = 10
"""Iterations over which an item must get better to go on."""


class Descent:
    """Runs a schedule of rules over a batch of B targets, which know nothing of each other.

    A change of rule starts the next one from the estimate of the last.

    Args:
        cycle: P_C and P_A.
        x: the first estimate: (B, M, F) for a ``TensorCycle``, (M, F) for a ``KernelCycle``.
        schedule: a rule for each iteration.
        tolerance_db: an item ends when ``PATIENCE`` iterations of the last rule gained less than that.
        checkpoints: keep only the tensors between iterations for the backward pass, and iterate again in it.
    """

    def __init__(
        self,
        cycle: TensorCycle | KernelCycle,
        x: Tensor,
        schedule: Sequence[Rule],
        tolerance_db: float = 0.0,
        checkpoints: bool = False,
    ):
        self.cycle, self.schedule, self.checkpoints = cycle, schedule, checkpoints
        self.tensors: Tensors = (x, x)
        self.done = 0
        self.last_start = len(schedule) - len(list(next(iter(groupby(reversed(schedule))), (0, ()))[1]))
        self.power = cycle.target.detach().double().square().sum((-1, -2)).reshape(-1)
        # All made now: small tensors made between large ones would keep the allocator from using their memory again.
        self._errors = self.power.new_zeros(len(schedule), len(self.power))
        self.tolerance_db = tolerance_db
        self.iterations = torch.zeros_like(self.power, dtype=torch.long)
        self.converged = torch.zeros_like(self.power, dtype=torch.bool)
        self._stopped: Tensors = ()

    @property
    def estimate(self) -> Tensor:
        """The spectrum with the target's magnitudes."""
        return self.tensors[1]

    @property
    def ended(self) -> bool:
        """Whether there is nothing left to do for any item."""
        return self.done == len(self.schedule) or (self.done > 0 and bool(self.converged.all()))

    def step(self) -> None:
        """One iteration."""
        rule = self.schedule[self.done]
        before = self.tensors
        if self.done == 0 or rule != self.schedule[self.done - 1]:
            before = rule.start(self.estimate)
        if self.checkpoints and torch.is_grad_enabled():
            after, error = checkpoint(self.cycle.iterate, rule, before, use_reentrant=False)  # pyright: ignore
        else:
            after, error = self.cycle.iterate(rule, before)
        self._errors[self.done] = error
        self.done += 1
        running = ~self.converged
        if len(running) > 1 and not running.all():
            after = tuple(torch.where(running[:, None, None], a, b) for a, b in zip(after, self._stopped, strict=True))
        self.tensors = after
        self.iterations += running
        if self.tolerance_db > 0 and self.done - self.last_start > PATIENCE:
            self.converged |= self.settled(self.tolerance_db)
            if len(running) > 1:
                self._stopped = after

    def settled(self, tolerance_db: float) -> Tensor:
        """Which items gained less than that in the last ``PATIENCE`` iterations of the last rule, (B,)."""
        if self.done - self.last_start <= PATIENCE:
            return torch.zeros_like(self.converged)
        return self.convergence_db(-1 - PATIENCE) - self.convergence_db(-1) < tolerance_db

    @property
    def errors(self) -> Tensor:
        """|| |P_C y| - A ||^2 of the spectrum each iteration started from, (done, B)."""
        return self._errors[: self.done]

    def convergence_db(self, iteration: int) -> Tensor:
        """20 log10 (|| |P_C y| - A || / || A ||), (B,), of the spectrum an iteration started from."""
        return decibels(self.errors[iteration], self.power)

    def history(self) -> Tensor:
        """Of every iteration, and last of the estimate as it stands, which costs a projection: (B, done + 1)."""
        errors = torch.cat([self.errors, self.cycle.error(self.estimate).unsqueeze(0)])
        return decibels(errors, self.power).mT


def decibels(error: Tensor, power: Tensor) -> Tensor:
    """10 log10 (error / power), bounded as ``metrics.spectral_convergence`` is."""
    eps = torch.finfo(torch.float32 if error.dtype == torch.float32 else torch.float64).eps
    ratio = error.double() / power.clamp_min(torch.finfo(torch.float64).tiny)
    return 10 * ratio.clamp(eps**2, eps**-2).log10()
