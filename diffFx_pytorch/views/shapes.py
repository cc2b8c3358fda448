"""Views of distortion: transfer curve, waveform, harmonics."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .subject import Subject
from .view import Axis, Line, Role, View, view_of

_HARMONICS, _TURNS, _FLOOR_DB = 10, 64, -100.0
LEVELS_DB = (-6.0, -20.0)
"""Levels of the tones whose harmonics are drawn, in dB."""


def shape_views(subject: Subject) -> list[View]:
    """Output over input, one turn of a tone, its harmonics, and how they grow with the level."""
    level = torch.linspace(-48.0, 0.0, 33, dtype=torch.float64)
    tones = torch.cat((level, torch.tensor(LEVELS_DB, dtype=torch.float64)))
    x, y = _tones(subject, tones)
    strength = harmonics(y)
    grown, shown = strength[: len(level)], strength[len(level) :]
    return [transfer_view(subject, x[-2], y[-2]), _turn_view(x[-2], y[-2]), _stems(shown), _growth(level, grown)]


def transfer_view(subject: Subject, x: Tensor, y: Tensor) -> View:
    """Output over input: the effect's own curve, or that of a tone; x, y (T,) are whole turns."""
    curve = subject.curve
    if curve is None or not curve.x_label.startswith("input"):
        turn = x[: len(x) // _TURNS]
        line = Line(turn, y[: len(turn)])
        ends = torch.tensor([-1.0, 1.0]) * float(turn.abs().max())
        return View("transfer", Axis("input"), Axis("output"), [Line(ends, ends, "output = input", "guide"), line])
    view = view_of(curve)
    seen = view.lines[0]
    ends = seen.x[[0, -1]]
    top = 1.08 * max(float(seen.y.abs().max()), 0.5)
    guide = Line(ends, ends, "output = input", "guide")
    return View("transfer", view.x, Axis(view.y.label, span=(-top, top)), [guide, *view.lines])


def harmonics(y: Tensor) -> Tensor:
    """Levels in dB (..., 10) of the harmonics of tones (..., T) of 64 turns; 0 is a sine of amplitude 1."""
    spectrum = torch.fft.rfft(y.double()).abs() * 2 / y.shape[-1]
    return 20 * spectrum[..., _TURNS : _TURNS * _HARMONICS + 1 : _TURNS].clamp_min(1e-9).log10()


def _tones(subject: Subject, levels_db: Tensor) -> tuple[Tensor, Tensor]:
    """Whole turns (L, T) of tones near 500 Hz, before and after, once the effect has settled."""
    turn = max(2 * _HARMONICS + 2, round(subject.rate / 500))
    n = torch.arange(turn * _TURNS * 2, dtype=torch.float64)
    x = (10 ** (levels_db / 20))[:, None] * torch.sin(2 * math.pi / turn * n)
    y = subject.run(x.unsqueeze(1).expand(-1, subject.inputs, -1))[:, 0]
    half = turn * _TURNS
    return x[:, half:], y[:, half:]


def _turn_view(x: Tensor, y: Tensor) -> View:
    turn = 2 * len(x) // _TURNS
    angle = torch.arange(turn, dtype=torch.float64) * 720 / turn
    lines = [Line(angle, x[:turn], "before", "dry"), Line(angle, y[:turn], "after")]
    name = f"two turns of a tone at {LEVELS_DB[0]:g} dB".replace("-", "\N{MINUS SIGN}")
    return View(name, Axis("phase (deg)", span=(0.0, 720.0), period=90.0), Axis("amplitude"), lines)


def _stems(strength: Tensor) -> View:
    order = torch.arange(1, _HARMONICS + 1, dtype=torch.float64)
    roles: tuple[Role, ...] = ("wet", "second")
    lines = []
    for row, level, role, shift in zip(strength, LEVELS_DB, roles, (-0.1, 0.1), strict=True):
        relative = (row - row[0]).clamp_min(_FLOOR_DB)
        label = f"tone at {level:g} dB".replace("-", "\N{MINUS SIGN}")
        heard = relative > _FLOOR_DB + 1
        lines.append(Line((order + shift)[heard], relative[heard], label, role, "stems"))
    across = Axis("harmonic", span=(0.5, _HARMONICS + 0.5), period=1.0)
    top = max(6.0, max(float(line.y.max()) for line in lines) + 3.0)
    return View("harmonics", across, Axis("below the tone (dB)", span=(_FLOOR_DB, top)), lines)


def _growth(level: Tensor, strength: Tensor) -> View:
    roles: tuple[Role, ...] = ("dry", "second", "wet", "third")
    lines = []
    for order, role in zip((1, 2, 3, 5), roles, strict=True):
        line = strength[:, order - 1]
        if float(line.max()) > _FLOOR_DB + 6:
            lines.append(Line(level, line, {1: "tone", 2: "2nd", 3: "3rd"}.get(order, f"{order}th"), role))
    return View("harmonics over level", Axis("input (dB)"), Axis("output (dB)", span=(_FLOOR_DB, 6.0)), lines)
