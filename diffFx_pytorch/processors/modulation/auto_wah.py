"""Auto-wah."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.ballistics import smoothing
from ...dsp.levels import db_to_amp
from ...params import HIGHEST_FREQUENCY, EffectParam
from ...processor import Processor, State
from ...recursion import attack_release, svfilt
from ..dynamics.key import PeakLevel


class AutoWah(Processor):
    """A resonance that opens with the level: y[n] = (1 - m) x[n] + m BP(x)[n] at f[n] = f_0 2^(octaves e / (1 + e)).

    The envelope e is the peak of the last 10 ms times the sensitivity, smoothed with an attack and a release, so that a
    tone has one level; e / (1 + e) holds the sweep inside its octaves however loud the signal. BP is the band-pass of
    a state variable filter, with a gain of 1 at its centre, whose states stay bounded however fast it moves. Every
    channel follows its own level.

    References:
        U. Zoelzer (ed.), DAFX: Digital Audio Effects, 2nd ed., Wiley 2011, section 2.4.1 (wah-wah).
        A. Wishnick, "Time-varying filters for musical applications", DAFx 2014.
    """

    words = (
        "opens a resonance (Q {q}) from {freq_hz} up by {octaves} octaves as the sound gets louder, "
        "{sensitivity_db} sensitive, in {attack_ms} and back in {release_ms}",
    )
    params = {
        "sensitivity_db": EffectParam(
            -20.0, 40.0, 12.0, unit="dB", doc="Gain applied to the level that opens the filter."
        ),
        "freq_hz": EffectParam(100.0, 1000.0, 350.0, "log", "Hz", doc="Frequency of the filter in silence."),
        "octaves": EffectParam(0.0, 4.0, 2.5, doc="Largest rise of the frequency above freq_hz."),
        "q": EffectParam(0.5, 12.0, 4.0, "log", doc="Sharpness of the resonance."),
        "attack_ms": EffectParam(0.5, 100.0, 8.0, "log", "ms", doc="Time to 63 % of a rising envelope."),
        "release_ms": EffectParam(10.0, 1000.0, 120.0, "log", "ms", doc="Time to 63 % of a falling envelope."),
        "mix": EffectParam(0.0, 1.0, 1.0, doc="Share of the filtered sound."),
    }
    neutral = {"mix": 0.0}
    traits = {"time_invariant", "causal", "odd"}
    in_pieces = True

    def prepare(self) -> None:
        """The peaks."""
        self._peak = PeakLevel(self.sample_rate, link=False)

    def process(
        self,
        x: Tensor,
        state: State,
        *,
        sensitivity_db: Tensor,
        freq_hz: Tensor,
        octaves: Tensor,
        q: Tensor,
        attack_ms: Tensor,
        release_ms: Tensor,
        mix: Tensor,
    ) -> tuple[Tensor, State]:
        """Follow the level, move the filter; the state is the peaks', the envelope's and the filter's."""
        peak, envelope, filtered = (None, None, None) if state is None else state
        attack, release = (smoothing(ms, self.sample_rate) for ms in (attack_ms, release_ms))
        level, peak = self._peak(x, peak)
        level, envelope = attack_release(level, attack, release, envelope, return_zf=True)
        freq = self._frequency(level * db_to_amp(sensitivity_db), freq_hz, octaves)
        g = torch.tan(freq.clamp_max(HIGHEST_FREQUENCY * self.sample_rate) * (math.pi / self.sample_rate))
        r = (1 / q).expand_as(g)
        none = torch.zeros_like(g)
        sections = torch.stack([g, r, none, r, none], -1).unsqueeze(-2)
        y, filtered = svfilt(x, sections, filtered, return_zf=True)
        return torch.lerp(x, y, mix), (peak, envelope, filtered)

    def tail(self, *, freq_hz: Tensor, q: Tensor, **others: Tensor) -> Tensor:
        """The resonance at rest rings out."""
        return (math.log(1e3) * 2.0 * q.clamp_min(0.5) / (math.pi * freq_hz)).amax() + 16 / self.sample_rate

    def curve(self, *, sensitivity_db: Tensor, freq_hz: Tensor, octaves: Tensor, **others: Tensor) -> Curve:
        """Where the resonance stands for a level."""
        level_db = torch.linspace(-60, 0, 200, dtype=torch.float64)
        first = (k.flatten()[:1].double() for k in (sensitivity_db, freq_hz, octaves))
        sensitivity, lowest, most = first
        freq = self._frequency(db_to_amp(level_db + sensitivity), lowest, most)
        return Curve(level_db, freq, "level (dB)", "frequency (Hz)", title="AutoWah")

    @staticmethod
    def _frequency(envelope: Tensor, freq_hz: Tensor, octaves: Tensor) -> Tensor:
        return freq_hz * torch.exp(math.log(2) * octaves * (envelope / (1 + envelope)))
