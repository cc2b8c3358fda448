"""Multi-band transient shaper."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from ...params import EffectParam
from ...processor import State
from ...routing.multi_band import Bands, effect_of_bands
from .transient_shaper import TransientShaper


class MultiBandTransientShaper(Bands):
    """A transient shaper in each band of Linkwitz-Riley crossovers: ``MultiBand`` around ``TransientShaper``.

    y = sum_k shaper_k(H_k x); every band has the knobs of ``TransientShaper``, ``band_1.attack_db`` and so on, from the
    lowest. Where no band moves anything the sum is flat, for any crossovers in any order.

    Args:
        sample_rate: in Hz.
        param_range: rows of the table to replace.
        num_bands: 2 or more.
        link: as for ``TransientShaper``.

    Raises:
        ValueError: for fewer than two bands, or an option that ``TransientShaper`` refuses.

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
    ) -> None:
        fx = effect_of_bands("MultiBandTransientShaper", TransientShaper, sample_rate, link=link)
        super().__init__(fx, num_bands, param_range)

    def process(self, x: Tensor, state: State, **knobs: Tensor) -> tuple[Tensor, State]:
        """Split, shape, sum."""
        return self.in_bands(x, state, None, knobs)
