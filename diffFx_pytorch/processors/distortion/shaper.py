"""The stage that every shaper of the waveform is: drive, bias, shape, and the DC that asymmetry makes taken away."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any, ClassVar

import torch
from torch import Tensor

from diffFx_pytorch.kernels.constants import constant

from ...curve import Curve
from ...dsp.hann import hann_mean
from ...dsp.levels import db_to_amp
from ...dsp.shaping import Shape, shape_antialiased
from ...dsp.true_peak import REACH, true_peak
from ...dsp.whole_delay import delayed, with_past
from ...options import Choice, Flag
from ...params import EffectParam
from ...processor import Processor, State
from ...recursion import one_pole, running_max
from ..oversampling import FACTORS, Oversampler, Phase
from ..tiles import all_equal, in_tiles, is_known

DRIVE = EffectParam(-12.0, 36.0, 0.0, unit="dB", doc="Gain into the shaper; at 0 quiet signals keep their level.")
BIAS = EffectParam(-1.0, 1.0, 0.0, doc="Moves the working point, which adds even harmonics; 0 is symmetric.")
MIX = EffectParam(0.0, 1.0, 1.0, doc="0 is the dry signal, 1 the shaped one.")
OUTPUT = EffectParam(-36.0, 12.0, 0.0, unit="dB", doc="Level of the mixed signal.")
SHAPER_KNOBS = {"drive_db": DRIVE, "bias": BIAS, "mix": MIX, "output_db": OUTPUT}

_DC_HZ = 10.0
_AHEAD = 64
"""Samples that a strict ceiling looks ahead: with 16 the moving gain makes aliases of its own, with 128 no fewer."""
_REFERENCE_RMS = 10 ** (-18.0 / 20)
_QUANTILES = [NormalDist().inv_cdf((k + 0.5) / 32) for k in range(32)]
_REFERENCE = [v * _REFERENCE_RMS / (sum(q * q for q in _QUANTILES) / len(_QUANTILES)) ** 0.5 for v in _QUANTILES]
"""Noise of the level of alignment (EBU R 68), as 32 equally likely samples: what a matched stage leaves as loud."""


class ShaperStage:
    """y = 10^(output / 20) ((1 - mix) x + mix (w - DC)), w = f(g x + b) - f(b), g = 10^(drive / 20).

    f(b) is taken off so that silence stays silent. What is asymmetric still turns sound into DC; all that is added to
    the odd part of the shape, f(g x + b) - f(b) - (f(g x) - f(-g x)) / 2, is followed by a one-pole low-pass at 10 Hz
    and taken off too. So neither bias nor an asymmetric shape leaves DC, and a symmetric shaper without bias is f and
    nothing else.

    The dry signal is delayed by the latency of the oversampling, not filtered; where its filters turn the phase
    (``phase="minimum"``), the dry signal passes the same filters, or the two would comb.

    Matched in level, w is scaled so that Gaussian noise of -18 dBFS (RMS) leaves the stage as loud as it came, whatever
    the drive: louder sound, of which more is cut off, comes out somewhat quieter.

    Args:
        sample_rate: in Hz.
        oversampling: 1, 2, 4 or 8.
        phase: of the oversampling filters, "linear" or "minimum".
        antialias: "adaa" for first-order antiderivative antialiasing, which delays the wet signal by half a sample (of
            the oversampled rate) more; None for none.
        level_match: whether w is as loud as x.
        is_strict: whether no sample of w is beyond -1 and 1. What the oversampling filters ring beyond is lowered by a
            gain that looks ahead, a Hann window over the largest excess of 64 samples, as in ``Limiter``. Of the excess
            it sees what is between samples too: the samples alone would make it depend on where in the period they lie,
            and alias. Without oversampling, what DC shifts beyond is cut off.

    Raises:
        ValueError: for an unknown factor or phase.
    """

    def __init__(
        self,
        sample_rate: float,
        oversampling: int = 1,
        phase: Phase = "linear",
        antialias: str | None = None,
        level_match: bool = False,
        is_strict: bool = False,
    ) -> None:
        self.sample_rate, self.level_match, self.is_strict = sample_rate, level_match, is_strict
        self.antialias = antialias
        self.oversampler = Oversampler(oversampling, phase)
        self._ahead = _AHEAD + REACH if is_strict and oversampling > 1 else 0
        self.latency = self.oversampler.latency + self._ahead
        self.turns_phase = phase == "minimum" and oversampling > 1
        self._dc_smoothing = math.exp(-2 * math.pi * _DC_HZ / sample_rate)

    def __call__(
        self,
        x: Tensor,
        state: State,
        shape: Shape,
        drive_db: Tensor,
        bias: Tensor,
        mix: Tensor,
        output_db: Tensor,
        slow_shape: Shape | None = None,
    ) -> tuple[Tensor, State]:
        """One block, as ``Processor.process``; the state is a dict, empty where there is nothing to remember.

        ``slow_shape`` is ``shape`` with knobs that are not ``at_rate``, where they can be.
        """
        state = state or {}
        gain, level = db_to_amp(drive_db), db_to_amp(output_db)
        is_direct = self.oversampler.factor == 1 and self.antialias is None and not self.level_match
        if is_direct and self._is_symmetric(shape, bias, state) and all(is_known(v) for v in (x, gain, mix, level)):
            return in_tiles(lambda x, g: shape.f(g * x), x, mix, level, gain), {}
        wet, new_state = self.wet(x, state, shape, gain, bias)
        wet = self.matched(wet, slow_shape or shape, gain, bias)
        y, new_state["dry"] = self.mixed(x, wet, state.get("dry"), mix, level)
        return y, new_state

    def wet(
        self, x: Tensor, state: dict[str, Any], shape: Shape, gain: Tensor, bias: Tensor
    ) -> tuple[Tensor, dict[str, Any]]:
        """What is shaped, without its DC and late by ``latency``, and the state.

        Args:
            x: (B, C, T).
            state: what the block before returned; empty is silence.
            shape: the shaper, its knobs ``at_rate``.
            gain: into the shaper, an amplitude.
            bias: added to what goes into the shaper.
        """
        factor, f = self.oversampler.factor, shape.f
        even, up = self.oversampler.up(x * gain, state.get("up"))
        if self._is_symmetric(shape, bias, state):
            u, rest, shaped, added = even, 0.0, None, None
            last = torch.zeros_like(even[..., :1])
        elif all_equal(bias, 0.0):
            u, rest = even, 0.0
            shaped, added = shape.and_even_part(even)
            last = torch.zeros_like(even[..., :1])
            added = _means(added, factor)
        else:
            bias = self.oversampler.at_rate(bias)
            last = bias[..., :1].expand_as(even[..., :1])  # silence stands at the working point
            if shape.biased is not None and self.antialias is None:
                shaped, added = shape.biased(even, bias, factor)
                u, rest = even[..., -1:] + bias[..., -1:], 0.0
            else:
                u, rest = even + bias, f(bias)
                shaped = f(u) - rest
                added = _means(shaped - shape.odd_part(even), factor)
        if self.antialias == "adaa":
            shaped = shape_antialiased(shape, u, state.get("last", last)) - rest
        elif shaped is None:
            shaped = f(u)
        wet, down = self.oversampler.down(shaped, state.get("down"))
        new_state = {"up": up, "down": down, "last": u[..., -1:]}
        if added is not None:
            coefficient = constant(self._dc_smoothing, torch.float64, x.device)
            dc, new_state["dc"] = one_pole(added, coefficient, state.get("dc"), return_zf=True)
            wet = wet - dc
        if self._ahead:
            wet, new_state["ceiling"] = self._lowered(wet, state.get("ceiling", {}))
        if self.is_strict:
            wet = wet.clamp(-1.0, 1.0)
        return wet, new_state

    def _lowered(self, wet: Tensor, state: dict[str, Any]) -> tuple[Tensor, dict[str, Any]]:
        """No louder than 1, but for rounding, and late by the look-ahead; with the state."""
        peak, between = true_peak(wet, state.get("between"), as_the_norm=False)
        excess = peak.clamp_min(1.0).log()
        most, ahead = running_max(excess, _AHEAD + 1, state.get("ahead"), return_zf=True)
        padded = with_past(most, _AHEAD, state.get("window"))
        sound, line = delayed(wet, self._ahead, state.get("sound"))
        window = padded[..., most.shape[-1] :]
        lower = (-hann_mean(padded, _AHEAD + 1)).exp()
        return sound * lower, {"between": between, "ahead": ahead, "window": window, "sound": line}

    def matched(self, wet: Tensor, shape: Shape, gain: Tensor, bias: Tensor) -> Tensor:
        """The wet signal at the level that makes up for the drive; the knobs of the shape not ``at_rate``."""
        if not self.level_match:
            return wet
        shaped = [shape.f(gain * v + bias) for v in _REFERENCE]
        mean = sum(shaped[1:], shaped[0]) / len(shaped)
        power = sum(((s - mean).square() for s in shaped[1:]), (shaped[0] - mean).square()) / len(shaped)
        return wet * (_REFERENCE_RMS * power.rsqrt())

    def mixed(self, x: Tensor, wet: Tensor, line: Any, mix: Tensor, level: Tensor) -> tuple[Tensor, Any]:
        """Dry and wet, in step; with what the path of the dry signal holds."""
        dry, line = self.dry(x, line)
        return torch.lerp(dry, wet, mix) * level, line

    def dry(self, x: Tensor, line: Any) -> tuple[Tensor, Any]:
        """The sound in step with the wet one; with what its path holds."""
        if self.turns_phase:
            first, last, line = (None, None, None) if line is None else line
            dry, first = self.oversampler.up(x, first)
            dry, last = self.oversampler.down(dry, last)
            dry, line = delayed(dry, self._ahead, line)
            return dry, (first, last, line)
        return delayed(x, self.latency, line)

    def tail(self, is_symmetric: Tensor) -> Tensor:
        """Seconds: what the filters hold, and the fading of the DC where there is any."""
        decay = math.log(1000.0) / (2 * math.pi * _DC_HZ)
        return torch.where(is_symmetric, 0.0, decay) + 2 * self.latency / self.sample_rate

    def _is_symmetric(self, shape: Shape, bias: Tensor, state: dict[str, Any]) -> bool:
        """Whether no DC is made and none made before still fades."""
        return shape.odd and "dc" not in state and all_equal(bias, 0.0)


def _means(x: Tensor, factor: int) -> Tensor:
    """Means over ``factor`` samples, whose zeros are where the decimated signal would fold onto DC."""
    if factor == 1:
        return x
    return x.unflatten(-1, (x.shape[-1] // factor, factor)) @ constant((1 / factor,) * factor, x.dtype, x.device)


CEILING = Choice(
    "filtered",
    "strict",
    doc='"filtered" leaves the ringing of the oversampling filters, up to 2 dB beyond the ceiling (4 dB near Nyquist), '
    'and what the removal of DC shifts; "strict" lowers the sound around what is beyond, with 74 '
    "samples more of latency, so that no sample is, and hardly an alias comes back.",
)


class Shaper(Processor, abstract=True):
    """Base of the shapers: the stage, its options, its curve. A final class adds the shape, and knobs of its own."""

    params = SHAPER_KNOBS
    options = {
        "oversampling": Choice(
            *reversed(FACTORS), default=4, doc="Times the sample rate around the shaper, against aliasing."
        ),
        "phase": Choice(
            "linear",
            "minimum",
            doc='Phase of the oversampling filters: "linear" has 64, 72, 75 samples of latency, "minimum" 3 or 4.',
        ),
        "antialias": Choice(
            None,
            "adaa",
            doc='"adaa" is first-order antiderivative antialiasing, with or without oversampling. It delays the wet '
            "signal by half a sample of the oversampled rate and takes off the highest frequencies.",
        ),
        "level_match": Flag(False, doc="Whether the level makes up for the drive: noise of -18 dBFS stays as loud."),
    }
    shape: ClassVar[Shape | None] = None
    """The shape, where no knob changes it; else there is a ``shape_at``."""
    turns_phase = False
    """Whether it passes its input through filters that would comb with it; its own ``mix`` makes that good."""
    neutral = {"mix": 0.0, "output_db": 0.0}
    traits = {"time_invariant", "causal"}
    in_pieces = True

    def prepare(self) -> None:
        """The stage."""
        is_strict = getattr(self, "ceiling", "filtered") == "strict"
        self.stage = ShaperStage(
            self.sample_rate, self.oversampling, self.phase, self.antialias, self.level_match, is_strict
        )
        self.turns_phase = self.stage.turns_phase
        if self.turns_phase:
            self.neutral = {}
            self.exempt = {**self.exempt, "neutral": "the dry signal has the phase of the oversampling filters too"}
        self.latency_samples = late = self.stage.latency
        # The drive acts before the oversampling, mix and level after it, what shapes after half of its delay.
        half = self.stage.oversampler.latency / 2
        self.knob_latency = {**dict.fromkeys(self.params, half), "drive_db": 0, "mix": late, "output_db": late}

    def shape_at(self, **knobs: Tensor) -> Shape:
        """The shape for the knobs that are its own."""
        if self.shape is None:
            raise NotImplementedError(f"{type(self).__name__} defines neither shape nor shape_at()")
        return self.shape

    def process(
        self,
        x: Tensor,
        state: State,
        *,
        drive_db: Tensor,
        mix: Tensor,
        output_db: Tensor,
        bias: Tensor | None = None,
        **own: Tensor,
    ) -> tuple[Tensor, State]:
        """The stage with this shape."""
        shape = self.shape_at(**{name: self.stage.oversampler.at_rate(knob) for name, knob in own.items()})
        bias = torch.zeros_like(mix[..., :1]) if bias is None else bias
        return self.stage(x, state, shape, drive_db, bias, mix, output_db, self.shape_at(**own))

    def tail(self, *, mix: Tensor, bias: Tensor | None = None, **knobs: Tensor) -> Tensor:
        """What the filters hold, and where the shape is asymmetric the fading of the DC."""
        symmetric = torch.zeros_like(mix) == 0 if bias is None else bias == 0
        return self.stage.tail(symmetric & (self.shape is not None and self.shape.odd))

    def curve(
        self, *, drive_db: Tensor, mix: Tensor, output_db: Tensor, bias: Tensor | None = None, **own: Tensor
    ) -> Curve:
        """Output over input, sample by sample, without the removal of DC."""
        x = torch.linspace(-2, 2, 401, dtype=drive_db.dtype)
        g, m, o = (k[:1, :, :1] for k in (db_to_amp(drive_db), mix, db_to_amp(output_db)))
        b = torch.zeros_like(m) if bias is None else bias[:1, :, :1]
        shape = self.shape_at(**{name: knob[:1, :, :1] for name, knob in own.items()})
        f = shape.f
        wet = f(g * x + b) - f(b)
        wet = self.stage.matched(wet.clamp(-1, 1) if self.stage.is_strict else wet, shape, g, b)
        y = o * torch.lerp(x.expand(1, 1, -1), wet, m)
        return Curve(x, y[0, 0], "input", "output", title=type(self).__name__)
