"""Gated and reverse reverb: noise in a shape."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.levels import NEPER_PER_DB
from ...options import Number
from ...params import EffectParam
from ...recursion import delay_line
from ..choices import SEED
from .noise_shaped_reverb import band_noise
from .predelay import MIX
from .response import DARKNESS, EARLIEST, SECONDS, WIDTH, ResponseReverb, darkened

_LONGEST_GATE_MS = 300.0
_LEVEL = 0.98
"""With this, pink noise is as loud as it was at the default setting."""


class ShapedReverb(ResponseReverb):
    r"""Gated and reverse reverb: a burst of noise that falls, stays or rises, and is cut: y = (1 - m) x + m W(h * x).

    .. math:: h_n = 0.98\, \frac{e_{n - d}}{\sqrt E}\, v_{n - d}, \qquad e_n = 10^{(s / 20)\, t_n}\,
        \tfrac12 \Big(1 + \cos \pi\, \mathrm{clamp}\big(\tfrac{n - L}{G}, 0, 1\big)\Big), \qquad
        t_n = \min\big(\tfrac{n}{L + G}, 1\big), \qquad E = \sum_n e_n^2

    v is white Gaussian noise, one for each side, that is drawn once: every call, device and sample rate has the same.
    L is ``length_ms`` and G ``gate_ms``, in which the gate shuts; s is ``slope_db``, by how much the end is louder than
    the beginning. Around 0 dB it is a gated reverb, well above 0 a reverse one, well below an ordinary one. Divided by
    the root of its energy it is as loud as what goes in, before it darkens. Mono or stereo in, stereo out.

    References:
        J. A. Moorer, "About this reverberation business", Computer Music Journal 3(2), 1979 (noise under an envelope).
        U. Zoelzer (ed.), DAFX: Digital Audio Effects, 2nd ed., Wiley 2011, section 5.6 (reverberation).
    """

    words = ("adds a burst of room {length_ms} long, its end {slope_db} above its beginning, shut in {gate_ms}",)
    options = {
        "ir_seconds": Number(SECONDS.min_val, 10, 1.5, "s", doc="Longest length_ms."),
        "seed": SEED,
    }
    variants = ({}, {"ir_seconds": 0.3, "seed": 3})

    def table(self) -> dict[str, EffectParam]:
        """The shape, then what all reverbs of a response have."""
        longest = 1000 * self.ir_seconds
        return {
            "predelay_ms": EARLIEST,
            "length_ms": EffectParam(
                20.0,
                longest,
                0.2 * longest,
                "log",
                "ms",
                search="decay",
                doc="Until the gate shuts.",
                automatable=False,
            ),
            "slope_db": EffectParam(
                -60.0, 60.0, -6.0, unit="dB", doc="Level at the end over that at the beginning.", automatable=False
            ),
            "gate_ms": EffectParam(
                1.0, _LONGEST_GATE_MS, 20.0, "log", "ms", doc="Time in which the gate shuts.", automatable=False
            ),
            **DARKNESS,
            "width": WIDTH,
            "mix": MIX,
        }

    def prepare(self) -> None:
        """Draw the noise."""
        seconds = self.ir_seconds + _LONGEST_GATE_MS / 1000
        noise = band_noise([1000.0], self.sample_rate, seconds, self.seed)[:, 0]
        self.register_buffer("_noise", noise, persistent=False)
        self.set_length(noise.shape[-1])

    def respond(
        self,
        samples: int,
        dtype: torch.dtype,
        predelay_ms: Tensor,
        length_ms: Tensor,
        slope_db: Tensor,
        gate_ms: Tensor,
        lowpass_hz: Tensor,
        highpass_hz: Tensor,
    ) -> Tensor:
        """The noise in its shape, and the predelay."""
        shape = self._shape(self._noise.shape[-1], length_ms, slope_db, gate_ms)
        energy = shape.square().sum(-1, keepdim=True)
        h = (shape * (_LEVEL * energy.rsqrt()))[..., :samples].to(dtype) * self._noise[:, :samples].to(dtype)
        h = torch.nn.functional.pad(h, (0, samples - h.shape[-1]))
        h = delay_line(h, predelay_ms.double() * (self.sample_rate / 1000))
        return darkened(h, lowpass_hz, highpass_hz, self.sample_rate)

    def curve(self, *, length_ms: Tensor, slope_db: Tensor, gate_ms: Tensor, **others: Tensor) -> Curve:
        """Level of the reverberation over time, without its predelay."""
        shape = self._shape(self._noise.shape[-1], *(k[:1, :, :1] for k in (length_ms, slope_db, gate_ms)))[0, 0]
        level = (shape / shape.max()).clamp_min(1e-4).log() / NEPER_PER_DB
        end = int((shape > 0).sum()) + 1
        step = max(1, end // 500)
        time = torch.arange(0, end, step, dtype=torch.float64) / self.sample_rate
        return Curve(time, level[:end:step], "time (s)", "level (dB)", title="ShapedReverb")

    def _shape(self, samples: int, length_ms: Tensor, slope_db: Tensor, gate_ms: Tensor) -> Tensor:
        """The envelope e, (B, 1, samples) float64, of knobs (B, 1, 1)."""
        length, gate = (k.double() * (self.sample_rate / 1000) for k in (length_ms, gate_ms))
        n = torch.arange(samples, dtype=torch.float64, device=length.device)
        opened = 0.5 + 0.5 * torch.cos(math.pi * ((n - length) / gate).clamp(0.0, 1.0))
        return torch.exp(slope_db.double() * NEPER_PER_DB * (n / (length + gate)).clamp_max(1.0)) * opened
