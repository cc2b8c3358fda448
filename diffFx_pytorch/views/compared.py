"""Views of two sounds: levels, spectra, what was changed."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .filters import HZ
from .levels import sound_view
from .view import BEFORE_AFTER, Axis, Line, View

_FFT = 8192


def compared_views(dry: Tensor, wet: Tensor, rate: float) -> list[View]:
    """Level over time and long-term spectrum of two sounds (C, T), and the change of the spectrum."""
    dry, wet = dry.detach().double().cpu(), wet.detach().double().cpu()
    spectra = [third_octaves(s, rate) for s in (dry, wet)]
    freqs = spectra[0][0]
    top = max(float(s[1].max()) for s in spectra)
    across = Axis(HZ, log=True, span=(float(freqs[0]), float(freqs[-1])))
    lines = [
        Line(freqs, level.clamp_min(top - 80), label, role)
        for (_, level), (label, role) in zip(spectra, BEFORE_AFTER, strict=True)
    ]
    low = min(float(line.y.min()) for line in lines)
    change = (spectra[1][1] - spectra[0][1])[both := (spectra[0][1] > top - 80) | (spectra[1][1] > top - 80)]
    zero = Line(torch.tensor(across.span), torch.zeros(2), role="guide")
    return [
        sound_view(dry, wet, rate),
        View("spectrum", across, Axis("level (dB)", span=(min(low, top - 24) - 3, top + 5)), lines),
        View("change of the spectrum", across, Axis("gain (dB)"), [zero, Line(freqs[both], change.clamp(-60, 60))]),
    ]


def third_octaves(x: Tensor, rate: float) -> tuple[Tensor, Tensor]:
    """Centres in Hz of sixths of octaves, and the mean level of a sound (C, T) in each, in dB of a full-scale sine."""
    size = min(_FFT, x.shape[-1])
    window = torch.hann_window(size, dtype=torch.float64)
    frames = x.unfold(-1, size, max(1, size // 2))
    power = (2 * torch.fft.rfft(frames * window).abs() / window.sum()).square().mean((0, 1))
    top = min(20000.0, 0.49 * rate)
    centres = 20.0 * 2 ** (torch.arange(int(6 * math.log2(top / 20.0)) + 1, dtype=torch.float64) / 6)
    # Interpolating the cumulated power gives bands narrower than a bin their share of it.
    total = torch.nn.functional.pad(power.cumsum(0), (1, 0))
    edges = torch.stack((centres * 2 ** (-1 / 12), centres * 2 ** (1 / 12))) * size / rate + 0.5
    below = edges.floor().long().clamp_max(len(total) - 2)
    share = (edges - below).clamp(0, 1)
    low, high = total[below] * (1 - share) + total[below + 1] * share
    return centres, 10 * (high - low).clamp_min(1e-12).log10()
