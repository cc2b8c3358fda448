"""Fast differentiable recursions: what y[t] owes to y[t-1].

Knows nothing of effects; of use alone.
"""

from .ops.allpole import allpole
from .ops.attack_release import attack_release
from .ops.delay_line import delay_line, delay_state_length, feedback_delay
from .ops.filter_sections import SectionState, filter_sections
from .ops.sections import sosfilt
from .ops.svf import sos_to_svf, svf_to_sos, svfilt

__all__ = [
    "SectionState",
    "allpole",
    "attack_release",
    "delay_line",
    "delay_state_length",
    "feedback_delay",
    "filter_sections",
    "sos_to_svf",
    "sosfilt",
    "svf_to_sos",
    "svfilt",
]
