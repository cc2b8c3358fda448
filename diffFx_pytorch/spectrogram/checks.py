"""What a magnitude must be, said once for every method that takes one."""

from __future__ import annotations

import torch
from torch import Tensor

from .stft import STFT


def check_magnitude(caller: str, magnitude: Tensor, stft: STFT, dims: int = 2) -> None:
    """Refuse what is no magnitude of this transform.

    Args:
        caller: named in the message.
        magnitude: (..., F, frames), or (..., F) where ``dims`` is 1.
        stft: the transform it must belong to.
        dims: how many of the last axes belong to an item.

    Raises:
        ValueError: complex, negative, NaN or infinite; not float32 or float64; a wrong number of bins; no frames.
    """
    if magnitude.is_complex():
        raise ValueError(f"{caller}: the magnitude must be real; take .abs() of a complex spectrum.")
    if magnitude.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"{caller}: the magnitude must be float32 or float64. Got {magnitude.dtype}.")
    try:
        stft.check_bins(magnitude if dims == 2 else magnitude.unsqueeze(-1))
    except ValueError as error:
        raise ValueError(f"{caller}: {error}") from None
    if dims == 2 and not magnitude.shape[-1]:
        raise ValueError(f"{caller}: the magnitude has no frames.")
    if not magnitude.isfinite().all():
        raise ValueError(f"{caller}: the magnitude has NaN or infinite values.")
    if (magnitude < 0).any():
        raise ValueError(
            f"{caller}: the magnitude has negative values (down to {magnitude.min():.3g}). "
            "Is it in dB, or a log magnitude? It must be linear."
        )
