"""Power responses by bands: of recordings, and of filters that are asked for theirs."""

from __future__ import annotations

import math
import warnings

import torch
from torch import Tensor

from ..processor import Processor
from .task import Task

_SAMPLES = 8192
BANDS = 400
_FINE = 2
"""Frequencies from band to band at which a filter is asked for its power."""
_LOWEST_HZ = 25.0
_WIDTH = 0.017, 1.5
"""Half the width of a band, as a share of its frequency, which is the distance to the next, and at least, in bins."""
_BINS = 6
"""Half the width of a band, in bins, under which what it says is less sure."""
_FLOOR = 1e-6
"""Of a power response (-60 dB)."""
_QUIET = 1e-5
"""Power of a band relative to the loudest one's, under which it counts for less."""
_FADE = 0.3
"""Share of two sounds over which they end: what the filter would still ring is cut off in one of them."""


class BandResponse:
    """The power of a response from a sound, by bands at frequencies in equal ratios.

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
            math.log10(float(bands[0])), math.log10(float(bands[-1])), _FINE * (BANDS - 1) + 1, dtype=torch.float64
        )
        bin_of = (self.fine * (_SAMPLES / rate)).round().long()
        fine = (own[bin_of] * self.fine) * torch.stack([_bell(self.fine, f, rate) for f in bands.tolist()])
        self.fine_sums = (fine / fine.sum(1, keepdim=True)).float().T.contiguous()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sparse CSR")
            self.sums = (bells / bells.sum(1, keepdim=True)).float().to_sparse_csr()

    def weights(self, trust: Tensor) -> Tensor:
        """How much bands count that can be trusted so much, (bands,): less where they are narrower than bins."""
        widths = torch.tensor([_half(f, self.rate) for f in band_frequencies(self.rate).tolist()])
        return trust.float() * (widths * (_SAMPLES / self.rate / _BINS)).clamp_max(1.0).sqrt()

    def of_powers(self, powers: Tensor) -> Tensor:
        """By bands of powers (..., F) at the frequencies ``fine``: (..., bands)."""
        return powers @ self.fine_sums

    def of_impulse(self, h: Tensor, at: int = 0) -> Tensor:
        """By bands of responses (B, C, T) to an impulse at a sample: (B, C, bands)."""
        turns = torch.arange(_SAMPLES // 2 + 1, dtype=torch.float64) * (2 * math.pi * at / _SAMPLES)
        back = torch.polar(torch.ones_like(turns), turns).to(torch.complex64)
        H = torch.view_as_real(torch.fft.rfft(h, _SAMPLES) * back)
        sums = self.sums @ H.movedim(2, 0).reshape(H.shape[2], -1)
        return sums.view(BANDS, *h.shape[:2], 2).square().sum(-1).movedim(0, 2)

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
        sums = torch.zeros(3, BANDS, dtype=torch.complex128)
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


def said_powers(fx: Processor, positions: Tensor, freqs: Tensor) -> Tensor:
    """What a filter that has ``power`` says of its response at frequencies (F,) in Hz, at settings (B, P): (B, F)."""
    rows = zip(fx.params.items(), positions.double().unbind(-1), strict=True)
    knobs = {name: param.to_physical(position)[:, None, None] for (name, param), position in rows}
    return fx.power(torch.sin(freqs * (math.pi / fx.sample_rate)).square(), **knobs)  # type: ignore[operator]


class Said(Task):
    """A filter that says its power response: its bands are what is heard of a setting.

    Args:
        fx: has ``power``.
        bands: of the sound that it filters.
    """

    def __init__(self, fx: Processor, bands: BandResponse) -> None:
        super().__init__(fx, torch.ones(1, 1, BANDS), torch.ones(1, 1, BANDS), compensate_latency=False)
        self.bands = bands

    @torch.no_grad()
    def sounds(self, positions: Tensor, samples: int) -> Tensor:
        """Power responses by bands (B, 1, bands) at settings (B, P)."""
        return self.bands.of_powers(said_powers(self.fx, positions, self.bands.fine)[:, None].float())

    def together(self, samples: int) -> int:
        """How many settings are asked at once."""
        return super().together(len(self.bands.fine))


class Struck(Task):
    """A filter struck by an impulse: the bands of its response are what is heard of a setting.

    Args:
        fx: the filter.
        bands: of the sound that it filters.
    """

    def __init__(self, fx: Processor, bands: BandResponse) -> None:
        self.bands, self.at = bands, min(fx.latency_samples, _SAMPLES // 2)
        impulse = torch.zeros(1, 1, _SAMPLES + fx.latency_samples)
        impulse[..., self.at] = 1.0
        super().__init__(fx, impulse, impulse[..., :_SAMPLES])

    @torch.no_grad()
    def sounds(self, positions: Tensor, samples: int) -> Tensor:
        """Power responses by bands (B, C, bands) at settings (B, P)."""
        return self.bands.of_impulse(super().sounds(positions, _SAMPLES), self.at)

    def together(self, samples: int) -> int:
        """How many settings are struck at once."""
        return super().together(_SAMPLES)


def asked(fx: Processor, bands: BandResponse) -> Said | Struck:
    """A filter on the CPU whose response by bands is heard: said where it says it, else that to an impulse."""
    return Said(fx, bands) if hasattr(fx, "power") else Struck(fx, bands)


class LogPowers:
    """Weighted logarithms of power responses by bands.

    Args:
        weight: of the bands.
        level_free: whether responses count as equal that differ by a gain.
    """

    def __init__(self, weight: Tensor, level_free: bool = False) -> None:
        self.weight, self.level_free = weight, level_free

    def __call__(self, powers: Tensor) -> Tensor:
        """(B, C, bands) to (B, C bands)."""
        logs, w = (powers + _FLOOR).log().float(), self.weight
        if self.level_free:
            logs = logs - (logs * w.square()).sum(-1, keepdim=True) / w.square().sum()
        return (logs * w).flatten(1)


def band_frequencies(rate: float) -> Tensor:
    """(bands,), float64, in Hz."""
    return torch.logspace(math.log10(_LOWEST_HZ), math.log10(0.48 * rate), BANDS, dtype=torch.float64)


def _half(freq: float, rate: float) -> float:
    return max(_WIDTH[0] * freq, _WIDTH[1] * rate / _SAMPLES)


def _bell(freqs: Tensor, freq: float, rate: float) -> Tensor:
    return (1 - (freqs - freq).abs() / _half(freq, rate)).clamp_min(0.0)
