"""A search that needs no recipe: random settings are screened, the best are descended from, what is stuck is varied."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional as F

from .choices import draft
from .features import Decay, Feature, LogSpectrum, LowResponse, Responses, Waveform
from .filters import blocks, filters, reread
from .knobs import FreeKnobs
from .least_squares import LeastSquares
from .progress import Watch
from .proposals import Proposals
from .task import Task

_SCREENED = 640
"""Random settings before the first descent; fewer where they would take more than the share of the time below."""
_SCREENING = 0.3
_BATCH = 32
_FOUND = 1e-10
"""An error that counts as none (-100 dB)."""
_GOOD = 1e-6
_NEAR = 1e-4
"""An error below which what is near is tried before what was screened (-40 dB)."""
_GAIN = 0.8
"""An error less than this share of the best counts as a gain."""
_PATIENCE = 10
"""Descents a knob without a gain after which the search ends, and in all where the error is below -60 dB already."""
_LOW_HZ = {"low": 200.0, "middle": 800.0, "high": 3200.0}
"""Features that hear the waveform below a frequency."""
_EARLY = {"size": (400.0, 0.02), "early": (800.0, 0.04), "walls": (1600.0, 0.08), "room": (3200.0, 0.16)}
"""Features that hear the first moments of a reverberation below a frequency."""
_PATH = {
    "tone": (("quick", 8), ("wave", 12)),
    "wave": (("quick", 8), ("wave", 12)),
    "bands": (("bands", 6), ("bins", 6), ("quick", 8), ("wave", 12)),
    "bins": (("bins", 8), ("quick", 8), ("wave", 12)),
    "low": (("low", 6), ("middle", 5), ("high", 5), ("quick", 8), ("wave", 12)),
    "middle": (("middle", 6), ("high", 5), ("quick", 8), ("wave", 12)),
    "high": (("high", 6), ("quick", 8), ("wave", 12)),
    "decay": (("decay", 6), ("size", 4), ("early", 4), ("walls", 4), ("room", 4), ("wave", 12)),
    "size": (("size", 6), ("early", 4), ("walls", 4), ("room", 4), ("wave", 12)),
    "walls": (("walls", 6), ("room", 5), ("wave", 12)),
}
"""From the feature that chose a start: features and steps, from the one that sees far to the exact one."""
_LINEAR = ("wave", *_LOW_HZ, *_EARLY)
"""Features in which sounds add up: a candidate may be mixed with the dry sound, however loud, to be chosen."""
_SCREENED_BY = ("wave", "bands", "low", "high", "decay", "size", "walls")
_SWEPT = 1e-2
"""An error under which a start is descended from before a sweep that was read off the pair is tried (-20 dB)."""
_FEW = 4
"""Settings of a chain drawn at random that are descended from before the best is varied."""
_BLOCK, _TRIED = 96, 3
"""Settings drawn of one effect of a chain, and how many of these are descended from, the other effects held."""
_MOVED = 0.01
"""A turn of a knob that makes a setting another, from which it is worth descending."""
_READINGS = 3
"""How often filters are read anew, one time after another."""
_LAST = 12
DRAFTED = 1e-3
"""An error above which a chain is searched without oversampling: what that changes is about as much (-30 dB)."""
_PROMISING = 3.0
"""An error without oversampling, relative to the least, from which it is worth descending with it."""
_LEADERS = 4
_GRID = 48


@dataclass
class AutomaticSearch:
    """A search for the settings with which an effect turns dry into wet.

    Random settings are run without gradient and ranked by the waveform, by the spectrum and by the spectrum in bands.
    From the best of each ranking in turn damped Gauss-Newton steps go down, on that feature and those that are finer.
    When these are used up, the best settings found so far are varied: one knob, or those that belong together, moved
    elsewhere, equal bands exchanged, one knob tried along its range; the variations are screened likewise. The search
    ends when nothing is left of the error, when many descents gained nothing, or with its time. Where time does not
    end it, the same seed finds the same.

    Args:
        task: what is fitted.
        free: which knobs move, and where the others stay.
        samples: length of the excerpt searched on.
        seconds: what it may take.
        generator: of the random numbers.
        advance: called with the lowest error so far and its setting.
        screens: random settings before the first descent.
        patience: descents without a gain after which it ends; None is many.
    """

    task: Task
    free: FreeKnobs
    samples: int
    seconds: float
    generator: torch.Generator
    advance: Watch = lambda error, place: None
    screens: int = _SCREENED
    patience: int | None = None
    history: list[float] = field(default_factory=list)
    screened: int = 0
    interrupted: bool = False

    def __post_init__(self) -> None:
        target = self.task.wet[..., : self.samples]
        rate, params = self.task.fx.sample_rate, self.task.fx.params
        responses = Responses(self.task.in_step, self.samples, target.shape[1])
        features: dict[str, Feature] = {
            "wave": Waveform(),
            "bins": LogSpectrum(target),
            "bands": LogSpectrum(target, bands=32),
            **{name: LowResponse(responses, rate, top) for name, top in _LOW_HZ.items()},
        }
        if any(params[name].search == "decay" for name in self.free.names):
            features["decay"] = Decay(responses, target)
            features |= {n: LowResponse(responses, rate, top, seconds) for n, (top, seconds) in _EARLY.items()}
        smooth = [params[name].search not in ("stairs", "period") for name in self.free.names]
        index = self.free.index[torch.tensor(smooth)]
        simpler = draft(self.task.fx)
        self.quick = self.task if simpler is None else self.task.of(simpler.to(target.device))
        """The same without oversampling, on which all but the last steps are taken."""
        self.fits = {name: LeastSquares(self.quick, self.samples, f, index) for name, f in features.items()}
        if self.quick is not self.task:
            self.fits["quick"] = self.fits["wave"]
            self.fits["wave"] = LeastSquares(self.task, self.samples, features["wave"], index, self.quick)
        dry = self.task.in_step[..., : self.samples]
        if dry.shape[1] != target.shape[1]:
            dry = dry.mean(1, keepdim=True).expand_as(target)
        self.dry = F.pad(dry, (0, self.samples - dry.shape[-1]))
        self.proposals = Proposals(self.task, self.free, self.generator)
        self.filters = filters(self.quick.fx) if self.quick.sidechain is None else []
        self.blocks = blocks(self.quick.fx, self.free.names) if self.quick.sidechain is None else []
        """Columns of the effects of a chain that are no filters."""
        self.leaders: dict[str, list[tuple[float, Tensor]]] = {"wave": [], "bins": []}
        """The best settings found under two features, the best first."""
        self._columns, self._sketched = 0, math.inf

    def run(self, starts: Tensor) -> Tensor:
        """Search from settings (S, P) and random ones.

        Returns:
            The setting best by the waveform and the one best by the spectrum, (n, P). Ctrl-C keeps the best so far.
        """
        try:
            self._search(starts)
        except KeyboardInterrupt:
            if not any(self.leaders.values()):
                raise
            self.interrupted = True
        return torch.stack([leaders[0][1] for leaders in self.leaders.values() if leaders])

    def descents(self, starts: Tensor) -> Iterator[float]:
        """Descend from one promising setting after another until the time is up: the lowest error after each."""
        began = time.monotonic()
        deadline = began + self.seconds
        self.history.append(float(self.fits["wave"].errors(starts[:1])[0]))
        self._enter("wave", self.history[0], starts[0])
        # A sweep that was read off the pair leads farther than another sweep does.
        for start in starts if self.history[0] < _SWEPT or not self.proposals.swept else ():
            self._descend("wave", start, deadline)
            yield self._best()
            if time.monotonic() >= deadline:
                return
        near = bool(self.blocks) and self._best() < _NEAR
        screened = [] if near else self._screen(starts, began + _SCREENING * self.seconds)
        # In a chain what is near the best is worth more than what was drawn at random.
        together, ranked = _FEW if self.blocks else len(screened), []
        while time.monotonic() < deadline:
            ranked, screened = ranked + screened[:together], screened[together:]
            for feature, place in ranked:
                if time.monotonic() >= deadline:
                    return
                place = self._descend(feature, place, deadline)
                yield self._best()
                for _ in range(_READINGS):
                    if not self._leads(place) or time.monotonic() >= deadline:
                        break
                    place = self._reread(place, deadline)
                    yield self._best()
                if self._best() < _NEAR:
                    break
            if self.filters and self.leaders["wave"]:  # from other random numbers than before
                self._reread(self.leaders["wave"][0][1], deadline)
                yield self._best()
            ranked = self._by_block(deadline) + self._varied()

    def _search(self, starts: Tensor) -> None:
        best, waited = math.inf, 0
        for now in self.descents(starts):
            best, waited = (now, 0) if now < _GAIN * best else (best, waited + 1)
            patience = self.patience or _PATIENCE * (len(self.free.index) if now > _GOOD else 1)
            if now < _FOUND or waited > patience:
                return

    def ranked(self, positions: Tensor, errors: dict[str, Tensor], each: int) -> list[tuple[str, Tensor]]:
        """The best settings by every feature in turn, each once."""
        orders = {name: e.argsort()[:each].tolist() for name, e in errors.items()}
        ranked, seen = [], set()
        for place in range(each):
            for name, order in orders.items():
                if place < len(order) and order[place] not in seen and math.isfinite(errors[name][order[place]]):
                    seen.add(order[place])
                    ranked.append((name, positions[order[place]]))
        return ranked

    def errors(self, positions: Tensor) -> dict[str, Tensor]:
        """Errors of settings (B, P) by the features that choose, a few at a time."""
        self.screened += len(positions)
        together = self.task.together(self.samples)
        task = self.quick if self._drafts() else self.task
        errors = [self._errors_of(sounds) for sounds in task.sounds(positions, self.samples).split(together)]
        return {name: torch.cat([e[name] for e in errors]) for name in errors[0]}

    def _errors_of(self, sounds: Tensor) -> dict[str, Tensor]:
        fits = {name: self.fits[name] for name in _SCREENED_BY if name in self.fits}
        fits["wave"] = self.fits.get("quick", fits["wave"])
        return {
            name: f.mixed(sounds, self.dry) if name in _LINEAR else f.differences(sounds) for name, f in fits.items()
        }

    def _screen(self, starts: Tensor, until: float) -> list[tuple[str, Tensor]]:
        positions, errors = [starts], [self.errors(starts)]
        while len(positions) == 1 or (self.screened < self.screens and time.monotonic() < until):
            # Few knobs are found anywhere; of many, most are near where they begin.
            near = self.proposals.near(starts[0][self.free.index].cpu(), _BATCH // 2)
            positions.append(self._all(torch.cat([self.proposals.anywhere(_BATCH // 2), near])))
            errors.append(self.errors(positions[-1]))
        together = {name: torch.cat([e[name] for e in errors]) for name in errors[0]}
        return self.ranked(torch.cat(positions), together, 8)

    def _leads(self, place: Tensor) -> bool:
        """Whether a setting is the best so far, and has filters that can be read anew."""
        leads = any(leaders and leaders[0][1] is place for leaders in self.leaders.values())
        return bool(self.filters) and leads and self._best() > _FOUND

    def _reread(self, place: Tensor, deadline: float) -> Tensor:
        """Read the filters anew, and descend from the best of what that gives."""
        end = place
        for one in self.filters:
            places = reread(self.task, one, self.free, end, self.generator, deadline)
            for other in places[(places - end).abs().amax(1) > _MOVED]:
                self._descend("tone", other, deadline)
            end = self.leaders["wave"][0][1] if self.leaders["wave"] else end
        return end

    def _all(self, free: Tensor) -> Tensor:
        return self.free(free.to(self.task.dry))

    def _varied(self) -> list[tuple[str, Tensor]]:
        """What is worth descending from among variations of the leaders, and some fresh settings."""
        places = [self._all(self.proposals.anywhere(2 * _BATCH))]
        for leaders in self.leaders.values():
            for _, leader in leaders[:2]:
                self.proposals.listen(self.task.sounds(leader[None], self.samples)[0])
                place = leader[self.free.index].cpu()
                places.append(self._all(self.proposals.near(place, _BATCH)))
            if leaders:
                self._columns += 1
                place = leaders[0][1][self.free.index].cpu()
                places.append(self._all(self.proposals.along(place, self._columns, _GRID)))
        positions = torch.cat(places)
        return self.ranked(positions, self.errors(positions), 2)

    def _by_block(self, deadline: float) -> list[tuple[str, Tensor]]:
        """The best setting of a chain with one effect searched anew, the others held: the two best of these."""
        if not self.blocks or not self.leaders["wave"]:
            return []
        place, found = self.leaders["wave"][0][1], []
        self.proposals.listen(self.quick.sounds(place[None], self.samples)[0])
        for columns in self.blocks:
            drawn = place[self.free.index].cpu().repeat(_BLOCK, 1)
            drawn[:, columns] = self.proposals.anywhere(_BLOCK)[:, columns]
            places = self._all(drawn)
            index = self.free.index[columns]
            task, drafted = (self.quick, None) if self._drafts() else (self.task, self.quick)
            smooth = index[torch.isin(index, self.fits["wave"].free)]
            fit = LeastSquares(task, self.samples, Waveform(), smooth, drafted if task is not drafted else None)
            begun = [p for _, p in self.ranked(places, self.errors(places), 1)][:_TRIED]
            ends = [fit.descend(p, 8, deadline) for p in begun if time.monotonic() < deadline]
            found += sorted(ends, key=lambda end: end[1])[:1]
        return [("tone", p) for p, _ in sorted(found, key=lambda end: end[1])[:2]]

    def _descend(self, feature: str, place: Tensor, deadline: float) -> Tensor:
        best, error = self._best(), math.inf
        for name, steps in _PATH[feature]:
            if name not in self.fits or (name == "quick" and not self._drafts()):
                continue
            hopeless = {"wave": 2 * best, "quick": 2 * self._sketched}.get(name, math.inf)
            place, error = self.fits[name].descend(place, steps, deadline, hopeless=hopeless)
            if name in self.leaders:
                self._enter(name, error, place)
            if name == "quick":
                self._sketched = min(error, self._sketched)
                if error > _PROMISING * self._sketched:
                    break
        while error < _GAIN * best and error > _FOUND and time.monotonic() < deadline:  # a new best goes on
            best = error
            place, error = self.fits["wave"].descend(place, _LAST, deadline)
            self._enter("wave", error, place)
        # where the waveform cannot be met, the spectrum decides
        self._enter("bins", float(self.fits["bins"].errors(place[None])[0]), place)
        self.history.append(self._best())
        self.advance(self.history[-1], self.leaders["wave"][0][1] if self.leaders["wave"] else place)
        return place

    def _drafts(self) -> bool:
        """Whether it is searched without oversampling: an effect alone always, of which far more is then tried."""
        return not self.blocks or self._best() > DRAFTED

    def _best(self) -> float:
        leaders = self.leaders["wave"]
        return leaders[0][0] if leaders else math.inf

    def _enter(self, name: str, error: float, place: Tensor) -> None:
        leaders = self.leaders[name]
        alike = [leader for leader in leaders if (place - leader[1]).abs().max() < 1e-4]
        if any(known <= error for known, _ in alike):
            return
        # The better of two that are nearly the same stays: of a period a millionth of the range is heard.
        leaders[:] = [leader for leader in leaders if all(leader is not other for other in alike)]
        leaders.append((error, place))
        leaders.sort(key=lambda leader: leader[0])
        del leaders[_LEADERS:]
