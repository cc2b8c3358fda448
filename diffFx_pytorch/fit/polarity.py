"""Which of several ways a wet recording lies on its dry one, where only a fit can tell."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .alignment import Alignment, aligned, offsets_of, readings
from .bands import BandResponse
from .drift import undrifted
from .features import Waveform
from .knobs import FreeKnobs
from .least_squares import LeastSquares
from .leftover import level_is_off, mended
from .losses import check_pair
from .progress import Watch
from .search import AutomaticSearch
from .task import Task
from .tone import tones

_CLEARER = 0.5
"""Error, relative to the least of a simpler reading, under which a less simple one is taken."""
_PATIENCE = 8
"""Descents without a gain after which the search with one reading ends."""
_READ = 1e-2
"""Error under which a filter that was read by its bands is one (-20 dB)."""
_MET = 1e-4
"""Error under which no other reading is tried (-40 dB)."""


def ways_to_lie(task: Task, wet: Tensor, standing: Tensor, one: bool) -> list[Alignment]:
    """How a wet recording may lie on the dry one, the simplest way first.

    A constant may be what a rectifier makes, and a drift what a slow sweep does to a sound: with an effect that is not
    linear, or changes in time, the recording as it is comes first.

    Args:
        task: of the whole dry sound.
        wet: (1, C', T'), perhaps only of a part of it.
        standing: the setting (1, P) at which the effect's sound is compared.
        one: whether only what the pair looks like is wanted.
    """
    y, rate, said = wet, task.fx.sample_rate, []
    may_be_late = all(param.search != "echo" for param in task.fx.params.values())
    sound, dry = task.sounds(standing, task.wet.shape[-1]), task.in_step
    check_pair(sound[..., : y.shape[-1]], y)

    def seen() -> list[Alignment]:
        ways = [aligned(sound, y, rate, may_be_late)] if one else readings(dry, sound, y, rate, may_be_late)
        return [replace(way, notices=[*said, *way.notices]) for way in ways]

    found: list[Alignment] = []
    if (offsets := offsets_of(sound, y, rate)) is not None:
        found = [] if one or "linear" in task.fx.traits else seen()
        y = y - offsets
        largest = float(offsets.flatten()[offsets.abs().argmax()])
        said.append(f"the wet recording had a constant offset of {largest:.2g}, which was taken out")
    moved, share = undrifted(sound, y)
    if share:
        found += [] if one or "time_invariant" in task.fx.traits else seen()
        y = moved
        fast = "fast" if share > 0 else "slow"
        said.append(f"the clock of the wet recording ran {1e6 * abs(share):.0f} ppm {fast}; it was resampled")
    return [*found, *seen()]


def read_filter(
    task_of: Callable[[int, Alignment], Task],
    lies: Alignment,
    free: FreeKnobs,
    may_be_louder: bool,
    generator: torch.Generator,
    deadline: float,
) -> Settled | None:
    """How a wet recording lies on its dry one after a filter, and settings of it; None where its bands do not tell.

    The powers of bands say what the filter is, however late, inverted or loud what it made is; and what its sound says
    of the rest is then clear, as a filter turns phases too.

    Args:
        task_of: the task of the pair, 0, as it lies in some way.
        lies: how it lies as it was given.
        free: which knobs move.
        may_be_louder: whether wet may be louder or quieter than the filter makes it.
        generator: of the random numbers.
        deadline: of ``time.monotonic()``.
    """
    task = task_of(0, lies)
    dry, wet = task.in_step, task.wet
    level = (dry.square().mean() / wet.square().mean()).sqrt() if may_be_louder else 1.0
    bands = BandResponse(dry[0], task.fx.sample_rate)
    read, interrupted = tones(task.fx, bands, level * wet, generator, 4, deadline, free, level_free=may_be_louder)
    best, least = Settled([lies], read, [], True) if interrupted else None, _READ
    for number, place in enumerate(read):
        moved = aligned(task.sounds(place[None], wet.shape[-1]), wet, task.fx.sample_rate)
        here = replace(moved, notices=[*lies.notices, *moved.notices], level_free=may_be_louder)
        here = mended(here, task_of(0, replace(here, level_free=False)), place[None], at_last=False)
        error = 10 ** (float(task_of(0, here).residuals(place[None])[0]) / 10)
        if error < least:
            others = [other for n, other in enumerate(read) if n != number]
            best, least = Settled([here], torch.stack([place, *others]), [error], interrupted), error
    return best


@dataclass(frozen=True)
class Settled:
    """How each pair lies, the settings (n, P) that told, and the errors on the way."""

    alignments: list[Alignment]
    places: Tensor
    history: list[float]
    interrupted: bool


def settled(
    readings: Sequence[Sequence[Alignment]],
    task_of: Callable[[int, Alignment], Task],
    free: FreeKnobs,
    starts: Tensor,
    samples: int,
    seconds: float,
    seed: int,
    advance: Watch,
    may_be_louder: bool = False,
) -> Settled:
    """Search a little with every reading of one pair, and with the settings that led farthest read the others.

    The simplest reading is tried first: what an effect can do, inverting included, was done by it.

    Args:
        readings: of each pair, the simplest first; what has one only is not searched.
        task_of: the task of a pair, by its number and a reading.
        free: which knobs move.
        starts: settings (S, P).
        samples: length of the excerpt searched on.
        seconds: what the search with one reading may take.
        seed: of the random numbers.
        advance: called after each descent with the lowest error and its setting.
        may_be_louder: whether wet may be louder or quieter than the effect makes it, as where no knob of it does: where
            another gain would bring it clearly nearer, the chosen reading is tried with any gain too.
    """
    first = max(range(len(readings)), key=lambda n: (-len(readings[n]), readings[n][0].wet.shape[-1]))
    chosen, best, places = readings[first][0], math.inf, starts[:0]
    history: list[float] = []
    interrupted = False
    left = list(readings[first])
    while left and not interrupted and best >= _MET:
        reading = left.pop(0)
        task, generator = task_of(first, reading), torch.Generator().manual_seed(seed)
        heard = min(samples, task.wet.shape[-1])
        search = AutomaticSearch(task, free, heard, seconds, generator, advance, patience=_PATIENCE)
        met, interrupted = search.run(starts), search.interrupted
        history += search.history
        error = float(search.fits["wave"].errors(met[:1])[0])
        if error < _CLEARER * best or not len(places):
            chosen, best, places = reading, error, met
        if not left and may_be_louder and not reading.level_free:
            task = task_of(first, chosen)
            if level_is_off(task.sounds(places[:1], heard), task.wet[..., :heard]):
                left.append(replace(chosen, level_free=True))
    ways = [
        [chosen] if n == first else [replace(way, level_free=chosen.level_free) for way in own]
        for n, own in enumerate(readings)
    ]
    return Settled(
        [own[0] if len(own) == 1 else _nearest(own, n, task_of, places[:1]) for n, own in enumerate(ways)],
        places,
        history,
        interrupted,
    )


def _nearest(
    ways: Sequence[Alignment], number: int, task_of: Callable[[int, Alignment], Task], place: Tensor
) -> Alignment:
    """The reading under which settings (1, P) leave least, the simpler one where that is no clear matter."""
    chosen, best = ways[0], math.inf
    for reading in ways:
        task = task_of(number, reading)
        fit = LeastSquares(task, task.wet.shape[-1], Waveform(), torch.arange(0))
        error = float(fit.errors(place)[0])
        if error < _CLEARER * best or math.isinf(best):
            chosen, best = reading, error
    return chosen
