"""Settings worth trying: what a dry and a wet sound say about echoes and oscillators, and what random numbers say."""

from __future__ import annotations

import re

import torch
from torch import Tensor
from torch.nn import functional as F

from ..dsp.power_spectrogram import power_spectrogram
from .echo import impulse_response
from .knobs import FreeKnobs
from .task import Task

_ECHOES = 24
_RATES = 6
_INFORMED = 0.75
"""How often a knob that the sounds say something about is put there, and not anywhere."""
_NUMBERED = re.compile(r"^(.*?)(\d+)(.*)$")


class Proposals:
    """Draws settings of the free knobs: anywhere, but times of echoes and rates of oscillators mostly where they show.

    Args:
        task: what is fitted.
        free: which knobs move.
        generator: of the random numbers.
    """

    def __init__(self, task: Task, free: FreeKnobs, generator: torch.Generator) -> None:
        self.free, self.generator = free, generator
        params = task.fx.params
        found = {
            search: seen(task) if any(params[n].search == search for n in free.names) else []
            for search, seen in {"echo": echoes, "rate": rates}.items()
        }
        self.likely: dict[int, Tensor] = {}
        """Likely positions, most likely first, by the column of a free knob."""
        for column, name in enumerate(free.names):
            param = params[name]
            values = [v for v in found.get(param.search, []) if param.min_val <= v <= param.max_val]
            if values:
                self.likely[column] = param.to_norm(torch.tensor(values, dtype=torch.float64)).float()
        self.groups = _groups(free.names)
        self.swaps = _swaps(free.names)

    def anywhere(self, count: int) -> Tensor:
        """Positions of the free knobs (count, K)."""
        drawn = torch.rand(count, len(self.free.names), generator=self.generator)
        for column in self.likely:
            drawn[:, column] = self._informed(column, drawn[:, column])
        return drawn

    def near(self, place: Tensor, count: int) -> Tensor:
        """Settings like one (K,) but for a knob or a few that belong together, (count, K)."""
        drawn, near = self.anywhere(count), place.repeat(count, 1)
        for row in range(count):
            if self.swaps and self._number(5) == 0:
                a, b = self.swaps[self._number(len(self.swaps))]
                near[row, a], near[row, b] = place[b], place[a]
                continue
            moved = self.groups[self._number(len(self.groups))]
            near[row, moved] = drawn[row, moved]
            for column in self.likely:  # what the sounds say is tried along with it
                if self._number(2):
                    near[row, column] = drawn[row, column]
        return near

    def along(self, place: Tensor, column: int, count: int) -> Tensor:
        """Settings like one (K,) with one knob at every place of its range, or where it is likely: (n, K)."""
        grid = (torch.arange(count) + 0.5) / count
        grid = torch.cat([self.likely.get(column, grid[:0]), grid])
        along = place.repeat(len(grid), 1)
        along[:, column] = grid
        return along

    def _informed(self, column: int, drawn: Tensor) -> Tensor:
        likely = self.likely[column]
        # The first are the likeliest: geometric, a quarter of the list on average.
        chosen = (torch.rand(len(drawn), generator=self.generator).square() * len(likely)).long()
        informed = torch.rand(len(drawn), generator=self.generator) < _INFORMED
        return torch.where(informed, likely[chosen], drawn)

    def _number(self, stop: int) -> int:
        return int(torch.randint(stop, (), generator=self.generator))


def echoes(task: Task) -> list[float]:
    """Times in ms at which the response from dry to wet is large, the largest first."""
    rate = task.fx.sample_rate
    response = impulse_response(task.dry[0], task.wet[0]).abs()
    response = response[..., : 3 * task.wet.shape[-1] // 4]
    response[..., : round(rate / 2000)] = 0.0  # the dry sound itself
    found = []
    for h in response:
        peaks = (h == F.max_pool1d(h[None], 2 * round(rate / 4000) + 1, 1, round(rate / 4000))[0]).nonzero()[:, 0]
        largest = peaks[h[peaks].argsort(descending=True)[:_ECHOES]]
        found += [(float(h[n] / h.max().clamp_min(1e-20)), _vertex(h, int(n)) * 1000 / rate) for n in largest]
    return [time for _, time in sorted(found, reverse=True)]


def _vertex(h: Tensor, n: int) -> float:
    """Where the parabola through a peak and its neighbours is highest."""
    if not 0 < n < len(h) - 1:
        return float(n)
    before, at, after = (float(h[i]) for i in (n - 1, n, n + 1))
    bend = before - 2 * at + after
    return n + 0.5 * (before - after) / bend if bend < 0 else float(n)


def rates(task: Task) -> list[float]:
    """Rates in Hz at which level or colour of the wet come and go beside the dry, the strongest first."""
    hop, n_fft = 256, 1024
    T = task.wet.shape[-1]
    if 8 * n_fft > T:
        return []
    channels = min(task.dry.shape[1], task.wet.shape[1])
    dry, wet = (power_spectrogram(s[0, :channels, :T], n_fft, hop) for s in (task.dry, task.wet))
    floor = 1e-5 * dry.max().clamp_min(1e-12)
    change = ((wet + floor) / (dry + floor)).log()  # (C, bins, frames)
    edges = torch.tensor([1, 2, 4, 8, 16, 32, 64, 128, 256, 513])
    sums = F.pad(change.cumsum(1), (0, 0, 1, 0))
    bands = (sums[:, edges[1:]] - sums[:, edges[:-1]]) / (edges[1:] - edges[:-1])[:, None]
    bands = bands - bands.mean(-1, keepdim=True)
    padded = 8 * bands.shape[-1]
    window = torch.hann_window(bands.shape[-1], dtype=bands.dtype)
    strength = torch.fft.rfft(bands * window, padded).abs().square().flatten(0, 1).sum(0)
    frames_per_second = task.fx.sample_rate / hop
    f = torch.arange(len(strength)) * frames_per_second / padded
    peaks = (strength[1:-1] > strength[:-2]) & (strength[1:-1] >= strength[2:])
    at = peaks.nonzero()[:, 0] + 1
    strongest = at[strength[at].argsort(descending=True)[:_RATES]]
    # Colour that goes up and down in both halves of a turn shows at twice the rate.
    return [float(f[i]) * share for i in strongest for share in (1.0, 0.5)]


def _groups(names: list[str]) -> list[list[int]]:
    """Knobs that are turned together: each alone, those of one effect of a chain, those of one numbered band."""
    groups = [[column] for column in range(len(names))]
    together: dict[str, list[int]] = {}
    for column, name in enumerate(names):
        parts = name.split(".")
        for depth in range(1, len(parts)):
            together.setdefault(".".join(parts[:depth]), []).append(column)
        if numbered := _NUMBERED.match(name):
            together.setdefault(numbered[1] + numbered[2], []).append(column)
    return groups + [columns for columns in together.values() if 1 < len(columns) < len(names)]


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
