"""Settings that turn a dry recording into a wet one, by gradient descent from many starts at once."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor

from ..control import KnobValue
from ..kernels.devices import device_here
from ..processor import Processor
from .alignment import aligned, check_recordings
from .certainty import Certainty, certainties, sentences
from .choices import alternatives
from .drift import drift, without_drift
from .features import LogSpectrum, Waveform
from .knobs import FreeKnobs, Search, start_positions
from .least_squares import LeastSquares
from .losses import check_pair
from .progress import Watch, progress_bar
from .search import AutomaticSearch
from .stage import Stage, descend, scanned
from .task import Task

_SECONDS = 60.0
_EXCERPT_S = 2.0
_LAST_STEPS = 15
_UNRELATED = 0.05
_MET_DB = -10.0
"""Residual above which the waveform is not met, and the spectrum decides."""
_NEARER = 0.5
"""Share of the distance between the spectra that must go for a pair to be related, the waveform aside."""
_SURE_DB = -60.0
"""Residual under which no option is doubted."""
_BETTER_DB = 3.0
"""By how much another option must lower the residual to be taken."""


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
        stopped: whether the time budget, or Ctrl-C, ended it.
        certainty: for every free knob, between which values the sound is the same.
        notices: what a person should know, a sentence each: how the pair was moved into step, knobs that the sound
            does not settle.
    """

    fx: Processor = field(repr=False)
    settings: dict[str, float]
    norm_params: Tensor
    residual_db: float
    history: list[list[float]]
    seconds: float
    stopped: bool
    certainty: dict[str, Certainty] = field(default_factory=dict, repr=False)
    notices: list[str] = field(default_factory=list)

    def describe(self) -> str:
        """One line on the residual, one readable line per knob, and what else should be known."""
        steps = sum(map(len, self.history))
        end = ", stopped by its time budget" if self.stopped else ""
        head = f"residual {self.residual_db:.1f} dB after {steps} steps in {self.seconds:.1f} s{end}"
        return "\n".join([head, self.fx.describe(), *self.notices])


