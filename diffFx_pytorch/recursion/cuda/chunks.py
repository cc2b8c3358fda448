"""Into how many samples the kernels cut time: what operators must know of them before Triton is imported."""

from __future__ import annotations

from typing import Any

import torch

SECTIONS = 512
"""Samples of a second-order section that one program scans."""

GRAPH = 256
"""Samples between the states of a graph's filters that its gradient reads, and of its longest block."""

BLOCK_DOUBLINGS = 6
"""A block of a constant cascade has 2 ** BLOCK_DOUBLINGS samples."""
MOST_SECTIONS = 32
"""Sections of a constant cascade: the square of their states must fit into registers."""


def padded_states(sections: int) -> int:
    """States of a cascade as its kernels take them, a power of 2."""
    return max(16, 1 << (2 * sections - 1).bit_length())


def block_states(x: Any, coef: Any, zi: Any) -> Any:
    """Shape and dtype of the states (blocks, N) before the blocks of a constant cascade, which its gradient reads."""
    return (-(-x.shape[-1] // (1 << BLOCK_DOUBLINGS)), padded_states(zi.shape[-2])), torch.float64


def section_states(x: Any, *arguments: Any) -> Any:
    """Shape and dtype of the states (K, chunks, 2) before the chunks of K sections, which their gradient reads."""
    zi = arguments[-1]
    return (zi.shape[-2], -(-x.shape[-1] // SECTIONS), 2), torch.float64


def loop_outputs(x: Any, coef: Any, zi: Any) -> Any:
    """Shape and dtype of what left all-passes in a loop at every sample, then their last states, for the gradient."""
    return (x.shape[-1] + 2 * zi.shape[-2] - 2,), torch.float64
