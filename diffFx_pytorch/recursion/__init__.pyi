from collections.abc import Mapping
from typing import Literal, overload

from torch import Tensor

from diffFx_pytorch.recursion.ops.feedforward import Form
from diffFx_pytorch.recursion.checks import assert_stable as assert_stable
from diffFx_pytorch.recursion.checks import is_stable as is_stable
from diffFx_pytorch.recursion.control_points import ControlPoints as ControlPoints
from diffFx_pytorch.recursion.control_points import join_points as join_points
from diffFx_pytorch.recursion.graph import DelayGraph as DelayGraph
from diffFx_pytorch.recursion.ops.delay_graph import GraphState as GraphState
from diffFx_pytorch.recursion.ops.delay_line import delay_state_length as delay_state_length
from diffFx_pytorch.recursion.ops.feedback_network import NetworkState as NetworkState
from diffFx_pytorch.recursion.ops.feedback_network import network_state_length as network_state_length
from diffFx_pytorch.recursion.ops.filter_sections import SectionState as SectionState
from diffFx_pytorch.recursion.ops.filter_sections import filter_sections as filter_sections
from diffFx_pytorch.recursion.ops.svf import sos_to_svf as sos_to_svf
from diffFx_pytorch.recursion.ops.svf import svf_to_sos as svf_to_sos
from diffFx_pytorch.recursion.prediction import autocorrelation as autocorrelation
from diffFx_pytorch.recursion.prediction import levinson as levinson
from diffFx_pytorch.recursion.prediction import lpc as lpc
from diffFx_pytorch.recursion.prediction import lpc_to_lsf as lpc_to_lsf
from diffFx_pytorch.recursion.prediction import lpc_to_reflection as lpc_to_reflection
from diffFx_pytorch.recursion.prediction import lsf_to_lpc as lsf_to_lpc
from diffFx_pytorch.recursion.prediction import reflection_to_lpc as reflection_to_lpc
from diffFx_pytorch.recursion.steady_state import filtfilt as filtfilt
from diffFx_pytorch.recursion.steady_state import lfilter_zi as lfilter_zi
from diffFx_pytorch.recursion.steady_state import lfiltic as lfiltic
from diffFx_pytorch.recursion.steady_state import sosfilt_zi as sosfilt_zi
from diffFx_pytorch.recursion.steady_state import sosfiltfilt as sosfiltfilt

