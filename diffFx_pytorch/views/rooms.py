"""Views of responses in time: rooms and echoes."""

from __future__ import annotations

import torch
from torch import Tensor

from ..dsp.room_analysis import echo_density, energy_decay_curve, octave_centres, reverberation_time
from .filters import HZ, named
from .view import Axis, Line, Role, View

_COLUMNS, _LOWEST_DB = 700, -60.0


def room_views(h: Tensor, rate: float) -> list[View]:
    """Impulse response, energy decay, echo density and T60 by octave of a response (C, T)."""
    h = h.detach().double().cpu()
    return [impulse_view(h, rate), decay_view(h, rate), density_view(h, rate), decay_time_view(h, rate)]


def impulse_view(h: Tensor, rate: float) -> View:
    """The impulse response as its envelope: the left up and the right down where it has two sides."""
    seconds = h.shape[-1] / rate
    time, peaks = _envelope(h, rate)
    sides = named(list(peaks))
    if len(sides) == 2:
        (left, _, _), (right, _, _) = sides
        zero = torch.zeros_like(time)
        lines = [
            Line(time, left, "left", "wet", "area", zero),
            Line(time, -right, "right", "second", "area", zero),
        ]
        label = "left up, right down"
    else:
        piece = _pieces(h[:1], rate)[1][0]
        lines = [Line(time, piece.amax(-1), "", "wet", "area", piece.amin(-1))]
        label = "amplitude"
    return View("impulse response", Axis("time (s)", span=(0.0, seconds)), Axis(label), lines)


def decay_view(h: Tensor, rate: float) -> View:
    """Level of the energy still to come, of all channels."""
    level = energy_decay_curve(h.square().sum(0).sqrt())
    step = max(1, len(level) // _COLUMNS)
    time = torch.arange(0, len(level), step, dtype=torch.float64) / rate
    line = Line(time, level[::step].clamp_min(_LOWEST_DB - 5))
    across = Axis("time (s)", span=(0.0, h.shape[-1] / rate))
    return View("energy decay", across, Axis("energy still to come (dB)", span=(_LOWEST_DB, 3.0)), [line])


def density_view(h: Tensor, rate: float) -> View:
    """Echo density of every channel, 1 being that of noise."""
    density = echo_density(h, rate)
    hop = max(1, round(rate / 1000))
    # From where nothing is left that could be heard the count means nothing.
    level = energy_decay_curve(h.square().sum(0).sqrt())[::hop][: density.shape[-1]]
    heard = level > _LOWEST_DB
    density, time = density[:, heard], torch.arange(density.shape[-1], dtype=torch.float64)[heard] * hop / rate
    lines = [Line(time, row, label, role) for row, label, role in named(list(density))]
    across = Axis("time (s)", span=(0.0, max(float(time[-1]) if len(time) else 0.0, hop / rate)))
    noise = Line(torch.tensor(across.span), torch.ones(2), role="guide")
    return View("echo density (1 is noise)", across, Axis("echo density", span=(0.0, 1.4)), [noise, *lines])


def decay_time_view(h: Tensor, rate: float) -> View:
    """T60 by octave from the decay between -5 and -25 dB."""
    centres = torch.tensor(octave_centres(rate, 63.0), dtype=torch.float64)
    times = reverberation_time(h, rate, centres.tolist(), (-5.0, -25.0)).mean(0)
    top = max(1.15 * float(times.max()), 0.1)
    across = Axis(HZ, log=True, span=(40.0, min(20000.0, rate / 2)))
    return View("T60 by octave", across, Axis("T60 (s)", span=(0.0, top)), [Line(centres, times, form="stems")])


def echo_views(h: Tensor, rate: float) -> list[View]:
    """The echoes of a response (C, T), in time and level, by side."""
    found = [echoes(row, rate) for row in h.detach().double().cpu()]
    loudest = max((float(level.max()) for _, level in found if len(level)), default=0.0)
    latest = max((float(time.max()) for time, _ in found if len(time)), default=0.0)
    alike = all(len(t) == len(found[0][0]) and torch.allclose(db, found[0][1], atol=0.05) for t, db in found)
    names: list[tuple[str, Role]] = [("left", "wet"), ("right", "second")]
    shown = found[:1] if alike else found[:2]
    scale, unit = (1000, "ms") if latest < 1 else (1, "s")
    lines = [
        Line(time * scale, level, "" if alike else label, role, "stems")
        for (time, level), (label, role) in zip(shown, names, strict=False)
    ]
    across = Axis(f"time ({unit})", span=(-0.03 * scale * max(latest, 0.01), 1.03 * scale * max(latest, 0.01)))
    along = Axis("level (dB)", span=(min(_LOWEST_DB, loudest - 30), max(loudest, 0.0) + 3.0))
    return [View("echoes", across, along, lines)]


def echoes(h: Tensor, rate: float) -> tuple[Tensor, Tensor]:
    """Times in s and levels in dB of the echoes of a response (T,): its energy by the millisecond where it peaks."""
    width = max(1, round(rate / 1000))
    size = -(-len(h) // width) * width
    power = torch.nn.functional.pad(h.square(), (0, size - len(h))).reshape(-1, width).sum(-1)
    around = torch.nn.functional.pad(power, (1, 1))
    energy = around[:-2] + around[1:-1] + around[2:]
    peak = (power >= around[:-2]) & (power > around[2:]) & (energy > max(float(energy.max()), 1e-12) * 1e-6)
    places = torch.nonzero(peak).flatten()
    moments = torch.arange(len(h), dtype=torch.float64) * h.square()
    moment = torch.nn.functional.pad(moments, (0, size - len(h))).reshape(-1, width).sum(-1)
    moment = torch.nn.functional.pad(moment, (1, 1))
    centre = (moment[:-2] + moment[1:-1] + moment[2:]) / energy.clamp_min(1e-30)
    return centre[places] / rate, 10 * energy[places].log10()


def _pieces(h: Tensor, rate: float) -> tuple[Tensor, Tensor]:
    width = max(1, -(-h.shape[-1] // _COLUMNS))
    size = -(-h.shape[-1] // width) * width
    pieces = torch.nn.functional.pad(h, (0, size - h.shape[-1])).reshape(h.shape[0], -1, width)
    return torch.arange(pieces.shape[1], dtype=torch.float64) * width / rate, pieces


def _envelope(h: Tensor, rate: float) -> tuple[Tensor, Tensor]:
    time, pieces = _pieces(h, rate)
    return time, pieces.abs().amax(-1)
