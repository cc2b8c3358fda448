"""Pre-amplifier of a guitar or bass amplifier."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.biquad import high_pass_first_order, ring_seconds, sos_response
from ...dsp.levels import db_to_amp
from ...dsp.shapes import asymmetric_tanh
from ...kernels.constants import constant
from ...params import EffectParam
from ...processor import Processor, State
from ...recursion import ControlPoints, filter_sections
from ..eq.tone_stack import ToneStack, pot_sections
from ..eq.tone_stack_circuits import CIRCUITS
from .shaper import MIX, SHAPER_KNOBS, Shaper, ShaperStage

_COUPLING_HZ = 10.0
_POTS = ("bass", "mid", "treble")


class AmpStage(Processor):
    """Pre-amplifier: a valve, a tone stack, a valve: y = (1 - m) x + m 10^(master / 20) v.

        u = f_b(10^(gain / 20) x),   v = -c * f_b(-10^(drive / 20) (s * u))

    f_b(u) = (tanh(u + b) - tanh b) / (1 - tanh^2 b) is the biased stage of ``Overdrive``, of slope 1 at 0, without its
    DC; c is a coupling capacitor, a high-pass at 10 Hz, since the sound that comes to the second stage is not
    symmetric itself. s is the passive network of ``ToneStack``, which takes away 10 dB and more. A valve turns its
    signal over, so the second one bends the other half of the wave more. Distortion before the tone controls is shaped
    by them; that after them is not, so bass turned down before it stays clear, as in an amplifier of high gain.

    Both stages are oversampled. With ``phase="minimum"`` the latency is some samples, for playing live.

    References:
        J. Pakarinen, D. T. Yeh, "A review of digital techniques for modeling vacuum-tube guitar amplifiers", Computer
        Music Journal 33(2), 2009 (static stages with filters between them; asymmetric shapes; oversampling).
        D. T. Yeh, J. O. Smith, "Discretization of the '59 Fender Bassman tone stack", DAFx 2006.
    """

    words = (
        "{gain_db:drives} into a valve, through bass at {bass:share}, middle at {mid:share} and treble at "
        "{treble:share}, {drive_db:drives} into another",
        "{gain_db:drives} into a valve, through bass at {bass:share} and treble at {treble:share}, {drive_db:drives} "
        "into another",
        "{master_db:adds} behind it",
    )
    _before = {
        "gain_db": EffectParam(0.0, 60.0, 24.0, unit="dB", doc="Into the first stage."),
        "bias": replace(SHAPER_KNOBS["bias"], default=0.3, doc="Of both stages: adds even harmonics; 0 is symmetric."),
    }
    _after = {
        "drive_db": EffectParam(0.0, 48.0, 20.0, unit="dB", doc="Into the second stage, behind the tone stack."),
        "master_db": EffectParam(-48.0, 12.0, -12.0, unit="dB", doc="Level of what comes out of the second."),
        "mix": MIX,
    }
    options = {
        "preset": ToneStack.options["preset"],
        "bass_taper": ToneStack.options["bass_taper"],
        **{name: Shaper.options[name] for name in ("oversampling", "phase", "antialias")},
    }
    neutral = {"mix": 0.0}
    traits = {"time_invariant", "causal"}
    in_pieces = True
    variants = ({}, {"preset": "vox_ac30", "oversampling": 2, "phase": "minimum"})

    def table(self) -> dict[str, EffectParam]:
        """The knobs, with the pots that the amplifier has."""
        pots = {n: ToneStack._pots[n] for n in _POTS if n != "mid" or CIRCUITS[self.preset].mid_pot}
        return {**self._before, **pots, **self._after}

    def prepare(self) -> None:
        """The stages, which are alike."""
        self.stage = ShaperStage(self.sample_rate, self.oversampling, self.phase, self.antialias)
        if self.stage.turns_phase:
            self.neutral = {}
            self.exempt = {"neutral": "the dry signal has the phase of the oversampling filters too"}
        self._coupling = tuple(high_pass_first_order(_COUPLING_HZ, self.sample_rate).tolist())
        between = self.stage.latency
        self.latency_samples = late = 2 * between
        self.knob_latency = {"gain_db": 0, "bias": between, "drive_db": between, "master_db": late, "mix": late}
        self.knob_latency |= {pot: between for pot in _POTS if pot in self.params}

    def control(self, *, bass: Tensor, mid: Tensor | None = None, treble: Tensor, **others: Tensor) -> dict[str, Any]:
        """The sections of the tone stack."""
        circuit = CIRCUITS[self.preset]
        tone = pot_sections(circuit, self.sample_rate, bass=bass, mid=mid, treble=treble, taper=self.bass_taper)
        return {"tone": tone, **others}

    def process(
        self,
        x: Tensor,
        state: State,
        *,
        gain_db: Tensor,
        bias: Tensor,
        tone: Tensor | ControlPoints,
        drive_db: Tensor,
        master_db: Tensor,
        mix: Tensor,
    ) -> tuple[Tensor, State]:
        """Shape, filter, shape, mix; the state is that of every part."""
        first, toned, second, coupled, dry = ({}, None, {}, None, (None, None)) if state is None else state
        shifted, none = self.stage.oversampler.at_rate(bias), torch.zeros_like(bias)
        wet, first = self.stage.wet(x, first, asymmetric_tanh(shifted), db_to_amp(gain_db), none)
        wet, toned = filter_sections(wet, tone, toned)
        # -f_b(-u) is f_(-b)(u).
        wet, second = self.stage.wet(wet, second, asymmetric_tanh(-shifted), db_to_amp(drive_db), none)
        wet, coupled = filter_sections(wet, self._capacitor(x.device), coupled)
        between, before = self.stage.dry(x, dry[0])
        between, after = self.stage.dry(between, dry[1])
        return torch.lerp(between, wet * db_to_amp(master_db), mix), (first, toned, second, coupled, (before, after))

    def tail(self, *, bias: Tensor, **knobs: Tensor) -> Tensor:
        """What both stages hold, and the ringing of the tone stack."""
        tone = self.control(**{pot: knobs[pot] for pot in _POTS if pot in knobs})["tone"]
        rings = ring_seconds(tone, self.sample_rate).sum(-1)
        rings = rings + ring_seconds(self._capacitor(tone.device), self.sample_rate).sum(-1)
        return 2 * self.stage.tail(bias == 0) + rings

    def _capacitor(self, device: torch.device) -> Tensor:
        return constant(self._coupling, torch.float64, device).view(1, 1, 1, 1, 6)

    def curve(
        self, *, gain_db: Tensor, bias: Tensor, drive_db: Tensor, master_db: Tensor, mix: Tensor, **pots: Tensor
    ) -> Curve:
        """Output over input, where the tone stack takes away what it takes from 1 kHz; without the mix."""
        x = torch.linspace(-1, 1, 401, dtype=gain_db.dtype)
        at = torch.tensor([1000.0], dtype=torch.float64)
        taken = sos_response(self.control(**pots)["tone"][0, 0, 0], at, self.sample_rate).abs().to(x.dtype)
        gain, b, drive, level = (
            k[:1, :, :1] for k in (db_to_amp(gain_db), bias, db_to_amp(drive_db), db_to_amp(master_db))
        )
        v = asymmetric_tanh(-b).f(drive * taken * asymmetric_tanh(b).f(gain * x))
        return Curve(x, (level * v)[0, 0], "input", "output", title="AmpStage")
