"""Stereo imager."""

from __future__ import annotations

from ...routing.multi_band import EffectInBands, in_bands_options
from .stereo_widener import StereoWidener


class StereoImager(EffectInBands):
    """The width of each band by itself: ``MultiBand`` around ``StereoWidener``.

    y = sum_k W_k(H_k x), H_k the bands of crossovers. The mono sum is flat at every setting, and
    at width 1 in every band so is the whole.

    References:
        S. H. Linkwitz, "Active crossover networks for noncoincident drivers", JAES 24(1), 1976.
        A. D. Blumlein, British Patent 394 325, 1931 (sum and difference).
    """

    effect = StereoWidener
    options = in_bands_options(StereoWidener)
    variants = ({}, {"num_bands": 2})
