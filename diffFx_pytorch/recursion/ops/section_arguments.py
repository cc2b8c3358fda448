"""Checks and shapes that `sosfilt` and `svfilt` share."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from diffFx_pytorch.recursion.checks import (
    broadcast_lead,
    check_coefficients,
    check_signal,
    check_state,
    decide_moving,
)


def cascade_arguments(
    caller: str, name: str, x: Any, coef: Any, width: int, zi: Any, moving: bool | None
) -> tuple[Tensor, Tensor, Tensor, bool, bool]:
    """Check the arguments of a cascade and give them leading dimensions of equal number.

    Args:
        caller: public function, for messages.
        name: of the coefficients, for messages.
        x: signal (..., T).
        coef: (..., K, width) or (..., T, K, width).
        width: coefficients a section.
        zi: (..., K, 2) or None.
        moving: whether ``coef`` moves, or None to tell by its number of dimensions.

    Returns:
        x (..., T), coef (..., T or 1, K, width), zi (..., K, 2) in float64, whether a derivative will be wanted, and
        whether the coefficients move.

    Raises:
        TypeError: no tensors, or dtypes that do not go together.
        ValueError: shapes that do not fit.
    """
    check_signal(caller, "x", x)
    check_coefficients(caller, name, coef, x, f"(..., K, {width})")
    if coef.ndim < 2 or coef.shape[-1] != width:
        raise ValueError(
            f"{caller}: {name} must be (..., K, {width}) or moving (..., T, K, {width}), got {tuple(coef.shape)}."
        )
    moving = decide_moving(caller, name, coef, x, 2, moving)
    if not moving:
        coef = coef.unsqueeze(-3)
    K = coef.shape[-2]
    check_state(caller, zi, x, 2, f"(..., {K}, 2)")
    start = x.new_zeros((K, 2), dtype=torch.float64) if zi is None else zi.double()
    if start.ndim < 2 or start.shape[-2] != K:
        raise ValueError(
            f"{caller}: zi must be (..., {K}, 2), two states for each of {K} sections, got {tuple(start.shape)}."
        )
    leads = {"x": x.shape[:-1], name: coef.shape[:-3], "zi": start.shape[:-2]}
    broadcast_lead(caller, leads)
    depth = max(len(lead) for lead in leads.values())
    x = x[(None,) * (depth - len(leads["x"]))]
    coef = coef[(None,) * (depth - len(leads[name]))]
    start = start[(None,) * (depth - len(leads["zi"]))]
    transformed = torch._C._are_functorch_transforms_active()
    keep = transformed or (torch.is_grad_enabled() and coef.requires_grad)
    return x, coef, start, keep, moving
