"""Echoes."""

from .feedback_delay import FeedbackDelay

__all__ = ["FeedbackDelay"]
