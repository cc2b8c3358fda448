"""Settings worth trying: what a dry and a wet sound say about echoes and oscillators, and what random numbers say."""

from __future__ import annotations

import math
import re

import torch
from torch import Tensor
from torch.nn import functional as F

from .colour import frequencies
from .echo import impulse_response
from .knobs import FreeKnobs
from .modulation import periods, rates, vertex
from .sweep import sweeps
from .task import Task

_ECHOES = 24
_DENSE = 8
"""How much more often a knob that acts in steps is tried along its range."""
_INFORMED = 0.75
"""How often a knob that the sounds say something about is put there, and not anywhere."""
_ZOOMS = {
    "echo": (1.0, 0.05),
    "rate": (1.0, 0.1),
    "frequency": (1.0, 0.1),
    "stairs": (1.0, 0.1, 0.01),
    "period": (1.0, 0.01, 1e-4),
}
"""Shares of its range over which a knob is tried, by what it is."""
_SWEPT = ("rate", "echo", "angle")
"""Of a swept delay, in the order of a ``Sweep``."""
_NUMBERED = re.compile(r"^(.*?)(\d+)(.*)$")


class Proposals:
    """Draws settings of the free knobs: anywhere, but times of echoes and rates of oscillators mostly where they show.

    Args:
        task: what is fitted.
        free: which knobs move.
        generator: of the random numbers.
        listens: whether the sounds are asked at all.
    """

    def __init__(self, task: Task, free: FreeKnobs, generator: torch.Generator, listens: bool = True) -> None:
        self.free, self.generator = free, generator
        params = task.fx.params
        self.task, self.kinds = task, {params[n].search for n in free.names}
        seen = {"echo": echoes, "rate": rates, "period": periods, "frequency": colours}
        self.likely = self._positions(
            {kind: task.read(look) for kind, look in seen.items() if listens and kind in self.kinds}
        )
        """Likely positions, most likely first, by the column of a free knob."""
        self.families = _families(free.names, self.likely)
        self._always = self.likely
        self.scans = [
            (column, width)
            for column, name in enumerate(free.names)
            for width in _ZOOMS.get(params[name].search, (1.0,))
        ]
        """Columns and shares of their range for ``along``."""
        self.steps = [params[name].search == "stairs" for name in free.names]
        self.swept = self._swept() if listens else []
        """Columns of rate, time and angle of each effect whose delay is swept, and likely positions of all three."""
        self.groups = _groups(free.names)
        self.swaps = _swaps(free.names)

    def listen(self, sound: Tensor) -> None:
        """Look for echoes and colours in what a sound (C, T) still lacks, from now on, before those of the pair."""
        seen = {"echo": lambda: echoes(self.task, sound), "frequency": lambda: colours(self.task, sound)}
        lacking = self._positions({kind: look() for kind, look in seen.items() if kind in self.kinds})
        both = (self._always, lacking)
        self.likely = {
            column: torch.cat([found[column] for found in reversed(both) if column in found])
            for column in {**self._always, **lacking}
        }
        self.families = _families(self.free.names, self.likely)

    def expect(self, likely: dict[int, Tensor]) -> None:
        """Put knobs mostly at these positions from now on, by column of a free knob, the most likely first."""
        self.likely, self.families = likely, _families(self.free.names, likely)

    def _positions(self, found: dict[str, list[float]]) -> dict[int, Tensor]:
        likely = {}
        for column, name in enumerate(self.free.names):
            param = self.task.fx.params[name]
            values = [v for v in found.get(param.search, []) if param.min_val <= v <= param.max_val]
            if values:
                likely[column] = param.to_norm(torch.tensor(values, dtype=torch.float64)).float()
        return likely

    def _swept(self) -> list[tuple[list[int], Tensor]]:
        kinds: dict[str, dict[str, int]] = {}
        for column, name in enumerate(self.free.names):
            kinds.setdefault(name.rpartition(".")[0], {}).setdefault(self.task.fx.params[name].search, column)
        swept = [[own[k] for k in _SWEPT] for own in kinds.values() if own.keys() >= {*_SWEPT}]
        found = torch.tensor(self.task.longest.read(sweeps), dtype=torch.float64) if swept else torch.zeros(0, 3)
        positions = []
        for columns in swept if len(found) else []:
            rows = [self.task.fx.params[self.free.names[column]] for column in columns]
            values = [v.clamp(row.min_val, row.max_val) for v, row in zip(found.unbind(1), rows, strict=True)]
            places = torch.stack([row.to_norm(v) for v, row in zip(values, rows, strict=True)], 1)
            positions.append((columns, places.float()))
        return positions

    def anywhere(self, count: int, apart: bool = True) -> Tensor:
        """Positions of the free knobs (count, K), bands of one kind at different likely places if ``apart``."""
        drawn = torch.rand(count, len(self.free.names), generator=self.generator)
        for columns in self.families:
            likely = self.likely[columns[0]]
            chosen = likely[self._race(count, len(likely)).argsort(1)[:, : len(columns)]]
            chosen = chosen if apart else chosen[:, :1].expand(-1, len(columns))
            for place, column in enumerate(columns[: chosen.shape[1]]):
                informed = torch.rand(count, generator=self.generator) < _INFORMED
                drawn[:, column] = torch.where(informed, chosen[:, place], drawn[:, column])
        for columns, places in self.swept:
            chosen = places[self._race(count, len(places)).argmin(1)]
            informed = torch.rand(count, 1, generator=self.generator) < 0.5 * _INFORMED
            drawn[:, columns] = torch.where(informed, chosen, drawn[:, columns])
        return drawn

    def near(self, place: Tensor, count: int) -> Tensor:
        """Settings like one (K,) but for a knob or a few that belong together, (count, K)."""
        drawn, near = self.anywhere(count, apart=False), place.repeat(count, 1)
        for row in range(count):
            if self.swaps and self._number(5) == 0:
                a, b = self.swaps[self._number(len(self.swaps))]
                near[row, a], near[row, b] = place[b], place[a]
                continue
            moved = self.groups[self._number(len(self.groups))]
            near[row, moved] = drawn[row, moved]
            for columns in self.families:  # what the sounds say is tried along with it, but other bands stay
                if len(columns) == 1 and self._number(2):
                    near[row, columns] = drawn[row, columns]
        return near

    def along(self, place: Tensor, scan: int, count: int) -> Tensor:
        """Settings like one (K,) with one knob at every place of a part of its range, or where it is likely: (n, K)."""
        column, width = self.scans[scan % len(self.scans)]
        count *= _DENSE if self.steps[column] and width == 1 else 1
        grid = (torch.arange(count) + torch.rand((), generator=self.generator)) / count
        if width < 1:
            grid = (place[column] + width * (grid - 0.5)).clamp(0.0, 1.0)
        else:
            grid = torch.cat([self.likely.get(column, grid[:0]), grid])
        along = place.repeat(len(grid), 1)
        along[:, column] = grid
        return along

    def _race(self, count: int, runners: int) -> Tensor:
        """Times (count, runners) of races in which the first, who are the likelier, are faster."""
        return -torch.rand(count, runners, generator=self.generator).log() * (1 + torch.arange(runners))

    def _number(self, stop: int) -> int:
        return int(torch.randint(stop, (), generator=self.generator))


