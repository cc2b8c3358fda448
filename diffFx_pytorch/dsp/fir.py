"""Convolution with a few fixed coefficients."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from ..kernels.transforms import runs_eagerly


def fir(padded: Tensor, taps: tuple[float, ...]) -> Tensor:
    """y[n] = sum_k taps[k] padded[n + K - 1 - k]: (..., T + K - 1) to (..., T).

    As products of overlapping frames with a band matrix: many times faster on a CPU than conv1d with one channel.
    """
    K = len(taps)
    T = padded.shape[-1] - K + 1
    frame = 16 if K <= 16 else 64
    blocks = T // frame + 1  # always more than T samples: compiled, no length is a special case
    if runs_eagerly((padded,)):
        band = _remembered_band(taps, frame, padded.dtype)
    else:
        band = _band(taps, frame, padded.dtype, padded.device)
    frames = torch.nn.functional.pad(padded, (0, blocks * frame - T)).unfold(-1, frame + K - 1, frame)
    return (frames @ band).flatten(-2)[..., :T]


def _band(taps: tuple[float, ...], frame: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """The matrix (frame + K - 1, frame) that filters a frame: column j holds the reversed taps shifted down by j."""
    kernel = torch.tensor(taps[::-1], dtype=dtype, device=device)
    width = frame + len(taps) - 1
    # A period of K + frame written out in rows of K + frame - 1.
    return torch.nn.functional.pad(kernel, (0, frame)).repeat(frame)[: frame * width].view(frame, width).T


@functools.lru_cache(maxsize=32)
def _remembered_band(taps: tuple[float, ...], frame: int, dtype: torch.dtype) -> Tensor:
    with torch.inference_mode(False):  # what inference makes is of no use to a gradient
        return _band(taps, frame, dtype, torch.device("cpu"))
