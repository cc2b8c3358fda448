"""Settings of filters, read off the bands of the response between two sounds: quick, for no recording is filtered."""

from __future__ import annotations

import copy
import itertools
import math
import time
import warnings

import torch
from torch import Tensor

from ..processor import Processor
from .knobs import FreeKnobs
from .least_squares import LeastSquares
from .proposals import Proposals
from .side_by_side import descend_side_by_side
from .task import Task

_SAMPLES = 8192
_BANDS = 160
_FINE = 4
"""Frequencies from band to band at which a filter is asked for its power."""
_LOWEST_HZ = 25.0
_WIDTH = 0.042, 1.5
"""Half the width of a band, as a share of its frequency, which is the distance to the next, and at least, in bins."""
_BINS = 6
"""Half the width of a band, in bins, under which what it says is less sure."""
_FLOOR = 1e-6
"""Of a power response (-60 dB)."""
_QUIET = 1e-5
"""Power of a band relative to the loudest one's, under which it counts for less."""
_FADE = 0.3
"""Share of two sounds over which they end: what the filter would still ring is cut off in one of them."""
_MOST = 16
_DRAWN, _SCREENED, _AS_THEY_COME = 40, 2, 2
"""Settings that are drawn, and descended from because they are the best of these or as they come, for each knob."""
_ROUNDS = ((64, 6), (14, 12), (5, 16))
_PASSES = 8
_RESTARTS = 4
_EXACT = 0.25
"""Share of the time in which settings found by powers are followed by responses to an impulse."""
_GAIN = 0.8
"""An error less than this share of the one before counts as a gain; two passes without one end a search."""
_MET = 3e-3
"""Root mean square of the difference of logarithms that ends a search: 0.013 dB."""
_ALIKE = 2e-3
_AROUND = 8
_EXTREMES = 8
_LONG = {"echo", "decay", "rate", "period", "stairs"}


def aligned_dry(task: Task) -> Tensor:
    """The dry sound in step with the wet one, (1, C, T)."""
    return task.dry[..., task.latency - task.compensated :][..., : task.wet.shape[-1]]


def is_filter(fx: Processor) -> bool:
    """Whether an effect is a filter of one channel whose response is short: told by its bands."""
    linear = {"linear", "time_invariant"} <= set(fx.traits) and (fx.channels is None or 1 in fx.channels)
    return linear and bool(fx.params) and not is_long(fx)


def is_long(fx: Processor) -> bool:
    """Whether what a knob does takes longer than a filter rings: echoes, decays, oscillators, holds."""
    return any(p.search in _LONG for p in fx.params.values())


class Powers(Task):
    """A filter that says its power response: that at ``freqs`` is seen in place of the response to an impulse.

    Args:
        fx: has ``power``.
        freqs: in Hz, (F,).
    """

    def __init__(self, fx: Processor, freqs: Tensor) -> None:
        ones = torch.ones(1, 1, len(freqs))
        super().__init__(fx, ones, ones, compensate_latency=False)
        self.phi = torch.sin(freqs * (math.pi / fx.sample_rate)).square()

    @torch.no_grad()
    def sounds(self, positions: Tensor, samples: int) -> Tensor:
        """Power responses (B, 1, F) at settings (B, P)."""
        rows = zip(self.fx.params.items(), positions.double().unbind(-1), strict=True)
        knobs = {name: param.to_physical(position)[:, None, None] for (name, param), position in rows}
        return self.fx.power(self.phi, **knobs)[:, None].float()


