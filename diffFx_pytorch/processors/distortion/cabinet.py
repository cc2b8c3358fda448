"""Loudspeaker and microphone of a guitar amplifier."""

from __future__ import annotations

import math
import os
from typing import Any

import torch
from torch import Tensor, nn

from ...curve import Curve
from ...dsp.biquad import band_pass, butterworth, high_pass, peak, ring_seconds, sos_response
from ...dsp.levels import amp_to_db
from ...dsp.partitioned_convolution import convolve_block
from ...options import Flag
from ...params import EffectParam
from ...processor import Processor, State
from ...recursion import ControlPoints, filter_sections
from ..reverb.convolution_reverb import ConvolutionReverb
from ..reverb.response import heard_seconds
from ..reverb.room_response import given_response, load, normalized, resampled

_SPEED_OF_SOUND = 343.0
_CONE_RADIUS = 0.13
"""Metres; the moving part of a loudspeaker of twelve inches, 530 cm^2."""
_PISTON_HALF_POWER = 1.6163
"""Where 2 J1(u) / u is 1 / sqrt(2)."""
_MIX = EffectParam(0.0, 1.0, 1.0, doc="Share of what the microphone hears; 0 is the sound that comes in.")
_EXAMPLE = torch.tensor([0.5, 0.4, -0.3, 0.1, 0.05, -0.02], dtype=torch.float64, device="cpu")
_OWN = ConvolutionReverb.options


