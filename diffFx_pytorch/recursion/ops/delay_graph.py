"""Graphs of delay lines: the operator, and the function that checks and lays out arguments."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from diffFx_pytorch.kernels import Kernel, bound_rows, define, run_rows
from diffFx_pytorch.kernels.cuda import triton_kernel
from diffFx_pytorch.kernels.precision import where_float64_is
from diffFx_pytorch.kernels.rows import as_rows, as_whole_rows, broadcast_shape, denormal_threshold
from diffFx_pytorch.recursion.checks import check_signal
from diffFx_pytorch.recursion.cpu.delay_graph import CHUNK, delay_graph_rows
from diffFx_pytorch.recursion.cpu.delay_graph_backward import delay_graph_backward_rows
from diffFx_pytorch.recursion.cpu.delay_graph_plan import planned
from diffFx_pytorch.recursion.cpu.taps import kernel_tables
from diffFx_pytorch.recursion.cuda.chunks import GRAPH
from diffFx_pytorch.recursion.fallback import delay_graph as fallback
from diffFx_pytorch.recursion.graph import WIDTH, DelayGraph

GraphState = tuple[Tensor, Tensor]
"""What went into the lines, one after the other (..., P), oldest first, and the states of the filters (..., N)."""

_INPUTS = {"x": 2, "gains": 2, "delay": 2, "past": 1, "poles": 1}


def _arrays(batch_shape: tuple[int, ...], inputs: Any) -> list[np.ndarray]:
    return [as_whole_rows(t, core, batch_shape) for t, core in zip(inputs, _INPUTS.values(), strict=True)]


@functools.lru_cache(maxsize=64)
def _laid_out(steps: tuple[int, ...], longest: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    return np.asarray(steps, np.int64).reshape(-1, WIDTH), np.asarray(longest, np.int64)


@functools.lru_cache(maxsize=64)
def _planned(steps: tuple[int, ...], inputs: int, constant: bool) -> tuple[np.ndarray, np.ndarray, int]:
    played, more, buffers = planned(np.reshape(steps, (-1, WIDTH)).tolist(), inputs, constant)
    return np.asarray(played, np.int64), np.asarray(more, np.int64), buffers


def _bind(
    batch_shape: tuple[int, ...],
    inputs: Any,
    outputs: Any,
    steps: list[int],
    longest: list[int],
    nodes: int,
    count: int,
) -> Callable[[], None]:
    rows = math.prod(batch_shape)
    written = [t.view(rows, *t.shape[len(batch_shape) :]).numpy() for t in outputs]
    good = np.ones(rows, np.bool_)
    run = bound_rows(
        delay_graph_rows,
        rows,
        1,
        *_arrays(batch_shape, inputs),
        _laid_out(tuple(steps), tuple(longest))
        + _planned(tuple(steps), inputs.x.shape[-2], inputs.gains.shape[-1] == 1),
        kernel_tables("keys"),
        denormal_threshold(inputs.x.dtype),
        *written,
        good,
    )

    def call() -> None:
        run()
        if inputs.delay.numel() and not good.all():
            good[:] = True
            raise fallback.delay_error(inputs.delay)

    return call


def _backward(
    batch_shape: Any,
    grads: Any,
    inputs: Any,
    saved: Any,
    needs: Any,
    steps: Any,
    longest: Any,
    nodes: int,
    outputs: int,
) -> list[Tensor]:
    x, gains, delay, past, poles = (
        t.new_zeros(*batch_shape, *t.shape[t.ndim - core :]) for t, core in zip(inputs, _INPUTS.values(), strict=True)
    )
    found = [x, gains, delay, past, poles]
    run_rows(
        delay_graph_backward_rows,
        math.prod(batch_shape),
        1,
        *(as_whole_rows(g, core, batch_shape) for g, core in zip(grads, (2, 1, 1), strict=True)),
        *_arrays(batch_shape, inputs)[:3],
        as_whole_rows(saved.lines, 1, batch_shape),
        as_whole_rows(saved.pole_states, 2, batch_shape),
        (*_laid_out(tuple(steps), tuple(longest)), nodes),
        kernel_tables("keys"),
        tuple(as_rows(t, core) for t, core in zip(found, _INPUTS.values(), strict=True)),
    )
    return found


def _equation(
    x: Tensor,
    gains: Tensor,
    delay: Tensor,
    past: Tensor,
    poles: Tensor,
    steps: list[int],
    longest: list[int],
    nodes: int,
    outputs: int,
) -> tuple[Tensor, ...]:
    """Outputs, lines and states by torch operations, in float64."""
    given = list(zip((x, gains, delay, past, poles), _INPUTS.values(), strict=True))
    batch_shape = broadcast_shape(*(t.shape[: t.ndim - core] for t, core in given))
    rows = math.prod(batch_shape)
    sound, *rest = (
        t.double().expand(*batch_shape, *t.shape[t.ndim - core :]).reshape(rows, *t.shape[t.ndim - core :])
        for t, core in given
    )
    table = [steps[i : i + WIDTH] for i in range(0, len(steps), WIDTH)]
    found = fallback.delay_graph_rows(sound, table, longest, outputs, *rest)
    return tuple(t.reshape(*batch_shape, *t.shape[1:]) for t in found)


def _all_lines(x: Tensor, *arguments: Any) -> Any:
    longest = arguments[5]
    return (sum(longest) + len(longest) * x.shape[-1],), x.dtype


_graph = define(
    "delay_graph",
    _INPUTS,
    {
        "y": lambda x, *rest: ((rest[-1], x.shape[-1]), x.dtype),
        "end": lambda x, *rest: ((sum(rest[5]),), x.dtype),
        "new_poles": lambda *arguments: (tuple(arguments[4].shape[-1:]), torch.float64),
    },
    _equation,
    Kernel.bound(
        _bind,
        _backward,
        {
            "lines": _all_lines,
            "pole_states": lambda x, *rest: ((-(-x.shape[-1] // CHUNK), rest[3].shape[-1]), torch.float64),
        },
    ),
    settings={"steps": list[int], "longest": list[int], "nodes": int, "outputs": int},
)
_graph.register(
    device="cuda",
    kernel=triton_kernel(
        "diffFx_pytorch.recursion.cuda.delay_graph",
        {
            "lines": _all_lines,
            "pole_states": lambda x, *rest: ((-(-x.shape[-1] // GRAPH), rest[3].shape[-1]), torch.float64),
        },
    ),
)


@where_float64_is
def delay_graph(
    x: Tensor,
    graph: DelayGraph,
    gains: Mapping[str, Tensor | float] | Tensor,
    delays: Mapping[str, Tensor] | Tensor | None = None,
    *,
    zi: GraphState | None = None,
    return_zf: bool = False,
) -> Tensor | tuple[Tensor, GraphState]:
    """Run a graph of delay lines, gains and one-pole filters over a signal.

    Sums and filters are computed in float64, lines are kept in the dtype of ``x``. The gradient is the graph run from
    its outputs to its inputs and backwards in time; it needs all that went into the lines.

    Args:
        x: the graph's inputs (..., inputs, T), float32 or float64.
        graph: the block diagram.
        gains: value of every gain and pole by name, a number or tensor: constant with the batch dimensions of ``x``
            or fewer, time-varying with one axis more, of length T (or 1). Or all of them at once, as ``stacked_gains``
            gives them.
        delays: of every time-varying delay in samples, likewise, or all of them at once; a block is as long as the
            shortest delay allows.
        zi: state from a call before; None is silence.
        return_zf: also return the state after the last sample.

    Returns:
        ``y`` (..., outputs, T), of the dtype of ``x``; with ``return_zf`` also the state, what the next block needs.

    Raises:
        TypeError: for a signal that is no float tensor.
        ValueError: for a wrong number of inputs, names that the graph does not have or that are missing, shapes that
            do not broadcast, or time-varying delays out of range.

    References:
        J. Dattorro, "Effect design, part 1: reverberator and other filters", JAES 45(9), 1997.
    """
    check_signal("delay_graph", x)
    if x.ndim < 2 or x.shape[-2] != graph.inputs:
        raise ValueError(f"delay_graph: x must be (..., {graph.inputs}, T) for this graph, got {tuple(x.shape)}.")
    ks = _stacked("gains", gains, graph.gains, x)
    ms = _stacked("delays", {} if delays is None else delays, graph.time_varying, x)
    batch_shape = (1,) * (x.ndim - 2)
    if zi is None:
        past = x.new_zeros(*batch_shape, sum(graph.longest))
        poles = x.new_zeros(*batch_shape, graph.poles, dtype=torch.float64)
    else:
        past, poles = zi[0].to(x.dtype), zi[1].double()
    y, past, poles = _graph(x, ks, ms, past, poles, graph.steps(), list(graph.longest), graph.nodes, graph.outputs)
    return (y, (past, poles)) if return_zf else y


def stacked_gains(graph: DelayGraph, gains: Mapping[str, Tensor | float]) -> Tensor:
    """Gains and poles of a graph as one float64 tensor (B, K, F), from numbers and tensors (B, 1, F)."""
    _check_names("gains", gains, graph.gains)
    device = next((v.device for v in gains.values() if isinstance(v, Tensor)), None)
    rows = [_number(gains[name], device) for name in graph.gains]
    return torch.cat(torch.broadcast_tensors(*(row if row.ndim else row.view(1, 1, 1) for row in rows)), 1)


def _number(value: Tensor | float, device: torch.device | None) -> Tensor:
    """In float64; a number is filled in on the device, where a tensor would be copied there."""
    if isinstance(value, Tensor):
        return value.to(device, torch.float64)
    return torch.full((), value, dtype=torch.float64, device=device or "cpu")


def _check_names(kind: str, given: Mapping[str, Any], names: list[str]) -> None:
    if set(given) != set(names):
        raise ValueError(f"delay_graph: this graph has the {kind} {sorted(names)}, got {sorted(given)}.")


def _stacked(kind: str, given: Mapping[str, Tensor | float] | Tensor, names: list[str], x: Tensor) -> Tensor:
    """Parameters (..., K, T or 1) in the order of the graph, float64."""
    if isinstance(given, Tensor):
        if given.ndim != x.ndim or given.shape[-2] != len(names) or given.shape[-1] not in (1, x.shape[-1]):
            raise ValueError(
                f"delay_graph: stacked {kind} of shape {tuple(given.shape)} do not fit; they must have {x.ndim} axes, "
                f"(..., {len(names)}, T or 1), in the order {', '.join(names)}."
            )
        return given.double()
    _check_names(kind, given, names)
    rows = []
    for name in names:
        value = _number(given[name], x.device)
        value = value.unsqueeze(-1) if value.ndim < x.ndim - 1 else value
        value = value[(None,) * (x.ndim - 1 - value.ndim)]
        if value.ndim != x.ndim - 1 or value.shape[-1] not in (1, x.shape[-1]):
            raise ValueError(
                f"delay_graph: {name} of shape {tuple(value.shape)} must broadcast against "
                f"{(*x.shape[:-2], x.shape[-1])}."
            )
        rows.append(value)
    if not rows:
        return x.new_zeros(*(1,) * (x.ndim - 2), 0, 1, dtype=torch.float64)
    return torch.stack(torch.broadcast_tensors(*rows), -2)
