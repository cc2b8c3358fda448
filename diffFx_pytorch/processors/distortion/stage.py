"""The stage that every shaper of the waveform is: drive, bias, shape, and the DC that the bias made taken away."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from ...dsp.levels import db_to_amp
from ...dsp.shaping import Shape, shape_antialiased
from ...dsp.whole_delay import delayed
from ...params import EffectParam
from ...processor import State
from ...recursion.ops.one_pole import one_pole
from ..oversampling import Oversampler, Phase

Antialias = Literal["adaa"] | None

DRIVE = EffectParam(-12.0, 36.0, 12.0, unit="dB", doc="Gain into the shaper; at 0 quiet signals keep their level.")
BIAS = EffectParam(-1.0, 1.0, 0.0, doc="Moves the working point, which adds even harmonics; 0 is symmetric.")
MIX = EffectParam(0.0, 1.0, 1.0, doc="0 is the dry signal, 1 the shaped one.")
OUTPUT = EffectParam(-36.0, 12.0, 0.0, unit="dB", doc="Level of the mixed signal.")

STAGE_VARIANTS = (
    {},
    {"oversampling": 8},
    {"oversampling": 4, "phase": "minimum"},
    {"oversampling": 2, "antialias": "adaa"},
)

_DC_HZ = 10.0


class ShaperStage:
    """y = 10^(output / 20) ((1 - mix) x + mix (w - DC)), w = f(g x + b) - f(b), g = 10^(drive / 20).

    f(b) is taken off so that silence stays silent. A biased shaper still turns sound into DC; what the bias adds to it,
    f(g x + b) - f(b) - f(g x), is followed by a one-pole low-pass at 10 Hz and taken off too. So bias leaves no DC, and
    without bias the shaper is f and nothing else.

    The dry signal is delayed by the latency of the oversampling, not filtered.

    Args:
        sample_rate: in Hz.
        shape: the shaper.
        oversampling: 1, 2, 4 or 8.
        phase: of the oversampling filters, "linear" or "minimum".
        antialias: "adaa" for first-order antiderivative antialiasing, which delays the wet signal by half a sample (of
            the oversampled rate) more; None for none.

    Raises:
        ValueError: for an unknown option.
    """

    def __init__(
        self,
        sample_rate: float,
        shape: Shape,
        oversampling: int = 1,
        phase: Phase = "linear",
        antialias: Antialias = None,
    ) -> None:
        if antialias not in (None, "adaa"):
            raise ValueError(f"antialias must be 'adaa' or None, got {antialias!r}")
        self.sample_rate = sample_rate
        self.shape = shape
        self.antialias: Antialias = antialias
        self.oversampler = Oversampler(oversampling, phase)
        self.latency = self.oversampler.latency
        self._dc_hold = math.exp(-2 * math.pi * _DC_HZ / sample_rate)

    def __call__(
        self, x: Tensor, state: State, drive_db: Tensor, bias: Tensor, mix: Tensor, output_db: Tensor
    ) -> tuple[Tensor, State]:
        """One block, as ``Processor.process``."""
        T = x.shape[-1]
        if T == 0:
            return x, state
        before = {"up": None, "down": None, "dc": None, "dry": None} if state is None else state
        factor, f = self.oversampler.factor, self.shape.f
        even, up = self.oversampler.up(x * db_to_amp(drive_db), before["up"])
        bias = bias.repeat_interleave(factor, -1) if bias.shape[-1] > 1 else bias
        rest, u = f(bias), even + bias
        plain = f(u) - rest
        if self.antialias == "adaa":
            last = bias[..., :1].expand_as(u[..., :1]) if state is None else state["last"]
            shaped = shape_antialiased(self.shape, u, last) - rest
        else:
            shaped = plain
        wet, down = self.oversampler.down(shaped, before["down"])
        # The mean over one sample has zeros where the decimated signal would fold onto DC.
        added = (plain - f(even)).reshape(*x.shape, factor).mean(-1)
        hold = torch.tensor(self._dc_hold, dtype=torch.float64, device=x.device)
        dc, level = one_pole(added, hold, before["dc"], return_zf=True)
        dry, late = delayed(x, self.latency, before["dry"])
        y = db_to_amp(output_db) * (dry + mix * (wet - dc - dry))
        return y, {"up": up, "down": down, "dc": level, "dry": late, "last": u[..., -1:]}

    def tail(self, bias: Tensor) -> Tensor:
        """Seconds: what the filters hold, and with bias the fading of the DC."""
        decay = math.log(1000.0) / (2 * math.pi * _DC_HZ)
        return torch.where(bias == 0, 0.0, decay) + 2 * self.latency / self.sample_rate
