"""Views of what listens to the level: gain over time beside the sound, static curve, gain over time and frequency."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from .filters import HZ
from .subject import Subject, hits
from .view import BEFORE_AFTER, Axis, Image, Line, Mark, View, view_of

_COLUMNS, _FFT, _ROWS = 600, 2048, 72
_QUIET_DB, _FRAMES, _LEFT = -75.0, 5, 0.1


def level_views(subject: Subject) -> list[View]:
    """The effect's own curve with its thresholds and input = output, the sound, and the gain that it gets."""
    x = loud_hits(subject).expand(1, subject.inputs, -1) if subject.sound is None else subject.sound[None]
    return [static_view(subject), *sounds_views(x[0].double().cpu(), subject.run(x)[0], subject.rate, subject.bands())]


def loud_hits(subject: Subject) -> Tensor:
    """``hits`` whose loudest is well above what the effect has for a threshold or ceiling, and at least 0 dB.

    A threshold that is never below 0 dB is over something else, as a noise, and no level.
    """
    levels = [
        n for n, row in subject.fx.params.items() if n.endswith(("threshold_db", "ceiling_db")) and row.min_val < 0
    ]
    ends = [subject.settings[n] for n in levels if n in subject.settings]
    return hits(subject.rate) * 10 ** (max(0.0, max(ends, default=-20.0) + 10.0) / 20)


def sounds_views(x: Tensor, y: Tensor, rate: float, bands: Sequence[tuple[str, float]] = ()) -> list[View]:
    """Levels of a sound before and after, and its gain over time, by frequency where it differs there.

    Args:
        x: the sound before, (C, T).
        y: after, (C, T), or of other channels.
        rate: sample rate in Hz.
        bands: name and frequency in Hz of what is marked on the gain by frequency.
    """
    across, views = Axis("time (s)", span=(0.0, x.shape[-1] / rate)), [sound_view(x, y, rate)]
    image = gain_image(x, y, rate)
    if image is not None:
        marks = [Mark(label, y=f) for label, f in bands if label]
        along = Axis(HZ, log=True)
        return [*views, View("gain over time and frequency", Axis("time (s)"), along, marks=marks[:6], image=image)]
    time, gain = gain_over_time(x, y, rate)
    return [*views, View("gain over time", across, Axis("gain (dB)"), [_zero(across), Line(time, gain)])]


def static_view(subject: Subject) -> View:
    """The static curve, measured where the effect has none of its own."""
    curve = subject.curve
    if curve is None:
        level, out = measured_curve(subject)
        view = View("static curve", Axis("input (dB)"), Axis("output (dB)"), [Line(level, out)])
    else:
        view = view_of(curve, subject.marks("Hz") if "Hz" in curve.x_label else ())
    if not (view.x.label.startswith("input") and view.y.label.startswith("output")):
        return view
    x = view.lines[0].x
    ends = x[[0, -1]]
    return View(
        "static curve",
        view.x,
        Axis(view.y.label, span=_both(view.lines[0].y, ends)),
        [Line(ends, ends, "output = input", "guide"), *view.lines],
        subject.marks("dB"),
    )


