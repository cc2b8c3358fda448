"""Chains with rows of bells in place of their filters: what else is in them is found first, then the filters are read.

Of an equaliser each band has its own minima, and while they are wrong all else is. The gains of a row of bells that
stand still have hardly any: a chain with such in place of its filters is descended to near the right settings of its
other effects from many starts. What the row became, corrected by what the sound still lacks, is then the response that
the filter is to have. A gain in all bands may be the filter's or that of the effects after it: the response is read
without its level, and the others moved to suit.
"""

from __future__ import annotations

import math
import time

import torch
from torch import Tensor

from ..params import EffectParam
from ..processors import ParametricEqualizer
from ..routing import Chain
from .bands import BANDS, LogPowers
from .choices import draft
from .features import Waveform
from .filters import Filter, blocks, filters, put, read, reread
from .knobs import FreeKnobs, positions_of
from .least_squares import LeastSquares
from .progress import Watch
from .search import DRAFTED, AutomaticSearch
from .side_by_side import descend_side_by_side
from .task import Task
from .tone import Standing

_BELLS = 24
_BETWEEN_HZ = 40.0, 16000.0
_OVERLAP = 1.3
"""Width of a bell, between the points of half its gain, over the distance to the next."""
_DEEPEST_DB = 36.0
_DRAWN = 512
_EACH, _BEGUN = 3, 8
"""Drawn settings that are descended from: the best by each feature, and in all."""
_ROUGH = (("bands", 6), ("wave", 10))
_KEPT, _FINE = 2, 12
"""Of these, how many go on, and for how many steps."""
_HOPELESS = 0.3
"""An error of a relaxed chain from which nothing is read."""
_READINGS = 6
_OTHERS, _ALL = 8, 16
"""Steps after a reading: of the other effects, and of all."""
_GAIN = 0.8
_FOUND = 1e-6
"""An error that ends the search (-60 dB)."""
_SHARE = 0.6
"""Of the time left, for what is relaxed; the rest is for reading."""
_PATIENCE = 4
"""Rounds without a gain that are borne."""


