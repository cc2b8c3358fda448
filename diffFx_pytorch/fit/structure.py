"""Which effects, in which order, turn dry into wet: chains that grow effect by effect, the short answer preferred."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from ..processor import Processor
from .alignment import aligned, check_recordings
from .growth import Growth
from .knobs import unsearched
from .loop import FitResult, fit
from .losses import check_pair
from .progress import progress_bar

_SECONDS = 300.0
_SHARE = 0.8
"""Of the time, for the search of the structure; the rest is for its settings."""
_LAST_S = 1.0


@dataclass(frozen=True)
class Tried:
    """A chain that was tried.

    Args:
        effects: names of its effects, in order.
        left_db: what is left of the change that it explains, in dB: 0 is nothing explained.
        cost_db: that with its prices: the lowest wins.
    """

    effects: tuple[str, ...]
    left_db: float
    cost_db: float


@dataclass(frozen=True)
class Structure:
    """The chain that was found.

    Args:
        fit: its settings, as of ``fit``; ``fit.fx`` is a ``Chain``.
        tried: the chains that were tried, the best first.
    """

    fit: FitResult
    tried: list[Tried] = field(repr=False)

    @property
    def effects(self) -> tuple[str, ...]:
        """Names of the effects, in order."""
        return tuple(type(fx).__name__ for fx in self.fit.fx.steps.values())  # type: ignore[union-attr]  # a Chain


def fit_structure(
    candidates: Sequence[Processor],
    dry: Tensor,
    wet: Tensor,
    *,
    most: int = 4,
    effect_price_db: float = 1.0,
    knob_price_db: float = 0.1,
    seed: int = 0,
    time_budget_s: float | None = None,
    progress: bool | None = None,
) -> Structure:
    """Find which of the candidates, in which order and at which settings, turn ``dry`` into ``wet``.

    Chains grow: between the sound of the best one so far and the wet one every other candidate is fitted by the
    features of its knobs, as ``fit`` would, then moved to every place where its order can be heard, and all knobs are
    searched; effects are left out and exchanged. Knobs go back to where they began where nobody hears it. Cost, a
    description length in dB, is

        (10 log10(w + 1e-6) + 10 log10(s + 1e-4)) / 2 + a (effects) + b (knobs that are moved)

    with w and s what is left of the difference between dry and wet, of the waveform and of the log spectrum: an effect
    that explains less than its price is left out.

    Args:
        candidates: effects, each used at most once, with what their settings are as a start; ``candidates`` of this
            package builds them from names.
        dry: (1, C, T).
        wet: (1, C', T').
        most: effects of the longest chain.
        effect_price_db: a.
        knob_price_db: b.
        seed: of the random numbers.
        time_budget_s: seconds after which no other chain is tried; None is five minutes.
        progress: whether to show a progress bar; None shows it on a terminal.

    Returns:
        The chain found, fitted as by ``fit``. Ctrl-C keeps the best so far.

    Raises:
        ValueError: for recordings that ``fit`` refuses, equal ones, and no candidates.
    """
    if not candidates:
        raise ValueError("fit_structure: there are no candidates to choose from")
    began = time.monotonic()
    deadline = began + (_SECONDS if time_budget_s is None else time_budget_s)
    rate = candidates[0].sample_rate
    notices = check_recordings(dry, wet, rate)
    if dry.shape[1:] == wet.shape[1:] and torch.equal(dry, wet):
        raise ValueError("the two recordings are equal: nothing was done to the dry one, there is nothing to find")
    dry = dry.expand(-1, wet.shape[1], -1) if dry.shape[1] == 1 else dry
    candidates, dropped = _fitting(candidates, wet.shape[1])
    if dropped:
        notices.append(f"left out, for they make no sound of {wet.shape[1]} channels: {', '.join(dropped)}")
    delays = any(p.search == "echo" for fx in candidates for p in fx.params.values())
    padded = torch.nn.functional.pad(dry, (0, wet.shape[-1] - dry.shape[-1]))
    check_pair(padded, wet)
    moved = aligned(padded, wet, rate, may_be_late=not delays)
    notices += moved.notices
    dry, wet = dry[..., moved.skipped :], moved.wet
    with progress_bar(None, progress, decibels=True) as advance:
        until = time.monotonic() + _SHARE * (deadline - time.monotonic())
        search = Growth(candidates, dry, wet, (effect_price_db, knob_price_db), seed, until, advance)
        best = search.run(most)
    chain, free = search.chain(best.steps), best.moved
    held = [name for name, moves in zip(chain.param_names, free.tolist(), strict=True) if not moves]
    left = _LAST_S if search.interrupted else max(_LAST_S, deadline - time.monotonic())
    found = fit(
        chain,
        dry,
        wet,
        init=best.position[None],
        frozen=held if len(held) < len(chain.params) else (),
        seed=seed,
        time_budget_s=left,
        align=False,
        progress=progress,
    )
    found.notices[:0] = notices
    interrupted = found.interrupted or search.interrupted
    return Structure(replace(found, interrupted=interrupted, seconds=time.monotonic() - began), _told(search))


def _told(search: Growth) -> list[Tried]:
    """What was tried, the best first."""
    nodes = sorted(search.nodes.values(), key=lambda node: node.cost)
    return [
        Tried(
            tuple(type(search.candidates[i]).__name__ for i in node.steps),
            10 * math.log10(node.left[0] + 1e-20),
            node.cost,
        )
        for node in nodes
    ]


def _fitting(candidates: Sequence[Processor], channels: int) -> tuple[list[Processor], list[str]]:
    """Those that make a sound of so many channels of one that has as many, and the names of the others.

    What has knobs, but none that is searched, does nothing that could be found.
    """
    kept, dropped = [], []
    for fx in candidates:
        if fx.params and set(fx.params) == unsearched(fx):
            raise ValueError(f"{type(fx).__name__} has no knob that is searched; it is no candidate")
        try:
            suits = fx(torch.zeros(1, channels, 64)).shape[1] == channels
        except ValueError:
            suits = False
        (kept if suits else dropped).append(fx)
    if not kept:
        raise ValueError(f"none of the candidates makes a sound of {channels} channels of one that has as many")
    return kept, [type(fx).__name__ for fx in dropped]
