"""Settings that turn a dry recording into a wet one, by gradient descent from many starts at once."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from ..control import KnobValue
from ..kernels.devices import device_here
from ..processor import Processor
from ..routing import Chain
from .alignment import Alignment, check_recordings
from .bands import BandResponse
from .certainty import Certainty, certainties, sentences
from .choices import alternatives, with_other_options
from .features import Waveform
from .knobs import FreeKnobs, Search, several_starts, unsearched
from .least_squares import LeastSquares
from .leftover import has_level, mended
from .limits import Limit, Limited
from .outcome import at_rest, explained_share, nearest_by_spectrum, percent
from .pairs import Pairs
from .polarity import Settled, read_filter, settled, ways_to_lie
from .progress import Watch, progress_bar
from .relaxed import RelaxedSearch, readable
from .search import AutomaticSearch
from .short_pair import short_pair
from .stage import Stage, descend, scanned
from .task import Task
from .tone import is_filter, tones

_SECONDS = 60.0
_EXCERPT_S = 2.0
_WHOLE_S = 600.0
"""Of a longer dry recording, how much of it is looked at for where the wet one lies."""
_LAST_STEPS = 15
_QUICK = 0.5
"""Share of the time for the search on a short pair, where there is one."""
_READING, _RELAXED = 0.4, 0.6
"""Share of the time for reading a filter off the response, and for a chain whose filters are relaxed."""
_SETTLING = 0.1
"""Share of the time for the search with one way in which the pair may lie, where it may lie in several."""
_FIRST = 0.85
"""Share of the time for the search with the pair as it lies, after which what it lacks may show."""
_UNRELATED = 0.05
_MET_DB = -10.0
"""Residual above which the waveform is not met, and the spectrum decides."""
_NEARER = 0.5
"""Share of the distance between the spectra that must go for a pair to be related, the waveform aside."""


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
        alignments: of each pair, the wet recording as it was compared, and by how much it was moved.
        explained: share of the change that the settings make, 1 is all: of the energy of the difference between dry
            and wet, or of wet where that is less. NaN where the two are equal.
        interrupted: whether Ctrl-C ended it.
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
    alignments: list[Alignment] = field(default_factory=list, repr=False)
    explained: float = math.nan
    interrupted: bool = False

    def describe(self) -> str:
        """One line on the residual, one readable line per knob, and what else should be known."""
        steps = sum(map(len, self.history))
        end = ", stopped by its time budget" if self.stopped else ""
        share = "" if math.isnan(self.explained) else f", {percent(self.explained)} of the change explained,"
        head = f"residual {self.residual_db:.1f} dB{share} after {steps} steps in {self.seconds:.1f} s{end}"
        return "\n".join([head, self.fx.describe(), *self.notices])


def fit(
    fx: Processor,
    dry: Tensor | Sequence[Tensor],
    wet: Tensor | Sequence[Tensor],
    *,
    stages: Sequence[Stage] | None = None,
    starts: int = 8,
    init: Literal["default", "random"] | Mapping[str, KnobValue] | Tensor = "default",
    frozen: Iterable[str] | Mapping[str, float] = (),
    limits: Mapping[str, Limit] | None = None,
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
        dry: (1, C, T); or a list of such, of several pairs for which one setting is looked for.
        wet: (1, C, T'); dry is cut or followed by silence to its length, so a tail may be given.
        stages: of the optimisation, in order; None searches without a recipe.
        starts: of ``stages``: number of initial settings, the first at ``init``, the others at random positions. A
            tensor (S, P) as ``init`` sets all S of them.
        init: "default" (where the effect holds its knobs), "random" (uniform positions), a dict of values in their
            units, or positions (S, P).
        frozen: names of knobs that stay constant, or a dict of name to value in its unit.
        limits: by name of a knob a number where it stays, two between which it moves, or the name of the knob whose
            value it has; options are then not chosen.
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
    began, effect = time.monotonic(), fx
    if limits:
        fx = Limited(fx, limits)  # type: ignore[assignment]  # all of an effect that a search sees
        init, frozen = fx.begun(init), fx.frozen(frozen)  # type: ignore[operator, call-arg, arg-type]
        progress = fx.watching(progress) if callable(progress) else progress  # type: ignore[operator]
    if set(fx.params) <= {*frozen, *unsearched(fx)}:
        raise ValueError(f"{type(effect).__name__}: every knob is frozen, there is nothing to fit")
    given = fx
    deadline = None if time_budget_s is None else began + time_budget_s
    pairs = [(dry, wet)] if isinstance(dry, Tensor) else [*zip(dry, wet, strict=True)]
    if not pairs or (sidechain is not None and len(pairs) > 1):
        raise ValueError(f"{type(effect).__name__}: {'no pairs' if not pairs else 'a side chain belongs to one pair'}")
    home = there = pairs[0][0].device
    if device is not None and (found := device_here(device)) is not None:
        there = found
        fx, sidechain = copy.deepcopy(fx).to(there), None if sidechain is None else sidechain.to(there)
    positions = several_starts(given, 1 if stages is None else starts, init, frozen, seed).to(there)
    free = FreeKnobs(given, frozen, rest=positions[:1]).to(there)
    moves = (stages is None) if align is None else align
    standing = several_starts(given, 1, "default", frozen, seed).to(there) if init == "random" else positions[:1]
    sounds = [(x.to(there), y.to(there)) for x, y in pairs]  # type: ignore[union-attr]  # tensors
    said, ways = [], []
    for x, y in sounds:
        as_given = Task(fx, x, y, sidechain, compensate_latency)
        said.append(check_recordings(x, y, fx.sample_rate))
        ways.append([Alignment(y, 0, 0.0, False, [])])
        if moves:
            longer = min(x.shape[-1], round(_WHOLE_S * fx.sample_rate)) - y.shape[-1]
            whole = as_given if longer <= 0 else Task(fx, x, F.pad(y, (0, longer)), sidechain, compensate_latency)
            ways[-1] = ways_to_lie(whole, y, standing, stages is not None)

    def task_once(number: int, lies: Alignment) -> Task:
        return Task(fx, sounds[number][0], lies.wet, sidechain, compensate_latency, lies.skipped, lies.level_free)

    task_of = cache(task_once)  # what was read off a pair is kept with its task

    def tasks_of(alignments: Sequence[Alignment]) -> tuple[list[Task], Task]:
        tasks = [task_of(number, lies) for number, lies in enumerate(alignments)]
        return tasks, tasks[0] if len(tasks) == 1 else Pairs(tasks)

    total = _SECONDS if time_budget_s is None else time_budget_s
    found = Settled([own[0] for own in ways], positions[:0], [], False)
    louder = stages is None and moves and not has_level(task_of(0, ways[0][0]), free, positions[:1])
    if stages is None and (louder or any(len(own) > 1 for own in ways)):
        seconds, read = _SETTLING * min(total, _SECONDS), None
        if len(ways) == 1 and not ways[0][0].offset_samples and is_filter(fx):
            first, generator = ways[0][0], torch.Generator().manual_seed(seed)
            read = read_filter(task_once, first, free, louder, generator, time.monotonic() + seconds)
        with progress_bar(None, progress, decibels=True) as advance:
            samples = round(_EXCERPT_S * fx.sample_rate)
            found = read or settled(ways, task_of, free, positions, samples, seconds, seed, advance, louder)
    alignments = found.alignments
    tasks, task = tasks_of(alignments)
    if stages is None:
        others = choose and not limits and any(alternatives(effect))
        # Of a chain the search gets all its time, and options what it leaves: one has more of them than time for each.
        seconds = total / 2 if others and not isinstance(effect, Chain) else total
        candidates, history, out_of_time, met, interrupted = found.places, [], True, found.places, True
        until = began + seconds
        if not found.interrupted:
            first = time.monotonic() + (_FIRST if moves else 1.0) * (until - time.monotonic())
            begun = torch.cat([found.places, positions])
            candidates, history, out_of_time, met, interrupted = _searched(
                task, free, begun, seed, first, progress, fresh=not task.level_free
            )
        if moves:
            best = candidates[task.residuals(candidates).nan_to_num(math.inf).argmin()][None]
            plain = [
                task_once(n, replace(lies, level_free=False)) if lies.level_free else one
                for n, (lies, one) in enumerate(zip(alignments, tasks, strict=True))
            ]
            lying = [mended(lies, one, best) for lies, one in zip(alignments, plain, strict=True)]
            more = out_of_time or any(new is not old for new, old in zip(lying, alignments, strict=True))
            alignments, (tasks, task) = lying, tasks_of(lying)
            if more and not interrupted:
                again = _searched(task, free, candidates, seed, until, progress, fresh=False)
                candidates, history = torch.cat([again[0], candidates]), [*history, *again[1]]
                out_of_time, met, interrupted = again[2:]
        history = [found.history, *history] if found.history else history
    else:
        candidates, history, out_of_time = _staged(task, stages, positions, tuple(frozen), deadline, progress)
        total, met, interrupted = 0.0, candidates, False
    about = [f"pair {number}: " if len(pairs) > 1 else "" for number in range(1, len(pairs) + 1)]
    told = zip(about, said, alignments, strict=True)
    notices = [pair + text for pair, own, lies in told for text in (*own, *lies.notices)]
    candidates = at_rest(candidates, given, free)
    residuals = task.residuals(candidates)
    winner = int(residuals.nan_to_num(math.inf).argmin())
    nearer = 0.0
    if stages is None and float(residuals[winner]) > _MET_DB:
        winner, nearer = nearest_by_spectrum(task, free, candidates)
        notices.append(
            f"the waveform was not met: these settings are {100 * nearer:.0f} % nearer than dry by their spectrum"
        )
    norm_params = candidates[winner : winner + 1].to(home, copy=True)
    if isinstance(given, Limited):
        norm_params = given.expanded(norm_params)
    settings = {name: float(value) for name, value in effect.to_dict(effect.map_parameters(norm_params)).items()}  # type: ignore[arg-type]
    settings |= {name: given.params[name].inside(settings[name]) for name in given.params}  # rounding may leave a range
    waveform = LeastSquares(task, task.samples(_EXCERPT_S), Waveform(0.0), free.index)
    certainty = certainties(waveform, free.names, candidates[winner], met)
    notices += sentences(certainty, fx.params)
    explained = explained_share(float(residuals[winner]), tasks, alignments)
    if explained < _UNRELATED and nearer < _NEARER:
        notices.insert(
            0,
            f"this explains {percent(explained)} of the change: other effects made it, or the recordings are unrelated",
        )
    result = FitResult(
        fx=copy.deepcopy(effect).frozen().set(settings),
        settings=settings,
        norm_params=norm_params,
        residual_db=float(residuals[winner]),
        history=history,
        seconds=time.monotonic() - began,
        stopped=out_of_time,
        certainty=certainty,
        notices=notices,
        alignments=alignments,
        explained=explained,
        interrupted=interrupted,
    )
    if stages is None and choose and not limits and not interrupted:

        def refitted(other: Processor, init: Mapping[str, float], seconds: float) -> FitResult:
            held = {n: v for n, v in (frozen.items() if isinstance(frozen, Mapping) else []) if n in other.params}
            return fit(
                other,
                dry,
                wet,
                init=init,
                frozen=held or [name for name in frozen if name in other.params],
                seed=seed,
                compensate_latency=compensate_latency,
                sidechain=sidechain,
                time_budget_s=seconds,
                align=align,
                progress=progress,
                choose=False,
            )

        result = with_other_options(result, refitted, began + total)
    return replace(result, seconds=time.monotonic() - began)


def _searched(
    task: Task,
    free: FreeKnobs,
    starts: Tensor,
    seed: int,
    deadline: float,
    progress: bool | Watch | None,
    fresh: bool = True,
) -> tuple[Tensor, list[list[float]], bool, Tensor, bool]:
    """Search on an excerpt, then walk on over the whole; where it is not ``fresh``, from the starts alone.

    Returns:
        As ``_staged``, then where other starts led, (n, P), and whether Ctrl-C ended it.
    """
    excerpt, generator = task.samples(_EXCERPT_S), torch.Generator().manual_seed(seed)
    share = 1.0 if excerpt == task.wet.shape[-1] else 0.7
    with progress_bar(None, progress, decibels=True) as advance:
        seconds = share * (deadline - time.monotonic())
        history, met, interrupted = [], [], False
        if not fresh:
            pass
        elif is_filter(task.fx):  # their responses are compared, no recording is filtered
            bands = BandResponse(task.in_step[0], task.fx.sample_rate)
            until = time.monotonic() + _READING * seconds
            read, interrupted = tones(task.fx, bands, task.wet, generator, 4, until, free)
            starts = torch.cat([read, starts])
        elif readable(task, free):
            search = RelaxedSearch(task, free, excerpt, generator, advance)
            read, interrupted = search.run(time.monotonic() + _RELAXED * seconds)
            starts, history = torch.cat([read, starts]), [search.history]
        elif (
            quick := short_pair(task, excerpt)
        ) is not None:  # far more settings are tried in the time; what they lead to is then compared in full
            search = AutomaticSearch(quick, free, quick.wet.shape[-1], _QUICK * seconds, generator, advance)
            starts = torch.cat([search.run(starts), starts])
            history, interrupted = [search.history], search.interrupted
        found = starts
        if not interrupted:
            seconds = share * (deadline - time.monotonic())
            search = AutomaticSearch(task, free, excerpt, seconds, generator, advance)
            found = search.run(starts)
            history, interrupted = [*history, search.history], search.interrupted
            met = [place for _, place in search.leaders["wave"]]
        if share < 1 and not interrupted:
            whole = LeastSquares(task, task.wet.shape[-1], Waveform(), free.index)
            try:
                # In noise a knob is known as well as the last 1/N of the error says, N samples being heard.
                least = 1 / whole.target.numel()
                walked = whole.descend(found[0], _LAST_STEPS, deadline, advance, least=least)
                found, history = torch.cat([found, walked[0][None]]), [*history, [walked[1]]]
            except KeyboardInterrupt:
                interrupted = True
    out_of_time = interrupted or time.monotonic() >= deadline
    return torch.cat([found, starts]), history, out_of_time, torch.stack(met or [found[0]]), interrupted


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
