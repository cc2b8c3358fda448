"""Flangers."""

from __future__ import annotations

from torch import Tensor

from ...curve import Curve
from ...params import EffectParam
from .sweep import SIDES, START, SweptEffect, comb_curve

_KNOBS = {
    "rate_hz": EffectParam(0.02, 10.0, 0.3, "log", "Hz", search="rate", doc="Speed of the oscillator."),
    "depth": EffectParam(0.0, 1.0, 0.7, doc="0 stands still, 1 sweeps from one sample to twice the delay."),
    "delay_ms": EffectParam(0.5, 10.0, None, "log", "ms", search="echo", doc="Centre of the swept delay."),  # type: ignore[arg-type]
    "start_deg": START,
}
_FEEDBACK = {
    "feedback": EffectParam(-0.99, 0.99, 0.6, doc="Feedback; a negative one moves the peaks half way between.")
}
_MIX = {"mix": EffectParam(0.0, 1.0, 0.5, doc="Share of the delayed sound; the notches are deepest at 0.5.")}


class FlangingEffect(SweptEffect, abstract=True):
    """Base of the flangers: drawn as a comb."""

    variants = ({}, {"shape": "square", "interpolation": "cubic"})

    def curve(self, *, delay_ms: Tensor, mix: Tensor, feedback: Tensor | None = None, **others: Tensor) -> Curve:
        """Level over frequency at the centre of the sweep."""
        return comb_curve(type(self).__name__, delay_ms, mix, feedback)


class Flanger(FlangingEffect):
    """The sound and a copy whose delay is swept: y[n] = (1 - m) x[n] + m x(n - d[n]).

    The delay is d = 1 + (D - 1) (1 + depth o(phi[n])) samples, phi beginning at the start. At a mix of 0.5 there
    are notches at (k + 1/2) / d, which sweep as d does.

    References:
        J. Dattorro, "Effect design, part 2: delay-line modulation and chorus", JAES 45(10), 1997.
        U. Zoelzer (ed.), DAFX: Digital Audio Effects, 2nd ed., Wiley 2011, section 2.6.
    """

    words = ("sweeps a comb at {rate_hz} around {delay_ms}, {depth:share} deep",)
    params = {**_KNOBS, **_MIX}


class FeedbackFlanger(FlangingEffect):
    """A flanger that rings: w[n] = x[n] + g w(n - d[n]), y[n] = (1 - m) x[n] + m w(n - d[n]).

    The delay is d = 1 + (D - 1) (1 + depth o(phi[n])) samples, phi beginning at the start. Peaks of 1 / (1 - g)
    at k / d for a positive g, halfway between for a negative one.

    References:
        J. Dattorro, "Effect design, part 2: delay-line modulation and chorus", JAES 45(10), 1997.
        U. Zoelzer (ed.), DAFX: Digital Audio Effects, 2nd ed., Wiley 2011, section 2.6.
    """

    words = ("sweeps a comb at {rate_hz} around {delay_ms}, {depth:share} deep, {feedback:share} fed back",)
    params = {**_KNOBS, **_FEEDBACK, **_MIX}


class StereoFlanger(FlangingEffect):
    """A flanger for each side, their oscillators at an angle: d_L from o(phi[n]), d_R from o(phi[n] + angle / 360).

    Each side is ``FeedbackFlanger``. Mono in, stereo out: a mono input goes to both sides.

    References:
        J. Dattorro, "Effect design, part 2: delay-line modulation and chorus", JAES 45(10), 1997.
    """

    words = (
        "sweeps a comb at {rate_hz} around {delay_ms}, {depth:share} deep, {feedback:share} fed back, "
        "the sides {phase_deg} apart",
    )
    params = {**_KNOBS, **_FEEDBACK, "phase_deg": SIDES, **_MIX}
    channels = (1, 2)
    channels_out = 2
