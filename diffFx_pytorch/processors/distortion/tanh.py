"""Hyperbolic tangent."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.levels import db_to_amp
from ...dsp.shaping import TANH
from ...params import EffectParam
from ...processor import Processor, State
from ..oversampling import Phase
from .stage import BIAS, DRIVE, MIX, OUTPUT, STAGE_VARIANTS, Antialias, ShaperStage


class TanH(Processor):
    """Smooth symmetric saturation, as of an overdriven amplifier stage: w = tanh(10^(drive / 20) x + b) - tanh(b).

    What the bias b adds at DC is taken away (a 10 Hz low-pass follows it); see ``ShaperStage``. Bias lowers the gain of
    quiet signals by 1 - tanh(b)^2, as moving the working point of a real stage does.

    Args:
        sample_rate: in Hz.
        param_range: rows of the table to replace.
        oversampling: 1, 2, 4 or 8 times the sample rate around the shaper, against aliasing.
        phase: of the oversampling filters: "linear" (64, 72, 75 samples of latency) or "minimum" (3 or 4).
        antialias: "adaa": first-order antiderivative antialiasing, with or without oversampling. It delays the wet
            signal by half a sample of the oversampled rate and takes off the highest frequencies.

    References:
        U. Zoelzer (ed.), DAFX: Digital Audio Effects, 2nd ed., Wiley 2011, section 4.3.
        J. Parker, V. Zavalishin, E. Le Bivic, "Reducing the aliasing of nonlinear waveshaping using continuous-time
        convolution", DAFx 2016, eq. 10 (with F = log cosh).
    """

    params = {"drive_db": DRIVE, "bias": BIAS, "mix": MIX, "output_db": OUTPUT}
    neutral = {"mix": 0.0, "output_db": 0.0}
    traits = {"time_invariant", "causal"}
    variants = STAGE_VARIANTS

    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        oversampling: int = 1,
        phase: Phase = "linear",
        antialias: Antialias = None,
    ) -> None:
        super().__init__(sample_rate, param_range)
        try:
            self.stage = ShaperStage(sample_rate, TANH, oversampling, phase, antialias)
        except ValueError as error:
            raise ValueError(f"TanH: {error}") from None
        self.latency_samples = self.stage.latency

    def process(
        self, x: Tensor, state: State, *, drive_db: Tensor, bias: Tensor, mix: Tensor, output_db: Tensor
    ) -> tuple[Tensor, State]:
        """The stage with tanh as its shape."""
        return self.stage(x, state, drive_db, bias, mix, output_db)

    def tail(self, *, drive_db: Tensor, bias: Tensor, mix: Tensor, output_db: Tensor) -> Tensor:
        """What the filters hold, and with bias the fading of the DC."""
        return self.stage.tail(bias)

    def curve(self, *, drive_db: Tensor, bias: Tensor, mix: Tensor, output_db: Tensor) -> Curve:
        """Output over input, sample by sample, without the removal of DC."""
        x = torch.linspace(-1, 1, 401, dtype=drive_db.dtype)
        g, b, m = (k[0, 0, 0] for k in (db_to_amp(drive_db), bias, mix))
        y = db_to_amp(output_db)[0, 0, 0] * ((1 - m) * x + m * (torch.tanh(g * x + b) - torch.tanh(b)))
        return Curve(x, y, "input", "output", title="TanH")
