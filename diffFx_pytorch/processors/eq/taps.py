"""What FIR filters share: knobs for every side, a design that gives taps, convolution that streams, taps that move."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.convolution import convolve
from ...dsp.levels import amp_to_db
from ...dsp.mid_side import from_mid_side, to_mid_side
from ...dsp.moving_convolution import convolve_moving
from ...options import Choice
from ...params import EffectParam
from ...processor import Processor, State
from ...recursion import ControlPoints

LAYOUT = Choice(
    "shared",
    "stereo",
    "mid_side",
    doc='"shared" is one filter for all channels; "stereo" one for the left and one for the right, "mid_side" one for '
    "the sum of both and one for their difference, with knobs of their own.",
)
_SIDES = {"shared": ("",), "stereo": ("left_", "right_"), "mid_side": ("mid_", "side_")}


class TapsFilter(Processor, abstract=True):
    """Base of FIR filters: a subclass gives ``rows``, the knobs of one filter, and ``taps_of``, its taps.

    Taps that move are joined by straight lines between the control points; each point costs a transform.
    """

    options = {"layout": LAYOUT}
    traits = {"linear", "time_invariant", "causal", "odd"}
    taps: int
    """Length of the filter."""
    transform: int = 1
    """Points of the transforms that a design takes."""

    def rows(self) -> dict[str, EffectParam]:
        """The knobs of one filter, by name, after the options are known."""
        raise NotImplementedError(f"{type(self).__name__} defines no rows()")

    def taps_of(self, curve: Tensor) -> Tensor:
        """Taps (..., ``taps``) of knobs (..., K), both float64."""
        raise NotImplementedError(f"{type(self).__name__} defines no taps_of()")

    def table(self) -> dict[str, EffectParam]:
        """The knobs of every side."""
        rows = self.rows()
        return {f"{side}{name}": row for side in _SIDES[self.layout] for name, row in rows.items()}

    def prepare(self) -> None:
        """What the layout means for channels."""
        if self.layout != "shared":
            self.channels = (2,)
            self.crosses_channels = self.layout == "mid_side"
        self.knob_latency = dict.fromkeys(self.params, self.latency_samples)

    def control(self, **knobs: Tensor) -> dict[str, Tensor]:
        """The knobs as one tensor (B, sides, F, K); the taps too where they stand still."""
        curve = torch.stack(torch.broadcast_tensors(*knobs.values()), -1).double()
        curve = curve.unflatten(-1, (len(_SIDES[self.layout]), -1)).squeeze(1).transpose(1, 2)
        return {"curve": curve, "still": self.taps_of(curve) if curve.shape[2] == 1 else curve[:1, :1, :1, :0]}

    def process(self, x: Tensor, state: State, *, curve: Tensor | ControlPoints, still: Tensor) -> tuple[Tensor, State]:
        """Convolve; the state is the last samples of the input."""
        if self.layout == "mid_side":
            x = torch.cat(to_mid_side(x), 1)
        past = x.new_zeros(*x.shape[:-1], self.taps - 1) if state is None else state
        whole = torch.cat((past, x), -1)
        if still.shape[-1]:
            y = convolve(whole, still[:, :, 0].to(x.dtype), start=self.taps - 1, samples=x.shape[-1])
        elif isinstance(curve, ControlPoints):
            y = self._moving(whole, curve.values, curve.at, self.control_period)
        else:
            y = self._moving(whole, curve, torch.arange(x.shape[-1], device=x.device), 1)
        if self.layout == "mid_side":
            y = from_mid_side(y[:, :1], y[:, 1:])
        return y, whole[..., x.shape[-1] :]

    def tail(self, **knobs: Tensor) -> float:
        """The length of the filter, without its latency."""
        return (self.taps - 1 - self.latency_samples) / self.sample_rate

    def curve(self, **knobs: Tensor) -> Curve:
        """Magnitude response, of the first filter."""
        freqs, response = self.response(knobs)
        return Curve(freqs, amp_to_db(response[0].abs(), -120.0), "frequency (Hz)", "gain (dB)", True, self.title)

    @property
    def title(self) -> str:
        """Of a plot."""
        side = _SIDES[self.layout][0].rstrip("_")
        return f"{type(self).__name__}, {side}" if side else type(self).__name__

    def response(self, knobs: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """500 frequencies from 20 Hz to 20 kHz or Nyquist, and the complex response of each filter at them."""
        highest = min(20000.0, self.sample_rate / 2)
        freqs = torch.logspace(math.log10(20.0), math.log10(highest), 500, dtype=torch.float64)
        taps = self.control(**{name: knob[:1, :, :1] for name, knob in knobs.items()})["still"][0, :, 0]
        turns = freqs[:, None] * torch.arange(self.taps, dtype=torch.float64) * (2 * math.pi / self.sample_rate)
        return freqs, (taps[:, None] * torch.polar(torch.ones_like(turns), -turns)).sum(-1)

    def _moving(self, whole: Tensor, curve: Tensor, at: Tensor, longest: int) -> Tensor:
        """Convolve with the taps of knobs (B, sides, F, K) at points; see ``convolve_moving``."""
        return convolve_moving(whole, self.taps_of, curve, at, longest, self.taps, self.transform)
