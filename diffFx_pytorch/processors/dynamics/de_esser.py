"""De-esser."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from diffFx_pytorch.kernels.constants import constant

from ...curve import Curve
from ...dsp.ballistics import smoothing
from ...dsp.levels import db_to_amp
from ...params import HIGHEST_FREQUENCY, EffectParam
from ...processor import Processor, State
from ...recursion import attack_release, filter_sections, one_pole, svf_to_sos
from ..choices import LINK

_Q_INVERSE = math.sqrt(2.0)
_BANDS = ((1.0, 0.0, 0.0), (0.0, _Q_INVERSE, 0.0), (0.0, 0.0, 1.0))
"""High-pass, sqrt(2) band-pass and low-pass of a state variable filter; their sum is the input."""

_POWER_MS = 5.0
_RAMP_DB = 6.0
"""From vowel to sibilant: above the threshold by so much, all of the range is taken away."""
_HISS = 1e-8
"""A power (-80 dB) that the low band always has: in silence there is no sibilance."""
_FLOOR = 1e-14


class DeEsser(Processor):
    """De-esser: turns a high shelf down while the sound above ``freq_hz`` is strong beside the sound below it.

    With h, b, l the high-, sqrt(2) band- and low-pass outputs of a second-order Butterworth state variable filter at
    ``freq_hz`` (h + b + l = x) and P their powers, averaged over 5 ms,

        d = 10 log10(P_h / P_l),    z = (d - threshold) / 6 dB, held in 0 .. 1 and smoothed by attack and release,
        y = l + sqrt(g) b + g h,    g = 10^(-range z / 20).

    y is a Butterworth shelf of gain g whose poles stand still, however fast g moves; where z = 0 it is x itself. The
    threshold is a ratio of two bands: it is the same for a whispered and for a shouted line. Vowels lie near -30 dB,
    sibilants above -6 dB.

    References:
        U. Zolzer (ed.), DAFX: Digital Audio Effects, 2nd ed., Wiley 2011, section 4.2 (de-esser, figure 4.13).
        V. Zavalishin, "The Art of VA Filter Design", rev. 2.1.0, 2018, chapter 4 (shelves).
    """

    words = (
        "turns sharp s above {freq_hz} down by up to {range_db}, "
        "where they are {threshold_db} beside the rest, in {attack_ms}, and back in {release_ms}",
    )
    params = {
        "freq_hz": EffectParam(
            1000.0, 16000.0, 4000.0, "log", "Hz", doc="Where sibilance begins: corner of the shelf."
        ),
        "threshold_db": EffectParam(
            -40.0,
            20.0,
            -12.0,
            unit="dB",
            doc="Level above freq_hz relative to the level below it at which the shelf acts.",
        ),
        "range_db": EffectParam(0.0, 24.0, 15.0, unit="dB", doc="Largest cut of the shelf; 0 is neutral."),
        "attack_ms": EffectParam(0.01, 100.0, 1.0, "log", "ms", doc="Time to 63 % of a falling gain."),
        "release_ms": EffectParam(1.0, 1000.0, 30.0, "log", "ms", doc="Time to 63 % of a rising gain."),
    }
    options = {"link": LINK}
    neutral = {"range_db": 0.0}
    traits = {"time_invariant", "causal", "odd"}
    variants = ({}, {"link": False})

    def prepare(self) -> None:
        """The averaging of the powers."""
        self.crosses_channels = self.link
        self._power_smoothing = math.exp(-1000 / (self.sample_rate * _POWER_MS))

    def process(
        self,
        x: Tensor,
        state: State,
        *,
        freq_hz: Tensor,
        threshold_db: Tensor,
        range_db: Tensor,
        attack_ms: Tensor,
        release_ms: Tensor,
    ) -> tuple[Tensor, State]:
        """Bands, powers, ballistics, shelf; the state holds the filters, the powers and the reduction."""
        state, new_state = state or {}, {}
        bands, new_state["bands"] = filter_sections(x.unsqueeze(1), self._sections(freq_hz), state.get("bands"))
        high, band, low = bands.unbind(1)
        energy = torch.stack((high, low), 1).square()
        energy = energy.mean(2, keepdim=True) if self.link and energy.shape[2] > 1 else energy
        coefficient = constant(self._power_smoothing, torch.float64, x.device)
        power, new_state["power"] = one_pole(energy, coefficient, state.get("power"), return_zf=True)
        d = 10 / math.log(10) * ((power[:, 0] + _FLOOR).log() - (power[:, 1] + _HISS).log())
        z, new_state["z"] = attack_release(
            ((d - threshold_db) / _RAMP_DB).clamp(0.0, 1.0),
            smoothing(attack_ms, self.sample_rate),
            smoothing(release_ms, self.sample_rate),
            state.get("z"),
            return_zf=True,
        )
        root = db_to_amp(-0.5 * range_db * z)
        return x + (root - 1) * band + (root * root - 1) * high, new_state

    def tail(self, *, freq_hz: Tensor, **others: Tensor) -> Tensor:
        """Seconds until the filter has rung out by 60 dB."""
        return math.log(1000.0) * _Q_INVERSE / (2 * math.pi * freq_hz.amin(-1, keepdim=True))

    def curve(self, *, freq_hz: Tensor, range_db: Tensor, **others: Tensor) -> Curve:
        """Gain over frequency while there is sibilance."""
        frequency = torch.logspace(
            2, math.log10(min(20000.0, HIGHEST_FREQUENCY * self.sample_rate)), 300, dtype=torch.float64
        )
        tangent = torch.tan(math.pi * frequency / self.sample_rate)
        w = (tangent / torch.tan(math.pi * freq_hz[0, 0, 0].double() / self.sample_rate)) ** 4
        g = db_to_amp(-range_db[0, 0, 0].double())
        gain_db = 10 * torch.log10((1 + g * g * w) / (1 + w))
        return Curve(frequency, gain_db, "frequency (Hz)", "gain while there is sibilance (dB)", True, "DeEsser")

    def _sections(self, freq_hz: Tensor) -> Tensor:
        """Sections of the three bands, (B, 3, 1, 1 or T, 1, 6)."""
        g = torch.tan(math.pi * freq_hz.double() / self.sample_rate)[..., None, None].unsqueeze(1)
        mix = constant(tuple((_Q_INVERSE, *band) for band in _BANDS), g.dtype, g.device).view(1, 3, 1, 1, 1, 4)
        shape = (g.shape[0], 3, 1, g.shape[3], 1)
        return svf_to_sos(torch.cat((g.expand(*shape, 1), mix.expand(*shape, 4)), -1))