def colours(task: Task, sound: Tensor | None = None) -> list[float]:
    """``frequencies`` at which wet differs from a sound (C, T), or from dry."""
    before = task.in_step[0] if sound is None else sound
    return frequencies(before, task.wet[0, :, : before.shape[-1]], task.fx.sample_rate)


def echoes(task: Task, sound: Tensor | None = None) -> list[float]:
    """Times in ms at which the response from dry to wet, or to what of it a sound (C, T) lacks, is large, in order."""
    rate, wet = task.fx.sample_rate, task.wet[0]
    dry = task.in_step[0]
    if sound is not None:
        wet = wet[:, : sound.shape[-1]] - sound
        dry = dry[:, : sound.shape[-1]]
    response = impulse_response(dry, wet).abs()
    response = response[..., : 3 * wet.shape[-1] // 4]
    response[..., : round(rate / 2000)] = 0.0  # the dry sound itself
    found = []
    for h in response:
        peaks = (h == F.max_pool1d(h[None], 2 * round(rate / 4000) + 1, 1, round(rate / 4000))[0]).nonzero()[:, 0]
        largest = peaks[h[peaks].argsort(descending=True)[:_ECHOES]]
        found += [(float(h[n] / h.max().clamp_min(1e-20)), vertex(h, int(n)) * 1000 / rate) for n in largest]
    return [time for _, time in sorted(found, reverse=True)]


def _families(names: list[str], likely: dict[int, Tensor]) -> list[list[int]]:
    """Columns of which the sounds say something: those of numbered bands with the same knob together."""
    families: dict[object, list[int]] = {}
    for column in likely:
        numbered = _NUMBERED.match(names[column])
        families.setdefault((numbered[1], numbered[3]) if numbered else column, []).append(column)
    return list(families.values())


def _groups(names: list[str]) -> list[list[int]]:
    """Knobs that are turned together: each alone; and as often those of one effect of a chain or one numbered band."""
    together: dict[str, list[int]] = {}
    for column, name in enumerate(names):
        parts = name.split(".")
        for depth in range(1, len(parts)):
            together.setdefault(".".join(parts[:depth]), []).append(column)
        if numbered := _NUMBERED.match(name):
            together.setdefault(numbered[1] + numbered[2], []).append(column)
    alone = [[column] for column in range(len(names))]
    joined = [columns for columns in together.values() if 1 < len(columns) < len(names)]
    return alone + joined * math.ceil(len(alone) / max(1, len(joined)))


def _swaps(names: list[str]) -> list[tuple[list[int], list[int]]]:
    """Pairs of numbered bands with knobs of the same names: their settings may have been found in another order."""
    bands: dict[str, dict[str, dict[str, int]]] = {}
    for column, name in enumerate(names):
        if numbered := _NUMBERED.match(name):
            bands.setdefault(numbered[1], {}).setdefault(numbered[2], {})[numbered[3]] = column
    pairs = []
    for numbers in bands.values():
        alike = list(numbers.values())
        for i, a in enumerate(alike):
            for b in alike[i + 1 :]:
                if a.keys() == b.keys():
                    pairs.append((list(a.values()), [b[k] for k in a]))
    return pairs
