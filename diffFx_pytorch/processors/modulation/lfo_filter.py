"""A filter that an oscillator sweeps."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.oscillator import oscillator
from ...options import Choice
from ...params import HIGHEST_FREQUENCY, EffectParam
from ...processor import State
from ...recursion import svfilt
from ..choices import SHAPE, TEMPO
from .tempo import InTempo

_MIX = {"low_pass": (0.0, 0.0, 1.0), "band_pass": (0.0, 1.0, 0.0), "high_pass": (1.0, 0.0, 0.0)}
"""Of high, band (times 1 / Q) and low in what is heard."""


class LFOFilter(InTempo):
    """A resonant filter that opens and closes: y[n] = (1 - m) x[n] + m H(x)[n] at f[n] = f_0 2^(octaves o(phi[n])).

    H is the low-, band- or high-pass of a state variable filter by the trapezoidal rule, whose states stay bounded
    however fast it moves: gain Q at f for the low- and high-pass, 1 for the band-pass.

    References:
        U. Zoelzer (ed.), DAFX: Digital Audio Effects, 2nd ed., Wiley 2011, section 2.4.1 (wah-wah).
        A. Wishnick, "Time-varying filters for musical applications", DAFx 2014.
    """

    words = ("sweeps a filter (Q {q}) at {rate_hz} around {freq_hz}, {octaves} octaves to either side",)
    params = {
        "rate_hz": EffectParam(0.02, 20.0, 1.0, "log", "Hz", search="rate", doc="Speed of the oscillator."),
        "octaves": EffectParam(0.0, 4.0, 1.5, doc="How far the frequency goes up and down; 0 stands still."),
        "freq_hz": EffectParam(60.0, 8000.0, 800.0, "log", "Hz", doc="Centre of the sweep."),
        "q": EffectParam(0.5, 12.0, 2.0, "log", doc="Sharpness of the resonance."),
        "phase_deg": EffectParam(0.0, 360.0, 0.0, unit="deg", doc="Phase of the oscillator at the start."),
        "mix": EffectParam(0.0, 1.0, 1.0, doc="Share of the filtered sound."),
    }
    options = {"kind": Choice(*_MIX, doc="Of the filter."), "shape": SHAPE, "tempo_bpm": TEMPO}
    neutral = {"mix": 0.0}
    traits = {"linear", "causal", "odd"}
    in_pieces = True
    variants = ({}, {"kind": "high_pass", "shape": "square"})

    def process(
        self,
        x: Tensor,
        state: State,
        *,
        rate_hz: Tensor,
        octaves: Tensor,
        freq_hz: Tensor,
        q: Tensor,
        phase_deg: Tensor,
        mix: Tensor,
    ) -> tuple[Tensor, State]:
        """Move the filter; the state is the oscillator's phase and that of the filter."""
        if x.shape[-1] == 0:
            return x, state
        start, filtered = (None, None) if state is None else state
        ahead = phase_deg.double() / 360
        wave, start = oscillator(rate_hz, self.sample_rate, x.shape[-1], start, self.shape, ahead=ahead)
        g = torch.tan(self._frequency(wave, freq_hz.double(), octaves.double()) * (math.pi / self.sample_rate))
        r = 1 / q.double()
        high, band, low = (torch.full_like(r, share) for share in _MIX[self.kind])
        # What stands still is copied, not computed for every sample.
        still = torch.stack([r, high, band * r, low], -1)
        sections = torch.cat([g.unsqueeze(-1), still.expand(*g.shape, 4)], -1).unsqueeze(-2)
        y, filtered = svfilt(x, sections, filtered, return_zf=True)
        return torch.lerp(x, y, mix), (start, filtered)

    def tail(self, *, freq_hz: Tensor, octaves: Tensor, q: Tensor, **others: Tensor) -> Tensor:
        """The resonance at the lowest frequency of the sweep rings out."""
        lowest = freq_hz / torch.exp2(octaves)
        return (math.log(1e3) * 2.0 * q.clamp_min(0.5) / (math.pi * lowest)).amax() + 16 / self.sample_rate

    def curve(self, *, rate_hz: Tensor, octaves: Tensor, freq_hz: Tensor, phase_deg: Tensor, **others: Tensor) -> Curve:
        """Frequency over two turns of the oscillator."""
        samples = int(float(2 / rate_hz[0, 0, 0]) * self.sample_rate)
        ahead = phase_deg[:1, :, :1].double() / 360
        wave, _ = oscillator(rate_hz[:1, :, :1], self.sample_rate, samples, None, self.shape, ahead=ahead)
        freq = self._frequency(wave, freq_hz[:1, :, :1].double(), octaves[:1, :, :1].double())
        time = torch.arange(samples) / self.sample_rate
        return Curve(time, freq[0, 0], "time (s)", "frequency (Hz)", title="LFOFilter")

    def _frequency(self, wave: Tensor, freq_hz: Tensor, octaves: Tensor) -> Tensor:
        return (freq_hz * torch.exp2(octaves * wave)).clamp_max(HIGHEST_FREQUENCY * self.sample_rate)
