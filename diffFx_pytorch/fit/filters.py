"""Filters of a chain, read anew off what the sound of the whole chain still lacks."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..processor import Processor
from ..routing import Chain
from .bands import BandResponse, asked
from .knobs import FreeKnobs
from .task import Task
from .tone import Standing, is_filter, tones

_PASSES = 3
_FEWEST = 3
"""Knobs that must be free for a filter to be read anew: fewer are found as any knobs are."""


@dataclass
class Filter:
    """A filter, its name in the chain, which of the knobs are its, and the effects before it."""

    fx: Processor
    name: str
    columns: slice
    before: Chain | None
    _bands: BandResponse | None = field(default=None, repr=False)

    def bands(self, task: Task, place: Tensor) -> BandResponse:
        """Of the sound before it, at a setting (P,) of the chain; of the dry one they are computed once."""
        if self._bands is not None:
            return self._bands
        dry = task.in_step
        if self.before is None:
            self._bands = BandResponse(dry[0], self.fx.sample_rate)
            return self._bands
        sound = Task(self.before, dry, task.wet).sounds(place[None, : self.columns.start], task.wet.shape[-1])
        return BandResponse(sound[0], self.fx.sample_rate)

    def moving(self, task: Task, free: FreeKnobs) -> list[str]:
        """Those of its knobs that are free."""
        names = task.fx.param_names[self.columns]
        return [own for own, name in zip(self.fx.param_names, names, strict=True) if name in free.names]

    def many(self, task: Task, free: FreeKnobs) -> bool:
        """Whether so many of its knobs are free that it is worth being read."""
        return len(self.moving(task, free)) >= _FEWEST

    def powers(self, bands: BandResponse, place: Tensor) -> Tensor:
        """Of its response at a setting (P,) of the chain, by bands, (bands,)."""
        return self.asked(bands).sounds(place[None, self.columns].cpu(), 0)[0, 0]

    def asked(self, bands: BandResponse) -> Task:
        """The filter, on the CPU, whose response by bands is what is heard."""
        return asked(copy.deepcopy(self.fx).cpu(), bands)


def filters(fx: Processor) -> list[Filter]:
    """The effect, where it is a filter, or those steps of a chain that are."""
    if is_filter(fx):
        return [Filter(fx, "", slice(0, len(fx.params)), None)]
    found, first, before = [], 0, {}
    for name, step in fx.steps.items() if isinstance(fx, Chain) else ():
        if is_filter(step):
            columns = slice(first, first + len(step.params))
            found.append(Filter(step, name, columns, Chain(**before) if before else None))
        first, before = first + len(step.params), {**before, name: step}
    return found


def blocks(fx: Processor, free: list[str]) -> list[list[int]]:
    """Columns of the free knobs that belong to one step of a chain, for each that is no filter."""
    steps = fx.steps if isinstance(fx, Chain) else {}
    columns = [
        [i for i, name in enumerate(free) if name.startswith(f"{step}.")]
        for step, own in steps.items()
        if not is_filter(own)
    ]
    return [of_step for of_step in columns if of_step] if len(steps) > 1 else []


def reread(
    task: Task,
    one: Filter,
    free: FreeKnobs,
    place: Tensor,
    generator: torch.Generator,
    deadline: float,
    level_free: bool = False,
) -> Tensor:
    """Settings like one, but with a filter whose response makes up for what the sound lacks: (n, P).

    What is before the filter is deconvolved: the response from the sound there to the wet one, over that to the sound
    of the whole chain as it is, is what the filter's should be multiplied by. What comes after it, as long as it
    stands, cancels in this, also where it is not linear; echoes that are wrong blur it.

    Args:
        task: what is fitted.
        one: of ``filters(task.fx)``.
        free: which knobs move.
        place: the setting, (P,).
        generator: of the random numbers.
        deadline: of ``time.monotonic()``.
        level_free: whether the gain of the filter is left to the rest of the chain.
    """
    if not one.many(task, free):
        return place[None][:0]
    bands = one.bands(task, place)
    sound = task.sounds(place[None], task.wet.shape[-1])
    here = Standing(place[one.columns], one.powers(bands, place), sound, level_free)
    return put(one, place, read(one, task, free, place, bands, here, generator, deadline))


def read(
    one: Filter,
    task: Task,
    free: FreeKnobs,
    place: Tensor,
    bands: BandResponse,
    here: Standing,
    generator: torch.Generator,
    deadline: float,
) -> Tensor:
    """Settings of a filter of a chain, (n, its knobs), the best first.

    Args:
        one: of ``filters(task.fx)``.
        task: what is fitted.
        free: which knobs move.
        place: of the others, (P,).
        bands: of the sound before the filter.
        here: what stands in its place.
        generator: of the random numbers.
        deadline: of ``time.monotonic()``.
    """
    own = FreeKnobs(one.fx, free=one.moving(task, free), rest=place[None, one.columns])
    found, interrupted = tones(one.fx, bands, task.wet, generator, 3, deadline, own, here, _PASSES)
    if interrupted:
        raise KeyboardInterrupt
    return found


def put(one: Filter, place: Tensor, found: Tensor) -> Tensor:
    """A setting (P,) with each of those found of a filter, (n, P)."""
    settings = place.repeat(len(found), 1)
    settings[:, one.columns] = found.to(settings)
    return settings
