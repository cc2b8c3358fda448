"""Echoes."""

from .basic_delay import BasicDelay
from .feedback_delay import FeedbackDelay
from .multi_tap_delay import MultiTapDelay
from .ping_pong_delay import PingPongDelay
from .slapback_delay import SlapbackDelay

__all__ = ["BasicDelay", "FeedbackDelay", "MultiTapDelay", "PingPongDelay", "SlapbackDelay"]