def fit(
    fx: Processor,
    dry: Tensor,
    wet: Tensor,
    *,
    stages: Sequence[Stage] | None = None,
    starts: int = 8,
    init: Literal["default", "random"] | Mapping[str, KnobValue] | Tensor = "default",
    frozen: Iterable[str] | Mapping[str, float] = (),
    seed: int = 0,
    compensate_latency: bool = True,
    sidechain: Tensor | None = None,
    time_budget_s: float | None = None,
    align: bool | None = None,
    device: str | torch.device | None = None,
    progress: bool | Watch | None = None,
    choose: bool = True,
) -> FitResult:
    """Find settings with which ``fx`` turns ``dry`` into ``wet``.

    Needs no recipe: it screens random settings, descends from the best of them with damped Gauss-Newton steps, on
    features that see far first (spectra, echoes, then the waveform), varies what is stuck, and stops when nothing is
    gained (``AutomaticSearch``). With ``stages`` it does what they say instead: all starts then run side by side as
    items of one batch, each optimised on its own.

    A wet recording that is out of step with its dry one (early, inverted; late where no knob delays) is moved first.

    Args:
        fx: the effect, or a ``Chain``.
        dry: (1, C, T).
        wet: (1, C, T'); dry is cut or followed by silence to its length, so a tail may be given.
        stages: of the optimisation, in order; None searches without a recipe.
        starts: of ``stages``: number of initial settings, the first at ``init``, the others at random positions. A
            tensor (S, P) as ``init`` sets all S of them.
        init: "default" (where the effect holds its knobs), "random" (uniform positions), a dict of values in their
            units, or positions (S, P).
        frozen: names of knobs that stay constant, or a dict of name to value in its unit.
        seed: of the random numbers.
        compensate_latency: whether wet lines up with dry in time, as a renderer writes it; False where it is delayed
            by ``fx.latency_samples``, as ``fx(dry)`` is.
        sidechain: (1, 1 or C, T), the key of an effect that takes one.
        time_budget_s: seconds after which no further step is taken; None is a minute, and no end with ``stages``.
        align: whether a wet recording that is out of step is moved; None does so without ``stages``.
        device: where it is computed, "cuda" say; None is where ``dry`` is. The result is where ``fx`` and ``dry`` are.
            Where there is no such device a warning says so, and the CPU does it.
        progress: whether to show a progress bar, None shows it on a terminal; or a function of the lowest error so far
            and a setting (P,), called after each step. What it raises ends the fit, KeyboardInterrupt as Ctrl-C does.
        choose: whether options that their table calls ``searched`` (a filter's slope) may be chosen too, where the one
            given explains too little; not with ``stages``.

    Returns:
        The best settings found: by the residual over the whole signal, or, where that cannot be met (reverberations
        whose modes differ), by the spectrum.

    Raises:
        ValueError: for shapes that do not fit or nothing to learn; for recordings that are silent, hold NaN or are too
            short; as ``fx`` for wrong parameters.
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
    notices = check_recordings(dry, wet, fx.sample_rate)
    positions = _starts(given, 1 if stages is None else starts, init, frozen, seed).to(dry.device)
    free = FreeKnobs(given, frozen, rest=positions[:1]).to(dry.device)
    if stages is None if align is None else align:
        delays = any(param.search == "echo" for param in fx.params.values())
        sound = task.sounds(positions[:1], wet.shape[-1])
        check_pair(sound, wet)
        if share := drift(sound, wet):
            share += drift(sound, without_drift(wet, share), least=0.0)  # what a fast drift blurred
            wet = without_drift(wet, share)
            fast = "fast" if share > 0 else "slow"
            notices.append(f"the clock of the wet recording ran {1e6 * abs(share):.0f} ppm {fast}; it was resampled")
        moved = aligned(sound, wet, fx.sample_rate, may_be_late=not delays)
        notices += moved.notices
        task = Task(fx, dry, moved.wet, sidechain, compensate_latency, moved.skipped)
    if stages is None:
        seconds = _SECONDS if time_budget_s is None else time_budget_s
        others = list(alternatives(given)) if choose else []
        seconds /= 2 if others else 1
        candidates, history, out_of_time = _searched(task, free, positions, seed, began + seconds, progress)
    else:
        candidates, history, out_of_time = _staged(task, stages, positions, tuple(frozen), deadline, progress)
        others = []
    residuals = task.residuals(candidates)
    winner = int(residuals.nan_to_num(math.inf).argmin())
    nearer = 0.0
    if stages is None and float(residuals[winner]) > _MET_DB:
        winner, nearer = _nearest_by_spectrum(task, free, candidates)
        notices.append(
            f"the waveform was not met: these settings are {100 * nearer:.0f} % nearer than dry by their spectrum"
        )
    norm_params = candidates[winner : winner + 1].to(home, copy=True)
    settings = {name: float(value) for name, value in given.to_dict(given.map_parameters(norm_params)).items()}  # type: ignore[arg-type]
    waveform = LeastSquares(task, task.samples(_EXCERPT_S), Waveform(0.0), free.index)
    certainty = certainties(waveform, free.names, candidates[winner])
    notices += sentences(certainty, {name: fx.params[name].unit for name in free.names})
    explained = 1 - 10 ** (float(residuals[winner]) / 10)
    if explained < _UNRELATED and nearer < _NEARER:
        notices.insert(0, f"this explains {100 * max(explained, 0):.0f} % of the wet recording: another effect made it")
    result = FitResult(
        fx=copy.deepcopy(given).frozen().set(settings),
        settings=settings,
        norm_params=norm_params,
        residual_db=float(residuals[winner]),
        history=history,
        seconds=time.monotonic() - began,
        stopped=out_of_time,
        certainty=certainty,
        notices=notices,
    )
    for number, (what, other) in enumerate(others):
        if result.residual_db < _SURE_DB:
            break
        held = {n: v for n, v in (frozen.items() if isinstance(frozen, Mapping) else []) if n in other.params}
        again = fit(
            other,
            dry,
            wet,
            init={name: value for name, value in settings.items() if name in other.params},
            frozen=held or [name for name in frozen if name in other.params],
            seed=seed,
            compensate_latency=compensate_latency,
            sidechain=sidechain,
            time_budget_s=max(0.0, began + 2 * seconds - time.monotonic()) / (len(others) - number),
            align=align,
            progress=progress,
            choose=False,
        )
        if again.residual_db < result.residual_db - _BETTER_DB:
            result = replace(again, notices=[f"{what} explains more than what was given", *again.notices])
    return replace(result, seconds=time.monotonic() - began)


def _nearest_by_spectrum(task: Task, free: FreeKnobs, candidates: Tensor) -> tuple[int, float]:
    """The setting whose spectrum is nearest to the wet one's, and how much of the way from the dry one's that is."""
    spectrum = LeastSquares(task, task.wet.shape[-1], LogSpectrum(task.wet), free.index)
    errors = spectrum.errors(candidates)
    dry = task.dry[..., task.latency :]
    dry = dry if dry.shape[1] == task.wet.shape[1] else dry.mean(1, keepdim=True).expand_as(task.wet)
    before = float(spectrum.differences(dry)[0])
    return int(errors.argmin()), 1 - math.sqrt(float(errors.min()) / max(before, 1e-20))


def _searched(
    task: Task, free: FreeKnobs, starts: Tensor, seed: int, deadline: float, progress: bool | Watch | None
) -> tuple[Tensor, list[list[float]], bool]:
    """Search on an excerpt, then walk on over the whole; returns as ``_staged`` does."""
    excerpt, generator = task.samples(_EXCERPT_S), torch.Generator().manual_seed(seed)
    share = 1.0 if excerpt == task.wet.shape[-1] else 0.7
    with progress_bar(None, progress) as advance:
        seconds = share * (deadline - time.monotonic())
        search = AutomaticSearch(task, free, excerpt, seconds, generator, advance)
        found = search.run(starts)
        history = [search.history]
        if share < 1 and not search.interrupted:
            whole = LeastSquares(task, task.wet.shape[-1], Waveform(), free.index)
            walked = whole.descend(found[0], _LAST_STEPS, deadline, advance)
            found, history = torch.cat([found, walked[0][None]]), [*history, [walked[1]]]
    return torch.cat([found, starts]), history, search.interrupted or time.monotonic() >= deadline


def _staged(
    task: Task,
    stages: Sequence[Stage],
    positions: Tensor,
    constant: tuple[str, ...],
    deadline: float | None,
    progress: bool | Watch | None,
) -> tuple[Tensor, list[list[float]], bool]:
    """The stages, in order: the settings met, (n, P), the errors, and whether time ran out."""
    history: list[list[float]] = []
    met = [positions[:1]]
    out_of_time = False
    with progress_bar(sum(s.steps for s in stages), progress) as advance:
        for stage in stages:
            positions = scanned(task, positions, stage)
            turned = None if stage.free is None else [name for name in stage.free if name not in constant]
            knobs = Search(task.fx, len(positions), positions, () if turned else constant, turned).to(positions.device)
            losses, positions, out_of_time = descend(task, knobs, stage, deadline, advance)
            history.append(losses)
            met.append(positions)
            if out_of_time:
                break
    return torch.cat(met), history, out_of_time


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