def measured_curve(subject: Subject, freq_hz: float = 1000.0) -> tuple[Tensor, Tensor]:
    """Levels in dB of steady tones, before and after."""
    level = torch.linspace(-72.0, 0.0, 37, dtype=torch.float64)
    time = torch.arange(round(1.5 * subject.rate), dtype=torch.float64) / subject.rate
    tone = torch.sin(2 * math.pi * freq_hz * time)
    x = (10 ** (level / 20))[:, None, None] * tone
    y = subject.run(x.expand(-1, subject.inputs, -1))[:, 0, -len(time) // 4 :]
    power = 2 * y.square().mean(-1)
    return level, 10 * power.clamp_min(1e-10).log10()


def sound_view(x: Tensor, y: Tensor, rate: float) -> View:
    """The sound before and after, (C, T) each, as levels over time."""
    across = Axis("time (s)", span=(0.0, x.shape[-1] / rate))
    lines = []
    for sound, (label, role) in zip((x, y), BEFORE_AFTER, strict=True):
        time, level = _levels(sound, rate)
        lines.append(Line(time, level.clamp_min(_QUIET_DB), label, role))
    top = max(0.0, *(float(line.y.max()) for line in lines))
    return View("level", across, Axis("level (dB)", span=(_QUIET_DB, top + 3.0)), lines)


def gain_over_time(x: Tensor, y: Tensor, rate: float) -> tuple[Tensor, Tensor]:
    """Times in s, and the gain in dB that makes x nearest to y, piece by piece; (C, T) each, nothing on silence."""
    width = max(8, round(0.004 * rate))
    count = max(1, min(x.shape[-1], y.shape[-1]) // width)
    pieces = [s[..., : count * width].reshape(-1, count, width) for s in (x, y)]
    power = pieces[0].square().sum((0, 2))
    level = 10 * (pieces[1].square().sum((0, 2)).clamp_min(1e-14) / power.clamp_min(1e-14)).log10()
    heard = power > width * 10 ** (_QUIET_DB / 10)
    time = (torch.arange(count, dtype=torch.float64) + 0.5) * width / rate
    return time[heard], level[heard].clamp(-90.0, 60.0)


def gain_image(x: Tensor, y: Tensor, rate: float) -> Image | None:
    """Gain in dB over time and frequency; None where it is one gain for all frequencies."""
    if x.shape[-1] < 2 * _FFT or is_one_gain(x, y, rate):
        return None
    before, after = (_power(s, max(256, x.shape[-1] // 250)) for s in (x, y))
    top = min(16000.0, 0.45 * rate)
    freqs = torch.logspace(math.log10(60.0), math.log10(top), _ROWS, dtype=torch.float64)
    places = torch.arange(before.shape[0], dtype=torch.float64) * rate / _FFT
    width = (top / 60.0) ** (0.6 / _ROWS)
    inside = ((places >= freqs[:, None] / width) & (places <= freqs[:, None] * width)).double()
    nearest = (freqs[:, None] - places).abs().argmin(1)
    inside[torch.arange(_ROWS), nearest] = 1.0
    before, after = inside @ before, inside @ after
    gain = 10 * (after.clamp_min(1e-14) / before.clamp_min(1e-14)).log10()
    heard = before > before.amax() * 1e-7
    if not bool(heard.any()):
        return None
    seen = gain[heard]
    low, high = (float(seen.quantile(q)) for q in (0.01, 0.99))
    low, high = 3 * math.floor(max(low, -40.0) / 3), 3 * math.ceil(min(high, 24.0) / 3)
    hop = max(256, x.shape[-1] // 250)
    time = torch.arange(gain.shape[1], dtype=torch.float64) * hop / rate
    return Image(time, freqs, gain.clamp(low, high), (float(low), float(max(high, low + 3))), "gain (dB)")


def is_one_gain(x: Tensor, y: Tensor, rate: float) -> bool:
    """Whether y is x times a gain that moves: little of the change, and of y, is left when that is taken out."""
    if x.shape[0] not in (1, y.shape[0]):
        return False
    width = max(8, round(0.002 * rate))
    count = min(x.shape[-1], y.shape[-1]) // width
    x, y = (s[..., : count * width].reshape(-1, count, width) for s in (x, y))
    gain = (x * y).sum((0, 2)) / x.square().sum((0, 2)).clamp_min(1e-20)
    left, changed = (y - gain[:, None] * x).square().sum(), (y - x).square().sum()
    return float(left) <= _LEFT * min(float(changed), float(y.square().sum()))


def _power(x: Tensor, hop: int) -> Tensor:
    window = torch.hann_window(_FFT, dtype=torch.float64)
    power = torch.stft(x.double(), _FFT, hop, window=window, return_complex=True).abs().square().sum(0)
    # Noise wavers from frame to frame, and what filters do to that is no gain.
    return torch.nn.functional.avg_pool1d(power, _FRAMES, 1, _FRAMES // 2, count_include_pad=False)


def _levels(x: Tensor, rate: float) -> tuple[Tensor, Tensor]:
    width = max(8, round(0.008 * rate), x.shape[-1] // _COLUMNS)
    count = max(1, x.shape[-1] // width)
    pieces = x[..., : count * width].reshape(-1, count, width)
    peak = pieces.abs().amax((0, 2))
    return torch.arange(count, dtype=torch.float64) * width / rate, 20 * peak.clamp_min(1e-6).log10()


def _both(*values: Tensor) -> tuple[float, float]:
    seen = torch.cat([v.double() for v in values])
    low, high = max(float(seen.min()), -90.0), float(seen.max())
    return low - 2.0, high + 3.0


def _zero(axis: Axis) -> Line:
    ends: Sequence[float] = axis.span or (0.0, 1.0)
    return Line(torch.tensor(ends), torch.zeros(2), role="guide")
