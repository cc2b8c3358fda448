"""Dynamics in each band of crossovers.

References:
    S. H. Linkwitz, "Active crossover networks for noncoincident drivers", JAES 24(1), 1976.
    S. P. Lipshitz, J. Vanderkooy, "A family of linear-phase crossover networks of high slope derived by time delay",
    JAES 31(1/2), 1983.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ...lines import Read
from ...params import EffectParam
from ...plan import Plan, Through
from ...processor import State
from ...routing.multi_band import EffectInBands, in_bands_options
from .compressor import Compressor
from .expander import Expander
from .limiter import Limiter
from .noise_gate import NoiseGate
from .transient_shaper import TransientShaper


class MultiBandCompressor(EffectInBands):
    """A compressor in each band of crossovers: ``MultiBand`` around ``Compressor``.

    y = sum_k comp_k(H_k x); every band has the knobs of ``Compressor``, ``band_1.threshold_db`` and so on, from the
    lowest. Where no band reduces its gain the sum is flat, for any crossovers in any order. A sidechain is split alike.
    """

    effect = Compressor
    options = in_bands_options(Compressor, without=("key_highpass_hz",))
    variants = ({"num_bands": 2}, {"num_bands": 3, "crossover": "linear-phase", "num_taps": 31})


class MultiBandExpander(EffectInBands):
    """An expander in each band of crossovers: ``MultiBand`` around ``Expander``.

    y = sum_k exp_k(H_k x); every band has the knobs of ``Expander``, ``band_1.threshold_db`` and so on, from the
    lowest. Where no band reduces its gain the sum is flat, for any crossovers in any order. A sidechain is split alike.
    """

    effect = Expander
    options = in_bands_options(Expander)
    variants = ({"num_bands": 2},)


class MultiBandNoiseGate(EffectInBands):
    """A noise gate in each band of crossovers: ``MultiBand`` around ``NoiseGate``.

    y = sum_k gate_k(H_k x); every band has the knobs of ``NoiseGate``, ``band_1.threshold_db`` and so on, from the
    lowest. Where every band is open the sum is flat, for any crossovers in any order. A sidechain is split alike.
    """

    effect = NoiseGate
    options = in_bands_options(NoiseGate)
    variants = ({"num_bands": 2},)


class MultiBandTransientShaper(EffectInBands):
    """A transient shaper in each band of crossovers: ``MultiBand`` around ``TransientShaper``.

    y = sum_k shaper_k(H_k x); every band has the knobs of ``TransientShaper``, ``band_1.attack_db`` and so on, from the
    lowest. Where no band moves anything the sum is flat, for any crossovers in any order.
    """

    effect = TransientShaper
    options = in_bands_options(TransientShaper)
    variants = ({"num_bands": 2},)


class MultiBandLimiter(EffectInBands):
    """A limiter in each band of crossovers, and one on their sum: ``MultiBand`` around ``Limiter``.

    y = lim(sum_k lim_k(H_k x)). Bands that each keep under their ceiling can still add up to more than any of them, so
    the sum is limited once more: no sample of the output is larger than ``ceiling_db``. The look-ahead is that of the
    bands, and again that of the output; ``true_peak`` is the last limiter's.
    """

    effect = Limiter
    options = in_bands_options(Limiter)
    variants = ({"num_bands": 2, "lookahead_ms": 2.0},)

    def table(self) -> dict[str, EffectParam]:
        """The knobs of the bands, the crossovers and the limiter behind their sum."""
        shared = {"lookahead_ms": self.lookahead_ms, "link": self.link}
        own = {name: Limiter.params[name] for name in ("ceiling_db", "release_ms")}
        return self.in_each(Limiter(self.sample_rate, **shared), own)

    def prepare(self) -> None:
        """The limiter behind the sum."""
        self.output = Limiter(
            self.sample_rate, lookahead_ms=self.lookahead_ms, link=self.link, true_peak=self.true_peak
        )
        before = self.latency_samples
        self.latency_samples += self.output.latency_samples
        late = {name: before + self.output.knob_latency.get(name, 0) for name in ("ceiling_db", "release_ms")}
        self.knob_latency = {**self.knob_latency, **late}
        self.neutral = {**self.neutral, "ceiling_db": 0.0}

    def inside(self, knobs: Mapping[str, Read], like: Tensor) -> dict[str, Plan]:
        """The limiters of the bands, and the last."""
        own = {name: knobs[name] for name in ("ceiling_db", "release_ms")}
        own["gain_db"] = like.new_zeros(like.shape[0], 1, 1)
        return {**super().inside(knobs, like), "output": Plan(self.output, own, like)}

    def process(
        self,
        x: Tensor,
        state: State,
        sidechain: Tensor | None = None,
        *,
        crossovers: Any,
        effects: Mapping[str, Through],
    ) -> tuple[Tensor, State]:
        """Split, limit, sum, limit."""
        bands, last = (None, None) if state is None else state
        y, bands = super().process(x, bands, crossovers=crossovers, effects=effects)
        y, last = effects["output"](y, last, None)
        return y, (bands, last)
