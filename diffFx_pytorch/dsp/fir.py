"""Convolution with a few fixed coefficients."""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor

from diffFx_pytorch.kernels.constants import constant

from ..kernels import define
from ..kernels.transforms import is_traced, runs_eagerly


def fir(padded: Tensor, taps: tuple[float, ...]) -> Tensor:
    """y[n] = sum_k taps[k] padded[n + K - 1 - k]: (..., T + K - 1) to (..., T).

    As products of overlapping frames with a band matrix: many times faster on a CPU than conv1d with one channel.
    """
    if is_traced():
        return _recorded(padded, constant(taps, padded.dtype, padded.device))
    frame = _frame(len(taps))
    if runs_eagerly((padded,)):
        return _products(padded, _remembered_band(taps, frame, padded.dtype))
    return _products(padded, _band(constant(taps, padded.dtype, padded.device), frame))


def _frame(K: int) -> int:
    return 16 if K <= 16 else 64


def _products(padded: Tensor, band: Tensor) -> Tensor:
    """Frames of the signal times the band matrix (frame + K - 1, frame), cut to (..., T)."""
    width, frame = band.shape
    T = padded.shape[-1] - width + frame
    blocks = T // frame + 1
    frames = torch.nn.functional.pad(padded, (0, blocks * frame - T)).unfold(-1, width, frame)
    return (frames @ band).flatten(-2)[..., :T]


def _band(taps: Tensor, frame: int) -> Tensor:
    """The matrix (frame + K - 1, frame) that filters a frame: column j holds the reversed taps shifted down by j."""
    width = frame + taps.shape[-1] - 1
    # A period of K + frame written out in rows of K + frame - 1.
    return torch.nn.functional.pad(taps.flip(-1), (0, frame)).repeat(frame)[: frame * width].view(frame, width).T


def _equation(padded: Tensor, taps: Tensor) -> Tensor:
    return _products(padded, _band(taps, _frame(taps.shape[-1])))


def _adjoint(_: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any) -> tuple[Tensor | None, ...]:
    padded, taps = inputs
    reach = taps.shape[-1] - 1
    gx = _recorded(torch.nn.functional.pad(grads.y, (reach, reach)), taps.flip(-1)) if needs.padded else None
    if not needs.taps:
        return gx, None
    windows = padded.unfold(-1, padded.shape[-1] - reach, 1)
    return gx, (windows * grads.y.unsqueeze(-2)).sum(-1).flip(-1)


_recorded = define(
    "fixed_fir",
    inputs={"padded": 1, "taps": 1},
    outputs={"y": lambda padded, taps: ((padded.shape[-1] - taps.shape[-1] + 1,), padded.dtype)},
    equation=_equation,
    adjoint=_adjoint,
)
"""`fir` as one operator, which is what compile, export and trace record: no number of frames depends on the length."""


@functools.lru_cache(maxsize=32)
def _remembered_band(taps: tuple[float, ...], frame: int, dtype: torch.dtype) -> Tensor:
    with torch.inference_mode(False):  # what inference makes is of no use to a gradient
        return _band(torch.tensor(taps, dtype=dtype), frame)
