"""Multi-band noise gate."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from ...params import EffectParam
from ...processor import State
from ...routing.multi_band import Bands, effect_of_bands
from .noise_gate import NoiseGate


class MultiBandNoiseGate(Bands):
    """A noise gate in each band of Linkwitz-Riley crossovers: ``MultiBand`` around ``NoiseGate``.

    y = sum_k gate_k(H_k x); every band has the knobs of ``NoiseGate``, ``band_1.threshold_db`` and so on, from the
    lowest. Where every band is open the sum is flat, for any crossovers in any order. A sidechain is split alike.

    Args:
        sample_rate: in Hz.
        param_range: rows of the table to replace.
        num_bands: 2 or more.
        link: as for ``NoiseGate``.
        lookahead_ms: of every band.

    Raises:
        ValueError: for fewer than two bands, or an option that ``NoiseGate`` refuses.

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
        link: bool = True,
        lookahead_ms: float = 0.0,
    ) -> None:
        fx = effect_of_bands("MultiBandNoiseGate", NoiseGate, sample_rate, link=link, lookahead_ms=lookahead_ms)
        super().__init__(fx, num_bands, param_range)

    def process(
        self, x: Tensor, state: State, sidechain: Tensor | None = None, **knobs: Tensor
    ) -> tuple[Tensor, State]:
        """Split, gate, sum."""
        return self.in_bands(x, state, sidechain, knobs)
