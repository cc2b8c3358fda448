"""The search among chains: the best so far is lengthened, shortened and reordered while that explains more."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..processor import Processor
from ..routing import Chain
from ..routing.routing import free_name
from .bands import BandResponse
from .features import Feature, LogSpectrum, Waveform
from .knobs import FreeKnobs, positions_of
from .least_squares import LeastSquares
from .search import AutomaticSearch
from .task import Task
from .tone import is_filter, tones

_EXCERPT_S = 1.0
_LATER = 8192
"""Samples after the excerpt that effects of a chain that look ahead may ask of those before them."""
_FLOOR = 1e-6, 1e-4
"""Shares of the change, of the waveform and of the spectrum, that count as none left (-60 and -40 dB)."""
_EXACT = 1e-9
"""An error under which a search of one chain ends."""
_MOVED = 0.01
"""Turn of a knob from where it begins, as a share of its range, that counts."""
_END, _FRONT = (192, 7), (64, 4)
"""Settings screened and descents made for a new effect at the end of a chain, and before it."""
_AGAIN = 96, 5
"""The same where all knobs of a chain are searched."""
_GAIN_DB = 0.2
_PLACED = 4
"""New effects that are tried at every place of the chain."""
_POLISHED = 2
"""Chains of each round whose knobs are all searched."""
_SEARCHES = 60
"""Searches among which the time is shared at first."""


@dataclass
class Node:
    """A chain with settings: indices of candidates, positions of all knobs (P,), which are moved, errors, cost."""

    steps: tuple[int, ...]
    position: Tensor
    moved: Tensor
    left: tuple[float, float]
    cost: float


class Growth:
    """The search: ``run`` gives the best chain.

    The chain that costs least and was not yet extended is: each other candidate is fitted between the chain's sound
    and the wet one, by the features of its own knobs, and before the chain; the most promising stand at every place
    at which they sound different; each effect is left out, neighbours change places. Whatever was found keeps its
    cost, so that a chain that led nowhere gives way to the next best.

    Args:
        candidates: effects, each used at most once.
        dry: (1, C, T).
        wet: (1, C, T').
        prices: in dB, of an effect and of a knob that is moved.
        seed: of the random numbers.
        deadline: of ``time.monotonic()``.
        advance: called with the share of the change that is left of the best so far.
    """

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
        kept = samples + _LATER
        self.dry, self.wet, self.samples = dry[..., :kept], wet[..., :kept], samples
        target = wet[..., :samples]
        self.compared: tuple[Feature, Feature] = Waveform(), LogSpectrum(target)
        self.seen = [f(target) for f in self.compared]
        x = torch.nn.functional.pad(dry, (0, samples - dry.shape[-1]))
        # Silence must not count as an explanation of a wet recording that is far from the dry one.
        wave, bins = (float((f(x) - t).double().square().sum()) for f, t in zip(self.compared, self.seen, strict=True))
        self.untouched = min(wave, float(self.seen[0].double().square().sum())) + 1e-12, bins + 1e-12
        self.interrupted = False
        self.nodes: dict[tuple[int, ...], Node] = {}
        self.tones: dict[tuple[int, tuple[int, ...] | None], Tensor] = {}
        self.extended: set[tuple[int, ...]] = set()
        self.walked: set[tuple[int, ...]] = set()
        self.still = [positions_of(fx, {})[0].float() for fx in candidates]
        self.lti = [{"linear", "time_invariant"} <= set(fx.traits) for fx in candidates]
        self.seconds = max(0.0, deadline - time.monotonic()) / _SEARCHES

    def chain(self, steps: Iterable[int]) -> Chain:
        """The candidates as a chain."""
        parts: dict[str, Processor] = {}
        for i in steps:
            parts[free_name(self.candidates[i], parts)] = self.candidates[i]
        return Chain(**parts)

    def run(self, most: int) -> Node:
        """The best chain of at most so many effects; Ctrl-C keeps the best so far."""
        try:
            self._extend(None, most)
            while not self._late() and self.best().left[0] > _FLOOR[0]:
                waiting = [node for key, node in self.nodes.items() if key not in self.extended]
                if not waiting:
                    break
                self._extend(min(waiting, key=_cost), most)
            self._tidy()
        except KeyboardInterrupt:
            if not self.nodes:
                raise
            self.interrupted = True
        return self.best()

    def best(self) -> Node:
        """The chain that costs least so far."""
        return min(self.nodes.values(), key=_cost)

    def heard(self, steps: Iterable[int]) -> tuple[int, ...]:
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

    def _extend(self, parent: Node | None, most: int) -> None:
        begun: list[Node] = []
        if parent is not None:
            self.extended.add(self.heard(parent.steps))
            self._rearrange(parent)
        if parent is None or len(parent.steps) < min(most, len(self.candidates)):
            begun = [node for node in self._added(parent) if node is not None]
            for node in sorted(begun, key=_cost)[:_PLACED]:
                for steps in self._places(node, parent):
                    if self._late():
                        return
                    self._walk(self._rearranged(node, steps), 4)
        fresh = [n for n in self.nodes.values() if self.heard(n.steps) not in self.walked]
        for node in sorted(fresh, key=_cost)[:_POLISHED]:
            if self._late() or self.best().left[0] < _FLOOR[0]:
                return
            self.walked.add(self.heard(node.steps))
            self._polish(node)

    def _added(self, parent: Node | None) -> Iterator[Node | None]:
        """Every other candidate at the end of the chain, and where that sounds different before it; or at its place."""
        steps = () if parent is None else parent.steps
        for new in range(len(self.candidates)):
            if new in steps:
                continue
            if self.nodes and (self._late() or self.best().left[0] < _FLOOR[0]):
                return
            yield self._inserted(parent, new, len(steps), _END)
            if self.heard((*steps, new)) != self.heard((new, *steps)):
                yield self._inserted(parent, new, 0, _FRONT)

    def _inserted(self, parent: Node | None, new: int, at: int, effort: tuple[int, int]) -> Node | None:
        """The chain with another effect in it, whose knobs were searched."""
        steps, position = ((), torch.empty(0)) if parent is None else (parent.steps, parent.position)
        longer, before = (*steps[:at], new, *steps[at:]), sum(len(self.still[i]) for i in steps[:at])
        first, last = position[:before], position[before:]
        fx, sound = self.candidates[new], self.dry
        if parent is not None:
            sound = self._task(steps).sounds(position[None], self.wet.shape[-1])
        if at == len(steps):
            task = Task(fx, sound, self.wet[..., : self.samples])
            free, start = FreeKnobs(fx), self.still[new]
        else:
            task, start = self._task(longer), torch.cat([first, self.still[new], last])
            names = task.fx.param_names[before : before + len(self.still[new])]
            free = FreeKnobs(task.fx, free=names, rest=start[None])
        starts = start[None]
        if is_filter(fx):  # what is before and after it changes the response it is to have by little, or not at all
            starts = torch.cat([free(self._toned(parent, new, sound)), starts])
        ends = self._ends(task, free, starts, *effort)
        return self._cheapest(longer, [torch.cat([first, end, last]) if at == len(steps) else end for end in ends])

    def _toned(self, parent: Node | None, new: int, sound: Tensor) -> Tensor:
        """Settings of a filter that are likely between the sound of a chain and the wet one, (n, P)."""
        key = new, None if parent is None else parent.steps
        if key not in self.tones:
            fx, wet = self.candidates[new], self.wet[..., : self.samples]
            bands = BandResponse(sound[0, :, : self.samples], fx.sample_rate)
            self.tones[key], interrupted = tones(fx, bands, wet, self.generator, deadline=self.deadline)
            if interrupted:
                raise KeyboardInterrupt
        return self.tones[key]

    def _ends(self, task: Task, free: FreeKnobs, starts: Tensor, screens: int, descents: int) -> list[Tensor]:
        """Where a short search ends, the best first."""
        seconds = min(self.seconds, self.deadline - time.monotonic())
        search = AutomaticSearch(task, free, self.samples, seconds, self.generator, screens=screens)
        for number, error in enumerate(search.descents(starts)):
            if number >= descents or error < _EXACT:
                break
        return [place for leaders in search.leaders.values() for _, place in leaders[:2]] or [*starts]

    def _cheapest(self, steps: tuple[int, ...], positions: Sequence[Tensor]) -> Node | None:
        return min((self._node(steps, place) for place in positions), key=_cost, default=None)

    def _places(self, node: Node, parent: Node | None) -> list[tuple[int, ...]]:
        """The chain with its new effect at every place at which that sounds different."""
        if parent is None:
            return []
        (new,) = set(node.steps) - set(parent.steps)
        places = {}
        for at in range(len(parent.steps) + 1):
            steps = (*parent.steps[:at], new, *parent.steps[at:])
            places.setdefault(self.heard(steps), steps)
        return list(places.values())

    def _rearrange(self, node: Node) -> None:
        """Leave each effect out, and let neighbours change places."""
        steps = node.steps
        shorter = [steps[:i] + steps[i + 1 :] for i in range(len(steps)) if len(steps) > 2]
        swapped = [(*steps[:i], steps[i + 1], steps[i], *steps[i + 2 :]) for i in range(len(steps) - 1)]
        for other in (*shorter, *swapped):
            if self.heard(other) not in self.nodes and not self._late():
                self._walk(self._rearranged(node, other), 8)

    def _walk(self, node: Node, steps: int) -> Node:
        """All knobs together, from where they are."""
        task, ends = self._task(node.steps), [node]
        fits = self._fits(task, torch.arange(len(node.position)))
        for path in (("wave",), ("bins", "wave")):
            place = node.position
            for name in path:
                place, _ = fits[name].descend(place, steps, self.deadline)
                ends.append(self._node(node.steps, place))
        return min(ends, key=_cost)

    def _polish(self, node: Node) -> Node:
        """All knobs together, from where they are and from around there, on features that see far."""
        node = self._walk(node, 12)
        if node.left[0] < _FLOOR[0]:
            return node
        task = self._task(node.steps)
        ends = self._ends(task, FreeKnobs(task.fx, rest=node.position[None]), node.position[None], *_AGAIN)
        return min((node, *(self._node(node.steps, end) for end in ends)), key=_cost)

    def _tidy(self) -> None:
        """Let knobs go back to where they began, leave effects out and exchange neighbours, while that costs less."""
        best = self._settled(self.best())
        tried = {self.heard(best.steps)}
        better = True
        while better:
            better = False
            steps = best.steps
            shorter = [steps[:i] + steps[i + 1 :] for i in range(len(steps)) if len(steps) > 1]
            swapped = [(*steps[:i], steps[i + 1], steps[i], *steps[i + 2 :]) for i in range(len(steps) - 1)]
            for other in (*shorter, *swapped):
                if self.heard(other) in tried or self._late():
                    continue
                tried.add(self.heard(other))
                found = self._settled(self._walk(self._rearranged(best, other), 8))
                if found.cost < best.cost:
                    best, better = found, True
                    break

    def _rearranged(self, node: Node, steps: tuple[int, ...]) -> Node:
        """The effects in another order, or some of them, at their settings, or at better ones that are known."""
        parts = dict(zip(node.steps, node.position.split([len(self.still[i]) for i in node.steps]), strict=True))
        found, known = self._node(steps, torch.cat([parts[i] for i in steps])), self.nodes[self.heard(steps)]
        return known if known.cost < found.cost else found

    def _settled(self, node: Node) -> Node:
        """The node with every knob at rest whose turn is not worth its price."""
        begun = torch.cat([self.still[i] for i in node.steps])
        moved = node.moved.nonzero()[:, 0]
        if not len(moved):
            return node
        alone = node.position.repeat(len(moved), 1)
        alone[torch.arange(len(moved)), moved] = begun[moved]
        task = self._task(node.steps)
        order = moved[self._fits(task, moved)["wave"].errors(alone).argsort()]
        together = node.position.repeat(len(order), 1)
        for row in range(len(order)):
            together[row, order[: row + 1]] = begun[order[: row + 1]]
        # Of what can be taken back without the others turning, and with: the others then make up for it.
        for count in range(len(order), 0, -1):
            settled = self._node(node.steps, together[count - 1])
            if settled.cost < node.cost:
                node = settled
                break
        free = node.moved.nonzero()[:, 0]
        if len(free):
            place, _ = self._fits(task, free)["wave"].descend(node.position, 8)
            node = min(node, self._node(node.steps, place), key=_cost)
        return node

    def _node(self, steps: tuple[int, ...], position: Tensor) -> Node:
        """The chain at these settings, kept where it is the best of its kind."""
        y = self._task(steps).sounds(position[None], self.samples)
        wave, bins = (
            float((f(y) - target).double().square().sum()) / whole
            for f, target, whole in zip(self.compared, self.seen, self.untouched, strict=True)
        )
        wave, bins = (error if math.isfinite(error) else 1e9 for error in (wave, bins))
        moved = (position - torch.cat([self.still[i] for i in steps])).abs() > _MOVED
        left = 5 * math.log10(wave + _FLOOR[0]) + 5 * math.log10(bins + _FLOOR[1])
        cost = left + self.prices[0] * len(steps) + self.prices[1] * int(moved.sum())
        node = Node(steps, position, moved, (wave, bins), cost)
        key = self.heard(steps)
        if key not in self.nodes or cost < self.nodes[key].cost:
            self.nodes[key] = node
            self.advance(min(n.left[0] for n in self.nodes.values()))
        return node

    def _task(self, steps: tuple[int, ...]) -> Task:
        return Task(self.chain(steps), self.dry, self.wet)

    def _fits(self, task: Task, free: Tensor) -> dict[str, LeastSquares]:
        named = zip(("wave", "bins"), self.compared, strict=True)
        return {name: LeastSquares(task, self.samples, f, free) for name, f in named}

    def _late(self) -> bool:
        return time.monotonic() >= self.deadline


def _cost(node: Node) -> float:
    return node.cost
