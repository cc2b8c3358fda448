"""Views of filters: magnitude and phase over frequency, bands marked."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from .view import Axis, Line, Mark, Role, View

HZ = "frequency (Hz)"
_POINTS, _RANGE_DB, _LABELLED = 600, 60.0, 8
_ROLES: tuple[Role, ...] = ("wet", "second", "third")
_SIDES: tuple[tuple[str, Role], ...] = (("left", "wet"), ("right", "second"))


def named(lines: Sequence[Tensor]) -> list[tuple[Tensor, str, Role]]:
    """Lines of the channels with their names and roles; one where all are alike."""
    first = lines[0]
    if all(torch.allclose(line, first, rtol=1e-6, atol=1e-9) for line in lines[1:]):
        return [(first, "", "wet")]
    names: Sequence[tuple[str, Role]] = _SIDES
    if len(lines) != 2:
        names = [(f"channel {i + 1}", _ROLES[i % 3]) for i in range(len(lines))]
    return [(line, label, role) for line, (label, role) in zip(lines, names, strict=True)]


def response_views(h: Tensor, rate: float, bands: Sequence[tuple[str, float]] = (), early: int = 0) -> list[View]:
    """Magnitude and phase of a response.

    Args:
        h: impulse response (C, T).
        rate: sample rate in Hz.
        bands: name and frequency in Hz of what is marked on the curve.
        early: samples of the response that lie before time zero.
    """
    size = 1 << max(17, (h.shape[-1] - 1).bit_length())
    h = torch.nn.functional.pad(h.double(), (0, size - h.shape[-1])).roll(-early, -1)
    freqs, spectrum = frequency_response(h, rate)
    level = 20 * spectrum.abs().clamp_min(1e-12).log10()
    top = max(float(level.max()), -80.0)
    floor = top - _RANGE_DB
    across = Axis(HZ, log=True, span=(20.0, float(freqs[-1])))
    marks = []
    for label, f in bands:
        y = float(np.interp(f, freqs.numpy(), level[0].numpy()))
        marks.append(Mark(label if len(bands) <= _LABELLED else "", f, max(y, floor)))
    # What falls out of the picture leaves it: a line along its floor would be a level that is not there.
    lines = [Line(freqs, line.clamp_min(floor - _RANGE_DB), label, role) for line, label, role in named(list(level))]
    lowest = min(float(line.y.min()) for line in lines)
    low = max(lowest, floor)
    spread = max(top - low, 6.0)
    margin = 0.2 * spread
    middle = (top + low) / 2
    span = (low if lowest < floor else middle - spread / 2 - margin, middle + spread / 2 + margin)
    flat = [Line(freqs[[0, -1]], torch.zeros(2), role="guide")] if span[0] < 0 < span[1] else []
    magnitude = View("magnitude", across, Axis("gain (dB)", span=span), [*flat, *lines], marks)
    phases = [_phase(row, rate, freqs) for row in h]
    heard = [line > floor for line in level]
    phase_lines = [Line(freqs[heard[0]], phase[heard[0]], label, role) for phase, label, role in named(phases)]
    phase = View("phase", across, Axis("phase (deg)", period=45.0), phase_lines)
    return [magnitude, phase]


def frequency_response(h: Tensor, rate: float) -> tuple[Tensor, Tensor]:
    """Frequencies (F,), evenly spread over the octaves from 20 Hz, and the complex response (C, F) at them.

    Between two of them stands the bin of the least level too, where it is a notch: it is drawn at its depth.
    """
    top = min(20000.0, 0.5 * rate)
    freqs = torch.logspace(math.log10(20.0), math.log10(top), _POINTS, dtype=torch.float64)
    spectrum = torch.fft.rfft(h.double(), _size(h))
    freqs = torch.cat((freqs, _notches(spectrum.abs().amin(0), freqs, rate / _size(h)))).sort().values
    place = freqs / rate * _size(h)
    below = place.floor().long().clamp_max(spectrum.shape[-1] - 2)
    share = place - below
    return freqs, spectrum[:, below] * (1 - share) + spectrum[:, below + 1] * share


def _notches(level: Tensor, freqs: Tensor, step_hz: float) -> Tensor:
    """The frequencies of bins (K,) between two of ``freqs`` (F,) that lie 1 dB below both of them, one between two."""
    bins = torch.arange(len(level), dtype=torch.float64) * step_hz
    cell = torch.bucketize(bins, freqs)
    edges = level[(freqs / step_hz).round().long().clamp_max(len(level) - 1)]
    inside = (cell > 0) & (cell < len(freqs))
    lower = torch.minimum(edges[:-1], edges[1:]) * 10 ** (-1 / 20)
    deep = inside & (level < lower[(cell - 1).clamp(0, len(freqs) - 2)])
    least = torch.full((len(freqs) + 1,), math.inf, dtype=level.dtype).scatter_reduce(0, cell, level, "amin")
    return bins[deep & (level == least[cell])]


def _size(h: Tensor) -> int:
    return 1 << max(17, (h.shape[-1] - 1).bit_length())


def _phase(h: Tensor, rate: float, freqs: Tensor) -> Tensor:
    """Phase in degrees, without jumps, within half a turn at the lowest frequency that passes: (T,) to (F,)."""
    spectrum = torch.fft.rfft(h.double(), _size(h))
    angle = spectrum.angle()
    step = angle.diff()
    step = step - 2 * math.pi * (step / (2 * math.pi)).round()
    whole = torch.cat((angle[:1], angle[0] + step.cumsum(0)))
    level = spectrum.abs()
    first = int((level > 0.5 * level.max()).to(torch.uint8).argmax())
    whole = whole - 2 * math.pi * torch.round(whole[first] / (2 * math.pi))
    place = (freqs / rate * _size(h)).round().long().clamp_max(len(whole) - 1)
    phase = torch.rad2deg(whole[place])
    if float(phase.max() - phase.min()) > 1440:  # a delay: its turns would hide the rest
        phase = phase - 360 * torch.round(phase / 360)
    return phase
