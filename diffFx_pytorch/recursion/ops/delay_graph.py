"""Graphs of delay lines: the operator with its gradient, and the function that checks and lays out arguments."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor

from diffFx_pytorch.kernels import run_rows
from diffFx_pytorch.recursion.cpu.delay_graph import CHUNK, delay_graph_rows
from diffFx_pytorch.recursion.cpu.delay_graph_backward import delay_graph_backward_rows
from diffFx_pytorch.recursion.fallback import delay_graph as fallback
from diffFx_pytorch.recursion.graph import SPREAD, WIDTH, DelayGraph
from diffFx_pytorch.recursion.ops.rows import check_signal
from diffFx_pytorch.recursion.ops.transforms import with_transforms

GraphState = tuple[Tensor, Tensor]
"""What went into the lines, one after the other (..., P), oldest first, and the states of the filters (..., N)."""

_CORES = (2, 2, 2, 1, 1)
"""Trailing dimensions of x, gains, delay, past, poles that are not leading ones."""

_TINY = {torch.float32: 1e-30, torch.float64: 1e-200}


def _lead(*arguments: Tensor) -> tuple[int, ...]:
    shapes = [t.shape[: t.ndim - core] for t, core in zip(arguments, _CORES, strict=True)]
    return tuple(shapes[0] if all(s == shapes[0] for s in shapes) else torch.broadcast_shapes(*shapes))


def _rows(t: Tensor, lead: tuple[int, ...], core: int) -> Tensor:
    own = t.shape[t.ndim - core :]
    return t.detach().expand(*lead, *own).reshape(math.prod(lead), *own).contiguous()


def _own(t: Tensor, lead: tuple[int, ...]) -> Any:
    return t.view(math.prod(lead), *t.shape[len(lead) :]).numpy()


def _plain(
    lead: tuple[int, ...],
    arguments: tuple[Tensor, ...],
    steps: list[int],
    longest: list[int],
    outputs: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Outputs, lines and states by torch operations, over the leading dimensions, in the dtypes of the operator."""
    x, gains, delay, past, poles = (
        t.double().expand(*lead, *t.shape[t.ndim - core :]).reshape(math.prod(lead), *t.shape[t.ndim - core :])
        for t, core in zip(arguments, _CORES, strict=True)
    )
    table = [steps[i : i + WIDTH] for i in range(0, len(steps), WIDTH)]
    y, new_past, new_poles = fallback.delay_graph_rows(x, table, longest, outputs, gains, delay, past, poles)
    dtype = arguments[0].dtype
    return (
        y.reshape(*lead, *y.shape[1:]).to(dtype),
        new_past.reshape(*lead, *new_past.shape[1:]).to(dtype),
        new_poles.reshape(*lead, *new_poles.shape[1:]),
    )


