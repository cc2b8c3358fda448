"""Settings that turn a dry recording into a wet one, by gradient descent from many starts at once."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from ..control import KnobValue
from ..kernels.devices import device_here
from ..processor import Processor
from .knobs import FreeKnobs, Search, start_positions
from .losses import ErrorToSignalRatio
from .progress import progress_bar
from .stage import Stage, descend, scanned
from .task import Task

DEFAULT_STAGES = (
    Stage(steps=100, keep=4, seconds=2.0),
    Stage(steps=200, keep=2),
    Stage(steps=300, loss=ErrorToSignalRatio(reduction="none"), learning_rate=0.03),
)
"""The spectrum first, many starts on an excerpt; then the waveform, the best start on the whole."""


@dataclass(frozen=True)
class FitResult:
    """The result of a fit.

    Args:
        fx: a copy of the effect that holds the settings found: call it, save it, put it into a ``Sequential``, or make
            it ``trainable`` and go on.
        settings: value of every knob in its unit.
        norm_params: their positions, (1, P).
        residual_db: energy of the difference from the wet signal, relative to it.
        history: for every stage, at every step, the lowest loss over the starts.
        seconds: duration of the fit.
        stopped: whether the time budget ended it.
    """

    fx: Processor = field(repr=False)
    settings: dict[str, float]
    norm_params: Tensor
    residual_db: float
    history: list[list[float]]
    seconds: float
    stopped: bool

    def describe(self) -> str:
        """One line on the residual, then one readable line per knob."""
        steps = sum(map(len, self.history))
        end = ", stopped by its time budget" if self.stopped else ""
        head = f"residual {self.residual_db:.1f} dB after {steps} steps in {self.seconds:.1f} s{end}"
        return f"{head}\n{self.fx.describe()}"


def fit(
    fx: Processor,
    dry: Tensor,
    wet: Tensor,
    *,
    stages: Sequence[Stage] = DEFAULT_STAGES,
    starts: int = 8,
    init: Literal["default", "random"] | Mapping[str, KnobValue] | Tensor = "default",
    frozen: Iterable[str] | Mapping[str, float] = (),
    seed: int = 0,
    compensate_latency: bool = True,
    sidechain: Tensor | None = None,
    time_budget_s: float | None = None,
    device: str | torch.device | None = None,
    progress: bool | None = None,
) -> FitResult:
    """Find settings with which ``fx`` turns ``dry`` into ``wet``.

    All starts run side by side as items of one batch: items are independent and Adam works element by element, so each
    start is optimised on its own, at the price of one batched call.

    Args:
        fx: the effect, or a ``Chain``.
        dry: (1, C, T).
        wet: (1, C, T'); dry is cut or followed by silence to its length, so a tail may be given.
        stages: of the optimisation, in order.
        starts: number of initial settings: the first at ``init``, the others at random positions. A tensor (S, P)
            as ``init`` sets all S of them.
        init: "default" (where the effect holds its knobs), "random" (uniform positions), a dict of values in their
            units, or positions (S, P).
        frozen: names of knobs that stay constant, or a dict of name to value in its unit.
        seed: of the random starts.
        compensate_latency: whether wet lines up with dry in time, as a renderer writes it; False where it is delayed
            by ``fx.latency_samples``, as ``fx(dry)`` is.
        sidechain: (1, 1 or C, T), the key of an effect that takes one.
        time_budget_s: seconds after which no further step is taken.
        device: where it is computed, "cuda" say; None is where ``dry`` is. The result is where ``fx`` and ``dry`` are.
            Where there is no such device a warning says so, and the CPU does it.
        progress: whether to show a progress bar; None shows it on a terminal.

    Returns:
        The best settings found, by the residual over the whole signal.

    Raises:
        ValueError: for shapes that do not fit or nothing to learn; as ``fx`` for wrong parameters.
    """
    began, given = time.monotonic(), fx
    if set(fx.params) <= set(frozen):
        raise ValueError(f"{type(fx).__name__}: every knob is frozen, there is nothing to fit")
    deadline = None if time_budget_s is None else began + time_budget_s
    home = dry.device
    if device is not None and (there := device_here(device)) is not None:
        dry, wet, sidechain = dry.to(there), wet.to(there), None if sidechain is None else sidechain.to(there)
        fx = copy.deepcopy(fx).to(there)
    task = Task(fx, dry, wet, sidechain, compensate_latency)
    constant = tuple(frozen)
    positions = _starts(given, starts, init, frozen, seed).to(dry.device)
    history: list[list[float]] = []
    met = [positions[:1]]
    out_of_time = False
    with progress_bar(sum(s.steps for s in stages), progress) as advance:
        for stage in stages:
            positions = scanned(task, positions, stage)
            turned = None if stage.free is None else [name for name in stage.free if name not in constant]
            knobs = Search(fx, len(positions), positions, () if turned else constant, turned).to(dry.device)
            losses, positions, out_of_time = descend(task, knobs, stage, deadline, advance)
            history.append(losses)
            met.append(positions)
            if out_of_time:
                break
    candidates = torch.cat(met)
    residuals = task.residuals(candidates)
    winner = int(residuals.nan_to_num(math.inf).argmin())
    norm_params = candidates[winner : winner + 1].to(home, copy=True)
    settings = {name: float(value) for name, value in given.to_dict(given.map_parameters(norm_params)).items()}  # type: ignore[arg-type]
    return FitResult(
        fx=copy.deepcopy(given).frozen().set(settings),
        settings=settings,
        norm_params=norm_params,
        residual_db=float(residuals[winner]),
        history=history,
        seconds=time.monotonic() - began,
        stopped=out_of_time,
    )


def _starts(
    fx: Processor,
    starts: int,
    init: Literal["default", "random"] | Mapping[str, KnobValue] | Tensor,
    frozen: Iterable[str] | Mapping[str, float],
    seed: int,
) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    if isinstance(init, Tensor):
        return FreeKnobs(fx, frozen, rest=init).rest
    first = start_positions(fx, 1, init, generator)
    free = FreeKnobs(fx, frozen, rest=first)
    others = free(fx.random_params(max(0, starts - 1), generator)[:, free.index])
    return torch.cat([free.rest, others])