class RelaxedSearch:
    """A search for the settings of a chain with filters, the filters last.

    Args:
        task: what is fitted.
        free: which knobs move.
        samples: length of the excerpt.
        generator: of the random numbers.
        advance: called with the lowest error so far and its setting.
    """

    def __init__(
        self,
        task: Task,
        free: FreeKnobs,
        samples: int,
        generator: torch.Generator,
        advance: Watch = lambda error, place: None,
    ) -> None:
        simpler = draft(task.fx)
        self.whole, self.task = task, task if simpler is None else task.of(simpler)
        self.free, self.samples, self.generator, self.advance = free, samples, generator, advance
        self.filters = readable(self.task, free)
        assert isinstance(self.task.fx, Chain)
        rate, own, there = task.fx.sample_rate, {one.name for one in self.filters}, task.dry.device
        steps = self.task.fx.steps.items()
        self.loose = self.task.of(Chain(**{n: bells(rate).to(there) if n in own else fx for n, fx in steps}))
        names, loose = task.fx.param_names, self.loose.fx.param_names
        shared = [name for name in names if name.partition(".")[0] not in own]
        self.others = torch.tensor([names.index(name) for name in shared])
        """Knobs of the other effects, and where these are in the relaxed chain."""
        self.loose_others = torch.tensor([loose.index(name) for name in shared])
        gains = [n for n in loose if n.partition(".")[0] in own and n.endswith("_gain_db") and "peak" in n]
        rest = positions_of(self.loose.fx, {}).to(free.rest)
        rest[0, self.loose_others] = free.rest[0, self.others]
        self.loose_filters = [one for one in filters(self.loose.fx) if one.name in own]
        moved = [*gains, *(name for name in shared if name in free.names)]
        self.loose_free = FreeKnobs(self.loose.fx, free=moved, rest=rest).to(there)
        self.search = AutomaticSearch(self.loose, self.loose_free, samples, math.inf, generator)
        feature = Waveform()
        still = [n for n in free.names if task.fx.params[n].search not in ("stairs", "period")]
        every = torch.tensor([names.index(name) for name in still])
        self.all = LeastSquares(self.task, samples, feature, every.to(there))
        self.without = LeastSquares(self.task, samples, feature, every[torch.isin(every, self.others)].to(there))
        drafted = None if simpler is None else self.task
        self.exact = LeastSquares(task, samples, feature, every.to(there), drafted)
        self.found: list[tuple[float, Tensor]] = []
        self.history: list[float] = []
        """The lowest error after each descent."""

    def run(self, deadline: float) -> tuple[Tensor, bool]:
        """Search until a setting is found, or the time is up: the best settings (n, P), and whether Ctrl-C ended it."""
        interrupted, best, waited = False, math.inf, 0
        try:
            while time.monotonic() < deadline and not self._is_found() and waited < _PATIENCE:
                for place in self._relaxed(deadline - (1 - _SHARE) * (deadline - time.monotonic())):
                    if time.monotonic() < deadline and not self._is_found():
                        self._read(place, deadline)
                now = min((error for error, _ in self.found), default=math.inf)
                best, waited = (now, 0) if now < _GAIN * best else (best, waited + 1)
        except KeyboardInterrupt:
            interrupted = True
        self.found.sort(key=lambda end: end[0])
        return torch.stack([place for _, place in self.found[:_KEPT]] or [self.free.rest[0]]), interrupted

    def _is_found(self) -> bool:
        return any(error < _FOUND for error, _ in self.found)

    def _relaxed(self, deadline: float) -> list[Tensor]:
        """The best settings of the relaxed chain, the best first, from new random ones."""
        index = self.loose_free.index.cpu()
        drawn = self._coloured().cpu()[index].repeat(_DRAWN, 1)
        others = torch.isin(index, self.loose_others)
        drawn[:, others] = self.search.proposals.anywhere(_DRAWN)[:, others]
        places = self.loose_free(drawn.to(self.loose.dry))
        ends: list[tuple[Tensor, float]] = []
        for _, place in self.search.ranked(places, self.search.errors(places), _EACH)[:_BEGUN]:
            best, error = min((end[1] for end in ends), default=math.inf), math.inf
            for name, steps in _ROUGH:
                hopeless = 2 * best if name == "wave" else math.inf
                place, error = self.search.fits[name].descend(place, steps, deadline, hopeless=hopeless)
            ends.append((place, error))
        ends.sort(key=lambda end: end[1])
        ends = [self.search.fits["wave"].descend(place, _FINE, deadline) for place, _ in ends[:_KEPT]]
        return [place for place, error in sorted(ends, key=lambda end: end[1]) if error < _HOPELESS]

    def _coloured(self) -> Tensor:
        """The relaxed chain, its first row of bells so that the response between the two sounds has their colour."""
        place = self.loose_free.rest[0].clone()
        one = self.loose_filters[0]
        bands = one.bands(self.loose, place)
        powers, trust = bands.between(self.task.wet[0])
        gains = [i for i in self.loose_free.index.tolist() if one.columns.start <= i < one.columns.stop]
        index = torch.tensor(gains) - one.columns.start
        fit = LeastSquares(one.asked(bands), BANDS, LogPowers(bands.weights(trust), level_free=True), index)
        fit.aim(fit.feature(powers[None, None]))
        row, _ = descend_side_by_side(fit, place[None, one.columns].cpu(), ((1, 12),))
        return put(one, place, row)[0]

    def _read(self, loose: Tensor, deadline: float) -> None:
        """Read the filters off where the relaxed chain came to, and descend; again, until nothing is gained."""
        place = self.free.rest[0].clone()
        place[self.others] = loose[self.loose_others].to(place)
        sound = self.loose.sounds(loose[None], self.task.wet.shape[-1])
        places = place[None]
        for one, row in zip(self.filters, self.loose_filters, strict=True):
            bands = row.bands(self.loose, loose)
            here = Standing(place[one.columns], row.powers(bands, loose), sound, level_free=True)
            found = read(one, self.task, self.free, place, bands, here, self.generator, deadline)
            places = put(one, places[0], found)
        error, place = self._best_of(places, deadline)
        stuck = 0
        for reading in range(_READINGS):
            if error < _FOUND or stuck > 1 or time.monotonic() >= deadline:
                break
            before = error
            for one in self.filters:
                places = reread(self.whole, one, self.free, place, self.generator, deadline, reading % 2 == 0)
                error, place = min((error, place), self._best_of(places, deadline), key=lambda end: end[0])
            stuck = 0 if error < _GAIN * before else stuck + 1

    def _best_of(self, places: Tensor, deadline: float) -> tuple[float, Tensor]:
        """Descend from settings (n, P) in turn until one is found: the best error, and its setting."""
        ends: list[tuple[float, Tensor]] = []
        for place in places:
            ends.append(self._descended(place, deadline))
            if ends[-1][0] < _FOUND or time.monotonic() >= deadline:
                break
        return min(ends, key=lambda end: end[0])

    def _descended(self, place: Tensor, deadline: float) -> tuple[float, Tensor]:
        place, _ = self.without.descend(place, _OTHERS, deadline)
        # Without oversampling -40 dB may be all that can be reached.
        near = any(error < DRAFTED for error, _ in self.found)
        place, error = (self.exact if near else self.all).descend(place, _ALL, deadline)
        if not near and self.whole is not self.task:
            error = float(self.exact.errors(place[None])[0])
            if error < DRAFTED:
                place, error = self.exact.descend(place, _ALL, deadline)
        self.found.append((error, place))
        least, best = min(self.found, key=lambda end: end[0])
        self.history.append(least)
        self.advance(least, best)
        return error, place


def readable(task: Task, free: FreeKnobs) -> list[Filter]:
    """Filters in a chain of other effects that bells can stand in for: of minimum phase, three knobs free or more."""
    if task.sidechain is not None or not blocks(task.fx, free.names):
        return []
    said = [one for one in filters(task.fx) if hasattr(one.fx, "power") and not one.fx.latency_samples]
    return [one for one in said if one.many(task, free)]


def bells(rate: float) -> ParametricEqualizer:
    """A row of bells in equal ratios, as wide as they are apart, whose gains alone are to move."""
    low, high = _BETWEEN_HZ[0], min(_BETWEEN_HZ[1], 0.45 * rate)
    octaves = math.log2(high / low) / (_BELLS - 1)
    q = 1 / (2 * math.sinh(0.5 * math.log(2) * _OVERLAP * octaves))
    gains = {f"peak_{i + 1}_gain_db": EffectParam(-_DEEPEST_DB, _DEEPEST_DB) for i in range(_BELLS)}
    row = ParametricEqualizer(rate, gains, num_peaks=_BELLS)
    freqs = {f"peak_{i + 1}_freq_hz": low * 2 ** (i * octaves) for i in range(_BELLS)}
    return row.set(freqs | {f"peak_{i + 1}_q": q for i in range(_BELLS)})
