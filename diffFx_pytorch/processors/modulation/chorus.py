"""Choruses."""

from __future__ import annotations

from torch import Tensor

from ...curve import Curve
from ...options import Integer
from ...params import EffectParam
from .sweep import SIDES, SweptEffect, sweep_curve

_KNOBS = {
    "rate_hz": EffectParam(0.05, 10.0, 0.8, "log", "Hz", doc="Speed of the oscillator."),
    "depth": EffectParam(0.0, 1.0, 0.15, doc="0 stands still, 1 sweeps from one sample to twice the delay."),
    "delay_ms": EffectParam(5.0, 40.0, None, "log", "ms", doc="Centre of the swept delay."),  # type: ignore[arg-type]
}
_MIX = {"mix": EffectParam(0.0, 1.0, 0.5, doc="Share of the swept voice; at 1 it is a vibrato.")}


class ChorusEffect(SweptEffect, abstract=True):
    """Base of the choruses: drawn as a delay over time."""

    params = {**_KNOBS, **_MIX}
    variants = ({}, {"shape": "square", "interpolation": "cubic"})

    def curve(self, *, rate_hz: Tensor, depth: Tensor, delay_ms: Tensor, **others: Tensor) -> Curve:
        """The delay over two turns of the oscillator, of the first voice or the left side."""
        return sweep_curve(type(self).__name__, delay_ms, depth, rate_hz, self.shape, self.sample_rate)


class Chorus(ChorusEffect):
    """A second voice that wavers in pitch and time: y[n] = (1 - m) x[n] + m x(n - d[n]).

    The delay is d = 1 + (D - 1) (1 + depth o(phi[n])) samples. With a sine the pitch wavers by a factor of
    1 +- 2 pi rate depth D, so a long delay wants a small depth.

    References:
        J. Dattorro, "Effect design, part 2: delay-line modulation and chorus", JAES 45(10), 1997.
    """

    words = (
        "thickens with a voice that sways at {rate_hz} around {delay_ms}, {depth:share} deep",
        "thickens with a voice that sways every {period_beats} around {delay_ms}, {depth:share} deep",
    )


class MultiVoiceChorus(ChorusEffect):
    """Several wavering voices: y[n] = (1 - m) x[n] + (m / N) sum_i x(n - d_i[n]).

    The voices read one line at delays d_i = 1 + (D - 1) (1 + depth o(phi[n] + i / N)) samples: the same sweep, at
    equal distances over its turn, so while one is sharp another is flat.

    References:
        J. Dattorro, "Effect design, part 2: delay-line modulation and chorus", JAES 45(10), 1997.
    """

    words = (
        "thickens with voices that sway at {rate_hz} around {delay_ms}, {depth:share} deep",
        "thickens with voices that sway every {period_beats} around {delay_ms}, {depth:share} deep",
    )
    options = {"num_voices": Integer(2, 64, 3, doc="N."), **SweptEffect.options}
    variants = ({}, {"num_voices": 4, "shape": "square", "interpolation": "cubic"})


class StereoChorus(ChorusEffect):
    """A chorus for each side, their oscillators at an angle: d_L from o(phi[n]), d_R from o(phi[n] + angle / 360).

    Mono in, stereo out: a mono input goes to both sides. At an angle of 0 it is ``Chorus`` on each side; at 180 one
    side is sharp while the other is flat.

    References:
        J. Dattorro, "Effect design, part 2: delay-line modulation and chorus", JAES 45(10), 1997.
    """

    words = (
        "thickens with voices that sway at {rate_hz} around {delay_ms}, {depth:share} deep, "
        "the sides {phase_deg} apart",
        "thickens with voices that sway every {period_beats} around {delay_ms}, {depth:share} deep, "
        "the sides {phase_deg} apart",
    )
    params = {**_KNOBS, "phase_deg": SIDES, **_MIX}
    channels = (1, 2)
    channels_out = 2
