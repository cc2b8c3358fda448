"""The gradient of a spectrum's phase, from its magnitude, for PGHI to integrate."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from .stft import STFT

PUBLISHED = {"hann": 0.25645, "hamming": 0.29794, "blackman": 0.17954}


@lru_cache(maxsize=64)
def gaussian_width(stft: STFT) -> float:
    r"""Width gamma of the Gaussian exp(-pi n^2 / gamma) nearest to the window, in samples squared.

    The published constants for Hann, Hamming and Blackman windows (0.25645 L^2 for Hann); for any other window the
    least-squares fit around its centre of gravity.
    """
    if isinstance(stft.window, str) and stft.window in PUBLISHED:
        return PUBLISHED[stft.window] * stft.win_length**2
    window = stft.window_for(torch.empty(0, dtype=torch.float64)).abs().cpu()
    distance = (torch.arange(stft.n_fft) - window_centre(stft)) ** 2
    gamma = torch.logspace(-3, 1, 2001, dtype=torch.float64)[:, None] * stft.n_fft**2
    shape = (-math.pi * distance / gamma).exp()
    # The residual of the height that fits best at each width.
    left = window.square().sum() - (shape @ window) ** 2 / shape.square().sum(-1)
    return float(gamma[left.argmin(), 0])


def window_centre(stft: STFT) -> float:
    """Centre of gravity of a window's energy, as a sample of the frame: N / 2 for a symmetric window."""
    energy = stft.window_for(torch.empty(0, dtype=torch.float64)).abs().square().cpu()
    return float((energy * torch.arange(stft.n_fft)).sum() / energy.sum())


def log_magnitude(magnitude: Tensor, floor: float = 1e-10) -> Tensor:
    """Natural log of magnitude (..., frames, bins), at least that of ``floor`` times an item's loudest bin."""
    loudest = magnitude.amax((-2, -1), keepdim=True)
    tiny = torch.finfo(magnitude.dtype).tiny
    return magnitude.maximum((loudest * floor).clamp(min=tiny)).log()


def time_slope(level: Tensor, stft: STFT, gamma: float) -> Tensor:
    r"""Phase step from a frame to the next at a bin, (..., frames, bins), of phases counted from a frame's centre.

    .. math:: \frac{2 \pi H k}{N} + \frac{H N}{\gamma} \frac{s[n, k + 1] - s[n, k - 1]}{2}

    The spectrum of a real signal mirrors at both ends.
    """
    N, H, F = stft.n_fft, stft.hop_length, stft.bins
    above = torch.cat((level[..., 1:], level[..., -2:-1] if N % 2 == 0 else level[..., -1:]), -1)
    below = torch.cat((level[..., 1:2], level[..., :-1]), -1)
    # Whole turns are removed as integers, as float32 would round them.
    turns = torch.arange(F, device=level.device) * H % N
    centre_frequency = turns.to(level.dtype) * (2 * math.pi / N)
    return centre_frequency + (H * N / gamma / 2) * (above - below)


def bin_slope(level: Tensor, stft: STFT, gamma: float) -> Tensor:
    r"""Phase step from a bin to the next in a frame, (..., frames, bins).

    .. math:: -\frac{\gamma}{H N} \frac{s[n + 1, k] - s[n - 1, k]}{2}

    One-sided in the first and the last frame.
    """
    if level.shape[-2] == 1:
        return torch.zeros_like(level)
    inner = (level[..., 2:, :] - level[..., :-2, :]) / 2
    first = level[..., 1:2, :] - level[..., :1, :]
    last = level[..., -1:, :] - level[..., -2:-1, :]
    return (-gamma / (stft.hop_length * stft.n_fft)) * torch.cat((first, inner, last), -2)


@lru_cache(maxsize=64)
def centring(stft: STFT) -> Tensor:
    """e^(2 pi j k c / N), complex128 (F,): moves the origin of a spectrum's phase to c, the centre of a frame's window.

    The transform counts from a frame's first sample.
    """
    with torch.inference_mode(False):  # cached for later calls, which may need a graph
        k = torch.arange(stft.bins, dtype=torch.float64)
        ramp = (2 * math.pi) * (k * window_centre(stft) / stft.n_fft % 1.0)
        return torch.polar(torch.ones_like(ramp), ramp)


def with_centred_phase(magnitude: Tensor, phase: Tensor, stft: STFT) -> Tensor:
    """Complex spectrum (..., F, frames) from a phase counted from the centre of each frame's window."""
    with torch.no_grad():
        turned = phase - centring(stft).angle().to(phase.device, phase.dtype)[:, None]
        unit = torch.polar(torch.ones_like(turned), turned).to(magnitude.dtype.to_complex())
    return magnitude * unit
