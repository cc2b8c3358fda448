"""Reverb of filtered velvet noise."""

from __future__ import annotations

import itertools
import math

import numpy as np
import torch
from torch import Tensor

from ...dsp.velvet_noise import velvet_noise
from ...options import Number
from ...params import EffectParam
from ...recursion import delay_line, one_pole
from ..choices import SEED
from .predelay import MIX
from .response import DARKNESS, EARLIEST, SECONDS, WIDTH, ResponseReverb, darkened

_SEGMENTS = 24
_HIGH_HZ = 8000.0


class VelvetReverb(ResponseReverb):
    r"""Reverberation by velvet noise, pulses of either sign that darken as they decay: y = (1 - m) x + m W(h * x).

    .. math:: h = s_1 + L_1 \{ s_2 + L_2 \{ s_3 + \dots \}\}, \qquad
        s_i(n) = \frac{1}{\sqrt E} \sum_{k_p \in S_i} \pm 10^{-3 k_p / (f_s T)} \delta(n - d - k_p)

    The pulses k_p lie in segments S_i, short ones first; each L_i is a one-pole low-pass that darkens the segments
    after it, so that at 8 kHz (0.4 of lower sample rates) the decay by 60 dB lasts ``decay_high_ratio`` times
    ``decay_s``. Low frequencies decay in T = ``decay_s`` exactly. E is the energy of the pulses: noise is as loud as it
    was, before it darkens. The sides have pulses of their own. Mono or stereo in, stereo out.

    With few pulses the onset is grainy, as in a small hard room; from 2000 a second it is smoother than Gaussian noise.

    References:
        V. Valimaki, B. Holm-Rasmussen, B. Alary, H.-M. Lehtonen, "Late reverberation synthesis using filtered velvet
        noise", Applied Sciences 7(5), 2017.
        M. Karjalainen, H. Jarvelainen, "Reverberation modeling using velvet noise", AES 30th Conference, 2007.
    """

    words = ("adds a room that dies in {decay_s}, {predelay_ms} after the sound",)
    options = {
        "density": Number(100, 50000, 2000.0, doc="Pulses per second, up to a quarter of the sample rate."),
        "ir_seconds": Number(SECONDS.min_val, SECONDS.max_val, 2.5, "s", doc=SECONDS.doc),
        "seed": SEED,
    }
    variants = ({}, {"density": 700.0, "ir_seconds": 0.6, "seed": 3})

    def table(self) -> dict[str, EffectParam]:
        """Predelay, decays, darkness, width and mix."""
        return {
            "predelay_ms": EARLIEST,
            "decay_s": EffectParam(
                0.1,
                self.ir_seconds,
                0.5 * self.ir_seconds,
                "log",
                "s",
                search="decay",
                doc="Time in which low frequencies decay by 60 dB.",
                automatable=False,
            ),
            "decay_high_ratio": EffectParam(
                0.1, 1.0, 0.5, "log", doc="T60 at 8 kHz relative to decay_s.", automatable=False
            ),
            **DARKNESS,
            "width": WIDTH,
            "mix": MIX,
        }

    def prepare(self) -> None:
        """Draw the pulses."""
        rate, seconds = self.sample_rate, self.ir_seconds
        if self.density > rate / 4:
            raise ValueError(
                f"density must lie in 100 .. {rate / 4:g}, a quarter of the sample rate, got {self.density!r}"
            )
        length = round(seconds * rate)
        pulses = torch.zeros(2, length)
        rng = np.random.default_rng(self.seed)
        for side in pulses:
            positions, signs = velvet_noise(seconds, rate, self.density, rng)
            side[torch.from_numpy(positions)] = torch.from_numpy(signs).to(side)
        self.register_buffer("_pulses", pulses, persistent=False)
        # Steps of the high frequencies' level are fine where it is heard, and coarse late.
        self._starts = [round(length * (i / _SEGMENTS) ** 1.5) for i in range(_SEGMENTS)]
        self.set_length(length)

    def respond(
        self,
        samples: int,
        dtype: torch.dtype,
        predelay_ms: Tensor,
        decay_s: Tensor,
        decay_high_ratio: Tensor,
        lowpass_hz: Tensor,
        highpass_hz: Tensor,
    ) -> Tensor:
        """Pulses that decay and darken, and the predelay."""
        fall = -3 * math.log(10) / self.sample_rate / decay_s.double()
        energy = (self._pulses.double().square().mean(0) * torch.exp(2 * fall * self._ages(self._pulses))).sum(-1, True)
        pulses = self._pulses[:, :samples]
        h = pulses.to(dtype) * (torch.exp(fall * self._ages(pulses)) * energy.rsqrt()).to(dtype)
        h = self._damped(h, fall * (1 / decay_high_ratio.double() - 1))
        h = delay_line(
            torch.nn.functional.pad(h, (0, samples - h.shape[-1])), predelay_ms.double() * (self.sample_rate / 1000)
        )
        return darkened(h, lowpass_hz, highpass_hz, self.sample_rate)

    def _ages(self, pulses: Tensor) -> Tensor:
        return torch.arange(pulses.shape[-1], dtype=torch.float64, device=pulses.device)

    def _damped(self, h: Tensor, fall: Tensor) -> Tensor:
        """High frequencies let fall by so many nepers per sample, (B, 1, 1), segment by segment from the last."""
        starts = [0, *(s for s in self._starts if 0 < s < h.shape[-1])]
        cos = math.cos(2 * math.pi * min(_HIGH_HZ / self.sample_rate, 0.4))
        rest = h[..., starts[-1] :]
        for begin, start in reversed(list(itertools.pairwise(starts))):
            q = torch.exp(fall * (start - begin))
            # The pole c of (1 - c)^2 = q^2 (1 - 2 c cos + c^2), without the difference that loses digits.
            A, B = 1 - q * q, 1 - q * q * cos
            pole = A / (B + q * torch.sqrt((1 - cos) * (A + B)))
            rest = torch.cat((h[..., begin:start], one_pole(rest, pole)), -1)
        return rest
