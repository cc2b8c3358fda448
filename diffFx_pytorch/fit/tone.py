"""Settings of filters, read off the bands of the response between two sounds: quick, for nothing is filtered."""

from __future__ import annotations

import math
import time

import torch
from torch import Tensor

from ..processor import Processor
from .knobs import FreeKnobs
from .least_squares import LeastSquares
from .task import Task

_SAMPLES = 8192
_BANDS = 120
_LOWEST_HZ = 25.0
_WIDTH = 0.03, 12.0
"""Half the width of a band, as a share of its frequency, and at least, in Hz."""
_FLOOR = 1e-6
"""Of a power response (-60 dB)."""
_QUIET = 1e-5
"""Power of a band relative to the loudest one's, under which it counts for less."""
_DRAWN, _DESCENTS, _STEPS = 600, 6, 30
_LONG = {"echo", "decay", "rate", "period", "stairs"}


class BandResponse:
    """Logarithms of the power of a response at frequencies in equal ratios, weighted.

    Args:
        rate: in Hz.
        weight: of each frequency, (120,).
    """

    def __init__(self, rate: float, weight: Tensor) -> None:
        places = band_frequencies(rate) * _SAMPLES / rate
        self.below = places.floor().long()
        self.share, self.weight = (places - self.below).float(), weight.float()

    def __call__(self, y: Tensor) -> Tensor:
        """(B, C, T) to (B, C 120)."""
        H = torch.fft.rfft(y, _SAMPLES)
        H = H[..., self.below] * (1 - self.share) + H[..., self.below + 1] * self.share
        return self.of(H.real.square() + H.imag.square())

    def of(self, powers: Tensor) -> Tensor:
        """The feature of power responses (B, C, 120)."""
        return ((powers + _FLOOR).log().float() * self.weight).flatten(1)


def is_tone(fx: Processor) -> bool:
    """Whether an effect is a filter whose response is short: told by its bands."""
    linear = {"linear", "time_invariant"} <= set(fx.traits)
    return linear and bool(fx.params) and not any(p.search in _LONG for p in fx.params.values())


def tones(
    fx: Processor,
    dry: Tensor,
    wet: Tensor,
    generator: torch.Generator,
    count: int = 3,
    deadline: float = math.inf,
) -> tuple[Tensor, bool]:
    """Settings with which the response of a filter is that from ``dry`` to ``wet``, by bands and without phase.

    Args:
        fx: the filter.
        dry: (1, C, T); channels are averaged.
        wet: (1, C', T').
        generator: of the random numbers.
        count: of settings.
        deadline: of ``time.monotonic()``.

    Returns:
        Positions (n, P), the best first, and whether Ctrl-C ended the search.
    """
    powers, weight = band_response(dry, wet, fx.sample_rate)
    feature = BandResponse(fx.sample_rate, weight)
    impulse = torch.zeros(1, 1 if fx.channels is None or 1 in fx.channels else 2, _SAMPLES)
    impulse[..., 0] = 1.0
    free = FreeKnobs(fx)
    fit = LeastSquares(Task(fx, impulse, impulse), _SAMPLES, feature, free.index)
    fit.aim(feature.of(powers.expand(1, fit.target.shape[1] // _BANDS, -1)))
    drawn = torch.rand(_DRAWN, len(free.names), generator=generator)
    # Gains that are small are more usual than those at the ends of their range.
    signed = torch.tensor([p.min_val < 0 < p.max_val for p in fx.params.values()])
    half = torch.arange(_DRAWN) % 2 == 0
    drawn = torch.where(signed & half[:, None], 0.5 + 0.6 * (drawn - 0.5), drawn)
    rows = fit.errors(drawn).argsort()[:_DESCENTS].tolist()
    ends, interrupted = [], False
    try:
        for row in rows:
            ends.append(fit.descend(drawn[row], _STEPS, deadline))
            if time.monotonic() >= deadline:
                break
    except KeyboardInterrupt:
        if not ends:
            raise
        interrupted = True
    ends.sort(key=lambda end: end[1])
    return torch.stack([place for place, _ in ends[:count]]), interrupted


def band_frequencies(rate: float) -> Tensor:
    """(120,), float64, in Hz."""
    return torch.logspace(math.log10(_LOWEST_HZ), math.log10(0.48 * rate), _BANDS, dtype=torch.float64)


def band_response(dry: Tensor, wet: Tensor, rate: float) -> tuple[Tensor, Tensor]:
    """Power of the response from ``dry`` to ``wet`` by bands, (120,), and how much each band can be trusted.

    |sum Y X*|^2 / (sum |X|^2)^2 over the bins of a band; the trust is the root of their coherence, times a factor that
    is less where the dry sound has next to nothing.

    References:
        J. S. Bendat, A. G. Piersol, "Random Data", 4th edition, 2010, section 6.1.4 (the estimate H1, and coherence).
    """
    x, y = (s[0].detach().double().mean(0).cpu() for s in (dry, wet))
    length = 2 * max(len(x), len(y))
    X, Y = torch.fft.rfft(x, length), torch.fft.rfft(y, length)
    cross, own, other = Y * X.conj(), X.abs().square(), Y.abs().square()
    sums = torch.zeros(3, _BANDS, dtype=torch.complex128)
    for i, freq in enumerate(band_frequencies(rate).tolist()):
        half = max(_WIDTH[0] * freq, _WIDTH[1])
        first, last = (max(0, round((freq + d) * length / rate)) for d in (-half, half))
        k = torch.arange(first, min(last + 1, len(X)), dtype=torch.float64)
        bell = (1 - (k * rate / length - freq).abs() / half).clamp_min(0.0)
        for j, values in enumerate((cross, own, other)):
            sums[j, i] = (bell * values[first : last + 1]).sum()
    both, own, other = sums[0].abs().square(), sums[1].real, sums[2].real
    coherence = (both / (own * other + 1e-30)).clamp(0.0, 1.0)
    return both / (own.square() + 1e-30), (coherence * own / (own + _QUIET * own.max() + 1e-30)).sqrt()
