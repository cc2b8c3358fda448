"""Options that a fit may choose (the slope of a filter, say, which is no knob), or leave out while it searches."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from ..options import Choice
from ..processor import Processor
from ..routing import Chain


def alternatives(fx: Processor) -> Iterator[tuple[str, Processor]]:
    """The effect with one of its options at another value: those that a table calls ``searched``.

    Args:
        fx: an effect, or a chain, whose effects are changed one at a time.

    Yields:
        What was changed, as "eq.slope_db_per_octave = 6", and the effect, with the knobs that both have where they are.
    """
    if isinstance(fx, Chain):
        steps = fx.steps
        for name, step in steps.items():
            for what, other in alternatives(step):
                yield (
                    f"{name}.{what}",
                    Chain(**{n: other if n == name else copy.deepcopy(s) for n, s in steps.items()}),
                )
        return
    for name, option in fx.options.items():
        if isinstance(option, Choice) and option.searched:
            for value in option.values:
                if value != getattr(fx, name):
                    yield f"{name} = {value}", _rebuilt(fx, {**fx.construction, name: value})


def draft(fx: Processor) -> Processor | None:
    """The effect without oversampling, several times as quick and nearly as it sounds; None where it has none.

    Args:
        fx: an effect, or a chain.
    """
    if isinstance(fx, Chain):
        steps = fx.steps
        drafts = {name: draft(step) for name, step in steps.items()}
        if all(step is None for step in drafts.values()):
            return None
        return Chain(**{n: copy.deepcopy(steps[n]) if step is None else step for n, step in drafts.items()})
    options = getattr(fx, "options", {})
    if not isinstance(options.get("oversampling"), Choice) or getattr(fx, "oversampling", 1) in (None, 1):
        return None
    return _rebuilt(fx, {**fx.construction, "oversampling": 1})


def _rebuilt(fx: Processor, construction: dict[str, Any]) -> Processor:
    names = type(fx)(fx.sample_rate, **construction).params
    kept = {name: row for name, row in fx.params.items() if name in names}
    return type(fx)(fx.sample_rate, kept, **construction).train(fx.training)
