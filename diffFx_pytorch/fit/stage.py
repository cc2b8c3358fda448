"""One stage of a fit: a scan over a grid, then descent."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from ..control import unknown_name
from .features import Waveform
from .knobs import Search
from .least_squares import LeastSquares
from .losses import ErrorToSignalRatio
from .progress import Watch
from .spectral_losses import MultiResolutionSTFT
from .task import Loss, Task


@dataclass(frozen=True)
class Stage:
    """One stage of a fit: a number of steps on part of the signal under one loss; the best settings go on.

    A short excerpt and a spectral loss make a smooth landscape, the whole signal and a waveform loss an exact one:
    stages go from the one to the other. Some knobs (the time of an echo, the rate of an oscillator) have many local
    minima under any loss, and descent finds the nearest only. Those are tried on a grid first (``scan``).

    Args:
        steps: of the optimiser.
        loss: gives one number per item; None is the spectral one, ``MultiResolutionSTFT(reduction="none")``.
        method: "adam"; or "gauss_newton" for the last stage, where knobs that act alike (a gain and a make-up gain)
            make a narrow valley. It takes few steps, each at the price of running the effect once per knob; its loss is
            an ``ErrorToSignalRatio``, with pre-emphasis or without.
        learning_rate: of Adam, in units of the logits, at the first step; it falls along a cosine to a tenth. It is
            smaller for knobs that change the sound more than the others do.
        scan: before descent, every setting is varied over the product of these grids: for each knob either a number of
            evenly spaced positions, or the positions themselves, in [0, 1].
        starts: number of settings to descend from: the best of the scan. None descends from the best grid point of each
            setting.
        keep: number of settings that go on to the next stage: the best of the descent; a stage without steps keeps all.
        seconds: length of the excerpt, from the beginning; None is the whole signal.
        free: the only knobs that this stage changes; None changes all that are not frozen.
    """

    steps: int = 200
    loss: Loss | None = None
    method: Literal["adam", "gauss_newton"] = "adam"
    learning_rate: float = 0.1
    scan: Mapping[str, int | Sequence[float]] = field(default_factory=dict)
    starts: int | None = None
    keep: int = 1
    seconds: float | None = None
    free: Sequence[str] | None = None

    @property
    def measure(self) -> Loss:
        """The loss, the default one where none was given."""
        if self.method == "gauss_newton":
            return self.loss or ErrorToSignalRatio(reduction="none")
        return self.loss or MultiResolutionSTFT(reduction="none")

    def __post_init__(self) -> None:
        if self.method not in ("adam", "gauss_newton"):
            raise ValueError(f"Stage: method must be 'adam' or 'gauss_newton', got {self.method!r}")
        loss = self.measure
        waveform = isinstance(loss, ErrorToSignalRatio) and not loss.level_blind
        if self.method == "gauss_newton" and not waveform:
            raise ValueError("Stage: gauss_newton needs a least-squares loss, ErrorToSignalRatio, or None for it")


def scanned(task: Task, positions: Tensor, stage: Stage) -> Tensor:
    """The best of the settings (B, P), each varied over the stage's grids: (B or ``stage.starts``, P).

    Raises:
        ValueError: for a knob the effect does not have.
    """
    if not stage.scan:
        return positions
    names = task.fx.param_names
    for name in stage.scan:
        if name not in names:
            raise ValueError(f"{type(task.fx).__name__}: {unknown_name(name, names, 'knob in scan')}")
    axes = [
        # Evenly spaced positions are the middles of their cells: the ends are rarely the answer.
        (torch.arange(grid) + 0.5) / grid if isinstance(grid, int) else torch.tensor(grid, dtype=positions.dtype)
        for grid in stage.scan.values()
    ]
    grid = torch.cartesian_prod(*axes).reshape(-1, len(axes)).to(positions)
    varied = positions.repeat_interleave(len(grid), 0)
    varied[:, [names.index(n) for n in stage.scan]] = grid.repeat(len(positions), 1)
    losses = task.losses(varied, stage.measure, task.samples(stage.seconds)).nan_to_num(math.inf)
    if stage.starts is None:
        best = losses.reshape(len(positions), len(grid)).argmin(1)
        return varied.reshape(len(positions), len(grid), -1)[range(len(positions)), best]
    return varied[losses.argsort()[: max(1, stage.starts)]]


def descend(
    task: Task, knobs: Search, stage: Stage, deadline: float | None, advance: Watch
) -> tuple[list[float], Tensor, bool]:
    """Minimise the loss of a stage over ``knobs``, every setting of the batch on its own.

    Args:
        task: what is fitted.
        knobs: initial settings.
        stage: loss, method and number of steps.
        deadline: of ``time.monotonic()``, after which no step is taken.
        advance: called after every step with the lowest loss so far, and where the best setting stands now.

    Returns:
        The lowest loss after every step, the best ``stage.keep`` positions in order (keep, P), whether time ran out.
    """
    samples, loss_of = task.samples(stage.seconds), stage.measure
    target = task.wet[..., :samples]
    if stage.method == "gauss_newton":
        return _gauss_newton(task, knobs, stage, deadline, advance)
    if not stage.steps:
        return [], knobs().detach(), False
    optimiser = torch.optim.Adam([knobs.logits], lr=stage.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, stage.steps, stage.learning_rate / 10)
    best_loss = torch.full((len(knobs.logits),), math.inf, device=knobs.logits.device)
    best = knobs.logits.detach().clone()
    sizes = _step_sizes(task, knobs, samples)
    history, out_of_time = [], False
    for _ in range(stage.steps):
        if out_of_time := deadline is not None and time.monotonic() >= deadline:
            break
        optimiser.zero_grad()
        loss = loss_of(task.run(knobs(), samples), target)
        seen = loss.detach().to(best_loss.dtype).nan_to_num(math.inf)
        better = seen < best_loss
        best_loss = torch.where(better, seen, best_loss)
        best = torch.where(better[:, None], knobs.logits.detach(), best)
        loss.sum().backward()
        # A setting whose gradient is not finite must not stop the others: it stays unchanged.
        knobs.logits.grad.nan_to_num_(0.0, 0.0, 0.0)  # type: ignore[union-attr]  # backward() gave it
        start = knobs.logits.detach().clone()
        optimiser.step()
        with torch.no_grad():
            knobs.logits.copy_(start + sizes * (knobs.logits - start))
        schedule.step()
        history.append(float(best_loss.min()))
        advance(history[-1], knobs().detach()[best_loss.argmin()])
    with torch.no_grad():
        knobs.logits.copy_(best)
        return history, knobs()[best_loss.argsort()[: max(1, stage.keep)]], out_of_time


def _gauss_newton(
    task: Task, knobs: Search, stage: Stage, deadline: float | None, advance: Watch
) -> tuple[list[float], Tensor, bool]:
    """``descend`` by Gauss-Newton: one setting after another, as each has a curvature of its own."""
    loss: ErrorToSignalRatio = stage.measure  # type: ignore[assignment]  # Stage checks it
    fit = LeastSquares(task, task.samples(stage.seconds), Waveform(loss.pre_emphasis), knobs.free.index)
    ends: list[tuple[float, Tensor, list[float]]] = []
    for position in knobs().detach():
        steps: list[float] = []

        def told(error: float, place: Tensor, steps: list[float] = steps) -> None:
            steps.append(error)
            advance(error, place)

        end, error = fit.descend(position, stage.steps, math.inf if deadline is None else deadline, told)
        ends.append((error, end, steps))
    ends.sort(key=lambda end: end[0])
    out_of_time = deadline is not None and time.monotonic() >= deadline
    return ends[0][2], torch.stack([end for _, end, _ in ends[: max(1, stage.keep)]]), out_of_time


def _step_sizes(task: Task, knobs: Search, samples: int) -> Tensor:
    """Step size per knob, at most 1, so that no knob changes the sound by far more than others do: (B, K).

    A step that is right for a gain moves the time of an echo by hundreds of samples: the step of a knob that changes
    the sound more than the median knob does is reduced in proportion.
    """
    fit, sizes = LeastSquares(task, samples, Waveform(0.0), knobs.free.index), []
    for position in knobs().detach():
        place = position[knobs.free.index]
        turns = torch.full_like(place, 1e-3)
        for _ in range(2):  # finds the right turns
            _, J, turns = fit.jacobian(position, turns)
        strength = J.norm(dim=1) * place * (1 - place)  # by the logits
        sizes.append((strength.median().clamp_min(1e-9) / strength.clamp_min(1e-12)).clamp(max=1.0))
    return torch.stack(sizes)
