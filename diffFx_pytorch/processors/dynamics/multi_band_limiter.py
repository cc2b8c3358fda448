"""Multi-band limiter."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ...params import EffectParam
from ...processor import State
from ...routing.multi_band import Bands, effect_of_bands
from .limiter import Limiter

_OUTPUT = ("ceiling_db", "release_ms")


class MultiBandLimiter(Bands):
    """A limiter in each band of Linkwitz-Riley crossovers, and one on their sum: ``MultiBand`` around ``Limiter``.

    y = lim(sum_k lim_k(H_k x)). Bands that each keep under their ceiling can still add up to more than any of them, so
    the sum is limited once more: no sample of the output is larger than ``ceiling_db``.

    Args:
        sample_rate: in Hz.
        param_range: rows of the table to replace.
        num_bands: 2 or more.
        lookahead_ms: of the bands, and again of the output.
        true_peak: whether the last limiter holds the peaks between the samples too.
        link: channels share the gain of the loudest.

    Raises:
        ValueError: for fewer than two bands, or an option that ``Limiter`` refuses.

    References:
        S. H. Linkwitz, "Active crossover networks for noncoincident drivers", JAES 24(1), 1976.
    """

    variants = ({"num_bands": 2, "lookahead_ms": 2.0},)

    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        num_bands: int = 3,
        lookahead_ms: float = 5.0,
        true_peak: bool = False,
        link: bool = True,
    ) -> None:
        options = {"lookahead_ms": lookahead_ms, "link": link}
        band = effect_of_bands("MultiBandLimiter", Limiter, sample_rate, **options)
        super().__init__(band, num_bands, param_range, {name: Limiter.params[name] for name in _OUTPUT})
        self.output = Limiter(sample_rate, true_peak=true_peak, **options)
        self.latency_samples += self.output.latency_samples
        self.neutral = {**self.neutral, "ceiling_db": 0.0}

    def process(self, x: Tensor, state: State, **knobs: Tensor) -> tuple[Tensor, State]:
        """Split, limit, sum, limit."""
        bands, last = (None, None) if state is None else state
        y, bands = self.in_bands(x, bands, None, knobs)
        ceiling_db, release_ms = (knobs[name] for name in _OUTPUT)
        y, last = self.output.process(
            y, last, gain_db=torch.zeros_like(ceiling_db), ceiling_db=ceiling_db, release_ms=release_ms
        )
        return y, (bands, last)
