"""Settings of filters, read off the bands of the response between two sounds: quick, for no recording is filtered."""

from __future__ import annotations

import copy
import itertools
import math
import time
from dataclasses import dataclass

import torch
from torch import Tensor

from ..processor import Processor
from .bands import BANDS, BandResponse, LogPowers, Struck, asked, band_frequencies
from .knobs import FreeKnobs
from .least_squares import LeastSquares
from .proposals import Proposals
from .side_by_side import descend_side_by_side

_MOST = 16
_DRAWN, _SCREENED, _AS_THEY_COME = 40, 2, 2
"""Settings that are drawn, and descended from because they are the best of these or as they come, for each knob."""
_ROUNDS = ((64, 6), (14, 12), (5, 16))
_PASSES = 8
_RESTARTS = 4
_WAITED = 1
"""Passes without a gain that are borne."""
_EXACT = 0.25
"""Share of the time in which settings found by powers are followed by responses to an impulse."""
_GAIN = 0.8
"""An error less than this share of the one before counts as a gain."""
_MET = 3e-3
"""Root mean square of the difference of logarithms that ends a search: 0.013 dB."""
_ALIKE = 2e-3
_AROUND = 20
_EXTREMES = 8
_LONG = {"echo", "decay", "rate", "period", "stairs"}


def is_filter(fx: Processor) -> bool:
    """Whether an effect is a filter of one channel whose response is short: told by its bands."""
    linear = {"linear", "time_invariant"} <= set(fx.traits) and (fx.channels is None or 1 in fx.channels)
    return linear and bool(fx.params) and not is_long(fx)


def is_long(fx: Processor) -> bool:
    """Whether what a knob does takes longer than a filter rings: echoes, decays, oscillators, holds."""
    return any(p.search in _LONG for p in fx.params.values())


@dataclass(frozen=True)
class Standing:
    """What stands in a chain where a filter is looked for.

    Args:
        place: a setting of the filter to begin with, (P,).
        powers: of the response of what stands there, by bands, (bands,).
        sound: of the whole chain with it, (1, C, T).
        level_free: whether the gain of the filter is left to the rest of the chain.
    """

    place: Tensor
    powers: Tensor
    sound: Tensor
    level_free: bool = False


def tones(
    fx: Processor,
    bands: BandResponse,
    wet: Tensor,
    generator: torch.Generator,
    count: int = 3,
    deadline: float = math.inf,
    free: FreeKnobs | None = None,
    now: Standing | None = None,
    passes: int = _PASSES,
    level_free: bool = False,
) -> tuple[Tensor, bool]:
    """Settings with which the response of a filter is that from one sound to another, by bands and without phase.

    Settings are drawn, the best descended from side by side, and the best of those varied, band by band.

    Args:
        fx: the filter.
        bands: of the sound before it.
        wet: (1, C', T').
        generator: of the random numbers.
        count: of settings.
        deadline: of ``time.monotonic()``.
        free: which knobs move; None is all.
        now: where the filter belongs to a chain, what stands in its place. What is looked for is then the response
            with which the chain's would be that to ``wet``.
        passes: at most.
        level_free: whether ``wet`` may be louder or quieter than the filter makes it.

    Returns:
        Positions (n, P), the best first, and whether Ctrl-C ended the search.
    """
    fx, there = copy.deepcopy(fx).cpu(), wet.device
    free = FreeKnobs(fx) if free is None else copy.deepcopy(free).cpu()
    powers, trust = bands.between(wet[0])
    if now is not None:
        before, sure = bands.between(now.sound[0])
        powers, trust = now.powers.double().cpu() * (powers + 1e-9) / (before + 1e-9), trust * sure
    feature = LogPowers(bands.weights(trust), level_free or (now is not None and now.level_free))
    target = feature(powers[None, None])
    says = hasattr(fx, "power")
    until = deadline if deadline == math.inf or not says else deadline - _EXACT * (deadline - time.monotonic())
    fit = LeastSquares(asked(fx, bands), BANDS, feature, free.index)
    fit.aim(target)
    starts = free.rest[:1] if now is None else now.place[None].cpu().to(free.rest)
    search = _Search(fit, free, starts, generator, _MET if now is None else _MET / 10)
    interrupted = False
    try:
        search.run(passes, until, _RESTARTS if now is None and says else 0)
    except KeyboardInterrupt:
        interrupted = True
    found = search.best()
    if says and not interrupted:  # what is not even within a band is told by a response to an impulse
        exact = LeastSquares(Struck(fx, bands), BANDS, feature, free.index)
        exact.aim(target)
        try:
            found, _ = descend_side_by_side(exact, found, ((len(found), 8), (count, 16)), deadline)
        except KeyboardInterrupt:
            interrupted = True
    return found[:count].to(there), interrupted


