"""Fast differentiable recursions: what y[t] owes to y[t-1].

Knows nothing of effects; of use alone.
"""

from .checks import assert_stable, is_stable
from .control_points import ControlPoints, join_points
from .graph import DelayGraph
from .ops.allpole import allpole
from .ops.attack_release import attack_release
from .ops.backlash import backlash
from .ops.delay_graph import GraphState, delay_graph
from .ops.delay_line import delay_line, delay_state_length, feedback_delay
from .ops.feedback_network import NetworkState, feedback_network, network_state_length
from .ops.feedforward import fir_filter
from .ops.filter_sections import SectionState, filter_sections
from .ops.lfilter import lfilter
from .ops.loop_overshoot import loop_overshoot
from .ops.one_pole import one_pole
from .ops.plays import plays
from .ops.running_max import running_max
from .ops.sections import sosfilt
from .ops.state_space import linear_recursion, state_space
from .ops.svf import sos_to_svf, svf_to_sos, svfilt
from .prediction import autocorrelation, levinson, lpc, lpc_to_lsf, lpc_to_reflection, lsf_to_lpc, reflection_to_lpc
from .steady_state import filtfilt, lfilter_zi, lfiltic, sosfilt_zi, sosfiltfilt

__all__ = [
    "ControlPoints",
    "DelayGraph",
    "GraphState",
    "NetworkState",
    "SectionState",
    "allpole",
    "assert_stable",
    "attack_release",
    "autocorrelation",
    "backlash",
    "delay_graph",
    "delay_line",
    "delay_state_length",
    "feedback_delay",
    "feedback_network",
    "filter_sections",
    "filtfilt",
    "fir_filter",
    "is_stable",
    "join_points",
    "levinson",
    "lfilter",
    "lfilter_zi",
    "lfiltic",
    "linear_recursion",
    "loop_overshoot",
    "lpc",
    "lpc_to_lsf",
    "lpc_to_reflection",
    "lsf_to_lpc",
    "network_state_length",
    "one_pole",
    "plays",
    "reflection_to_lpc",
    "running_max",
    "sos_to_svf",
    "sosfilt",
    "sosfilt_zi",
    "sosfiltfilt",
    "state_space",
    "svf_to_sos",
    "svfilt",
]
