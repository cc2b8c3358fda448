"""Through-zero flanger."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.interpolation import POINTS
from ...dsp.oscillator import oscillator
from ...dsp.whole_delay import delayed
from ...options import Flag
from ...params import EffectParam
from ...processor import State
from ...recursion.ops.delay_line import Line, kept_line, line_read, silent_line
from ..choices import INTERPOLATION, SHAPE, TEMPO
from ..delay.crossfade import FADE_MS, crossfaded
from .tempo import InTempo


class ThroughZeroFlanger(InTempo):
    """A flanger of two tapes, one running ahead of the other and falling behind: y = (1 - m) x[n-L] + m x(n-L-d[n]).

    The delay between the two is d = depth D o(phi[n]), of either sign: as it passes zero the comb opens until every
    frequency is in step, which a delay that cannot look ahead never reaches. L is the longest D and half the points of
    the interpolator, and is declared as latency. With ``invert`` the moving copy is turned round, and at zero all is
    cancelled.

    References:
        B. Bartlett, "A scientific explanation of phasing (flanging)", JAES 18(6), 1970.
        J. Dattorro, "Effect design, part 2: delay-line modulation and chorus", JAES 45(10), 1997, section 5.
    """

    words = ("sweeps a comb through zero at {rate_hz}, {delay_ms} to either side, {depth:share} deep",)
    params = {
        "rate_hz": EffectParam(0.02, 10.0, 0.2, "log", "Hz", search="rate", doc="Speed of the oscillator."),
        "depth": EffectParam(0.0, 1.0, 0.7, doc="0 stands still in step, 1 sweeps as far as the delay."),
        "delay_ms": EffectParam(0.1, 5.0, 2.0, "log", "ms", doc="Largest delay between the two, to either side."),
        "mix": EffectParam(0.0, 1.0, 0.5, doc="Share of the moving copy; the notches are deepest at 0.5."),
    }
    options = {
        "shape": SHAPE,
        "interpolation": INTERPOLATION,
        "tempo_bpm": TEMPO,
        "invert": Flag(False, doc="Whether the moving copy is turned round: at zero it cancels what stands still."),
    }
    neutral = {"mix": 0.0}
    traits = {"linear", "causal", "odd"}
    in_pieces = True
    variants = ({}, {"interpolation": "cubic", "shape": "square", "invert": True})

    def prepare(self) -> None:
        """The length of the line."""
        per_ms = self.sample_rate / 1000
        self.latency_samples = math.ceil(self.params["delay_ms"].max_val * per_ms) + POINTS[self.interpolation] // 2 - 1
        self.knob_latency = dict.fromkeys(self.params, self.latency_samples)
        self._longest = 2 * self.latency_samples + 1
        self._fade = max(1, round(FADE_MS * per_ms))

    def process(
        self, x: Tensor, state: State, *, rate_hz: Tensor, depth: Tensor, delay_ms: Tensor, mix: Tensor
    ) -> tuple[Tensor, State]:
        """Mix what stands still and what moves; the state is the phase, the lines and the last reach (steps fade)."""
        start, line, memory, still = (None, None, None, None) if state is None else state
        line = silent_line(x, x.shape[1], self.interpolation) if line is None else line
        wave, start = oscillator(rate_hz, self.sample_rate, x.shape[-1], start, self.shape)

        def read(x: Tensor, reach: Tensor, line: Line, where: slice) -> tuple[Tensor, Line]:
            delay = self.latency_samples + reach * wave[..., where]
            return line_read(x, delay, line, self._longest, self.interpolation)

        reach = depth.double() * delay_ms * (self.sample_rate / 1000)
        moving, line, memory = crossfaded(read, x, reach, line, memory, self._fade)
        dry, still = delayed(x, self.latency_samples, still)
        y = torch.lerp(dry, -moving if self.invert else moving, mix)
        return y, (start, kept_line(line, x.shape[-1]), memory, still)

    def tail(self, *, delay_ms: Tensor, depth: Tensor, **others: Tensor) -> Tensor:
        """The longest delay of the sweep."""
        return delay_ms * depth / 1000 + 16 / self.sample_rate

    def curve(self, *, rate_hz: Tensor, depth: Tensor, delay_ms: Tensor, **others: Tensor) -> Curve:
        """Delay between the two over two turns of the oscillator."""
        samples = int(float(2 / rate_hz[0, 0, 0]) * self.sample_rate)
        wave, _ = oscillator(rate_hz[:1, :, :1], self.sample_rate, samples, None, self.shape)
        time = torch.arange(samples) / self.sample_rate
        between = depth[0, 0, :1] * delay_ms[0, 0, :1] * wave[0, 0]
        return Curve(time, between, "time (s)", "delay (ms)", title="ThroughZeroFlanger")
