"""Multi-band compressor."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from ...params import EffectParam
from ...processor import State
from ...routing.multi_band import Bands, effect_of_bands
from .compressor import Compressor, Detector


class MultiBandCompressor(Bands):
    """A compressor in each band of Linkwitz-Riley crossovers: ``MultiBand`` around ``Compressor``.

    y = sum_k comp_k(H_k x); every band has the knobs of ``Compressor``, ``band_1.threshold_db`` and so on, from the
    lowest. Where no band reduces its gain the sum is flat, for any crossovers in any order. A sidechain is split alike.

    Args:
        sample_rate: in Hz.
        param_range: rows of the table to replace.
        num_bands: 2 or more.
        detector: as for ``Compressor``; so are the others.
        link: channels share the gain of the loudest.
        lookahead_ms: of every band.
        rms_ms: time constant of the mean square.

    Raises:
        ValueError: for fewer than two bands, or an option that ``Compressor`` refuses.

    References:
        S. H. Linkwitz, "Active crossover networks for noncoincident drivers", JAES 24(1), 1976.
    """

    variants = ({"num_bands": 2},)

    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        num_bands: int = 3,
        detector: Detector = "peak",
        link: bool = True,
        lookahead_ms: float = 0.0,
        rms_ms: float = 5.0,
    ) -> None:
        options = {"detector": detector, "link": link, "lookahead_ms": lookahead_ms, "rms_ms": rms_ms}
        super().__init__(
            effect_of_bands("MultiBandCompressor", Compressor, sample_rate, **options), num_bands, param_range
        )

    def process(
        self, x: Tensor, state: State, sidechain: Tensor | None = None, **knobs: Tensor
    ) -> tuple[Tensor, State]:
        """Split, compress, sum."""
        return self.in_bands(x, state, sidechain, knobs)
