"""Phaser."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.levels import amp_to_db
from ...dsp.oscillator import oscillator
from ...options import Choice, Integer
from ...params import HIGHEST_FREQUENCY, EffectParam
from ...processor import State
from ...recursion.ops.allpass_loop import allpass_loop
from ..choices import SHAPE, TEMPO
from .sweep import START
from .tempo import InTempo

_OCTAVES = 2.0
_Q = EffectParam(0.1, 10.0, 0.7, "log", doc="How close together the notches are.")


class Phaser(InTempo):
    """Swept notches: u[n] = (1 - g^2) x[n] + g v[n - 1], v = A^N u, y[n] = (1 - m) x[n] + m (u[n] + v[n]) / 2.

    A is a first-order all-pass that turns the phase by 90 degrees at f[n] = centre 2^(2 depth o(phi[n])). Where N of
    them turn it by an odd multiple of 180 degrees, input and output cancel: N / 2 notches, complete at a mix of 1. The
    feedback g sharpens the peaks between them; the factor 1 - g^2 holds their gain at 1 + |g|. The all-passes are
    normalised ladders, which keep their energy however fast they move.

    With ``stage_order=2`` A is a second-order all-pass, turning by 180 degrees at f[n], and ``q`` sets how steeply: N
    notches, closer together at a higher ``q``.

    Raises:
        ValueError: for a range of feedback that reaches 1.

    References:
        J. O. Smith, "An allpass approach to digital phasing and flanging", ICMC 1984.
        A. H. Gray, J. D. Markel, "A normalized digital filter structure", IEEE Trans. ASSP 23(3), 1975.
    """

    words = ("sweeps notches at {rate_hz} around {center_hz}, {depth:share} deep, {feedback:share} fed back",)
    params = {
        "rate_hz": EffectParam(0.02, 10.0, 0.5, "log", "Hz", search="rate", doc="Speed of the oscillator."),
        "depth": EffectParam(0.0, 2.0, 0.5, doc="0 stands still, 1 sweeps two octaves up and two down, 2 four."),
        "center_hz": EffectParam(100.0, 4000.0, 800.0, "log", "Hz", doc="Centre of the sweep."),
        "start_deg": START,
        "feedback": EffectParam(-0.95, 0.95, 0.4, doc="Sharpness of the peaks; the sign moves them."),
        "mix": EffectParam(0.0, 1.0, 1.0, doc="Share of the effect; the notches are deepest at 1."),
    }
    options = {
        "num_stages": Integer(2, 64, 6, doc="Number N of all-passes.", step=2),
        "stage_order": Choice(1, 2, doc="Order of the all-passes; those of second order have the knob q."),
        "shape": SHAPE,
        "tempo_bpm": TEMPO,
    }
    neutral = {"mix": 0.0}
    traits = {"linear", "causal", "odd"}
    variants = ({}, {"num_stages": 4, "shape": "square"}, {"num_stages": 2, "stage_order": 2})

    def table(self) -> dict[str, EffectParam]:
        """The knobs, with a Q where the stages have one."""
        rows = super().table()
        mix = rows.pop("mix")
        return {**rows, **({"q": _Q} if self.stage_order == 2 else {}), "mix": mix}

    def prepare(self) -> None:
        """Refuse a loop that does not die away; what holds of this construction alone."""
        feedback = self.params["feedback"]
        if not -1 < feedback.min_val < feedback.max_val < 1:
            raise ValueError(f"feedback must stay inside -1 .. 1, got {feedback.range_text()}")
        if self.shape == "square":
            self.exempt = {"level": "stands at the ends of the sweep, where the sample in the loop moves the peaks"}
        elif self.stage_order == 2:
            self.exempt = {"level": "the sample in the loop moves the peaks, by 0.3 dB between 16 and 192 kHz"}

    def process(
        self,
        x: Tensor,
        state: State,
        *,
        rate_hz: Tensor,
        depth: Tensor,
        center_hz: Tensor,
        start_deg: Tensor,
        feedback: Tensor,
        q: Tensor | None = None,
        mix: Tensor,
    ) -> tuple[Tensor, State]:
        """Mix the turned sound with the input; the state is the oscillator's phase and that of the loop."""
        start, loop = (None, None) if state is None else state
        ahead = start_deg.double() / 360
        wave, start = oscillator(rate_hz, self.sample_rate, x.shape[-1], start, self.shape, ahead=ahead, dtype=x.dtype)
        inner, outer = self._coefficients(wave, center_hz, depth, q)
        turned, loop = allpass_loop(x, inner, feedback, self.num_stages, outer=outer, zi=loop, return_zf=True)
        return torch.addcmul(x * (1 - mix), turned, 0.5 * mix * (1 - feedback * feedback)), (start, loop)

    def tail(self, *, center_hz: Tensor, depth: Tensor, feedback: Tensor, **others: Tensor) -> Tensor:
        """The stages at the lowest frequency of the sweep, once for every pass through the loop."""
        lowest = center_hz / 2 ** (_OCTAVES * depth)
        passes = 1 + math.log(1e3) / -feedback.abs().clamp_min(1e-3).log()
        longer = _poles_slow(q) if (q := others.get("q")) is not None else 1.0
        return (longer * self.num_stages / (math.pi * lowest) * (2 + passes)).amax()

    def curve(
        self,
        *,
        rate_hz: Tensor,
        depth: Tensor,
        center_hz: Tensor,
        feedback: Tensor,
        q: Tensor | None = None,
        mix: Tensor,
        **others: Tensor,
    ) -> Curve:
        """Level over frequency at the centre of the sweep."""
        inner, outer = self._coefficients(torch.zeros(1, 1, 1), center_hz, 0 * depth, q)
        b, g, m = (k.flatten()[0].double() for k in (inner, feedback, mix))
        freq = torch.logspace(math.log10(20), math.log10(HIGHEST_FREQUENCY * self.sample_rate), 1000)
        one_late = torch.polar(torch.ones_like(freq), -2 * math.pi * freq / self.sample_rate)
        turned = (one_late - b) / (1 - b * one_late)
        if outer is not None:
            b2, turned = outer.flatten()[0], one_late * turned
            turned = (turned - b2) / (1 - b2 * turned)
        turned = turned**self.num_stages
        level = amp_to_db(
            (1 - m + 0.5 * m * (1 - g * g) * (1 + turned) / (1 - g * one_late * turned)).abs(), floor_db=-80.0
        )
        return Curve(freq, level, "frequency (Hz)", "level (dB)", x_log=True, title="Phaser")

    def _coefficients(
        self, wave: Tensor, center_hz: Tensor, depth: Tensor, q: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """Of the rotation of a stage, or of its inner and its outer one."""
        ratio = torch.exp2((_OCTAVES * depth) * wave)
        if q is not None:
            w = (2 * math.pi / self.sample_rate * center_hz.double() * ratio).clamp_max(2 * math.pi * HIGHEST_FREQUENCY)
            alpha = torch.sin(w) / (2 * q.double())
            return torch.cos(w), (alpha - 1) / (alpha + 1)
        # (1 - tan a) / (1 + tan a) is the tangent of what a lacks to 45 degrees.
        quarter = math.pi / 4
        lacking = torch.addcmul(center_hz.new_full((), quarter), -math.pi / self.sample_rate * center_hz, ratio)
        return torch.tan(lacking.clamp_min(quarter - math.pi * HIGHEST_FREQUENCY)), None


def _poles_slow(q: Tensor) -> Tensor:
    """How much slower than a first-order stage at the same frequency the slowest pole of a second-order one is."""
    damping = 1 / (2 * q)
    return 1 / (damping - (damping.square() - 1).clamp_min(0.0).sqrt())
