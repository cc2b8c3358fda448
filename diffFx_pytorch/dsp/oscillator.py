"""Low-frequency oscillators of constant or time-varying rate whose phase continues from block to block."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from ..kernels.transforms import is_traced

Shape = Literal["sine", "triangle", "square"]
SHAPES: tuple[Shape, ...] = ("sine", "triangle", "square")

_SQUARENESS = 8.0
_RAMP = 512


def phase_ramp(rate_hz: Tensor, sample_rate: float, samples: int, start: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Phase of an oscillator in turns, and the phase that the next block starts from.

    phi[n] = phi[0] + (1 / fs) sum_{m < n} f[m]. Computed in float64: a float32 phase drifts by 0.3 % within a minute.

    Args:
        rate_hz: (B, 1, 1) constant or (B, 1, T) time-varying.
        sample_rate: in Hz.
        samples: T.
        start: phase before the first sample in turns, (B, 1, 1); None is 0.

    Returns:
        ``(phase, end)``: phase (B, 1, T) in turns, float64, not wrapped but starting inside [0, 1); end (B, 1, 1), the
        ``start`` of the next block, wrapped to [0, 1).
    """
    step = rate_hz.double() / sample_rate
    origin = torch.zeros_like(step[..., :1]) if start is None else start
    if step.shape[-1] == 1 and not is_traced():
        # A few coarse steps and a short ramp: one pass over the signal instead of three.
        coarse = torch.arange(0, samples, _RAMP, device=step.device, dtype=torch.float64)
        fine = torch.arange(_RAMP, device=step.device, dtype=torch.float64)
        pieces = (origin + step * coarse).unsqueeze(-1) + (step * fine).unsqueeze(-2)
        phase, end = pieces.flatten(-2)[..., :samples], origin + step * samples
    elif step.shape[-1] == 1:
        phase = origin + step * torch.arange(samples, device=step.device, dtype=torch.float64)
        end = origin + step * samples
    else:
        total = step.cumsum(-1)
        phase, end = origin + total - step, origin + total[..., -1:] if samples else origin
    return phase, end - end.detach().floor()


def oscillate(phase: Tensor, shape: Shape = "sine") -> Tensor:
    """Oscillator output in [-1, 1] at ``phase`` in turns, rising through 0 at phase 0.

    ``sine``: sin 2 pi phi. ``triangle``: the straight-line wave with the sine's zeros and peaks. ``square``: a square
    with rounded corners, tanh(k sin 2 pi phi) / tanh(k), k = 8, so that it neither clicks nor loses its gradient.

    Args:
        phase: in turns, any shape.
        shape: one of ``SHAPES``.
    """
    if shape == "sine":
        return torch.sin(2 * math.pi * phase)
    if shape == "triangle":
        return 1 - 4 * ((phase + 0.25).remainder(1.0) - 0.5).abs()
    if shape == "square":
        return rounded_square(torch.sin(2 * math.pi * phase))
    raise ValueError(f"unknown oscillator shape {shape!r}; shapes are {', '.join(SHAPES)}")


def oscillator(
    rate_hz: Tensor,
    sample_rate: float,
    samples: int,
    start: Tensor | None = None,
    shape: Shape = "sine",
    *,
    ahead: Tensor | float = 0.0,
    dtype: torch.dtype = torch.float64,
) -> tuple[Tensor, Tensor]:
    """``oscillate`` over ``phase_ramp``; a sine of constant rate costs two products per sample and no sine.

    It uses sin(a + b) = sin a cos b + cos a sin b with a every 512 samples and b between them.

    Args:
        rate_hz: (B, 1, 1) constant or (B, 1, T) time-varying.
        sample_rate: in Hz.
        samples: T.
        start: phase before the first sample in turns, (B, 1, 1); None is 0.
        shape: one of ``SHAPES``.
        ahead: added to the phase, in turns: a number or (B or 1, N, 1 or T); the phase returned is without it.
        dtype: of the wave; phases are float64.

    Returns:
        ``(wave, end)``: wave (B, N, T) in [-1, 1], end (B, 1, 1) as ``phase_ramp`` gives it.
    """
    step = rate_hz.double() / sample_rate
    time_varying = step.shape[-1] != 1 or (isinstance(ahead, Tensor) and ahead.shape[-1] != 1)
    if time_varying or shape == "triangle" or is_traced():
        phase, end = phase_ramp(rate_hz, sample_rate, samples, start)
        phase = phase + ahead
        # The phase counts turns in float64; within one turn the precision of the sound is enough.
        return oscillate((phase - phase.detach().floor()).to(dtype), shape), end
    origin = torch.zeros_like(step) if start is None else start
    end = origin + step * samples
    coarse = torch.arange(0, samples, _RAMP, device=step.device, dtype=torch.float64)
    fine = torch.arange(_RAMP, device=step.device, dtype=torch.float64)
    a = (2 * math.pi) * (origin + ahead + step * coarse).unsqueeze(-1)
    b = (2 * math.pi) * (step * fine).unsqueeze(-2)
    wave = torch.addcmul(a.sin().to(dtype) * b.cos().to(dtype), a.cos().to(dtype), b.sin().to(dtype))
    wave = wave.flatten(-2)[..., :samples]
    return rounded_square(wave) if shape == "square" else wave, end - end.detach().floor()


def rounded_square(sine: Tensor) -> Tensor:
    """A square with rounded corners: tanh(k s) / tanh(k), k = 8."""
    return torch.tanh(_SQUARENESS * sine) / math.tanh(_SQUARENESS)
