"""Stereo imager."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from ...params import EffectParam
from ...processor import State
from ...routing.multi_band import Bands, effect_of_bands
from .stereo_widener import StereoWidener


class StereoImager(Bands):
    """The width of each band by itself: ``MultiBand`` around ``StereoWidener``.

    y = sum_k W_k(H_k x), H_k the bands of Linkwitz-Riley crossovers. The mono sum is flat at every setting, and
    at width 1 in every band so is the whole.

    Args:
        sample_rate: in Hz.
        param_range: rows of the table to replace.
        num_bands: 2 or more.

    Raises:
        ValueError: for fewer than two bands.

    References:
        S. H. Linkwitz, "Active crossover networks for noncoincident drivers", JAES 24(1), 1976.
        A. D. Blumlein, British Patent 394 325, 1931 (sum and difference).
    """

    variants = ({}, {"num_bands": 2})

    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        num_bands: int = 3,
    ) -> None:
        super().__init__(effect_of_bands("StereoImager", StereoWidener, sample_rate), num_bands, param_range)

    def process(self, x: Tensor, state: State, **knobs: Tensor) -> tuple[Tensor, State]:
        """Split, widen, sum."""
        return self.in_bands(x, state, None, knobs)
