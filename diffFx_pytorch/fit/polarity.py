"""Which of several ways a wet recording lies on its dry one, where only a fit can tell."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .alignment import Alignment, aligned, readings
from .drift import drift, without_drift
from .features import Waveform
from .knobs import FreeKnobs
from .least_squares import LeastSquares
from .losses import check_pair
from .progress import Watch
from .search import AutomaticSearch
from .task import Task

_CLEARER = 0.5
"""Error, relative to the least of a simpler reading, under which a less simple one is taken."""
_PATIENCE = 8
"""Descents without a gain after which the search with one reading ends."""
_MET = 1e-4
"""Error under which no other reading is tried (-40 dB)."""


def ways_to_lie(task: Task, standing: Tensor, one: bool) -> tuple[list[str], list[Alignment]]:
    """What was done to a wet recording that drifts, a sentence each, and how it may lie on the dry one.

    Args:
        task: of the two as they were given.
        standing: the setting (1, P) at which the effect's sound is compared.
        one: whether only what the pair looks like is wanted.
    """
    y, rate, said = task.wet, task.fx.sample_rate, []
    delays = any(param.search == "echo" for param in task.fx.params.values())
    sound = task.sounds(standing, y.shape[-1])
    check_pair(sound, y)
    if share := drift(sound, y):
        share += drift(sound, without_drift(y, share), least=0.0)  # what a fast drift blurred
        y = without_drift(y, share)
        fast = "fast" if share > 0 else "slow"
        said.append(f"the clock of the wet recording ran {1e6 * abs(share):.0f} ppm {fast}; it was resampled")
    if one:
        return said, [aligned(sound, y, rate, may_be_late=not delays)]
    return said, readings(task.dry[..., task.latency :], sound, y, rate, may_be_late=not delays)


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
    """
    first = max(range(len(readings)), key=lambda n: (-len(readings[n]), readings[n][0].wet.shape[-1]))
    chosen, best, places = readings[first][0], math.inf, starts[:0]
    history: list[float] = []
    interrupted = False
    for reading in readings[first] if any(len(ways) > 1 for ways in readings) else ():
        task = task_of(first, reading)
        generator = torch.Generator().manual_seed(seed)
        search = AutomaticSearch(
            task, free, min(samples, task.wet.shape[-1]), seconds, generator, advance, patience=_PATIENCE
        )
        met, interrupted = search.run(starts), search.interrupted
        history += search.history
        error = float(search.fits["wave"].errors(met[:1])[0])
        if error < _CLEARER * best or not len(places):
            chosen, best, places = reading, error, met
        if best < _MET or interrupted:
            break
    ways = [[chosen] if n == first else list(own) for n, own in enumerate(readings)]
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
