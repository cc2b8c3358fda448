"""Filters of a chain, read anew off what the sound of the whole chain still lacks."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..processor import Processor
from ..routing import Chain
from .knobs import FreeKnobs
from .task import Task
from .tone import aligned_dry, is_filter, tones

_PASSES = 3
_FEWEST = 3
"""Knobs that must be free for a filter to be read anew: fewer are found as any knobs are."""


@dataclass
class Filter:
    """A filter, which of the knobs are its, and the effects before it."""

    fx: Processor
    columns: slice
    before: Chain | None


def filters(fx: Processor) -> list[Filter]:
    """The effect, where it is a filter, or those steps of a chain that are."""
    if is_filter(fx):
        return [Filter(fx, slice(0, len(fx.params)), None)]
    found, first, before = [], 0, {}
    for name, step in fx.steps.items() if isinstance(fx, Chain) else ():
        if is_filter(step):
            found.append(Filter(step, slice(first, first + len(step.params)), Chain(**before) if before else None))
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
    task: Task, one: Filter, free: FreeKnobs, place: Tensor, generator: torch.Generator, deadline: float
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
    """
    names = task.fx.param_names[one.columns]
    moving = [own for own, name in zip(one.fx.param_names, names, strict=True) if name in free.names]
    if len(moving) < _FEWEST:
        return place[None][:0]
    own = FreeKnobs(one.fx, free=moving, rest=place[None, one.columns])
    dry = aligned_dry(task)
    if one.before is not None:
        first = Task(one.before, dry, task.wet)
        dry = first.sounds(place[None, : one.columns.start], task.wet.shape[-1])
    sound = task.sounds(place[None], task.wet.shape[-1])
    now = place[one.columns], sound
    read, interrupted = tones(one.fx, dry, task.wet, generator, 3, deadline, own, now, _PASSES)
    if interrupted:
        raise KeyboardInterrupt
    settings = place.repeat(len(read), 1)
    settings[:, one.columns] = read.to(settings)
    return settings
