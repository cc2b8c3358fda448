"""Into how many samples the kernels cut time: what operators must know of them before Triton is imported."""

from __future__ import annotations

from typing import Any

import torch

SECTIONS = 512
"""Samples of a second-order section that one program scans."""


def section_states(x: Any, *arguments: Any) -> Any:
    """Shape and dtype of the states (K, chunks, 2) before the chunks of K sections, which their gradient reads."""
    zi = arguments[-1]
    return (zi.shape[-2], -(-x.shape[-1] // SECTIONS), 2), torch.float64
