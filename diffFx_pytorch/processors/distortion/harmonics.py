"""Effects that add the harmonics of a part of the sound to the sound."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.biquad import butterworth, ring_seconds
from ...dsp.levels import db_to_amp
from ...dsp.shapes import asymmetric_tanh
from ...params import EffectParam
from ...processor import State
from ...recursion import ControlPoints, filter_sections
from .shaper import SHAPER_KNOBS, Shaper

Sections = Tensor | ControlPoints
_DRIVE = replace(SHAPER_KNOBS["drive_db"], default=12.0, doc="Gain into the shaper: how many harmonics there are.")
_BIAS = replace(SHAPER_KNOBS["bias"], default=0.3)
_AMOUNT = EffectParam(
    0.0,
    1.0,
    0.25,
    doc="Amplitude of what is added, where 1 is the ceiling of the shaper at full scale; 0 adds nothing.",
)


class AddedHarmonics(Shaper, abstract=True):
    """Base of those: y = x + amount (after * f(10^(drive / 20) (before * x))); a subclass gives both filters.

    f is the biased stage of ``Overdrive``, without its DC.
    """

    options = {name: option for name, option in Shaper.options.items() if name != "level_match"}
    level_match = False
    neutral = {"amount": 0.0}

    def before(self, freq_hz: Tensor) -> Tensor:
        """Sections (..., K, 6) before the shaper, for a frequency (...)."""
        raise NotImplementedError(f"{type(self).__name__} defines no before()")

    def after(self, freq_hz: Tensor) -> Tensor | None:
        """Sections after the shaper, or None."""
        return None

    def prepare(self) -> None:
        """The stage; the amount comes after it."""
        super().prepare()
        self.knob_latency = {**self.knob_latency, "amount": self.latency_samples, "freq_hz": self.latency_samples / 2}

    def control(self, *, freq_hz: Tensor, **others: Tensor) -> dict[str, Any]:
        """The filters."""
        return {"before": self.before(freq_hz), "after": self.after(freq_hz), **others}

    def process(
        self,
        x: Tensor,
        state: State,
        *,
        before: Sections,
        after: Sections | None,
        drive_db: Tensor,
        bias: Tensor,
        amount: Tensor,
    ) -> tuple[Tensor, State]:
        """Filter, shape, filter, add."""
        state = {"before": None, "stage": {}, "after": None, "dry": None} if state is None else state
        part, first = filter_sections(x, before, state["before"])
        shape, none = asymmetric_tanh(self.stage.oversampler.at_rate(bias)), torch.zeros_like(bias)
        wet, stage = self.stage.wet(part, state["stage"], shape, db_to_amp(drive_db), none)
        last = None
        if after is not None:
            wet, last = filter_sections(wet, after, state["after"])
        dry, line = self.stage.dry(x, state["dry"])
        return torch.addcmul(dry, amount, wet), {"before": first, "stage": stage, "after": last, "dry": line}

    def tail(self, *, freq_hz: Tensor, **knobs: Tensor) -> Tensor:
        """What the stage and the filters hold."""
        filters = [self.before(freq_hz), self.after(freq_hz)]
        rings = [ring_seconds(sections, self.sample_rate).sum(-1) for sections in filters if sections is not None]
        return super().tail(mix=knobs["amount"], bias=knobs["bias"]) + sum(rings[1:], rings[0])

    def curve(self, *, drive_db: Tensor, bias: Tensor, amount: Tensor, **others: Tensor) -> Curve:
        """What is added over what passes the filters, sample by sample."""
        u = torch.linspace(-1, 1, 401, dtype=drive_db.dtype)
        g, b, a = (k[:1, :, :1] for k in (db_to_amp(drive_db), bias, amount))
        added = a * asymmetric_tanh(b).f(g * u)
        return Curve(u, added[0, 0], "filtered input", "added", title=type(self).__name__)


class Exciter(AddedHarmonics):
    """Adds harmonics of the treble to the sound: y = x + amount f(10^(drive / 20) (h * x)).

    h is a Butterworth high-pass of second order at ``freq_hz``. The shaper, f(u) = (tanh(u + b) - tanh b) /
    (1 - tanh^2 b) with b the bias, makes harmonics above it. Quiet treble passes the shaper as it is, raised by the
    drive, so a small ``amount`` also brightens.

    References:
        U. Zoelzer (ed.), DAFX: Digital Audio Effects, 2nd ed., Wiley 2011, section 4.4 (exciters and enhancers).
        C. Knoppel, "Signal distortion circuit and method of use", US patent 4150253, 1979.
    """

    words = ("adds harmonics of what is above {freq_hz}, {amount:share} of them, driven by {drive_db}",)
    params = {
        "freq_hz": EffectParam(500.0, 12000.0, 3000.0, "log", "Hz", doc="Harmonics are made of what is above it."),
        "drive_db": _DRIVE,
        "bias": _BIAS,
        "amount": _AMOUNT,
    }

    variants = ({}, {"oversampling": 2, "antialias": "adaa"})

    def before(self, freq_hz: Tensor) -> Tensor:
        """A high-pass."""
        return butterworth("high_pass", freq_hz, 12, self.sample_rate)


class BassEnhancer(AddedHarmonics):
    """Adds harmonics of the bass to the sound, from which the ear tells the bass where a loudspeaker has none.

    y = x + amount (g * f(10^(drive / 20) (h * x))), f(u) = (tanh(u + b) - tanh b) / (1 - tanh^2 b). h is a Butterworth
    low-pass of fourth order at ``freq_hz``, g a band-pass that leaves the harmonics from there to four times that: a
    high-pass and a low-pass of second order. The missing fundamental is heard as the distance between them.

    References:
        E. Larsen, R. M. Aarts, "Reproducing low-pitched signals through small loudspeakers", JAES 50(3), 2002.
    """

    words = ("adds harmonics of what is below {freq_hz}, {amount:share} of them, driven by {drive_db}",)
    params = {
        "freq_hz": EffectParam(40.0, 300.0, 100.0, "log", "Hz", doc="Harmonics are made of what is below it."),
        "drive_db": _DRIVE,
        "bias": _BIAS,
        "amount": _AMOUNT,
    }

    variants = ({"phase": "minimum"},)

    def before(self, freq_hz: Tensor) -> Tensor:
        """A low-pass."""
        return butterworth("low_pass", freq_hz, 24, self.sample_rate)

    def after(self, freq_hz: Tensor) -> Tensor:
        """A band-pass of two octaves."""
        lower = butterworth("high_pass", freq_hz, 12, self.sample_rate)
        return torch.cat((lower, butterworth("low_pass", 4 * freq_hz, 12, self.sample_rate)), -2)
