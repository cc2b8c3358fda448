"""Choruses."""

from __future__ import annotations

from torch import Tensor

from ...curve import Curve
from ...options import Flag, Integer
from ...params import EffectParam
from .sweep import SIDES, START, SweptEffect, sweep_curve

_KNOBS = {
    "rate_hz": EffectParam(0.05, 10.0, 0.8, "log", "Hz", search="rate", doc="Speed of the oscillator."),
    "depth": EffectParam(0.0, 1.0, 0.15, doc="0 stands still, 1 sweeps from one sample to twice the delay."),
    "delay_ms": EffectParam(5.0, 40.0, None, "log", "ms", search="echo", doc="Centre of the swept delay."),  # type: ignore[arg-type]
    "start_deg": START,
}
_MIX = {"mix": EffectParam(0.0, 1.0, 0.5, doc="Share of the swept voice; at 1 it is a vibrato.")}


_VOICE_KNOBS = Flag(False, doc="Every voice has a level and, in stereo, a place of its own.")
_WIDEST = 0.7


class ChorusEffect(SweptEffect, abstract=True):
    """Base of the choruses: drawn as a delay over time."""

    params = {**_KNOBS, **_MIX}
    variants = ({}, {"shape": "square", "interpolation": "cubic"})

    def table(self) -> dict[str, EffectParam]:
        """The knobs, with those of every voice before the mix where there are any."""
        *most, mix = super().table().items()
        if not getattr(self, "voice_knobs", False):
            return dict([*most, mix])
        voices: dict[str, EffectParam] = {}
        for i in range(1, self.num_voices + 1):
            side = 0.0 if self.num_voices == 1 else _WIDEST * (2 * (i - 1) / (self.num_voices - 1) - 1)
            voices[f"voice_{i}_gain_db"] = EffectParam(-60.0, 6.0, 0.0, unit="dB", doc=f"Level of voice {i}.")
            voices[f"voice_{i}_pan"] = EffectParam(-1.0, 1.0, side, doc=f"Place of voice {i}: -1 left, 1 right.")
        return dict([*most, *voices.items(), mix])

    def curve(self, *, rate_hz: Tensor, depth: Tensor, delay_ms: Tensor, **others: Tensor) -> Curve:
        """The delay over two turns of the oscillator, of the first voice or the left side."""
        return sweep_curve(type(self).__name__, delay_ms, depth, rate_hz, self.shape, self.sample_rate)


class Chorus(ChorusEffect):
    """A second voice that wavers in pitch and time: y[n] = (1 - m) x[n] + m x(n - d[n]).

    The delay is d = 1 + (D - 1) (1 + depth o(phi[n])) samples, phi beginning at the start. With a sine the pitch
    wavers by a factor of 1 +- 2 pi rate depth D, so a long delay wants a small depth.

    References:
        J. Dattorro, "Effect design, part 2: delay-line modulation and chorus", JAES 45(10), 1997.
    """

    words = ("thickens with a voice that sways at {rate_hz} around {delay_ms}, {depth:share} deep",)


class MultiVoiceChorus(ChorusEffect):
    """Several wavering voices: y[n] = (1 - m) x[n] + (m / N) sum_i x(n - d_i[n]).

    The voices read one line at delays d_i = 1 + (D - 1) (1 + depth o(phi[n] + i / N)) samples: the same sweep, at
    equal distances over its turn, so while one is sharp another is flat.

    With ``voice_knobs`` the sum is one of g_i P_i(x(n - d_i[n])), g_i a gain and P_i the balance of ``StereoPanning``
    at a place of the voice's own; then mono comes out stereo, a voice in the centre on both sides at its level.

    References:
        J. Dattorro, "Effect design, part 2: delay-line modulation and chorus", JAES 45(10), 1997.
    """

    words = ("thickens with voices that sway at {rate_hz} around {delay_ms}, {depth:share} deep",)
    options = {
        "num_voices": Integer(2, 64, 3, doc="Number N of voices."),
        "voice_knobs": _VOICE_KNOBS,
        **SweptEffect.options,
    }
    in_pieces = True
    variants = (
        {},
        {"num_voices": 4, "shape": "square", "interpolation": "cubic"},
        {"num_voices": 2, "voice_knobs": True},
    )

    def prepare(self) -> None:
        """The line; voices with places are stereo."""
        super().prepare()
        if self.voice_knobs:
            self.channels, self.channels_out = (1, 2), 2


class StereoChorus(ChorusEffect):
    """A chorus for each side, their oscillators at an angle: d_L from o(phi[n]), d_R from o(phi[n] + angle / 360).

    Mono in, stereo out: a mono input goes to both sides. At an angle of 0 it is ``Chorus`` on each side; at 180 one
    side is sharp while the other is flat. With N voices a side has N oscillators at equal distances over a turn, and
    their mean; ``voice_knobs`` are those of ``MultiVoiceChorus``.

    References:
        J. Dattorro, "Effect design, part 2: delay-line modulation and chorus", JAES 45(10), 1997.
    """

    words = (
        "thickens with voices that sway at {rate_hz} around {delay_ms}, {depth:share} deep, "
        "the sides {phase_deg} apart",
    )
    params = {**_KNOBS, "phase_deg": SIDES, **_MIX}
    options = {
        "num_voices": Integer(1, 64, 1, doc="Number N of voices on each side."),
        "voice_knobs": _VOICE_KNOBS,
        **SweptEffect.options,
    }
    channels = (1, 2)
    channels_out = 2
    variants = ({}, {"shape": "square", "interpolation": "cubic"}, {"num_voices": 3, "voice_knobs": True})
