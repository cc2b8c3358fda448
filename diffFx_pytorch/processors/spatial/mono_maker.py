"""Bass made mono."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from diffFx_pytorch.kernels.constants import constant

from ...curve import Curve
from ...dsp.crossover import linkwitz_riley
from ...dsp.levels import amp_to_db
from ...dsp.mid_side import from_mid_side, to_mid_side
from ...params import EffectParam
from ...processor import Processor, State
from ...recursion import svfilt

_ALL_PASS_AND_WIRE = ((1.0, -math.sqrt(2.0), 1.0), (1.0, math.sqrt(2.0), 1.0))
"""Two sections as long as the sides' two: the all-pass that both bands sum to, and one that does nothing."""


class MonoMaker(Processor):
    """Sound below a frequency made mono: the sides are high-passed, L = A M + H S, R = A M - H S.

    H is the high-pass of a fourth-order Linkwitz-Riley crossover and A the all-pass that its two bands sum to, so that
    mid and sides stay in phase: the mono sum A M is flat, and so is the sum of both bands of each side's own signal. At
    the frequency itself the sides are 6 dB down, an octave below 24 dB more.

    References:
        S. H. Linkwitz, "Active crossover networks for noncoincident drivers", J. Audio Eng. Soc. 24(1), 1976.
    """

    words = ("makes what is below {freq_hz} mono",)
    params = {"freq_hz": EffectParam(20.0, 1000.0, 120.0, "log", "Hz", doc="Frequency below which the sound is mono.")}
    traits = {"linear", "time_invariant", "causal", "odd"}
    channels = (2,)
    crosses_channels = True
    exempt = {"neutral": "the crossover turns the phase at every setting; in magnitude the mono sum is flat"}

    def process(self, x: Tensor, state: State, *, freq_hz: Tensor) -> tuple[Tensor, State]:
        """All-pass the mid, high-pass the sides; the state is the filters'."""
        high = linkwitz_riley(freq_hz.unsqueeze(-1), self.sample_rate)[..., 1, :, :]
        mix = constant(_ALL_PASS_AND_WIRE, high.dtype, high.device).expand(*high.shape[:-1], 3)
        sections = torch.cat((torch.cat((high[..., :2], mix), -1), high), 1)
        parts, state = svfilt(torch.cat(to_mid_side(x), 1), sections, state, return_zf=True)
        return from_mid_side(parts[:, :1], parts[:, 1:]), state

    def tail(self, *, freq_hz: Tensor) -> Tensor:
        """Seconds until the double pole pair has decayed by 60 dB."""
        # Two equal pairs at damping sqrt(1/2) fall as (1 + w t) exp(-w t sqrt(1/2)), -60 dB at w t = 13.9.
        return 13.9 / (2 * math.pi * freq_hz.amin(-1, keepdim=True))

    def curve(self, *, freq_hz: Tensor) -> Curve:
        """Gain of the sides over frequency."""
        top = min(20000.0, 0.49 * self.sample_rate)
        frequency = torch.logspace(1, math.log10(top), 400, dtype=torch.float64)
        t = torch.tan(math.pi * frequency / self.sample_rate)
        ratio = (t / torch.tan(math.pi * freq_hz[0, 0, 0].double() / self.sample_rate)) ** 4
        return Curve(
            frequency,
            amp_to_db(ratio / (1 + ratio), -80.0),
            "frequency (Hz)",
            "gain of the sides (dB)",
            True,
            "MonoMaker",
        )
