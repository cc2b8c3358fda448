"""Which pictures an effect gets: by its claims, its knobs, and what comes out of it; never by its name."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from ..dsp.room_analysis import echo_density, energy_decay_curve
from .compared import compared_views
from .filters import response_views
from .levels import level_views
from .moving import moving_views
from .rooms import echo_views, room_views
from .shapes import shape_views
from .stereo import stereo_views
from .subject import Subject, hits, wide_sound
from .view import Axis, Line, View, view_of

Mechanism = Literal["gain", "filter", "echo", "room", "stereo", "moving", "level", "shape", "other"]
"""What kind of effect it is, as its pictures are chosen."""

_DENSE, _SHORT_S, _LONGEST_S = 0.3, 0.06, 8.0
_IN_TIME = ("decay", "size", "room", "feedback", "delay", "reverb")
_OF_LEVELS = ("attack", "release", "sustain", "threshold", "ceiling")


def mechanism(subject: Subject) -> Mechanism:
    """What kind of effect this is.

    Linear ones that stand still are told apart by their response: at once (a gain), by frequency alone (a filter),
    by isolated echoes, or dense (a room). Linear ones that move are so much. The rest listens to the level if it has a
    knob for that, and bends the wave if its curve or a tone says so.
    """
    fx, traits = subject.fx, subject.fx.traits
    stereo = fx.channels == (2,) or (fx.channels_out == 2 and not fx.crosses_channels)
    if "linear" in traits and "time_invariant" in traits:
        if "memoryless" in traits:
            return "stereo" if stereo else "gain"
        if not _has_time(subject):
            return "stereo" if fx.channels == (2,) else "filter"
        h = _response(subject)
        if stereo and _span(h, subject.rate) < _SHORT_S:
            return "stereo"
        return "room" if _density(h, subject.rate) > _DENSE else "echo"
    if "linear" in traits:
        dense = _has_time(subject) and fx.crosses_channels and _density(_response(subject), subject.rate) > _DENSE
        return "room" if dense else "moving"
    if any(word in name for name in fx.params for word in _OF_LEVELS):
        return "level"
    curve = subject.curve
    if curve is not None:
        return "shape" if (curve.x_label, curve.y_label) == ("input", "output") else "other"
    return "shape" if "time_invariant" in traits else "other"


def views_of(subject: Subject) -> list[View]:
    """The pictures of an effect at one setting."""
    kind, rate = mechanism(subject), subject.rate
    own = [view_of(subject.curve)] if subject.curve is not None else []
    if kind == "filter":
        early = subject.fx.latency_samples
        return response_views(subject.centred_impulse(_ringing(subject)), rate, subject.bands(), early)
    if kind == "echo":
        return echo_views(subject.impulse(_seconds(subject)), rate)
    if kind == "room":
        return room_views(_response(subject), rate)
    if kind == "moving":
        return moving_views(subject)
    if kind == "level":
        return level_views(subject)
    if kind == "shape":
        return shape_views(subject)
    if kind == "stereo":
        x = wide_sound(rate) if subject.sound is None else subject.sound
        return [*own, *stereo_views(x, subject.run(x[None])[0], rate)]
    if kind == "gain":
        return [_with_guide(view) for view in own] or compared_views(*_heard(subject), rate)
    return [*own, *compared_views(*_heard(subject), rate)]


def _heard(subject: Subject) -> tuple[Tensor, Tensor]:
    x = hits(subject.rate).expand(subject.inputs, -1) if subject.sound is None else subject.sound
    return x, subject.run(x[None])[0]


def _with_guide(view: View) -> View:
    """A curve of output over input beside output = input."""
    ends = view.lines[0].x[[0, -1]]
    guide = Line(ends, ends, "output = input", "guide")
    return View("transfer", view.x, Axis(view.y.label), [guide, *view.lines], view.marks)


def _has_time(subject: Subject) -> bool:
    """Whether a knob is a time, or speaks of one."""
    rows = subject.fx.params.items()
    return any(p.unit in ("ms", "s", "m") or p.search == "echo" or any(w in name for w in _IN_TIME) for name, p in rows)


def _ringing(subject: Subject) -> float:
    return min(max(2 * subject.fx.tail_seconds(dsp_params=dict(subject.settings)), 0.5), _LONGEST_S)


def _seconds(subject: Subject) -> float:
    changes = {**subject.settings, **subject.wet_alone()}
    return min(max(subject.fx.tail_seconds(dsp_params=changes), 0.2), _LONGEST_S)


def _response(subject: Subject) -> Tensor:
    """The response without the dry sound, until it has died away."""
    h = subject.impulse(_seconds(subject), **subject.wet_alone())
    left = energy_decay_curve(h.square().sum(0).sqrt())
    heard = int((left > -75.0).sum())
    return h[:, : max(heard, round(0.05 * subject.rate))]


def _span(h: Tensor, rate: float) -> float:
    """Seconds until all but a millionth of the energy is over."""
    return float((energy_decay_curve(h.square().sum(0).sqrt()) > -60.0).sum()) / rate


def _density(h: Tensor, rate: float) -> float:
    """The echo density in the middle of what is heard."""
    density = echo_density(h, rate).amax(0)
    heard = energy_decay_curve(h.square().sum(0).sqrt())[:: max(1, round(rate / 1000))] > -40.0
    density = density[: len(heard)][heard[: len(density)]]
    return float(density.quantile(0.75)) if len(density) else 0.0
