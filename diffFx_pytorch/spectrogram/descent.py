"""The loop of alternating projections, and the report on a retrieval."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from .cycle import KernelCycle, TensorCycle
from .metrics import Metric, metric_of
from .redescent import Redescent
from .rules import Rule, Tensors

Callback = Callable[[int, Tensor, Callable[[], Tensor]], object]

PATIENCE = 10
"""Iterations over which an item must improve to go on."""

GLOBAL = 0.85
"""Least share of the iterations that are made over all frames."""

CONVERGED_DB = 0.01
"""An item whose last iterations gained less than this is reported as converged."""


@dataclass(frozen=True)
class Inversion:
    """Report on a retrieval, per item of the batch.

    Args:
        history: (..., n_iter + 1), spectral convergence in dB, from the initial estimate to the result; of the
            spectrum each iteration starts from, which for methods that reflect is not yet the estimate. An item that
            stopped early repeats its last value.
        iterations: (...), number of iterations made.
        converged: (...), whether the last ten gained less than the tolerance (0.01 dB where none is set).
    """

    history: Tensor
    iterations: Tensor
    converged: Tensor


@dataclass(frozen=True)
class Run:
    """Settings that all methods of retrieval share: when to end, and whom to report to.

    Args:
        caller: the public function, named in errors.
        batch_shape: leading dimensions of the target, of product B.
        n_iter: largest number of iterations.
        tolerance_db: an item ends when ``PATIENCE`` iterations gained less than this; 0 never ends one.
        callback: as for ``invert_spectrogram``.
        progress: write iterations to the error stream.
        every: report each of so many iterations.
        metric: what is reported in place of the last of the history: a name or function of ``metrics``, or None.
        compared: from the present signals, (B, T) as ``finish`` takes them, to the two magnitudes of the metric.

    Raises:
        ValueError: for an ``n_iter`` that is no integer of at least 0, an ``every`` below 1, or an unknown metric.
    """

    caller: str
    batch_shape: torch.Size
    n_iter: int
    tolerance_db: float = 0.0
    callback: Callback | None = None
    progress: bool = False
    every: int = 1
    metric: str | Metric | None = None
    compared: Callable[[Tensor], tuple[Tensor, Tensor]] | None = None

    def __post_init__(self) -> None:
        if self.metric is not None:
            metric_of(self.caller, self.metric)
        for name, value, least in (("n_iter", self.n_iter, 0), ("evaluate_every", self.every, 1)):
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ValueError(f"{self.caller}: {name} must be an integer of at least {least}. Got {value!r}.")

    def report(
        self,
        iteration: int,
        levels: Callable[[], Tensor],
        signals: Callable[[], Tensor],
        finish: Callable[[Tensor], Tensor],
        prefix: str = "",
    ) -> bool:
        """Report an iteration to the error stream and the callback, where there is one.

        Args:
            iteration: its number, from 1.
            levels: gives the last of the history in dB: (B,), or of fewer items where there is no callback.
            signals: gives the present signals, (B, T).
            finish: makes of them what the retrieval would return now.
            prefix: of the line on the error stream.

        Returns:
            Whether the callback ends the retrieval.
        """
        if (self.callback is None and not self.progress) or iteration % self.every:
            return False
        latest = levels() if self.metric is None else self._measured(self.metric, signals())
        if self.progress:
            sys.stderr.write(f"\r{prefix}iteration {iteration} of {self.n_iter}: {float(latest.mean()):.2f} dB ")
            sys.stderr.flush()
        return self.callback is not None and bool(
            self.callback(iteration, latest.reshape(self.batch_shape), lambda: finish(signals()))
        )

    def _measured(self, metric: str | Metric, signals: Tensor) -> Tensor:
        assert self.compared is not None
        with torch.no_grad():
            return metric_of(self.caller, metric)(*self.compared(signals)).flatten()

    def close(self) -> None:
        """End the line on the error stream."""
        if self.progress:
            sys.stderr.write("\n")

    def inversion(self, history: Sequence[Tensor], iterations: Tensor, converged: Tensor) -> Inversion:
        """The report on all B items, from histories (b, at most n_iter + 1) and two tensors (B,)."""
        padded = [torch.cat([h, h[:, -1:].expand(-1, self.n_iter + 1 - h.shape[-1])], -1) for h in history]
        return Inversion(
            torch.cat(padded).reshape(*self.batch_shape, self.n_iter + 1),
            iterations.reshape(self.batch_shape),
            converged.reshape(self.batch_shape),
        )


def decibels(ratio: Tensor, dtype: torch.dtype = torch.float64) -> Tensor:
    """10 log10 of a ratio of energies, bounded by the precision of ``dtype`` as ``metrics.spectral_convergence`` is."""
    eps = torch.finfo(dtype).eps
    return 10 * ratio.clamp(eps**2, eps**-2).log10()


class Descent:
    """Runs a schedule of rules over a batch of B independent targets.

    A change of rule starts the next one from the estimate of the last.

    Args:
        cycle: P_C and P_A.
        x: the first estimate: (B, M, F) for a ``TensorCycle``, (M, F) for a ``KernelCycle``.
        schedule: a rule for each iteration.
        tolerance_db: an item ends when ``PATIENCE`` iterations of the last rule gained less than this; 0 never.
        checkpoints: store only the tensors between iterations for the backward pass, and iterate again in it.
        redescent: takes over once it promises more than the last rule.
    """

    def __init__(
        self,
        cycle: TensorCycle | KernelCycle,
        x: Tensor,
        schedule: Sequence[Rule],
        tolerance_db: float = 0.0,
        checkpoints: bool = False,
        redescent: Redescent | None = None,
    ):
        self.cycle, self.schedule, self.tolerance_db, self.checkpoints = cycle, schedule, tolerance_db, checkpoints
        self.redescent = redescent
        self.tensors: Tensors = (x, x)
        self.done = 0
        self.last_start = len(schedule) - len(list(next(iter(groupby(reversed(schedule))), (0, ()))[1]))
        self.power = cycle.target.detach().double().square().sum((-1, -2)).reshape(-1)
        # All made now: small tensors made between large ones would keep the allocator from using their memory again.
        self._errors = self.power.new_zeros(len(schedule), len(self.power))
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
        """Make one iteration."""
        rule = self.schedule[self.done]
        state = self.tensors
        if self.done == 0 or rule != self.schedule[self.done - 1]:
            state = (self.estimate, self.estimate)
        if self.redescent is not None and self._is_stuck(self.redescent):
            estimate, error = self.redescent.iterate(self.estimate)
            new_state: Tensors = (estimate, estimate)
        elif self.checkpoints and torch.is_grad_enabled():
            new_state, error = checkpoint(self.cycle.iterate, rule, state, use_reentrant=False)  # pyright: ignore
        else:
            new_state, error = self.cycle.iterate(rule, state)
        self._errors[self.done] = error
        self.done += 1
        running = ~self.converged
        if len(running) > 1 and not running.all():
            pairs = zip(new_state, self._stopped, strict=True)
            new_state = tuple(torch.where(running[:, None, None], a, b) for a, b in pairs)
        self.tensors = new_state
        self.iterations += running
        if self.tolerance_db > 0 and self.done - self.last_start > PATIENCE:
            self.converged |= self.gained_less_than(self.tolerance_db)
            if len(running) > 1:
                self._stopped = new_state

    def _is_stuck(self, redescent: Redescent) -> bool:
        recent = self._errors[self.last_start : self.done, 0]
        return self.done >= GLOBAL * len(self.schedule) and redescent.is_due(self.cycle.errors, recent)  # pyright: ignore  # of a KernelCycle

    def gained_less_than(self, tolerance_db: float) -> Tensor:
        """Which items gained less than this in the last ``PATIENCE`` iterations of the last rule, (B,)."""
        if self.done - self.last_start <= PATIENCE:
            return torch.zeros_like(self.converged)
        return self.convergence_db(-1 - PATIENCE) - self.convergence_db(-1) < tolerance_db

    def convergence_db(self, iteration: int) -> Tensor:
        """20 log10 (|| |P_C y| - A || / || A ||), (B,), of the spectrum y that an iteration started from."""
        return self._level(self._errors[: self.done][iteration])

    def history(self) -> Tensor:
        """``convergence_db`` of every iteration, and last of the present estimate, at the price of a projection.

        Returns:
            (B, done + 1).
        """
        return self._level(torch.cat([self._errors[: self.done], self.cycle.error(self.estimate).unsqueeze(0)])).mT

    def _level(self, error: Tensor) -> Tensor:
        return decibels(error / self.power.clamp_min(torch.finfo(torch.float64).tiny))


def descend(
    starts: Sequence[Callable[[], Descent]], run: Run, finish: Callable[[Tensor], Tensor], return_info: bool
) -> tuple[Tensor, Inversion | None]:
    """Run every descent to its end.

    Args:
        starts: each makes the descent of an item, or of all items together.
        run: when to end, and whom to report to; with a callback all items are in memory at once.
        finish: from signals (B, T) to what is returned and what a callback sees.
        return_info: make an ``Inversion``, at the price of a projection per item.

    Returns:
        The finished signals, and the ``Inversion``.
    """
    # One after the other where there is no callback: each stays in the caches, and its memory serves the next.
    groups = [starts] if run.callback or run.metric else [[start] for start in starts]
    signals, history, iterations, converged = [], [], [], []

    def run_group(group: Sequence[Callable[[], Descent]], prefix: str) -> None:
        descents = [start() for start in group]

        def estimate() -> Tensor:
            return torch.cat([d.cycle.signal(d.estimate) for d in descents])

        def levels() -> Tensor:
            return torch.cat([d.convergence_db(-1) for d in descents])

        step = 0
        while running := [d for d in descents if not d.ended]:
            step += 1
            for descent in running:
                descent.step()
            if run.report(step, levels, estimate, finish, prefix):
                break
        signals.append(estimate())
        if return_info:
            history.extend(d.history() for d in descents)
            iterations.extend(d.iterations for d in descents)
            converged.extend(d.converged | d.gained_less_than(run.tolerance_db or CONVERGED_DB) for d in descents)

    for number, group in enumerate(groups, 1):
        run_group(group, f"item {number} of {len(groups)}, " if len(groups) > 1 else "")
    run.close()
    info = run.inversion(history, torch.cat(iterations), torch.cat(converged)) if return_info else None
    return finish(torch.cat(signals)), info
