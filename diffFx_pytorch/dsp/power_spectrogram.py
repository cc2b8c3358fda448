"""The power spectrogram of losses, controllers and plots."""

from __future__ import annotations

import torch
from torch import Tensor


def power_spectrogram(x: Tensor, n_fft: int, hop_length: int | None = None) -> Tensor:
    """Power per bin and frame under a Hann window; a full-scale sine has the power 1.

    Args:
        x: (..., T), of any level; frames are centred, zeros outside.
        n_fft: length of the window in samples.
        hop_length: samples from frame to frame; a quarter of the window by default.

    Returns:
        (..., n_fft // 2 + 1, frames).
    """
    window = torch.hann_window(n_fft, dtype=torch.float64)
    Z = torch.stft(
        x.reshape(-1, x.shape[-1]),
        n_fft,
        hop_length or n_fft // 4,
        window=(2 * window / window.sum()).to(x),
        pad_mode="constant",
        return_complex=True,
    )
    power = torch.view_as_real(Z).square().sum(-1)
    return power.reshape(*x.shape[:-1], *power.shape[1:])
