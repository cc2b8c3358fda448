"""Shapers of the waveform."""

from .tanh import TanH

__all__ = ["TanH"]
