"""Saturation in each of several bands."""

from __future__ import annotations

from ...routing.multi_band import EffectInBands, in_bands_options
from .tanh import TanH


class MultiBandSaturator(EffectInBands):
    """A saturator in each band of crossovers: ``MultiBand`` around ``TanH``.

    y = sum_k tanh_k(H_k x); every band has the knobs of ``TanH``, ``band_1.drive_db`` and so on, from the lowest. A
    loud bass does not modulate the treble, as it does where the whole sound is saturated at once.

    References:
        S. H. Linkwitz, "Active crossover networks for noncoincident drivers", JAES 24(1), 1976.
    """

    effect = TanH
    options = in_bands_options(TanH)
    variants = ({"num_bands": 2},)