@overload
def allpole(
    x: Tensor,
    a: Tensor,
    zi: Tensor | None = ...,
    return_zf: Literal[False] = ...,
    *,
    time_varying: bool | None = ...,
) -> Tensor: ...
@overload
def allpole(
    x: Tensor,
    a: Tensor,
    zi: Tensor | None = ...,
    *,
    return_zf: Literal[True],
    time_varying: bool | None = ...,
) -> tuple[Tensor, Tensor]: ...
@overload
def attack_release(
    x: Tensor,
    attack: Tensor | float,
    release: Tensor | float,
    zi: Tensor | None = ...,
    return_zf: Literal[False] = ...,
    *,
    time_varying: bool | None = ...,
) -> Tensor: ...
@overload
def attack_release(
    x: Tensor,
    attack: Tensor | float,
    release: Tensor | float,
    zi: Tensor | None = ...,
    *,
    return_zf: Literal[True],
    time_varying: bool | None = ...,
) -> tuple[Tensor, Tensor]: ...
@overload
def backlash(
    x: Tensor,
    width: Tensor | float,
    zi: Tensor | None = ...,
    return_zf: Literal[False] = ...,
    *,
    time_varying: bool | None = ...,
) -> Tensor: ...
@overload
def backlash(
    x: Tensor,
    width: Tensor | float,
    zi: Tensor | None = ...,
    *,
    return_zf: Literal[True],
    time_varying: bool | None = ...,
) -> tuple[Tensor, Tensor]: ...
@overload
def delay_graph(
    x: Tensor,
    graph: DelayGraph,
    gains: Mapping[str, Tensor | float] | Tensor,
    delays: Mapping[str, Tensor] | Tensor | None = ...,
    *,
    zi: GraphState | None = ...,
    return_zf: Literal[False] = ...,
) -> Tensor: ...
@overload
def delay_graph(
    x: Tensor,
    graph: DelayGraph,
    gains: Mapping[str, Tensor | float] | Tensor,
    delays: Mapping[str, Tensor] | Tensor | None = ...,
    *,
    zi: GraphState | None = ...,
    return_zf: Literal[True],
) -> tuple[Tensor, GraphState]: ...
@overload
def delay_line(
    x: Tensor,
    delay: Tensor | float,
    *,
    interpolation: str = ...,
    max_delay: int | None = ...,
    zi: Tensor | None = ...,
    return_zf: Literal[False] = ...,
    time_varying: bool | None = ...,
) -> Tensor: ...
@overload
def delay_line(
    x: Tensor,
    delay: Tensor | float,
    *,
    interpolation: str = ...,
    max_delay: int | None = ...,
    zi: Tensor | None = ...,
    return_zf: Literal[True],
    time_varying: bool | None = ...,
) -> tuple[Tensor, Tensor]: ...
@overload
def feedback_delay(
    x: Tensor,
    delay: Tensor | float,
    feedback: Tensor | float,
    *,
    lowpass: Tensor | float | None = ...,
    highpass: Tensor | float | None = ...,
    saturation: str | None = ...,
    interpolation: str = ...,
    max_delay: int | None = ...,
    zi: Tensor | None = ...,
    return_zf: Literal[False] = ...,
    time_varying: bool | None = ...,
) -> Tensor: ...
@overload
def feedback_delay(
    x: Tensor,
    delay: Tensor | float,
    feedback: Tensor | float,
    *,
    lowpass: Tensor | float | None = ...,
    highpass: Tensor | float | None = ...,
    saturation: str | None = ...,
    interpolation: str = ...,
    max_delay: int | None = ...,
    zi: Tensor | None = ...,
    return_zf: Literal[True],
    time_varying: bool | None = ...,
) -> tuple[Tensor, Tensor]: ...
@overload
def feedback_network(
    x: Tensor,
    delays: Tensor,
    matrix: Tensor,
    input_gains: Tensor,
    output_gains: Tensor,
    absorption: Tensor | None = ...,
    *,
    longest: int,
    time_varying: bool | None = ...,
    modulation: Tensor | None = ...,
    direct: Tensor | None = ...,
    zi: NetworkState | None = ...,
    return_zf: Literal[False] = ...,
) -> Tensor: ...
@overload
def feedback_network(
    x: Tensor,
    delays: Tensor,
    matrix: Tensor,
    input_gains: Tensor,
    output_gains: Tensor,
    absorption: Tensor | None = ...,
    *,
    longest: int,
    time_varying: bool | None = ...,
    modulation: Tensor | None = ...,
    direct: Tensor | None = ...,
    zi: NetworkState | None = ...,
    return_zf: Literal[True],
) -> tuple[Tensor, NetworkState]: ...
@overload
def fir_filter(
    x: Tensor,
    b: Tensor,
    zi: Tensor | None = ...,
    return_zf: Literal[False] = ...,
    *,
    form: Form = ...,
    time_varying: bool | None = ...,
) -> Tensor: ...
@overload
def fir_filter(
    x: Tensor,
    b: Tensor,
    zi: Tensor | None = ...,
    *,
    return_zf: Literal[True],
    form: Form = ...,
    time_varying: bool | None = ...,
) -> tuple[Tensor, Tensor]: ...
@overload
def lfilter(
    x: Tensor,
    b: Tensor,
    a: Tensor,
    zi: Tensor | None = ...,
    return_zf: Literal[False] = ...,
    *,
    time_varying: bool | None = ...,
) -> Tensor: ...
@overload
def lfilter(
    x: Tensor,
    b: Tensor,
    a: Tensor,
    zi: Tensor | None = ...,
    *,
    return_zf: Literal[True],
    time_varying: bool | None = ...,
) -> tuple[Tensor, Tensor]: ...
@overload
def loop_overshoot(
    level: Tensor,
    width: Tensor | float,
    slope: Tensor | float,
    attack: Tensor | float,
    release: Tensor | float,
    zi: Tensor | None = ...,
    return_zf: Literal[False] = ...,
    *,
    time_varying: bool | None = ...,
) -> Tensor: ...
@overload
def loop_overshoot(
    level: Tensor,
    width: Tensor | float,
    slope: Tensor | float,
    attack: Tensor | float,
    release: Tensor | float,
    zi: Tensor | None = ...,
    *,
    return_zf: Literal[True],
    time_varying: bool | None = ...,
) -> tuple[Tensor, Tensor]: ...
@overload
def one_pole(
    x: Tensor,
    coef: Tensor | float,
    zi: Tensor | None = ...,
    return_zf: Literal[False] = ...,
    *,
    time_varying: bool | None = ...,
) -> Tensor: ...
@overload
def one_pole(
    x: Tensor,
    coef: Tensor | float,
    zi: Tensor | None = ...,
    *,
    return_zf: Literal[True],
    time_varying: bool | None = ...,
) -> tuple[Tensor, Tensor]: ...
@overload
def plays(
    x: Tensor,
    share: Tensor | float,
    reach: Tensor | float,
    count: int = ...,
    zi: Tensor | None = ...,
    return_zf: Literal[False] = ...,
    *,
    time_varying: bool | None = ...,
) -> Tensor: ...
@overload
def plays(
    x: Tensor,
    share: Tensor | float,
    reach: Tensor | float,
    count: int = ...,
    zi: Tensor | None = ...,
    *,
    return_zf: Literal[True],
    time_varying: bool | None = ...,
) -> tuple[Tensor, Tensor]: ...
@overload
def running_max(
    x: Tensor,
    window: int,
    zi: Tensor | None = ...,
    return_zf: Literal[False] = ...,
) -> Tensor: ...
@overload
def running_max(
    x: Tensor,
    window: int,
    zi: Tensor | None = ...,
    *,
    return_zf: Literal[True],
) -> tuple[Tensor, Tensor]: ...
@overload
def sosfilt(
    x: Tensor,
    sos: Tensor,
    zi: Tensor | None = ...,
    return_zf: Literal[False] = ...,
    *,
    time_varying: bool | None = ...,
) -> Tensor: ...
@overload
def sosfilt(
    x: Tensor,
    sos: Tensor,
    zi: Tensor | None = ...,
    *,
    return_zf: Literal[True],
    time_varying: bool | None = ...,
) -> tuple[Tensor, Tensor]: ...
@overload
def linear_recursion(
    u: Tensor,
    A: Tensor,
    zi: Tensor | None = ...,
    return_zf: Literal[False] = ...,
    *,
    diagonal: bool = ...,
    time_varying: bool | None = ...,
) -> Tensor: ...
@overload
def linear_recursion(
    u: Tensor,
    A: Tensor,
    zi: Tensor | None = ...,
    *,
    return_zf: Literal[True],
    diagonal: bool = ...,
    time_varying: bool | None = ...,
) -> tuple[Tensor, Tensor]: ...
@overload
def state_space(
    x: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = ...,
    zi: Tensor | None = ...,
    return_zf: Literal[False] = ...,
    *,
    time_varying: bool | None = ...,
) -> Tensor: ...
@overload
def state_space(
    x: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = ...,
    zi: Tensor | None = ...,
    *,
    return_zf: Literal[True],
    time_varying: bool | None = ...,
) -> tuple[Tensor, Tensor]: ...
@overload
def svfilt(
    x: Tensor,
    svf: Tensor,
    zi: Tensor | None = ...,
    return_zf: Literal[False] = ...,
    *,
    at: Tensor | None = ...,
    time_varying: bool | None = ...,
) -> Tensor: ...
@overload
def svfilt(
    x: Tensor,
    svf: Tensor,
    zi: Tensor | None = ...,
    *,
    return_zf: Literal[True],
    at: Tensor | None = ...,
    time_varying: bool | None = ...,
) -> tuple[Tensor, Tensor]: ...
