"""Levels, fades and plumbing."""

from .gain import Gain

__all__ = ["Gain"]