class BandResponse:
    """Logarithms of the power of a response at frequencies in equal ratios, weighted.

    What is compared is seen through one pair of glasses: of a recording each band is |sum Y X*|^2 / (sum |X|^2)^2 over
    its bins, of a filter the same sum of its response over the power that the recording has there.

    Args:
        dry: the sound before the filter, (C, T).
        rate: in Hz.
    """

    def __init__(self, dry: Tensor, rate: float) -> None:
        self.x, self.rate = dry.detach().double().mean(0).cpu(), rate
        self.length = max(2 * len(self.x), _SAMPLES)
        self.X = torch.fft.rfft(self._ended(self.x), self.length)
        power = self.X.abs().square()
        at = (torch.arange(len(power)) * (_SAMPLES / self.length)).round().long()
        own, counts = torch.zeros(2, _SAMPLES // 2 + 1, dtype=torch.float64)
        own.index_add_(0, at, power)
        counts.index_add_(0, at, torch.ones_like(power))
        own = own / counts.clamp_min(1.0) + 1e-20
        freqs = torch.arange(len(own)) * (rate / _SAMPLES)
        bands = band_frequencies(rate)
        bells = own * torch.stack([_bell(freqs, f, rate) for f in bands.tolist()])
        self.fine = torch.logspace(
            math.log10(float(bands[0])), math.log10(float(bands[-1])), _FINE * (_BANDS - 1) + 1, dtype=torch.float64
        )
        bin_of = (self.fine * (_SAMPLES / rate)).round().long()
        fine = (own[bin_of] * self.fine) * torch.stack([_bell(self.fine, f, rate) for f in bands.tolist()])
        self.fine_sums = (fine / fine.sum(1, keepdim=True)).float().T.contiguous()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sparse CSR")
            self.sums = (bells / bells.sum(1, keepdim=True)).float().to_sparse_csr()
        self.weight = torch.ones(_BANDS)

    def aim(self, weight: Tensor, impulse_at: int = 0) -> None:
        """Weigh the bands by so much, (bands,), and see responses to an impulse at that sample."""
        widths = torch.tensor([_half(f, self.rate) for f in band_frequencies(self.rate).tolist()])
        self.weight = weight.float() * (widths * (_SAMPLES / self.rate / _BINS)).clamp_max(1.0).sqrt()
        turns = torch.arange(_SAMPLES // 2 + 1, dtype=torch.float64) * (2 * math.pi * impulse_at / _SAMPLES)
        self.back = torch.polar(torch.ones_like(turns), turns).to(torch.complex64)

    def __call__(self, y: Tensor) -> Tensor:
        """Responses (B, C, T) to an impulse: (B, C bands)."""
        return self.of(self.powers(y))

    def powers(self, y: Tensor) -> Tensor:
        """Of responses (B, C, T) to an impulse, or powers (B, C, F) at the frequencies ``fine``: (B, C, bands)."""
        if y.shape[-1] == len(self.fine):
            return y @ self.fine_sums
        H = torch.view_as_real(torch.fft.rfft(y, _SAMPLES) * self.back)
        sums = self.sums @ H.movedim(2, 0).reshape(H.shape[2], -1)
        return sums.view(_BANDS, *y.shape[:2], 2).square().sum(-1).movedim(0, 2)

    def of(self, powers: Tensor) -> Tensor:
        """The feature of power responses (B, C, bands)."""
        return ((powers + _FLOOR).log().float() * self.weight).flatten(1)

    def between(self, wet: Tensor) -> tuple[Tensor, Tensor]:
        """Power of the response to a sound (C, T) by bands, (bands,), and how much each band can be trusted.

        The trust is the root of their coherence, times a factor that is less where dry has next to nothing.

        References:
            J. S. Bendat, A. G. Piersol, "Random Data", 4th edition, 2010, section 6.1.4 (the estimate H1, and
            coherence).
        """
        y = wet.detach().double().mean(0).cpu()[: len(self.x)]
        Y = torch.fft.rfft(self._ended(y), self.length)
        cross, own, other = Y * self.X.conj(), self.X.abs().square(), Y.abs().square()
        sums = torch.zeros(3, _BANDS, dtype=torch.complex128)
        for i, freq in enumerate(band_frequencies(self.rate).tolist()):
            half = _half(freq, self.rate)
            first, last = (max(0, round((freq + d) * self.length / self.rate)) for d in (-half, half))
            k = torch.arange(first, min(last + 1, len(Y)), dtype=torch.float64)
            bell = _bell(k * (self.rate / self.length), freq, self.rate)
            for j, values in enumerate((cross, own, other)):
                sums[j, i] = (bell * values[first : last + 1]).sum()
        both, own, other = sums[0].abs().square(), sums[1].real, sums[2].real
        coherence = (both / (own * other + 1e-30)).clamp(0.0, 1.0)
        return both / (own.square() + 1e-30), (coherence * own / (own + _QUIET * own.max() + 1e-30)).sqrt()

    def _ended(self, x: Tensor) -> Tensor:
        x = torch.nn.functional.pad(x, (0, len(self.x) - len(x)))
        n = max(1, round(_FADE * len(x)))
        end = (0.5 + 0.5 * torch.cos(math.pi * torch.arange(n, dtype=torch.float64) / n)).square()
        return torch.cat([x[:-n], x[-n:] * end])


def tones(
    fx: Processor,
    dry: Tensor,
    wet: Tensor,
    generator: torch.Generator,
    count: int = 3,
    deadline: float = math.inf,
    free: FreeKnobs | None = None,
    now: tuple[Tensor, Tensor] | None = None,
    passes: int = _PASSES,
) -> tuple[Tensor, bool]:
    """Settings with which the response of a filter is that from ``dry`` to ``wet``, by bands and without phase.

    Settings are drawn, the best descended from side by side, and the best of those varied, band by band.

    Args:
        fx: the filter.
        dry: (1, C, T), the sound before it; channels are averaged.
        wet: (1, C', T').
        generator: of the random numbers.
        count: of settings.
        deadline: of ``time.monotonic()``.
        free: which knobs move; None is all.
        now: where the filter stands in a chain: its setting (P,), and the sound of the whole chain, (1, C', T').
            What is looked for is then the response with which the chain's would be that to ``wet``.
        passes: at most.

    Returns:
        Positions (n, P), the best first, and whether Ctrl-C ended the search.
    """
    fx, there = copy.deepcopy(fx).cpu(), dry.device
    free = FreeKnobs(fx) if free is None else copy.deepcopy(free).cpu()
    feature = BandResponse(dry[0], fx.sample_rate)
    powers, weight = feature.between(wet[0])
    late = fx.latency_samples
    at = min(late, _SAMPLES // 2)
    impulse = torch.zeros(1, 1, _SAMPLES + late)
    impulse[..., at] = 1.0
    feature.aim(weight, at)
    says = hasattr(fx, "power")
    until = deadline if deadline == math.inf or not says else deadline - _EXACT * (deadline - time.monotonic())
    task = Powers(fx, feature.fine) if says else Task(fx, impulse, impulse[..., :_SAMPLES])
    starts = free.rest[:1]
    if now is not None:
        starts = now[0][None].cpu()
        before, sure = feature.between(now[1][0])
        own = feature.powers(task.sounds(starts, task.wet.shape[-1]))[0, 0].double()
        powers = own * (powers + 1e-9) / (before + 1e-9)
        feature.aim(weight * sure, at)
    fit = LeastSquares(task, task.wet.shape[-1], feature, free.index)
    fit.aim(feature.of(powers.expand(1, fit.target.shape[1] // _BANDS, -1)))
    proposals = Proposals(task, free, generator, listens=False)
    # Gains that are small are more usual than those at the ends of their range.
    signed = torch.tensor([fx.params[n].min_val < 0 < fx.params[n].max_val for n in free.names])
    columns = [i for i, name in enumerate(free.names) if fx.params[name].search == "frequency"]
    rows = [fx.params[free.names[i]] for i in columns]
    knobs = min(len(free.names), _MOST)
    found, errors, interrupted = starts, fit.errors(starts), False
    lacking, best, waited, fresh = fit.target, math.inf, 0, True
    ended: list[tuple[Tensor, Tensor]] = []
    try:
        for _ in range(passes):
            freqs = _extremes(lacking.view(-1, _BANDS)[0], fx.sample_rate)
            proposals.expect(
                {
                    i: row.to_norm(freqs.clamp(row.min_val, row.max_val)).float()
                    for i, row in zip(columns, rows, strict=True)
                }
            )
            drawn = proposals.anywhere(_DRAWN * knobs)
            half = torch.arange(len(drawn)) % 2 == 0
            drawn = torch.where(signed & half[:, None], 0.5 + 0.6 * (drawn - 0.5), drawn)
            begun = [found]
            if not fresh:
                # The best variations are those that change next to nothing: some are taken as they come.
                near = [proposals.near(place, _DRAWN * knobs // 4) for place in found[:3, free.index]]
                begun += [free(places[: math.ceil(_AS_THEY_COME * knobs / len(near))]) for places in near]
                drawn = torch.cat([drawn[: _DRAWN * knobs // 4], *near])
            screened = free(drawn)
            begun.append(screened[fit.errors(screened).argsort()[: _SCREENED * knobs]])
            fresh = False
            ends = descend_side_by_side(fit, torch.cat(begun), _ROUNDS, until)
            found, errors = (torch.cat(both) for both in zip((found, errors), ends, strict=True))
            order = errors.argsort()
            seen = fit.seen(found[order])
            kept = _distinct(seen)
            found, errors = found[order][kept], errors[order][kept]
            lacking = fit.target - seen[:1]
            met = math.sqrt(float(errors[0]) * fit.energy / float(feature.weight.square().sum()))
            waited = 0 if float(errors[0]) < _GAIN * best else waited + 1
            best = float(errors[0])
            if met < (_MET if now is None else _MET / 10) or time.monotonic() >= until:
                break
            if waited > 1:
                if now is not None or not says or len(ended) == _RESTARTS:
                    break
                # What is stuck begins anew; the best of each search are kept.
                ended.append((found[:count], errors[:count]))
                found, errors, lacking = starts, fit.errors(starts), fit.target
                best, waited, fresh = math.inf, 0, True
    except KeyboardInterrupt:
        interrupted = True
    found, errors = (torch.cat(both) for both in zip((found, errors), *ended, strict=True))
    order = errors.argsort()
    found = found[order][_distinct(fit.seen(found[order]))]
    if says and not interrupted:  # what is not even within a band is told by a response to an impulse
        exact = LeastSquares(Task(fx, impulse, impulse[..., :_SAMPLES]), _SAMPLES, feature, free.index)
        exact.aim(fit.target)
        try:
            found, _ = descend_side_by_side(exact, found, ((len(found), 8), (count, 16)), deadline)
        except KeyboardInterrupt:
            interrupted = True
    return found[:count].to(there), interrupted


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


def band_frequencies(rate: float) -> Tensor:
    """(bands,), float64, in Hz."""
    return torch.logspace(math.log10(_LOWEST_HZ), math.log10(0.48 * rate), _BANDS, dtype=torch.float64)


def _half(freq: float, rate: float) -> float:
    return max(_WIDTH[0] * freq, _WIDTH[1] * rate / _SAMPLES)


def _bell(freqs: Tensor, freq: float, rate: float) -> Tensor:
    return (1 - (freqs - freq).abs() / _half(freq, rate)).clamp_min(0.0)
