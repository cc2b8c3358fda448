"""Delay by whole samples, and what a block needs of those before it."""

from __future__ import annotations

import torch
from torch import Tensor


def with_past(x: Tensor, samples: int, state: Tensor | None) -> Tensor:
    """A block (..., T) with the ``samples`` before it in front: those of ``state``, or zeros where that is None."""
    return torch.cat((x.new_zeros(*x.shape[:-1], samples) if state is None else state, x), -1)


def delayed(x: Tensor, samples: int, line: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Delay by whole samples.

    Args:
        x: (..., T).
        samples: the delay.
        line: what the block before returned, (..., samples); None is silence.

    Returns:
        ``(y, line)``: y (..., T) and the last ``samples`` samples of the input, None if there is no delay.
    """
    if samples == 0:
        return x, None
    line = with_past(x, samples, line)
    return line[..., : x.shape[-1]], line[..., x.shape[-1] :].contiguous()  # not a view of the whole block
