"""Overdrive."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.biquad import high_shelf, ring_seconds
from ...dsp.levels import db_to_amp
from ...dsp.shapes import asymmetric_tanh
from ...dsp.shaping import Shape
from ...params import EffectParam
from ...processor import State
from ...recursion import filter_sections
from .shaper import SHAPER_KNOBS, Shaper

_EMPHASIS_HZ, _EMPHASIS_DB = 720.0, 12.0
_TONE_HZ = 2000.0
_Q = 0.5**0.5


class Overdrive(Shaper):
    """A guitar pedal: treble raised, an asymmetric stage, treble lowered again, and a tone control.

    The shape is f(u) = (tanh(u + b) - tanh b) / (1 - tanh^2 b), a biased amplifier whose gain is made up: slope 1 at 0,
    ceilings at 1 / (1 + tanh b) and -1 / (1 - tanh b). Before it a shelf raises everything above 720 Hz by 12 dB, so
    that the bass stays clear while the middle distorts, as the network in the feedback of the pedals does; after it its
    inverse takes that back, so quiet signals pass flat. The tone control is a shelf at 2 kHz. DC is taken away (a 10 Hz
    low-pass follows it).

    References:
        D. T. Yeh, J. Abel, J. O. Smith, "Simplified, physically-informed models of distortion and overdrive guitar
        effects pedals", DAFx 2007 (the Tube Screamer's network: a high-pass at 720 Hz beside a wire).
    """

    words = ("{drive_db:drives} and overdrives", "{output_db:adds} behind it")
    params = {
        "drive_db": SHAPER_KNOBS["drive_db"],
        "bias": replace(SHAPER_KNOBS["bias"], default=0.3),
        "tone_db": EffectParam(-18.0, 18.0, 0.0, unit="dB", doc="Treble of the distorted sound; 0 is flat."),
        "mix": SHAPER_KNOBS["mix"],
        "output_db": SHAPER_KNOBS["output_db"],
    }

    variants = ({}, {"oversampling": 2, "antialias": "adaa"})

    def prepare(self) -> None:
        """The stage; the tone comes after it."""
        super().prepare()
        self.knob_latency = {**self.knob_latency, "tone_db": self.latency_samples}

    def process(
        self,
        x: Tensor,
        state: State,
        *,
        drive_db: Tensor,
        bias: Tensor,
        tone_db: Tensor,
        mix: Tensor,
        output_db: Tensor,
    ) -> tuple[Tensor, State]:
        """Filter, shape, filter; the dry signal passes beside all of it."""
        state = {"pre": None, "stage": {}, "post": None, "dry": None} if state is None else state
        raised, pre = filter_sections(x, self._emphasis(tone_db, _EMPHASIS_DB), state["pre"])
        shape = self.shape_at(asymmetry=self.stage.oversampler.at_rate(bias))
        gain, none = db_to_amp(drive_db), torch.zeros_like(bias)
        wet, stage = self.stage.wet(raised, state["stage"], shape, gain, none)
        wet = self.stage.matched(wet, self.shape_at(asymmetry=bias), gain, none)
        wet, post = filter_sections(wet, self._after(tone_db), state["post"])
        y, dry = self.stage.mixed(x, wet, state["dry"], mix, db_to_amp(output_db))
        return y, {"pre": pre, "stage": stage, "post": post, "dry": dry}

    def shape_at(self, *, asymmetry: Tensor) -> Shape:
        """The stage for a bias; here it is the shape's own, and makes up for the gain it takes."""
        return asymmetric_tanh(asymmetry)

    def tail(self, *, tone_db: Tensor, **knobs: Tensor) -> Tensor:
        """What the stage and the filters hold."""
        return super().tail(**knobs) + ring_seconds(self._after(tone_db), self.sample_rate).sum(-1)

    def curve(self, *, bias: Tensor, tone_db: Tensor, **knobs: Tensor) -> Curve:
        """Output over input of the stage alone, without the filters about it."""
        return super().curve(asymmetry=bias, **knobs)

    def _emphasis(self, like: Tensor, gain_db: float) -> Tensor:
        shelf = high_shelf(_EMPHASIS_HZ, _Q, like.new_full((1, 1, 1), gain_db), self.sample_rate)
        return shelf.unsqueeze(-2)

    def _after(self, tone_db: Tensor) -> Tensor:
        tone = high_shelf(_TONE_HZ, _Q, tone_db, self.sample_rate).unsqueeze(-2)
        return torch.cat((self._emphasis(tone_db, -_EMPHASIS_DB).expand_as(tone), tone), -2)