class Cabinet(Processor):
    """Guitar loudspeaker in its box, and the microphone before it: y = (1 - m) x + m (H x).

    With w_0 = 2 pi f_0 and Q of the box, a = 13 cm the radius of the cone, c the speed of sound:

        H(s) = s (s + c / 2R) / (s^2 + s w_0 / Q + w_0^2) P(s) B(s) D(s),   R = sqrt(d^2 + a^2)

    The first factor is a closed box, which falls by 12 dB an octave below its resonance, heard by a cardioid at a
    distance d: half its output is the gradient of the pressure, which close to a cone is stronger in the bass by
    1 + c / (s R), since before a piston that is slow the pressure falls by 1 / R of itself a metre. P
    is the presence peak, where the cone breaks up; B the roll-off above it, 24 dB an octave (Butterworth). Beside the
    axis, at an angle t, a piston has half the power where k a sin t = 1.616; D is the first-order low-pass of that
    frequency. On the axis D is open.

    The defaults are close to the published curve of a Celestion G12: 12 dB an octave below 130 Hz, a rise of 6 to 8 dB
    between 2 and 4 kHz, 24 dB an octave above 5 kHz.

    With a response of your own, ``ir``, that is H, and ``mix`` the only knob; ``learnable`` makes it a parameter, so
    that training finds the cabinet. Responses of several channels are for ``ConvolutionReverb``.

    Raises:
        ValueError: for a response of several channels, empty, silent or not finite.
        OSError: for a file that cannot be read.

    References:
        R. H. Small, "Closed-box loudspeaker systems, part 1: analysis", JAES 20(10), 1972 (the box, equation 1).
        H. F. Olson, Acoustical Engineering, Van Nostrand 1957, section 8.5 (the bass of gradient microphones).
        L. E. Kinsler et al., Fundamentals of Acoustics, 4th ed., Wiley 2000, section 7.4 (pistons, on the axis and
        beside it).
        J. O. Smith, Making virtual electric guitars and associated effects using Faust, CCRMA 2008 (slopes and corners
        of a measured Celestion G12).
    """

    words = (
        "sounds through a guitar cabinet that resonates at {resonance_hz} (Q {resonance_q}), "
        "{presence_db:adds} around {presence_hz} and ends at {rolloff_hz}",
        "heard from {distance_cm} away, {angle_deg} off the axis",
    )
    _modelled = {
        "resonance_hz": EffectParam(
            50.0, 300.0, 120.0, "log", "Hz", search="frequency", doc="Resonance of the loudspeaker in its box."
        ),
        "resonance_q": EffectParam(
            0.4, 4.0, 1.0, "log", doc="Q of it: 0.7 is flat, more booms. A small or open box has more."
        ),
        "presence_hz": EffectParam(
            1000.0, 6000.0, 2800.0, "log", "Hz", search="frequency", doc="Centre of the presence peak."
        ),
        "presence_q": EffectParam(0.4, 5.0, 1.2, "log", doc="Q of the peak: the higher, the narrower."),
        "presence_db": EffectParam(-6.0, 15.0, 8.0, unit="dB", doc="Gain of the peak."),
        "rolloff_hz": EffectParam(
            2000.0, 12000.0, 5000.0, "log", "Hz", search="frequency", doc="Where the treble ends: -3 dB."
        ),
        "distance_cm": EffectParam(
            1.0, 200.0, 10.0, "log", "cm", doc="From cone to microphone: the closer, the more bass."
        ),
        "angle_deg": EffectParam(
            0.0, 75.0, 5.0, unit="deg", doc="Of the microphone from the axis of the cone: the farther, the darker."
        ),
    }
    options = {
        "ir": given_response("(L,) or (1, L)", "Impulse response, or the path of a sound file, in place of the model."),
        "ir_rate": _OWN["ir_rate"],
        "normalize": _OWN["normalize"],
        "learnable": Flag(False, doc="Make ir a parameter that training moves: fx.response."),
    }
    neutral = {"mix": 0.0}
    traits = {"linear", "time_invariant", "causal", "odd"}
    variants = ({}, {"ir": _EXAMPLE, "normalize": False})

    response: Tensor
    """What was given as ``ir``, at the sample rate, (1, 1, L)."""

    def table(self) -> dict[str, EffectParam]:
        """The knobs of the model, where there is one, and the mix."""
        return {**(self._modelled if self.ir is None else {}), "mix": _MIX}

    def prepare(self) -> None:
        """Load the response, where one is given."""
        if self.ir is None:
            if self.learnable:
                raise ValueError("learnable needs a response to begin with: give ir, such as a click in 1024 samples")
            return
        if self.ir_rate is None and not isinstance(self.ir, (str, os.PathLike)):
            self.exempt = {"level": "a response given in samples is another filter at every rate"}
        try:
            response, rate = load(self.ir, self.sample_rate, self.ir_rate)
        except OSError as error:
            raise type(error)(f"Cabinet: {error}") from None
        if response.shape[0] != 1:
            raise ValueError(f"ir must have one channel, got {response.shape[0]}; ConvolutionReverb takes several")
        if self.normalize:
            response = normalized(response, rate, inputs=1)
        response = resampled(response, rate, self.sample_rate).unsqueeze(0)
        if self.learnable:
            self.response = nn.Parameter(response.to(torch.get_default_dtype()))
        else:
            self.register_buffer("response", response, persistent=False)

    def control(self, *, mix: Tensor, **modelled: Tensor) -> dict[str, Any]:
        """The sections of the model."""
        return {"sections": self.sections(**modelled) if modelled else None, "mix": mix}

    def sections(
        self,
        *,
        resonance_hz: Tensor,
        resonance_q: Tensor,
        presence_hz: Tensor,
        presence_q: Tensor,
        presence_db: Tensor,
        rolloff_hz: Tensor,
        distance_cm: Tensor,
        angle_deg: Tensor,
    ) -> Tensor:
        """The model as sections (B, 1, F, 5, 6), float64, for knobs (B, 1, F)."""
        rate = self.sample_rate
        box = high_pass(resonance_hz, resonance_q, rate, "bilinear")
        radius = ((0.01 * distance_cm.double()).square() + _CONE_RADIUS**2).sqrt()
        # s / (s^2 + ..) is the band-pass, whose peak of 1 is to be (c / 2 R) Q / w0: of the same poles.
        nearness = _SPEED_OF_SOUND / (4 * math.pi) * resonance_q.double() / (radius * resonance_hz.double())
        gradient = band_pass(resonance_hz, resonance_q, rate, "bilinear")
        near = torch.cat((box[..., :3] + nearness.unsqueeze(-1) * gradient[..., :3], box[..., 3:]), -1)
        presence = peak(presence_hz, presence_q, presence_db, rate)
        rolloff = butterworth("low_pass", rolloff_hz, 24, rate)
        rows = torch.broadcast_tensors(near, presence, *rolloff.unbind(-2), self._beam(angle_deg.double()))
        return torch.stack(rows, -2)

    def _beam(self, angle_deg: Tensor) -> Tensor:
        """1 / (1 + s tau) as a section: the sampled pole, and the analogue gain at DC and Nyquist."""
        tau = torch.sin(angle_deg * (math.pi / 180)) * (_CONE_RADIUS * self.sample_rate)
        tau = tau / (_SPEED_OF_SOUND * _PISTON_HALF_POWER)
        is_beside = tau > 1e-3
        pole = torch.where(is_beside, torch.exp(-1 / torch.where(is_beside, tau, 1.0)), 0.0)
        dc, nyquist = 1 - pole, (1 + pole) * (1 + (math.pi * tau).square()).rsqrt()
        one, none = torch.ones_like(tau), torch.zeros_like(tau)
        return torch.stack(((dc + nyquist) / 2, (dc - nyquist) / 2, none, one, -pole, none), -1)

    def process(
        self, x: Tensor, state: State, *, sections: Tensor | ControlPoints | None, mix: Tensor
    ) -> tuple[Tensor, State]:
        """Filter or convolve, and mix; the state is that of the filter or of the convolution."""
        if sections is not None:
            wet, state = filter_sections(x, sections, state)
            return torch.lerp(x, wet, mix), state
        convolution, h = (None, None) if state is None else state
        # The same memory tells the convolution that its spectra still hold; what is trained may have changed.
        if h is None or h.dtype != x.dtype or self.learnable:
            h = self.response.to(x.dtype, copy=True)
        wet, convolution = convolve_block(x, h, convolution)
        return torch.lerp(x, wet, mix), (convolution, h)

    def tail(self, *, mix: Tensor, **modelled: Tensor) -> Tensor:
        """The sections ring one after another; a response until it has all but gone."""
        if modelled:
            return ring_seconds(self.sections(**modelled), self.sample_rate).sum(-1)
        return heard_seconds(self.response.detach().double(), self.sample_rate)

    def curve(self, *, mix: Tensor, **modelled: Tensor) -> Curve:
        """Magnitude of what the microphone hears, without the mix."""
        freqs = torch.logspace(math.log10(20.0), math.log10(min(20000.0, self.sample_rate / 2)), 500).double()
        if modelled:
            H = sos_response(self.sections(**modelled)[0, 0, 0], freqs, self.sample_rate)
        else:
            h = self.response.detach().double()[0, 0]
            turns = freqs[:, None] * torch.arange(len(h), dtype=torch.float64, device=h.device) / self.sample_rate
            H = torch.polar(h.expand_as(turns), -2 * math.pi * turns).sum(-1)
        return Curve(freqs, amp_to_db(H.abs(), -120.0), "frequency (Hz)", "gain (dB)", True, "Cabinet")
