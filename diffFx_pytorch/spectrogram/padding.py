"""Continuation of a signal beyond its ends, and its adjoint: images added back to the sample they show.

Every mode repeats samples (or zeros), so padding is a matrix with at most one 1 per row, and its adjoint times it is
diagonal: a least-squares problem behind a padding stays a division sample by sample.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

PAD_MODES = ("reflect", "constant", "replicate", "circular")


def source_index(length: int, left: int, right: int, mode: str) -> Tensor:
    """Index, 0 .. length - 1, of the sample that each of the left + length + right padded samples shows."""
    n = torch.arange(-left, length + right)
    if mode == "replicate":
        return n.clamp(0, length - 1)
    if mode == "circular" or length == 1:
        return n % length
    period = 2 * (length - 1)
    return (length - 1) - (n % period - (length - 1)).abs()


def pad_signal(x: Tensor, padding: int, mode: str) -> Tensor:
    """Continue x (B, T) at both ends: (B, T + 2 padding); a reflection bounces as often as it must."""
    if not padding:
        return x
    if mode == "constant":
        return F.pad(x, (padding, padding))
    if mode == "replicate" or padding < x.shape[-1]:
        return F.pad(x.unsqueeze(1), (padding, padding), mode=mode).squeeze(1)
    return x[:, source_index(x.shape[-1], padding, padding, mode).to(x.device)]


def fold_padding(y: Tensor, length: int, padding: int, mode: str) -> Tensor:
    """The adjoint of ``pad_signal``: (B, up to length + 2 padding) to (B, length), missing samples counting as zero."""
    missing = length + padding - y.shape[-1]
    if missing > 0:
        y = F.pad(y, (0, missing))
    x = y[:, padding : padding + length]
    right = y.shape[-1] - padding - length
    if mode == "constant" or not (padding or right):
        return x
    if mode == "reflect" and padding < length and right < length:
        x = x.clone()
        x[:, 1 : padding + 1] += y[:, :padding].flip(-1)
        if right:
            x[:, length - 1 - right : length - 1] += y[:, padding + length :].flip(-1)
        return x
    index = source_index(length, padding, right, mode).to(y.device)
    return torch.zeros_like(x).index_add(1, index, y)
