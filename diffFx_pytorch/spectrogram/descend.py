"""Runs the descents of a batch: one after the other, or side by side under the eyes of a callback."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .projections import Descent

Callback = Callable[[int, Tensor, Callable[[], Tensor]], object]

SETTLED_DB = 0.01
"""An item whose last iterations gained less than this is reported as converged."""


@dataclass(frozen=True)
class Inversion:
    """How a retrieval went; one row for each item of the batch.

    Args:
        history: (..., n_iter + 1), spectral convergence in dB, from the initial estimate to the result; of the
            spectrum each iteration starts from, which for methods that reflect is not yet the estimate. An item that
            stopped early repeats its last value.
        iterations: (...), that were made.
        converged: (...), whether the last ten gained less than the tolerance (0.01 dB where none is set).
    """

    history: Tensor
    iterations: Tensor
    converged: Tensor


Start = Callable[[], Descent]
"""Makes the descent of an item, or of all items together."""


def descend(
    starts: Sequence[Start],
    lead: torch.Size,
    n_iter: int,
    finish: Callable[[Tensor], Tensor],
    callback: Callback | None = None,
    progress: bool = False,
    tolerance_db: float = 0.0,
    return_info: bool = True,
) -> tuple[Tensor, Inversion | None]:
    """Run every descent to its end.

    Args:
        starts: what makes them; B items in all.
        lead: dimensions of the batch, of product B.
        n_iter: iterations at most.
        finish: from signals (B, T) to what is returned; a callback sees the same.
        callback: as for ``invert_spectrogram``; with one, all items are in memory at once.
        progress: write iterations to the error stream.
        tolerance_db: of the descents.
        return_info: make an ``Inversion``, at the price of a projection an item.

    Returns:
        The finished signals (nothing to finish: an empty tensor), and the ``Inversion``.
    """
    if callback is None:
        # One after the other: each stays in the caches, and its memory serves the next.
        outcomes = []
        for i, start in enumerate(starts):
            descent = start()
            _run(descent, f"item {i + 1} of {len(starts)}, " if len(starts) > 1 else "", progress)
            outcomes.append(_outcome(descent, n_iter, tolerance_db, return_info))
            del descent
    else:
        descents = [start() for start in starts]
        _run_together(descents, lead, lambda: finish(_signals(descents)), callback, progress)
        outcomes = [_outcome(d, n_iter, tolerance_db, return_info) for d in descents]
    if progress:
        sys.stderr.write("\n")
    x = finish(torch.cat([x for x, _ in outcomes])) if outcomes else torch.zeros(0)
    return x, _joined([info for _, info in outcomes if info is not None], lead, n_iter) if return_info else None


def _signals(descents: list[Descent]) -> Tensor:
    return torch.cat([d.cycle.signal(d.estimate) for d in descents])


def _run(descent: Descent, prefix: str, progress: bool) -> None:
    while not descent.ended:
        descent.step()
        if progress:
            _show(prefix, [descent])


def _run_together(
    descents: list[Descent], lead: torch.Size, signal: Callable[[], Tensor], callback: Callback, progress: bool
) -> None:
    step = 0
    while any(running := [not d.ended for d in descents]):
        step += 1
        for descent, runs in zip(descents, running, strict=True):
            if runs:
                descent.step()
        if progress:
            _show("", descents)
        if callback(step, torch.cat([d.convergence_db(-1) for d in descents]).reshape(lead), signal):
            break


def _show(prefix: str, descents: list[Descent]) -> None:
    latest = torch.cat([d.convergence_db(-1) for d in descents]).mean()
    done, total = max(d.done for d in descents), len(descents[0].schedule)
    sys.stderr.write(f"\r{prefix}iteration {done} of {total}: {latest:.2f} dB ")
    sys.stderr.flush()


def _outcome(descent: Descent, n_iter: int, tolerance_db: float, return_info: bool) -> tuple[Tensor, Inversion | None]:
    """The signals, (b, T), and how it went, (b, ...)."""
    x = descent.cycle.signal(descent.estimate)
    if not return_info:
        return x, None
    history = descent.history()
    missing = n_iter + 1 - history.shape[-1]
    return x, Inversion(
        torch.cat([history, history[..., -1:].expand(-1, missing)], -1),
        descent.iterations,
        descent.converged | descent.settled(tolerance_db or SETTLED_DB),
    )


def _joined(infos: list[Inversion], lead: torch.Size, n_iter: int) -> Inversion:
    if not infos:
        return Inversion(torch.zeros(*lead, n_iter + 1), torch.zeros(lead, dtype=torch.long), torch.ones(lead) > 0)
    return Inversion(
        torch.cat([i.history for i in infos]).reshape(*lead, n_iter + 1),
        torch.cat([i.iterations for i in infos]).reshape(lead),
        torch.cat([i.converged for i in infos]).reshape(lead),
    )