class _Search:
    """A search for the settings of a filter: passes of draws and descents, begun anew where they are stuck.

    Args:
        fit: the bands.
        free: which knobs move.
        starts: settings, (n, P).
        generator: of the random numbers.
        enough: root mean square of the difference of logarithms that ends it.
    """

    def __init__(
        self, fit: LeastSquares, free: FreeKnobs, starts: Tensor, generator: torch.Generator, enough: float
    ) -> None:
        self.fit, self.free, self.starts, self.enough = fit, free, starts, enough
        params = fit.task.fx.params
        self.proposals = Proposals(fit.task, free, generator, listens=False)
        # Gains that are small are more usual than those at the ends of their range.
        self.signed = torch.tensor([params[n].min_val < 0 < params[n].max_val for n in free.names])
        self.frequencies = {i: params[n] for i, n in enumerate(free.names) if params[n].search == "frequency"}
        self.drawn = min(len(free.names), _MOST)
        self.ended: list[tuple[Tensor, Tensor]] = []
        self._begin()

    def run(self, passes: int, until: float, restarts: int) -> None:
        """Pass after pass, until it is met, stuck or out of time."""
        last, waited = math.inf, 0
        for _ in range(passes):
            self._pass(until)
            error = float(self.errors[0])
            last, waited = error, 0 if error < _GAIN * last else waited + 1
            difference = math.sqrt(error * self.fit.energy / float(self.fit.feature.weight.square().sum()))  # type: ignore[attr-defined]
            if difference < self.enough or time.monotonic() >= until:
                return
            if waited > _WAITED:
                if len(self.ended) == restarts:
                    return
                self.ended.append((self.found, self.errors))
                self._begin()
                last, waited = math.inf, 0

    def best(self) -> Tensor:
        """The settings of all searches that differ, the best first."""
        found, errors = (torch.cat(both) for both in zip((self.found, self.errors), *self.ended, strict=True))
        found = found[errors.argsort()]
        return found[_distinct(self.fit.seen(found))]

    def _begin(self) -> None:
        self.found, self.errors = self.starts, self.fit.errors(self.starts)
        self.lacking, self.fresh = self.fit.target, True

    def _pass(self, until: float) -> None:
        freqs = _extremes(self.lacking.view(-1, BANDS)[0], self.fit.task.fx.sample_rate)
        self.proposals.expect(
            {i: row.to_norm(freqs.clamp(row.min_val, row.max_val)).float() for i, row in self.frequencies.items()}
        )
        many = _DRAWN * self.drawn
        drawn = self.proposals.anywhere(many)
        half = torch.arange(many) % 2 == 0
        drawn = torch.where(self.signed & half[:, None], 0.5 + 0.6 * (drawn - 0.5), drawn)
        begun = [self.found]
        if not self.fresh:
            # The best variations are those that change next to nothing: some are taken as they come.
            near = [self.proposals.near(place, many // 4) for place in self.found[:3, self.free.index]]
            begun += [self.free(places[: math.ceil(_AS_THEY_COME * self.drawn / len(near))]) for places in near]
            drawn = torch.cat([drawn[: many // 4], *near])
        self.fresh = False
        screened = self.free(drawn)
        begun.append(screened[self.fit.errors(screened).argsort()[: _SCREENED * self.drawn]])
        ends = descend_side_by_side(self.fit, torch.cat(begun), _ROUNDS, until)
        found, errors = (torch.cat(both) for both in zip((self.found, self.errors), ends, strict=True))
        order = errors.argsort()
        seen = self.fit.seen(found[order])
        kept = _distinct(seen)
        self.found, self.errors = found[order][kept], errors[order][kept]
        self.lacking = self.fit.target - seen[:1]


def _distinct(seen: Tensor) -> list[int]:
    """Of what is seen, the best first, a few that differ."""
    kept: list[int] = []
    for row, one in enumerate(seen):
        if all(float((one - seen[other]).square().mean().sqrt()) > _ALIKE for other in kept):
            kept.append(row)
    return kept[:8]


def _extremes(change: Tensor, rate: float) -> Tensor:
    """Frequencies in Hz at which a curve over the bands, or what of it stands out, is farthest from 0, in order."""
    around = torch.nn.functional.avg_pool1d(change[None], 2 * _AROUND + 1, 1, _AROUND, count_include_pad=False)[0]
    found = []
    for curve in (change.abs(), (change - around).abs()):
        padded = torch.nn.functional.pad(curve, (1, 1))
        at = ((curve >= padded[:-2]) & (curve > padded[2:])).nonzero()[:, 0]
        found.append(at[curve[at].argsort(descending=True)[:_EXTREMES]].tolist())
    mixed = dict.fromkeys(n for pair in itertools.zip_longest(*found) for n in pair if n is not None)
    return band_frequencies(rate)[list(mixed)]
