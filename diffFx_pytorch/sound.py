"""Forms that a sound may come in: a batch, one sound, one channel; of torch or of numpy."""

from __future__ import annotations

import warnings
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

Sound = TypeVar("Sound", Tensor, np.ndarray)
"""A tensor or a numpy array, (B, C, T), (C, T) or (T,); what comes out is of the form that went in."""

_FEW_SAMPLES = 64


def as_batch(x: Any, name: str) -> Any:
    """A sound as a tensor (B, C, T); what is no sound is left to ``check_audio``.

    Args:
        x: a tensor or a numpy array, (B, C, T), (C, T) or (T,).
        name: for the errors.

    Raises:
        TypeError: for a numpy array that is not floating point.
    """
    if isinstance(x, np.ndarray):
        if x.dtype.kind != "f" or x.dtype.itemsize > 8:
            scale = f" / {np.iinfo(x.dtype).max + 1}" if x.dtype.kind == "i" else ""
            raise TypeError(f"{name} must be floating-point audio, got {x.dtype}; give {name}.astype('float32'){scale}")
        native = x.astype(x.dtype.newbyteorder("="), copy=False)
        usable = native.flags.writeable and all(step >= 0 for step in native.strides)
        x = torch.from_numpy(native if usable else native.copy())
    if isinstance(x, Tensor) and x.dim() in (1, 2):
        return x.reshape(1, *((1,) * (2 - x.dim())), *x.shape)
    return x


def in_kind(y: Tensor, x: Sound) -> Sound:
    """A tensor (B, C, T) in the form of ``x``; where one channel became several, (C, T) for (T,)."""
    while y.dim() > x.ndim and y.shape[0] == 1:
        y = y[0]
    return y.numpy() if isinstance(x, np.ndarray) else y  # type: ignore[return-value]  # of the kind of x


def widened(channels: int, legal: tuple[int, ...] | None) -> int | None:
    """How many channels an effect gets of a sound: mono goes to all of the fewest it takes; None if it cannot.

    Args:
        channels: of the sound.
        legal: numbers of channels that the effect takes; None takes any.
    """
    if legal is None or channels in legal:
        return channels
    return min((more for more in legal if more > 1), default=None) if channels == 1 else None


def warn_of_channels_last(owner: str, x: Any) -> None:
    """Warn of a sound with few samples in many channels: its axes are likely exchanged."""
    shape = tuple(getattr(x, "shape", ()))
    if len(shape) > 1 and 0 < shape[-1] <= _FEW_SAMPLES < shape[-2]:
        cure = "x.transpose(-1, -2)" if isinstance(x, Tensor) else "np.swapaxes(x, -1, -2)"
        warnings.warn(
            f"{owner}: x of shape {shape} is {shape[-2]} channels of {shape[-1]} samples; if channels "
            f"are its last axis give {cure}",
            stacklevel=6,
        )
