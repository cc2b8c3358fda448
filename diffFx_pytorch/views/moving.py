"""Views of what moves by itself: the oscillator, and the response as it goes."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .filters import HZ, named
from .subject import Subject
from .view import BEFORE_AFTER, Axis, Image, Line, View, view_of

_MOMENTS, _TRAINS, _ROWS = 160, 8, 120
_RANGE_DB = 36.0


def moving_views(subject: Subject) -> list[View]:
    """The oscillator, gain by side where it moves a gain, and the moving response or the tone that comes out."""
    if subject.curve is not None and not _rates(subject):
        return [view_of(subject.curve)]
    seconds = _period(subject)
    moments, responses = responses_over_time(subject, seconds)
    views = [view_of(subject.curve)] if subject.curve is not None else []
    freqs, level = _levels(responses, subject.rate)
    # What moves a gain alone has one gain at all frequencies.
    low = level[:, 0, : _ROWS // 2]
    if float((low.amax(-1) - low.amin(-1)).median()) < 1.0:
        sides = named(list(responses.sum(-1).T))
        told = len(sides) == 1 and subject.curve is not None and "gain" in subject.curve.y_label
        if not told and float(low.mean(-1).max() - low.mean(-1).min()) > 2.0:
            across = Axis("time (s)", span=(0.0, float(moments[-1])))
            gains = [Line(moments, gain, label, role) for gain, label, role in sides]
            views = [*views[: len(sides) == 1], View("gain over time", across, Axis("gain"), gains)]
        views.append(tone_view(subject))
    else:
        views += _image_views(moments, freqs, level)
    return views


def responses_over_time(subject: Subject, seconds: float) -> tuple[Tensor, Tensor]:
    """Times (M,) in s, and the response (M, C, L) of a linear effect to an impulse at each.

    Impulses of eight runs stand between each other, so that a response may last eight steps. Where the latency is that
    of a dry sound in the middle of a sweep, a response begins before its impulse.
    """
    step = max(1, round(seconds * subject.rate / _MOMENTS))
    early = min(subject.fx.latency_samples, step)
    length = step * _TRAINS
    at = torch.arange(_MOMENTS) * step
    x = torch.zeros(_TRAINS, subject.inputs, early + _MOMENTS * step + length, dtype=torch.float64)
    for k, n in enumerate(at.tolist()):
        x[k % _TRAINS, :, early + n] = 1.0
    y = subject.run(x)
    found = torch.stack([y[k % _TRAINS, :, n : n + length] for k, n in enumerate(at.tolist())])
    return (early + at) / subject.rate, found


def tone_view(subject: Subject, freq_hz: float = 1000.0) -> View:
    """The spectrum of a steady tone, before and after, about its frequency."""
    rate, rates = subject.rate, _rates(subject) or [1.0, 5.0]
    size = 1 << min(19, max(15, math.ceil(math.log2(12 * rate / min(rates)))))
    freq = round(freq_hz / rate * size) * rate / size
    x = torch.sin(2 * math.pi * freq / rate * torch.arange(size, dtype=torch.float64))
    y = subject.run(x.expand(1, subject.inputs, -1))[0, 0]
    window = torch.hann_window(size, dtype=torch.float64).square()
    bins = torch.arange(size // 2 + 1, dtype=torch.float64) * rate / size - freq
    reach = min(0.95 * freq, max(5.5 * max(rates), 40 * rate / size))
    near = bins.abs() < reach
    lines = []
    for sound, (label, role) in zip((x, y), BEFORE_AFTER, strict=True):
        level = 20 * (torch.fft.rfft(sound * window).abs() * 2 / window.sum()).clamp_min(1e-5).log10()
        lines.append(Line(bins[near], level[near].clamp_min(-80), label, role))
    across = Axis(f"frequency above {freq_hz:g} Hz (Hz)", span=(-reach, reach))
    return View(f"a tone of {freq_hz:g} Hz", across, Axis("level (dB)", span=(-80.0, 6.0)), lines)


def _rates(subject: Subject) -> list[float]:
    """Rates of the oscillators in Hz; where no knob says one, its frequencies."""
    params = subject.fx.params
    rates = [v for n, v in subject.settings.items() if params[n].search == "rate" or n.endswith("rate_hz")]
    return rates or [v for n, v in subject.settings.items() if params[n].unit == "Hz"]


def _period(subject: Subject) -> float:
    """Two turns of the slowest oscillator, or as long as the effect's own curve, 0.02 .. 6 s."""
    curve = subject.curve
    if curve is not None and "time" in curve.x_label:
        seconds = float(curve.x[-1]) * (1e-3 if "(ms)" in curve.x_label else 1.0)
    else:
        seconds = 2 / min(_rates(subject) or [1.0])
    return min(max(seconds, 0.02), 6.0)


def _levels(responses: Tensor, rate: float) -> tuple[Tensor, Tensor]:
    """Frequencies (F,) and mean levels in dB (M, C, F) about them of responses (M, C, L)."""
    top = min(16000.0, 0.45 * rate)
    edges = torch.logspace(math.log10(100.0), math.log10(top), _ROWS + 1, dtype=torch.float64)
    size = 1 << max(13, (responses.shape[-1] - 1).bit_length())
    power = torch.fft.rfft(responses, size).abs().square()
    # What an image cannot resolve is drawn as its mean: single bins would make patterns that are not there.
    total = torch.nn.functional.pad(power.cumsum(-1), (1, 0))
    place = edges / rate * size + 0.5
    below = place.floor().long().clamp_max(total.shape[-1] - 2)
    share = place - below
    summed = total[..., below] * (1 - share) + total[..., below + 1] * share
    level = 10 * (summed.diff(dim=-1) / place.diff()).clamp_min(1e-12).log10()
    return (edges[1:] * edges[:-1]).sqrt(), level


def _image_views(moments: Tensor, freqs: Tensor, level: Tensor) -> list[View]:
    sides = named(list(level.transpose(0, 1)))
    top = math.ceil(float(level.quantile(0.995)) / 3) * 3
    views = []
    for side, label, _ in sides[:2]:
        image = Image(moments, freqs, side.T, (top - _RANGE_DB, top), "gain (dB)")
        name = f"response over time{', ' + label if label else ''}"
        views.append(View(name, Axis("time (s)"), Axis(HZ, log=True), image=image))
    return views
