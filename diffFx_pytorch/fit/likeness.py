"""Settings with which a sound measures like another recording, of which there is no dry twin."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional as F

from ..dsp.power_spectrogram import power_spectrogram
from ..processor import Processor
from .alignment import check_recordings
from .knobs import FreeKnobs, start_positions
from .least_squares import LeastSquares
from .level_losses import balance_db, crest_db, loudness_lufs, loudness_range_lu, width_db
from .limits import Limit, Limited
from .progress import Watch, progress_bar
from .task import Task

_SECONDS = 60.0
_EXCERPT_S, _HEARD_S = 6.0, 60.0
_DRAWN, _WALKED, _STEPS, _PATIENCE = 48, 3, 10, 3
_FFT, _LOWEST_HZ, _HIGHEST_HZ = 4096, 40.0, 16000.0
_FLOOR = 1e-8
"""Power of a band, relative to all, that counts as none (-80 dB)."""
_FRAME_S = 0.02
_DEEPEST_DB = 50.0
_UNITS = {
    "spectrum": ("dB", 1.0),
    "loudness": ("LUFS", 0.5),
    "loudness range": ("LU", 1.0),
    "crest": ("dB", 1.0),
    "decay": ("dB/s", 0.1),
    "width": ("dB", 1.0),
    "balance": ("dB", 0.5),
}
"""Unit of each measure, and the difference that is about heard; of the decay its share."""


@dataclass(frozen=True)
class Measure:
    """One thing that was matched.

    Args:
        name: what it is.
        unit: its unit.
        before: of the dry sound.
        after: of what was found.
        reference: what it should be. Of the spectrum, the three are the level of the difference from the reference's,
            a root mean square over bands of a third of an octave, and 0.
    """

    name: str
    unit: str
    before: float
    after: float
    reference: float


@dataclass(frozen=True)
class Likeness:
    """The result of ``fit_like``.

    Args:
        fx: a copy of the effect that holds the settings found.
        settings: value of every knob in its unit.
        measures: what was matched, and how well.
        before: how far the dry sound was, in differences that are about heard, a root mean square over the measures.
        after: how far the found one is.
        notices: what a person should know, a sentence each.
        seconds: duration of the search.
        interrupted: whether Ctrl-C ended it.
    """

    fx: Processor = field(repr=False)
    settings: dict[str, float]
    measures: list[Measure]
    before: float
    after: float
    notices: list[str]
    seconds: float
    interrupted: bool

    def describe(self) -> str:
        """What was matched, a line a measure, and the knobs."""
        lines = [f"{'matched':<16}{'before':>10}{'after':>10}{'reference':>11}"]
        for m in self.measures:
            lines.append(f"{m.name:<16}{m.before:>10.1f}{m.after:>10.1f}{m.reference:>11.1f} {m.unit}")
        lines.append(f"distance {self.before:.1f} before, {self.after:.1f} after (1 is about heard)")
        return "\n".join([*lines, self.fx.describe(), *self.notices])


def fit_like(
    fx: Processor,
    dry: Tensor,
    reference: Tensor,
    *,
    frozen: Iterable[str] | Mapping[str, float] = (),
    limits: Mapping[str, Limit] | None = None,
    seed: int = 0,
    time_budget_s: float | None = None,
    progress: bool | Watch | None = None,
) -> Likeness:
    """Find settings with which ``fx`` makes ``dry`` measure like ``reference``, another recording.

    Matched are the long-term spectrum in thirds of an octave, loudness and its range, crest, how fast levels fall, and
    of stereo sounds width and balance: what does not depend on what is played. Which knob does it is often open.

    Args:
        fx: the effect, or a ``Chain``; the search begins at its settings.
        dry: (1, C, T).
        reference: (1, C', T'), at the same rate.
        frozen: names of knobs that stay, or a dict of name to value.
        limits: as for ``fit``.
        seed: of the random numbers.
        time_budget_s: seconds after which no step is taken; None is a minute.
        progress: whether to show a progress bar; None shows it on a terminal. Or a function, called after each step
            with the square of the distance so far and its setting (P,), of knob positions; a KeyboardInterrupt that
            it raises ends the search, which keeps the best.

    Raises:
        ValueError: for recordings that are silent, hold NaN or are too short.

    References:
        J. Y. C. Wen, E. A. P. Habets, P. A. Naylor, "Blind estimation of reverberation time based on the distribution
        of signal decay rates", ICASSP 2008 (levels fall the slower the longer the reverberation).
    """
    began, effect = time.monotonic(), fx
    deadline = began + (_SECONDS if time_budget_s is None else time_budget_s)
    rate = fx.sample_rate
    try:
        notices = check_recordings(dry, reference, rate)
    except ValueError as error:
        raise ValueError(str(error).replace("the wet recording", "the reference")) from None
    if limits:
        fx = Limited(fx, limits)  # type: ignore[assignment]  # all of an effect that a search sees
        frozen = fx.frozen(frozen)  # type: ignore[operator]
    start = start_positions(fx, 1, "default")
    free = FreeKnobs(fx, frozen, rest=start)
    heard, reference = (x[..., : round(_HEARD_S * rate)] for x in (dry, reference))
    whole = Task(fx, heard, heard)
    channels = whole.run(start.float(), min(64, heard.shape[-1])).shape[1]
    feature = Measures(rate, stereo=channels == 2 and reference.shape[1] == 2)
    target = feature(reference)
    part = _loudest(heard, round(_EXCERPT_S * rate))
    task = Task(fx, part, part)
    fit = LeastSquares(task, part.shape[-1], feature, free.index)
    fit.target, fit.energy = target, float(feature.count)
    with progress_bar(None, progress) as advance:
        search = _Search(fit, free, torch.Generator().manual_seed(seed), deadline, advance)
        place = search.run(start.float())
    positions = torch.cat([start.float(), place[None]])
    values = [feature.values(whole.run(p[None], heard.shape[-1]), reference) for p in positions]
    distances = [float((feature(whole.run(p[None], heard.shape[-1])) - target).square().sum()) for p in positions]
    before, after = (math.sqrt(d / feature.count) for d in distances)
    goal = feature.values(reference, reference)
    measures = [Measure(n, _UNITS[n][0], values[0][n], values[1][n], goal[n]) for n in goal]
    if not feature.stereo:
        notices.append("width and balance were not matched: that takes two channels on both sides")
    if after >= before:
        notices.append("no setting came closer: these effects cannot make the one sound like the other")
    elif after > 0.5 * before:
        notices.append("these effects close less than half of the distance: others are needed")
    found = fx.expanded(place[None]) if isinstance(fx, Limited) else place[None]
    settings = {n: float(v) for n, v in effect.to_dict(effect.map_parameters(found)).items()}  # type: ignore[arg-type]
    done = copy.deepcopy(effect).frozen().set(settings)
    seconds = time.monotonic() - began
    return Likeness(done, settings, measures, before, after, notices, seconds, search.interrupted)


class Measures:
    """What is measured of sounds, in differences that are about heard: (B, C, T) to (B, N).

    Args:
        rate: in Hz.
        stereo: whether width and balance count.
    """

    def __init__(self, rate: float, stereo: bool) -> None:
        self.rate, self.stereo = rate, stereo
        highest = min(_HIGHEST_HZ, 0.45 * rate)
        bands = max(1, math.floor(3 * math.log2(highest / _LOWEST_HZ)))
        edges = _LOWEST_HZ * 2 ** (torch.arange(bands + 1) / 3)
        self.edges = (edges * _FFT / rate).round().long().unique()
        self.count = 5 + 2 * stereo
        """Measures; the spectrum is one."""

    def __call__(self, y: Tensor) -> Tensor:
        """Measures over what is about heard; squares summed are those of as many measures as ``count``."""
        bands = self.spectrum(y)
        columns = [bands / math.sqrt(bands.shape[1]), *(v[:, None] / _UNITS[n][1] for n, v in self.levels(y).items())]
        return torch.cat(columns, 1).float()

    def values(self, y: Tensor, reference: Tensor) -> dict[str, float]:
        """Measures of one sound (1, C, T) in their units; the spectrum as its difference from the reference's."""
        apart = (self.spectrum(y) - self.spectrum(reference)).square().mean().sqrt()
        levels = {name: float(value[0]) for name, value in self.levels(y).items()}
        return {"spectrum": float(apart), **levels, "decay": math.exp(levels["decay"])}

    def spectrum(self, y: Tensor) -> Tensor:
        """Level of each band, relative to the mean of all, (B, bands) in dB."""
        y = F.pad(y, (0, max(0, _FFT - y.shape[-1])))
        power = power_spectrogram(y, _FFT, _FFT // 2).mean((1, -1))
        sums = F.pad(power.cumsum(-1), (1, 0))
        bands = (sums[:, self.edges[1:]] - sums[:, self.edges[:-1]]).clamp_min(0.0)
        level = 10 * (bands + _FLOOR * power.sum(-1, keepdim=True) + 1e-20).log10()
        return level - level.mean(-1, keepdim=True)

    def levels(self, y: Tensor) -> dict[str, Tensor]:
        """The other measures, (B,) each; of the decay the logarithm."""
        found = {
            "loudness": loudness_lufs(y, self.rate),
            "loudness range": loudness_range_lu(y, self.rate),
            "crest": crest_db(y).mean(1),
            "decay": self.decay(y).log(),
        }
        return found | ({"width": width_db(y), "balance": balance_db(y)} if self.stereo else {})

    def decay(self, y: Tensor) -> Tensor:
        """Mean speed at which the level falls where it falls, (B,) in dB/s; at least 1."""
        width = max(1, round(_FRAME_S * self.rate))
        power = F.avg_pool1d(y.square().mean(1, keepdim=True), width, ceil_mode=True)[:, 0]
        level = 10 * (power + 1e-12).log10()
        falls = (level[:, :-1] - level[:, 1:]) / _FRAME_S
        counts = (falls > 0) & (level[:, :-1] > level.amax(1, keepdim=True) - _DEEPEST_DB)
        return (falls.where(counts, 0.0).sum(1) / counts.sum(1).clamp_min(1)).clamp_min(1.0)


@dataclass
class _Search:
    """Random settings screened, the best descended from, then varied, until nothing is gained."""

    fit: LeastSquares
    free: FreeKnobs
    generator: torch.Generator
    deadline: float
    advance: Watch
    interrupted: bool = False
    lowest: tuple[float, Tensor] | None = None

    def run(self, start: Tensor) -> Tensor:
        """The best setting (P,) met from a start (1, P)."""
        best, error, waited = start[0], math.inf, 0
        try:
            best, error = self.fit.descend(best, _STEPS, self.deadline, self._walked)
            while waited < _PATIENCE and time.monotonic() < self.deadline:
                drawn = torch.rand(_DRAWN, len(self.free.index), generator=self.generator)
                moves = torch.rand(drawn.shape, generator=self.generator) < 0.3
                positions = self.free(torch.where(moves, drawn, best[self.free.index]))
                order = self.fit.errors(positions).argsort()[:_WALKED]
                waited += 1
                for place in positions[order]:
                    found, now = self.fit.descend(place, _STEPS, self.deadline, self._walked)
                    if now < error:
                        waited = 0 if now < 0.95 * error else waited
                        best, error = found, now
        except KeyboardInterrupt:
            self.interrupted = True
            best = best if self.lowest is None else self.lowest[1]
        return best

    def _walked(self, error: float, place: Tensor) -> None:
        """A step of a descent was taken."""
        if self.lowest is None or error < self.lowest[0]:
            self.lowest = error, place.clone()
        self.advance(*self.lowest)


def _loudest(x: Tensor, samples: int) -> Tensor:
    """The part of so many samples with the most energy, to half its length."""
    if x.shape[-1] <= samples:
        return x
    hop = samples // 2
    energies = F.avg_pool1d(x.square().mean(1, keepdim=True), samples, hop)[0, 0]
    at = hop * int(energies.argmax())
    return x[..., at : at + samples]
