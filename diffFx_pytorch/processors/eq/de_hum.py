"""Hum of the mains, taken out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.biquad import notch, ring_seconds, sos_response
from ...dsp.levels import amp_to_db
from ...kernels.constants import constant
from ...options import Choice, Flag, Integer
from ...params import HIGHEST_FREQUENCY, EffectParam
from ...processor import Processor, State
from ...recursion import ControlPoints, filter_sections
from .mains import MainsFollower

_EVERY = {"all": (1, 1), "odd": (1, 2), "even": (2, 2)}


class DeHum(Processor):
    """A comb of notches at the mains frequency and its harmonics: y = x + amount (prod_k N_k - 1) x.

    N_k is the filter of ``Notch`` at k ``freq_hz``, ``width_hz`` wide at -3 dB for every k. Harmonics beyond 0.49 of
    the sample rate are left out. Narrow notches take less of the music and ring longer, 2.2 / width seconds to -60 dB;
    a drift of the mains by d Hz moves harmonic k by k d, which a notch must be wide enough to cover.

    With ``follow`` the notches stand at k (``freq_hz`` + d), |d| <= 1 Hz, d heard from the hum itself, in each channel:
    the first three harmonics, turned down to 0 Hz and smoothed by three poles at 5 Hz, z_k[m], at frames 1.4 ms apart,

        S_k = mean of z_k[m] conj(z_k[m - 1]) over 1 s,    2 pi d / frame rate = sum_k k Im S_k / sum_k k^2 Re S_k,

    which weighs each harmonic by its power. The sound of a frame is filtered by what was heard up to the one before
    the last; knobs of the notches then stand still.

    References:
        I. W. Lank, I. S. Reed, G. E. Pollon, "A semicoherent detection and Doppler estimation statistic", IEEE Trans.
        Aerospace Electron. Syst. 9(2), 1973 (frequency from products of neighbours).
        M. Vicanek, "Matched second order digital filters", 2016.
        S. H. Godsill, P. J. W. Rayner, Digital Audio Restoration, Springer 1998, section 1 (hum and its removal).
    """

    words = ("takes hum of {freq_hz} and its harmonics out, in notches {width_hz} wide, by {amount:share}",)
    _rows = {
        "freq_hz": EffectParam(45.0, 65.0, 50.0, unit="Hz", doc="Of the mains: 50 Hz, in the Americas 60 Hz."),
        "width_hz": EffectParam(0.5, 20.0, 2.0, "log", "Hz", doc="Of each notch, at -3 dB."),
        "amount": EffectParam(0.0, 1.0, 1.0, doc="0 leaves the hum, 1 takes all of it."),
    }
    options = {
        "num_harmonics": Integer(1, 64, 16, doc="Notches, the first of them the lowest."),
        "series": Choice(*_EVERY, doc="Which harmonics: rectifiers leave the even ones, transformers the odd ones."),
        "follow": Flag(False, doc="Whether the notches follow the mains, up to 1 Hz to either side of freq_hz."),
    }
    neutral = {"amount": 0.0}
    traits = {"linear", "time_invariant", "causal", "odd"}
    variants = (
        {"num_harmonics": 4},
        {"num_harmonics": 2, "series": "odd"},
        {"num_harmonics": 2, "follow": True},
    )

    def table(self) -> dict[str, EffectParam]:
        """The knobs; those of notches that follow stand still."""
        fixed = ("freq_hz", "width_hz") if self.follow else ()
        return {name: replace(row, automatable=name not in fixed) for name, row in self._rows.items()}

    def prepare(self) -> None:
        """The harmonics that the sample rate has at the highest mains frequency, and the frames of what follows."""
        if self.follow:
            self.traits = {"causal", "odd"}
        first, step = _EVERY[self.series]
        highest = HIGHEST_FREQUENCY * self.sample_rate / self.params["freq_hz"].max_val
        wanted = range(first, first + step * self.num_harmonics, step)
        self.harmonics = tuple(float(k) for k in wanted if k <= highest)
        self.mains = MainsFollower(self.sample_rate)

    def control(self, *, freq_hz: Tensor, width_hz: Tensor, amount: Tensor) -> dict[str, Any]:
        """The notches, or where they begin."""
        if self.follow:
            return {"sections": {"freq": freq_hz.double(), "width": width_hz.double()}, "amount": amount}
        return {"sections": self._sections(freq_hz, width_hz), "amount": amount}

    def process(self, x: Tensor, state: State, *, sections: Any, amount: Tensor) -> tuple[Tensor, State]:
        """Filter with all notches in one pass, and mix; the state is theirs, and that of what follows."""
        if not self.follow:
            y, state = filter_sections(x, sections, state)
            return torch.lerp(x, y, amount), state
        heard, rung = (None, None) if state is None else state
        freq, width = sections["freq"], sections["width"]
        drift, at, heard = self.mains(x, freq, heard)
        # Two points at each step, so that a frame has one filter.
        points = self._sections(freq + drift, width).repeat_interleave(2, 2)[:, :, :-1]
        at = torch.stack((at, at + self.mains.frame), -1).flatten()[:-1]
        y, rung = filter_sections(x, ControlPoints(points, at), rung)
        return torch.lerp(x, y, amount), (heard, rung)

    def tail(self, *, freq_hz: Tensor, width_hz: Tensor, **others: Tensor) -> Tensor:
        """The notches ring together."""
        return 2 * ring_seconds(self._sections(freq_hz, width_hz), self.sample_rate).amax(-1)

    def response(self, knobs: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
        """Frequencies up to past the last notch, and the complex response at them."""
        freq, width, amount = (knobs[name][:1, :, :1].double() for name in ("freq_hz", "width_hz", "amount"))
        highest = min(float(freq) * (self.harmonics[-1] + 1), HIGHEST_FREQUENCY * self.sample_rate)
        freqs = torch.linspace(10.0, highest, 2000, dtype=torch.float64)
        response = sos_response(self._sections(freq, width)[0, 0, 0], freqs, self.sample_rate)
        return freqs, 1 + amount[0, 0] * (response - 1)

    def curve(self, **knobs: Tensor) -> Curve:
        """Magnitude response."""
        freqs, response = self.response(knobs)
        return Curve(freqs, amp_to_db(response.abs(), -60.0), "frequency (Hz)", "gain (dB)", title="DeHum")

    def _sections(self, freq_hz: Tensor, width_hz: Tensor) -> Tensor:
        """(B, 1, F, K, 6), float64."""
        k = constant(self.harmonics, torch.float64, freq_hz.device)
        freq, width = torch.broadcast_tensors(freq_hz.double(), width_hz.double())
        centre = freq.unsqueeze(-1) * k
        return notch(centre, centre / width.unsqueeze(-1), self.sample_rate)
