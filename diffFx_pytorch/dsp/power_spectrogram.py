"""The power spectrogram of losses, controllers and plots."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor


def power_spectrogram(
    x: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    *,
    window: Tensor | None = None,
    pad_mode: Literal["constant", "reflect"] = "constant",
) -> Tensor:
    """Power per bin and frame; under the Hann window a full-scale sine has the power 1.

    Args:
        x: (..., T), of any level; frames are centred.
        n_fft: length of the transform in samples.
        hop_length: samples from frame to frame; a quarter of the transform by default.
        window: (W,), at most ``n_fft`` samples, taken as it is; a Hann window of ``n_fft`` by default.
        pad_mode: what is outside: zeros, or the signal backwards.

    Returns:
        (..., n_fft // 2 + 1, frames).
    """
    if window is None:
        window = scaled_for_sines(torch.hann_window(n_fft, dtype=torch.float64))
    Z = torch.stft(
        x.reshape(-1, x.shape[-1]),
        n_fft,
        hop_length or n_fft // 4,
        window.shape[-1],
        window.to(x),
        pad_mode=pad_mode,
        return_complex=True,
    )
    power = torch.view_as_real(Z).square().sum(-1)
    return power.reshape(*x.shape[:-1], *power.shape[1:])


def scaled_for_sines(window: Tensor) -> Tensor:
    """A window under which a full-scale sine has the magnitude 1."""
    return 2 * window / window.sum()
