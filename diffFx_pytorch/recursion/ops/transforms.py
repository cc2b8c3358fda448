"""Operators under function transforms; all engines share them."""

from diffFx_pytorch.kernels.transforms import to_front, with_transforms

__all__ = ["to_front", "with_transforms"]