def _shapes(
    x: Tensor, poles: Tensor, lead: tuple[int, ...], longest: list[int], outputs: int, keep: bool
) -> tuple[Tensor, ...]:
    T, P = x.shape[-1], sum(longest)
    keep = keep and x.device.type == "cpu"
    return (
        x.new_empty(*lead, outputs, T),
        x.new_empty(*lead, P),
        poles.new_empty(*lead, poles.shape[-1]),
        x.new_empty(*lead, P + len(longest) * T if keep else 0),
        poles.new_empty(*lead, -(-T // CHUNK) if keep else 0, poles.shape[-1]),
    )


@torch.library.custom_op("diffFx::delay_graph", mutates_args=())
def _delay_graph(
    x: Tensor,
    gains: Tensor,
    delay: Tensor,
    past: Tensor,
    poles: Tensor,
    steps: list[int],
    longest: list[int],
    nodes: int,
    outputs: int,
    keep: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Outputs, lines, states; and if ``keep`` all that went into the lines, and the states before every chunk."""
    lead = _lead(x, gains, delay, past, poles)
    y, new_past, new_poles = _plain(lead, (x, gains, delay, past, poles), steps, longest, outputs)
    return y.clone(), new_past.clone(), new_poles.clone(), x.new_empty(*lead, 0), poles.new_empty(*lead, 0, 0)


@_delay_graph.register_kernel("cpu")
def _(
    x: Tensor,
    gains: Tensor,
    delay: Tensor,
    past: Tensor,
    poles: Tensor,
    steps: list[int],
    longest: list[int],
    nodes: int,
    outputs: int,
    keep: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    arguments = (x, gains, delay, past, poles)
    lead = _lead(*arguments)
    found = _shapes(x, poles, lead, longest, outputs, keep)
    xs, gs, ds, ps, zs = (_rows(t, lead, core).numpy() for t, core in zip(arguments, _CORES, strict=True))
    rows = math.prod(lead)
    good = np.ones(rows, np.bool_)
    y, new_past, new_poles, lines, kept = (_own(t, lead) for t in found)
    table, lengths = _tables(steps, longest)
    inputs = (xs, table, lengths, nodes, gs, ds, ps, zs, _TINY[x.dtype])
    run_rows(delay_graph_rows, rows, 1, *inputs, lines, y, new_past, new_poles, kept, good)
    if not good.all():
        raise ValueError(
            f"delay_graph: moving delays must lie between {SPREAD} samples and the longest that the graph names, and "
            f"be numbers; got {delay.min():g} to {delay.max():g}."
        )
    return found  # type: ignore[return-value]  # five of them


def _tables(steps: list[int], longest: list[int]) -> tuple[np.ndarray, np.ndarray]:
    return np.asarray(steps, np.int64).reshape(-1, WIDTH), np.asarray(longest, np.int64)


@_delay_graph.register_fake
def _(
    x: Tensor,
    gains: Tensor,
    delay: Tensor,
    past: Tensor,
    poles: Tensor,
    steps: list[int],
    longest: list[int],
    nodes: int,
    outputs: int,
    keep: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    return _shapes(x, poles, _lead(x, gains, delay, past, poles), longest, outputs, keep)  # type: ignore[return-value]


@torch.library.custom_op("diffFx::delay_graph_backward", mutates_args=())
def _delay_graph_backward(
    gy: Tensor,
    g_past: Tensor,
    g_poles: Tensor,
    x: Tensor,
    gains: Tensor,
    delay: Tensor,
    past: Tensor,
    poles: Tensor,
    lines: Tensor,
    kept: Tensor,
    steps: list[int],
    longest: list[int],
    nodes: int,
    outputs: int,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients to x, gains, delays, lines and states, one for each row of the leading dimensions."""
    lead = _lead(x, gains, delay, past, poles)
    primals = [
        t.expand(*lead, *t.shape[t.ndim - core :])
        for t, core in zip((x, gains, delay, past, poles), _CORES, strict=True)
    ]
    grads = _adjoint(gy, g_past, g_poles, *primals, steps=steps, longest=longest, outputs=outputs)
    gx, gg, gd, gp, gz = (g.clone() for g in grads)
    return gx, gg, gd, gp, gz


def _adjoint(
    gy: Tensor, g_past: Tensor, g_poles: Tensor, *primals: Tensor, steps: list[int], longest: list[int], outputs: int
) -> tuple[Tensor, ...]:
    lead = _lead(*primals)

    def plain(*given: Tensor) -> tuple[Tensor, ...]:
        return _plain(lead, given, steps, longest, outputs)

    return torch.func.vjp(plain, *primals)[1]((gy, g_past, g_poles))


@_delay_graph_backward.register_kernel("cpu")
def _(
    gy: Tensor,
    g_past: Tensor,
    g_poles: Tensor,
    x: Tensor,
    gains: Tensor,
    delay: Tensor,
    past: Tensor,
    poles: Tensor,
    lines: Tensor,
    kept: Tensor,
    steps: list[int],
    longest: list[int],
    nodes: int,
    outputs: int,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    arguments = (x, gains, delay, past, poles)
    lead = tuple(torch.broadcast_shapes(_lead(*arguments), gy.shape[:-2]))
    xs, gs, ds, _, _ = (_rows(t, lead, core).numpy() for t, core in zip(arguments, _CORES, strict=True))
    found = [t.new_zeros(*lead, *t.shape[t.ndim - core :]) for t, core in zip(arguments, _CORES, strict=True)]
    inputs = [_rows(t, lead, core).numpy() for t, core in ((gy, 2), (g_past, 1), (g_poles, 1))]
    kernel_inputs = (*inputs, xs, *_tables(steps, longest), nodes, gs, ds)
    past_and_states = (_rows(lines, lead, 1).numpy(), _rows(kept, lead, 2).numpy())
    targets = [_own(t, lead) for t in found]
    run_rows(delay_graph_backward_rows, math.prod(lead), 1, *kernel_inputs, *past_and_states, *targets)
    return found[0], found[1], found[2], found[3], found[4]


@_delay_graph_backward.register_fake
def _(
    gy: Tensor,
    g_past: Tensor,
    g_poles: Tensor,
    x: Tensor,
    gains: Tensor,
    delay: Tensor,
    past: Tensor,
    poles: Tensor,
    lines: Tensor,
    kept: Tensor,
    steps: list[int],
    longest: list[int],
    nodes: int,
    outputs: int,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    arguments = (x, gains, delay, past, poles)
    lead = tuple(torch.broadcast_shapes(_lead(*arguments), gy.shape[:-2]))
    gx, gg, gd, gp, gz = (
        t.new_empty(*lead, *t.shape[t.ndim - core :]) for t, core in zip(arguments, _CORES, strict=True)
    )
    return gx, gg, gd, gp, gz


def _setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    ctx.save_for_backward(*inputs[:5], *output[3:])
    ctx.save_for_forward(*inputs[:5])
    ctx.settings = inputs[5:9]
    ctx.mark_non_differentiable(*output[3:])
    ctx.set_materialize_grads(False)


def _first_derivative(
    ctx: Any, gy: Tensor | None, g_past: Tensor | None, g_poles: Tensor | None, *_: Any
) -> tuple[Tensor | None, ...]:
    *inputs, lines, kept = ctx.saved_tensors
    x, poles = inputs[0], inputs[4]
    _, longest, _, outputs = ctx.settings
    lead = _lead(*inputs)
    if lines.shape[-1] == 0 and longest and x.device.type == "cpu":
        lines, kept = _call(*inputs, *ctx.settings, True)[3:]
    gy = x.new_zeros(*lead, outputs, x.shape[-1]) if gy is None else gy
    g_past = x.new_zeros(*lead, sum(longest)) if g_past is None else g_past
    g_poles = poles.new_zeros(*lead, poles.shape[-1]) if g_poles is None else g_poles
    grads = _call_backward(gy, g_past, g_poles, *inputs, lines, kept, *ctx.settings)
    found = (
        g.sum_to_size(t.shape).to(t.dtype) if need else None
        for g, t, need in zip(grads, inputs, ctx.needs_input_grad, strict=False)
    )
    return (*found, None, None, None, None, None)


def _tangent(ctx: Any, *tangents: Any) -> tuple[Any, ...]:
    # The adjoint is linear in what it is given; its own adjoint is the tangent. Reverse mode alone nests everywhere.
    primals = ctx.saved_tensors[:5]
    steps, longest, _, outputs = ctx.settings
    along = tuple(torch.zeros_like(p) if t is None else t for p, t in zip(primals, tangents[:5], strict=True))
    outs = _plain(_lead(*primals), primals, steps, longest, outputs)

    def adjoint(*given: Tensor) -> tuple[Tensor, ...]:
        return _adjoint(*given, *primals, steps=steps, longest=longest, outputs=outputs)

    return *torch.func.vjp(adjoint, *(torch.zeros_like(o) for o in outs))[1](along), None, None


def _setup_backward(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    ctx.save_for_backward(*inputs[:8])
    ctx.settings = inputs[10:]


def _second_derivative(ctx: Any, *directions: Tensor) -> tuple[Tensor | None, ...]:
    steps, longest, _, outputs = ctx.settings
    saved = ctx.saved_tensors
    lead = tuple(torch.broadcast_shapes(_lead(*saved[3:]), saved[0].shape[:-2]))

    def adjoint(*given: Tensor) -> tuple[Tensor, ...]:
        primals = [t.expand(*lead, *t.shape[t.ndim - c :]) for t, c in zip(given[3:], _CORES, strict=True)]
        return _adjoint(*given[:3], *primals, steps=steps, longest=longest, outputs=outputs)

    return *torch.func.vjp(adjoint, *saved)[1](directions), *[None] * 6


def _no_tangent(ctx: Any, *tangents: Any) -> NoReturn:
    raise NotImplementedError("delay_graph: forward mode over its gradient is not available; use reverse mode twice.")


_call = with_transforms(_delay_graph, _setup, _first_derivative, _tangent)
_call_backward = with_transforms(_delay_graph_backward, _setup_backward, _second_derivative, _no_tangent)


def delay_graph(
    x: Tensor,
    graph: DelayGraph,
    gains: Mapping[str, Tensor | float],
    delays: Mapping[str, Tensor] | None = None,
    *,
    state: GraphState | None = None,
) -> tuple[Tensor, GraphState]:
    """Run a graph of delay lines, gains and one-pole filters over a signal.

    Sums and filters are computed in float64, lines are kept in the dtype of ``x``. The gradient is the graph run from
    its outputs to its inputs and backwards in time; it needs all that went into the lines.

    Args:
        x: the graph's inputs (..., inputs, T), float32 or float64.
        graph: the block diagram.
        gains: value of every gain and pole by name: a number or tensor that broadcasts against (..., T), with as many
            dimensions as ``x`` less one (constant: length 1).
        delays: of every moving delay in samples, likewise; a block is as long as the shortest delay allows.
        state: what a call before returned; None is silence.

    Returns:
        ``(y, state)``: outputs (..., outputs, T), of the dtype of ``x``, and what the next block needs.

    Raises:
        TypeError: for a signal that is no float tensor.
        ValueError: for a wrong number of inputs, names that the graph does not have or that are missing, shapes that
            do not broadcast, or moving delays out of range.

    References:
        J. Dattorro, "Effect design, part 1: reverberator and other filters", JAES 45(9), 1997.
    """
    check_signal("delay_graph", x)
    if x.ndim < 2 or x.shape[-2] != graph.inputs:
        raise ValueError(f"delay_graph: x must be (..., {graph.inputs}, T) for this graph, got {tuple(x.shape)}.")
    ks, ms = _stacked("gains", gains, graph.gains, x), _stacked("delays", delays or {}, graph.moving, x)
    lead = (1,) * (x.ndim - 2)
    if state is None:
        past = x.new_zeros(*lead, sum(graph.longest))
        poles = x.new_zeros(*lead, graph.poles, dtype=torch.float64)
    else:
        past, poles = state[0].to(x.dtype), state[1].double()
    keep = torch._C._are_functorch_transforms_active() or (
        torch.is_grad_enabled() and any(t.requires_grad for t in (x, ks, ms, past, poles))
    )
    y, past, poles, _, _ = _call(
        x, ks, ms, past, poles, graph.steps(), list(graph.longest), graph.nodes, graph.outputs, keep
    )
    return y, (past, poles)


def _stacked(kind: str, given: Mapping[str, Tensor | float], names: list[str], x: Tensor) -> Tensor:
    """Parameters (..., K, T or 1) in the order of the graph, float64."""
    if set(given) != set(names):
        raise ValueError(f"delay_graph: this graph has the {kind} {sorted(names)}, got {sorted(given)}.")
    rows = []
    for name in names:
        value = torch.as_tensor(given[name], dtype=torch.float64, device=x.device)
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
