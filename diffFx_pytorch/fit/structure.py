"""Which effects, in which order, turn dry into wet: chains that grow effect by effect, the short answer preferred."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from ..processor import Processor
from ..routing import Chain
from ..routing.routing import free_name
from .alignment import aligned, check_recordings
from .features import Feature, LogSpectrum, Waveform
from .knobs import FreeKnobs, positions_of
from .least_squares import LeastSquares
from .loop import FitResult, fit
from .losses import check_pair
from .progress import progress_bar
from .proposals import Proposals
from .task import Task

_SECONDS = 300.0
_EXCERPT_S = 1.0
_DRAWN = 160
_WIDTH = 2
"""Chains of each length that are extended."""
_WALKED = 5
"""Extensions of each length that are searched with all their knobs."""
_SHARE = 0.8
"""Of the time, for the search of the structure; the rest is for its settings."""
_LAST_S = 1.0
_FLOOR = 1e-6, 1e-4
"""Shares of the change, of the waveform and of the spectrum, that count as none left (-60 and -40 dB)."""
_MOVED = 0.01
"""Turn of a knob from where it begins, as a share of its range, that counts."""


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

    Chains grow: to each of the best of one length every other candidate is added at every place where its order can be
    heard, screened and descended from. The best is then shortened and reordered while that costs less, and knobs go
    back to where they began where nobody hears it. Cost, a description length in dB, is

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
    deadline = time.monotonic() + (_SECONDS if time_budget_s is None else time_budget_s)
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
        search = _Growth(candidates, dry, wet, (effect_price_db, knob_price_db), seed, until, advance)
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
    return Structure(replace(found, interrupted=found.interrupted or search.interrupted), search.told())


@dataclass
class _Node:
    """A chain with settings: indices of candidates, positions of all knobs (P,), which are moved, errors, cost."""

    steps: tuple[int, ...]
    position: Tensor
    moved: Tensor
    left: tuple[float, float]
    cost: float


class _Growth:
    """The search: ``run`` gives the best chain."""

    def __init__(
        self,
        candidates: Sequence[Processor],
        dry: Tensor,
        wet: Tensor,
        prices: tuple[float, float],
        seed: int,
        deadline: float,
        advance: Callable[[float], None],
    ) -> None:
        self.candidates, self.prices, self.deadline, self.advance = candidates, prices, deadline, advance
        self.generator = torch.Generator().manual_seed(seed)
        samples = min(wet.shape[-1], round(_EXCERPT_S * candidates[0].sample_rate))
        self.dry, self.wet, self.samples = dry[..., :samples], wet[..., :samples], samples
        self.compared: tuple[Feature, Feature] = Waveform(), LogSpectrum(self.wet)
        x = torch.nn.functional.pad(self.dry, (0, samples - self.dry.shape[-1]))
        # Silence must not count as an explanation of a wet recording that is far from the dry one.
        wave, bins = (float((f(x) - f(self.wet)).double().square().sum()) for f in self.compared)
        self.untouched = min(wave, float(self.compared[0](self.wet).double().square().sum())) + 1e-12, bins + 1e-12
        self.interrupted = False
        self.nodes: dict[tuple[int, ...], _Node] = {}
        self.still = [
            torch.tensor([float(fx.params[n].to_norm(float(v))) for n, v in _begun(fx).items()], dtype=torch.float32)
            for fx in candidates
        ]
        self.lti = [{"linear", "time_invariant"} <= set(fx.traits) for fx in candidates]

    def chain(self, steps: Iterable[int]) -> Chain:
        """The candidates as a chain."""
        parts: dict[str, Processor] = {}
        for i in steps:
            parts[free_name(self.candidates[i], parts)] = self.candidates[i]
        return Chain(**parts)

    def told(self) -> list[Tried]:
        """What was tried, the best first."""
        nodes = sorted(self.nodes.values(), key=lambda node: node.cost)
        return [
            Tried(tuple(type(self.candidates[i]).__name__ for i in n.steps), 10 * math.log10(n.left[0] + 1e-20), n.cost)
            for n in nodes
        ]

    def run(self, most: int) -> _Node:
        """Grow, then shorten and reorder the best."""
        try:
            self._grow(most)
            self._tidy()
        except KeyboardInterrupt:
            if not self.nodes:
                raise
            self.interrupted = True
        return min(self.nodes.values(), key=lambda node: node.cost)

    def _grow(self, most: int) -> None:
        leaders: list[_Node | None] = [None]
        for _ in range(min(most, len(self.candidates))):
            begun = [n for leader in leaders for n in self._extended(leader)]
            begun.sort(key=lambda node: node.cost)
            walked = []
            for node in begun[:_WALKED]:
                if self._late() and walked:
                    break
                walked.append(self._walked(node))
            leaders = [*sorted(walked, key=lambda node: node.cost)[:_WIDTH]]
            best = min(self.nodes.values(), key=lambda node: node.cost)
            if self._late() or not leaders or all(len(best.steps) < len(n.steps) for n in leaders if n):
                return
            if best.left[0] < _FLOOR[0]:
                return

    def _extended(self, parent: _Node | None) -> list[_Node]:
        """Every other candidate added at every place, its own knobs searched alone."""
        steps = () if parent is None else parent.steps
        seen, found = set(), []
        for new in range(len(self.candidates)):
            if new in steps:
                continue
            for at in range(len(steps) + 1):
                longer = (*steps[:at], new, *steps[at:])
                if self._heard(longer) in seen:
                    continue
                seen.add(self._heard(longer))
                if self._late() and found:
                    return found
                found.append(self._added(parent, longer, at))
        return found

    def _added(self, parent: _Node | None, steps: tuple[int, ...], at: int) -> _Node:
        before = sum(len(self.still[i]) for i in steps[:at])
        new = torch.arange(before, before + len(self.still[steps[at]]))
        rest = torch.empty(0) if parent is None else parent.position
        start = torch.cat([rest[:before], self.still[steps[at]], rest[before:]])
        task = Task(self.chain(steps), self.dry, self.wet)
        names = [task.fx.param_names[i] for i in new.tolist()]
        drawn = Proposals(task, FreeKnobs(task.fx, free=names), self.generator).anywhere(_DRAWN)
        positions = start.repeat(_DRAWN + 1, 1)
        positions[1:, new] = drawn
        fits = self._fits(task, new)
        sounds = task.sounds(positions, self.samples)
        ends = []
        for name, best in {"wave": 2, "bins": 1}.items():
            for row in fits[name].differences(sounds).argsort()[:best].tolist():
                place, _ = fits[name].descend(positions[row], 6)
                ends += [place] if name == "wave" else [place, fits["wave"].descend(place, 4)[0]]
        return min((self._node(task, steps, end) for end in ends), key=lambda node: node.cost)

    def _walked(self, node: _Node) -> _Node:
        """All knobs together."""
        task = Task(self.chain(node.steps), self.dry, self.wet)
        fits = self._fits(task, torch.arange(len(node.position)))
        ends = [node]
        for name in ("wave", "bins"):
            place, _ = fits[name].descend(node.position, 8)
            ends.append(self._node(task, node.steps, place))
            if name == "bins":
                ends.append(self._node(task, node.steps, fits["wave"].descend(place, 8)[0]))
        return min(ends, key=lambda node: node.cost)

    def _tidy(self) -> None:
        """Leave effects out and exchange neighbours while that costs less; then let knobs go back."""
        best = min(self.nodes.values(), key=lambda node: node.cost)
        best = self._settled(self._walked(best))
        tried = {self._heard(best.steps)}
        better = True
        while better and not self._late():
            better = False
            shorter = [best.steps[:i] + best.steps[i + 1 :] for i in range(len(best.steps)) if len(best.steps) > 1]
            swapped = [
                (*best.steps[:i], best.steps[i + 1], best.steps[i], *best.steps[i + 2 :])
                for i in range(len(best.steps) - 1)
            ]
            for steps in (*shorter, *swapped):
                if self._heard(steps) in tried or self._late():
                    continue
                tried.add(self._heard(steps))
                other = self._settled(self._walked(self._rearranged(best, steps)))
                if other.cost < best.cost:
                    best, better = other, True
                    break

    def _rearranged(self, node: _Node, steps: tuple[int, ...]) -> _Node:
        parts = dict(zip(node.steps, node.position.split([len(self.still[i]) for i in node.steps]), strict=True))
        return self._node(Task(self.chain(steps), self.dry, self.wet), steps, torch.cat([parts[i] for i in steps]))

    def _settled(self, node: _Node) -> _Node:
        """The node with every knob at rest whose turn is not worth its price."""
        begun = torch.cat([self.still[i] for i in node.steps])
        task = Task(self.chain(node.steps), self.dry, self.wet)
        moved = node.moved.nonzero()[:, 0]
        if not len(moved):
            return node
        alone = node.position.repeat(len(moved), 1)
        alone[torch.arange(len(moved)), moved] = begun[moved]
        waveform = self._fits(task, moved)["wave"]
        order = moved[waveform.errors(alone).argsort()]
        together = node.position.repeat(len(order), 1)
        for row in range(len(order)):
            together[row, order[: row + 1]] = begun[order[: row + 1]]
        # Of what can be taken back without the others turning, and with: the others then make up for it.
        for count in range(len(order), 0, -1):
            if self._node(task, node.steps, together[count - 1]).cost < node.cost:
                node = self._node(task, node.steps, together[count - 1])
                break
        free = node.moved.nonzero()[:, 0]
        if len(free):
            place, _ = self._fits(task, free)["wave"].descend(node.position, 8)
            node = min(node, self._node(task, node.steps, place), key=lambda n: n.cost)
        return node

    def _node(self, task: Task, steps: tuple[int, ...], position: Tensor) -> _Node:
        """The chain at these settings, kept where it is the best of its kind."""
        y = task.sounds(position[None], self.samples)
        wave, bins = (
            float((f(y) - f(self.wet)).double().square().sum()) / whole
            for f, whole in zip(self.compared, self.untouched, strict=True)
        )
        wave, bins = (error if math.isfinite(error) else 1e9 for error in (wave, bins))
        moved = (position - torch.cat([self.still[i] for i in steps])).abs() > _MOVED
        left = 5 * math.log10(wave + _FLOOR[0]) + 5 * math.log10(bins + _FLOOR[1])
        cost = left + self.prices[0] * len(steps) + self.prices[1] * int(moved.sum())
        node = _Node(steps, position, moved, (wave, bins), cost)
        key = self._heard(steps)
        if key not in self.nodes or cost < self.nodes[key].cost:
            self.nodes[key] = node
            self.advance(min(n.left[0] for n in self.nodes.values()))
        return node

    def _fits(self, task: Task, free: Tensor) -> dict[str, LeastSquares]:
        named = zip(("wave", "bins"), self.compared, strict=True)
        return {name: LeastSquares(task, self.samples, f, free) for name, f in named}

    def _heard(self, steps: tuple[int, ...]) -> tuple[int, ...]:
        """The order as far as it can be heard: neighbours that are linear and do not change in time commute."""
        key: list[int] = []
        run: list[int] = []
        for i in (*steps, -1):
            if i >= 0 and self.lti[i]:
                run.append(i)
                continue
            key += [*sorted(run), *([i] if i >= 0 else [])]
            run = []
        return tuple(key)

    def _late(self) -> bool:
        return time.monotonic() >= self.deadline


def _fitting(candidates: Sequence[Processor], channels: int) -> tuple[list[Processor], list[str]]:
    """Those that make a sound of so many channels of one that has as many, and the names of the others."""
    kept, dropped = [], []
    for fx in candidates:
        try:
            suits = fx(torch.zeros(1, channels, 64)).shape[1] == channels
        except ValueError:
            suits = False
        (kept if suits else dropped).append(fx)
    if not kept:
        raise ValueError(f"none of the candidates makes a sound of {channels} channels of one that has as many")
    return kept, [type(fx).__name__ for fx in dropped]


def _begun(fx: Processor) -> dict[str, float]:
    """Where the knobs of an effect begin: at its settings."""
    position = positions_of(fx, {})
    return {n: float(v) for n, v in fx.to_dict(fx.map_parameters(position)).items()}  # type: ignore[arg-type]
