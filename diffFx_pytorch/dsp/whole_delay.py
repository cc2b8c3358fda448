"""Delay by whole samples, block by block."""

from __future__ import annotations

import torch
from torch import Tensor


def delayed(x: Tensor, samples: int, line: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Delay by whole samples.

    Args:
        x: (..., T).
        samples: of delay.
        line: what the block before returned, (..., samples); None is silence.

    Returns:
        ``(y, line)``: y (..., T) and the last ``samples`` samples of the input, None if there is no delay.
    """
    if samples == 0:
        return x, None
    line = torch.cat((x.new_zeros(*x.shape[:-1], samples) if line is None else line, x), -1)
    return line[..., : x.shape[-1]], line[..., x.shape[-1] :]
