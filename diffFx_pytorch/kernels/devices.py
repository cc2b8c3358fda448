"""Devices by name, and what is done where one is not there."""

from __future__ import annotations

import warnings

import torch


def device_here(name: str | torch.device) -> torch.device | None:
    """A device by its name; None, and one sentence as a warning, where there is none of that name here.

    Args:
        name: "cpu", "cuda", "cuda:1", "mps", or what else torch knows.

    Raises:
        ValueError: for what is no name of a device.
    """
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError):
        raise ValueError(f"{name!r} is no device; give cpu, cuda, cuda:1 or mps") from None
    reason = _why_not(device)
    if reason:
        warnings.warn(f"there is no device {device} here ({reason}): running on the CPU", stacklevel=3)
    return None if reason else device


def _why_not(device: torch.device) -> str:
    if device.type == "cuda":
        if not torch.backends.cuda.is_built():
            return "this torch is built without CUDA"
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        return "" if (device.index or 0) < count else f"torch finds {count or 'none'}"
    if device.type == "meta":
        return "it holds no sound"
    try:
        torch.empty(0, device=device)
    except Exception:  # each kind of device has errors of its own
        return "torch finds none"
    return ""
