"""Views of a stereo image: goniometer and correlation, before and after."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .filters import HZ
from .view import BEFORE_AFTER, Axis, Line, Role, View

_POINTS, _FFT = 1500, 4096


def stereo_views(x: Tensor, y: Tensor, rate: float) -> list[View]:
    """Goniometers before and after, and the correlation of the sides over frequency; (1 or 2, T) each."""
    x, y = (s.double().cpu().expand(2, -1) if s.shape[0] == 1 else s.double().cpu() for s in (x, y))
    reach = 1.05 * max(float(s.abs().sum(0).max()) / math.sqrt(2) for s in (x, y))
    balance = balance_view(x, y, rate)
    before, after = (line.y for line in balance.lines)
    tells = float((after - before).abs().max()) > 1.0
    return [
        correlation_view(x, y, rate),
        *[balance] * tells,
        goniometer_view(x, "goniometer, before", "dry", reach),
        goniometer_view(y, "goniometer, after", "wet", reach),
    ]


def goniometer_view(x: Tensor, name: str = "goniometer", role: Role = "wet", reach: float | None = None) -> View:
    """Mid over side of a stereo sound (2, T): upright is the middle, flat is out of phase, slanted is one side."""
    left, right = x[:, :: max(1, x.shape[-1] // _POINTS)]
    mid, side = (left + right) / math.sqrt(2), (right - left) / math.sqrt(2)
    reach = reach or 1.05 * max(float(mid.abs().max()), float(side.abs().max()), 1e-3)
    ends = torch.tensor([-reach, reach])
    guides = [Line(ends, ends, role="guide"), Line(ends, -ends, role="guide")]
    points = Line(side, mid, "", role, "points")
    span = (-reach, reach)
    return View(
        name,
        Axis("left - right".replace("-", "\N{EN DASH}"), span=span),
        Axis("mid", span=span),
        [*guides, points],
        square=True,
    )


def correlation_view(x: Tensor, y: Tensor | None, rate: float) -> View:
    """Correlation of the sides by third of an octave, 1 being mono: (2, T) each, or of one sound."""
    one: tuple[tuple[str, Role], ...] = (("", "wet"),)
    lines = []
    for sound, (label, role) in zip((x,) if y is None else (x, y), one if y is None else BEFORE_AFTER, strict=True):
        freqs, cross, left, right = _thirds(sound, rate)
        lines.append(Line(freqs, cross / (left * right).sqrt().clamp_min(1e-20), label, role))
    across = Axis(HZ, log=True, span=(float(lines[0].x[0]), float(lines[0].x[-1])))
    zero = Line(torch.tensor(across.span), torch.zeros(2), role="guide")
    return View("correlation of the sides", across, Axis("correlation", span=(-1.1, 1.1)), [zero, *lines])


def balance_view(x: Tensor, y: Tensor, rate: float) -> View:
    """Level of the left over that of the right by third of an octave: (2, T) each."""
    lines = []
    for sound, (label, role) in zip((x, y), BEFORE_AFTER, strict=True):
        freqs, _, left, right = _thirds(sound, rate)
        level = 10 * (left.clamp_min(1e-12) / right.clamp_min(1e-12)).log10()
        lines.append(Line(freqs, level.clamp(-40, 40), label, role))
    across = Axis(HZ, log=True, span=(float(lines[0].x[0]), float(lines[0].x[-1])))
    return View("left over right", across, Axis("level (dB)"), lines)


def _thirds(x: Tensor, rate: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Centres, and by third of an octave the cross power and the powers of left and right."""
    size = min(_FFT, x.shape[-1])
    window = torch.hann_window(size, dtype=torch.float64)
    left, right = torch.stft(x, size, size // 4, window=window, return_complex=True)
    top = min(16000.0, 0.45 * rate)
    centres = 50.0 * 2 ** (torch.arange(int(3 * math.log2(top / 50.0)) + 1, dtype=torch.float64) / 3)
    bins = torch.arange(size // 2 + 1, dtype=torch.float64) * rate / size
    inside = ((bins >= centres[:, None] * 2 ** (-1 / 6)) & (bins < centres[:, None] * 2 ** (1 / 6))).double()
    inside[torch.arange(len(centres)), (bins - centres[:, None]).abs().argmin(1)] = 1.0
    powers = ((left * right.conj()).real, left.abs().square(), right.abs().square())
    cross, one, other = (inside @ p.sum(1) for p in powers)
    return centres, cross, one, other
