"""Options that a fit may choose (the slope of a filter, say, which is no knob), or leave out while it searches."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from ..options import Choice
from ..processor import Processor
from ..routing import Chain

_SURE_DB = -60.0
"""Residual under which an option is doubted only for one with fewer knobs."""
_EXACT_DB = -100.0
"""Residual under which no other option is as good; above it one with fewer knobs is, where it is sure."""
_BETTER_DB = 3.0
"""By how much another option must lower the residual to be taken; one with fewer knobs may raise it by as much."""
_SHORTEST_S = 1.0
"""A search with less time than this is not begun."""


def with_other_options(result: Any, refitted: Callable[[Processor, dict[str, float], float], Any], until: float) -> Any:
    """A result, or that of the effect with other options: the best one changed, and again while that explains more.

    What is sure is doubted only by what has fewer knobs: a first-order filter has passed for one of second order.

    Args:
        result: the ``FitResult`` of the options given.
        refitted: from an effect, settings to begin at and seconds to a result.
        until: when time is up, of ``time.monotonic``.
    """
    tried, said = [_built(result.fx)], []
    while not result.interrupted:
        others = [(what, other) for what, other in alternatives(result.fx) if _built(other) not in tried]
        found = []
        for number, (what, other) in enumerate(others):
            is_sure, is_simpler = result.residual_db < _SURE_DB, len(other.params) < len(result.fx.params)
            left = (until - time.monotonic()) / (len(others) - number)
            if (is_sure and not is_simpler) or left < _SHORTEST_S:
                continue
            tried.append(_built(other))
            init = {name: value for name, value in result.settings.items() if name in other.params}
            again = refitted(other, init, min(left, max(_SHORTEST_S, result.seconds)) if is_sure else left)
            as_good = result.residual_db + (_BETTER_DB if is_simpler else -_BETTER_DB)
            if is_simpler and result.residual_db > _EXACT_DB:
                as_good = max(as_good, _SURE_DB)
            if again.residual_db < as_good:
                found.append((again.residual_db, what, again))
        if not found:
            return result
        _, what, best = min(found, key=lambda one: one[0])
        gained = best.residual_db < result.residual_db - _BETTER_DB
        said.append(f"{what} explains {'more than' if gained else 'as much, with fewer knobs, as'} what was given")
        result = replace(best, notices=[*said, *best.notices])
    return result


def _built(fx: Processor) -> list[Any]:
    """The kind and the options of an effect, and of those in it."""
    parts = [part for part in fx.modules() if isinstance(part, Processor)]
    return [(type(part), [repr(getattr(part, name)) for name in part.options]) for part in parts]


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
