"""What the de-esser and the de-plosive share: a shelf that turns down while its side outweighs the other."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from diffFx_pytorch.kernels.constants import constant

from ...curve import Curve
from ...dsp.ballistics import smoothing
from ...dsp.levels import db_to_amp
from ...dsp.whole_delay import delayed
from ...params import HIGHEST_FREQUENCY
from ...processor import Processor, State
from ...recursion import attack_release, filter_sections, one_pole, svf_to_sos
from ..choices import LINK
from .key import LOOKAHEAD

_Q_INVERSE = math.sqrt(2.0)
_BANDS = ((1.0, 0.0, 0.0), (0.0, _Q_INVERSE, 0.0), (0.0, 0.0, 1.0))
"""High-pass, sqrt(2) band-pass and low-pass of a state variable filter; their sum is the input."""

_RAMP_DB = 6.0
"""Above the threshold by so much, all of the range is taken away."""
_HISS = 1e-8
"""A power (-80 dB) that the other band always has: in silence nothing outweighs anything."""
_FLOOR = 1e-14


class RatioShelf(Processor, abstract=True):
    """Base of effects that turn a shelf down while the sound on its side is strong beside that on the other.

    A subclass gives the table, with the knobs of ``process``, and says on which side of ``freq_hz`` it acts.
    """

    options = {"link": LINK, "lookahead_ms": LOOKAHEAD}
    neutral = {"range_db": 0.0}
    traits = {"time_invariant", "causal", "odd"}
    variants = ({}, {"link": False})
    _below: bool
    _power_ms: float
    _what: str

    def prepare(self) -> None:
        """The averaging of the powers, and the look-ahead."""
        self.latency_samples = round(self.lookahead_ms * self.sample_rate / 1000)
        self.knob_latency = {"range_db": self.latency_samples}
        self.crosses_channels = self.link
        self._power_smoothing = math.exp(-1000 / (self.sample_rate * self._power_ms))

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
        """Bands, powers, ballistics, shelf; the state holds all of them, and the look-ahead."""
        state, new_state = state or {}, {}
        bands, new_state["bands"] = filter_sections(x.unsqueeze(1), self._sections(freq_hz), state.get("bands"))
        high, band, low = bands.unbind(1)
        acted, other = (low, high) if self._below else (high, low)
        energy = torch.stack((acted, other), 1).square()
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
        x, new_state["x"] = delayed(x, self.latency_samples, state.get("x"))
        heard, new_state["heard"] = delayed(torch.stack((band, acted), 1), self.latency_samples, state.get("heard"))
        band, acted = heard.unbind(1)
        return x + (root - 1) * band + (root * root - 1) * acted, new_state

    def tail(self, *, freq_hz: Tensor, **others: Tensor) -> Tensor:
        """Seconds until the filter has rung out by 60 dB."""
        return math.log(1000.0) * _Q_INVERSE / (2 * math.pi * freq_hz.amin(-1, keepdim=True))

    def curve(self, *, freq_hz: Tensor, range_db: Tensor, **others: Tensor) -> Curve:
        """Gain over frequency while the shelf is down."""
        frequency = torch.logspace(
            2, math.log10(min(20000.0, HIGHEST_FREQUENCY * self.sample_rate)), 300, dtype=torch.float64
        )
        tangent = torch.tan(math.pi * frequency / self.sample_rate)
        w = (tangent / torch.tan(math.pi * freq_hz[0, 0, 0].double() / self.sample_rate)) ** 4
        g = db_to_amp(-range_db[0, 0, 0].double())
        below, above = (g * g, w) if self._below else (1.0, g * g * w)
        gain_db = 10 * torch.log10((below + above) / (1 + w))
        return Curve(
            frequency, gain_db, "frequency (Hz)", f"gain while there is {self._what} (dB)", True, type(self).__name__
        )

    def _sections(self, freq_hz: Tensor) -> Tensor:
        """Sections of the three bands, (B, 3, 1, 1 or T, 1, 6)."""
        g = torch.tan(math.pi * freq_hz.double() / self.sample_rate)[..., None, None].unsqueeze(1)
        mix = constant(tuple((_Q_INVERSE, *band) for band in _BANDS), g.dtype, g.device).view(1, 3, 1, 1, 1, 4)
        shape = (g.shape[0], 3, 1, g.shape[3], 1)
        return svf_to_sos(torch.cat((g.expand(*shape, 1), mix.expand(*shape, 4)), -1))
