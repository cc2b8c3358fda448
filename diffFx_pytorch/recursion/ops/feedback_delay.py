"""The delay line with feedback as an operator: kernels, gradient, tangent; ``delay_line`` has the public functions."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from diffFx_pytorch.dsp.delay_read import gather_taps
from diffFx_pytorch.dsp.interpolation import POINTS
from diffFx_pytorch.kernels import run_rows
from diffFx_pytorch.recursion.cpu.delay_taps import kernel_tables
from diffFx_pytorch.recursion.cpu.feedback_delay import CHUNK, SHARING, feedback_delay_rows
from diffFx_pytorch.recursion.cpu.feedback_delay_backward import feedback_delay_backward_rows
from diffFx_pytorch.recursion.fallback.feedback_delay import (
    allpass_pole,
    feedback_delay_blocks,
    feedback_delay_gradients,
    loop_signals,
    shifted,
)
from diffFx_pytorch.recursion.fallback.scan import first_order_scan
from diffFx_pytorch.recursion.ops.attack_release import TINY
from diffFx_pytorch.recursion.ops.rows import as_rows, lead_of, row_index
from diffFx_pytorch.recursion.ops.transforms import with_transforms


def _common_dtype(parameters: Sequence[Tensor | None]) -> torch.dtype:
    """Constants are few: always float64, and the kernels are compiled for one type less."""
    if all(p is None or p.shape[-1] == 1 for p in parameters):
        return torch.float64
    dtypes = [p.dtype for p in parameters if p is not None]
    return functools.reduce(torch.promote_types, dtypes)


def _parameter_arrays(lead: tuple[int, ...], *parameters: Tensor | None) -> list[Any]:
    """Each parameter as rows in one dtype, followed by its row index; an absent one has no columns."""
    dtype = _common_dtype(parameters)
    arrays: list[Any] = []
    for p in parameters:
        rows = torch.empty((1,) * len(lead) + (0,)) if p is None else p
        arrays += [as_rows(rows.to(dtype)), row_index(tuple(rows.shape[:-1]), lead)]
    return arrays


def _rows_a_piece(rows: int) -> int:
    """As many as share a delay's weights, unless that leaves threads idle."""
    return max(1, min(SHARING, rows // (2 * torch.get_num_threads())))


def _summed_lead(lead: tuple[int, ...], delay: Tensor) -> tuple[int, ...]:
    """Leading shape of the delay's gradient: channels that read one delay add up while they go through a block."""
    own = tuple(delay.shape[:-1])
    together = len(own) > 0 and own[:-1] == lead[:-1] and own[-1] == 1 and 1 < lead[-1] <= SHARING
    return own if together else lead


def _chunks(T: int, keep: bool, *filters: Tensor | None) -> int:
    return -(-T // CHUNK) if keep and any(f is not None for f in filters) else 0


@torch.library.custom_op("diffFx::feedback_delay", mutates_args=())
def _feedback_delay(
    x: Tensor,
    delay: Tensor,
    feedback: Tensor | None,
    lowpass: Tensor | None,
    highpass: Tensor | None,
    past: Tensor | None,
    tail: Tensor,
    interpolation: str,
    saturate: bool,
    limit: float,
    keep: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Tap (..., T), line (..., pad + T), states (..., 3) in float64, filter states before each chunk if ``keep``."""
    v, line, state = feedback_delay_blocks(
        x, delay.clamp(max=limit), feedback, lowpass, highpass, past, tail, interpolation, saturate
    )
    return v.to(x.dtype, copy=True), line.to(x.dtype, copy=True), state, state.new_empty(*state.shape[:-1], 0, 2)


@_feedback_delay.register_kernel("cpu")
def _(
    x: Tensor,
    delay: Tensor,
    feedback: Tensor | None,
    lowpass: Tensor | None,
    highpass: Tensor | None,
    past: Tensor | None,
    tail: Tensor,
    interpolation: str,
    saturate: bool,
    limit: float,
    keep: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    lead, T = lead_of(x, delay, feedback, lowpass, highpass, past, tail), x.shape[-1]
    rows = math.prod(lead)
    pad = POINTS[interpolation] if past is None else past.shape[-1]
    line = x.new_empty(*lead, pad + T)
    if past is None:
        line[..., :pad] = 0
    else:
        line[..., :pad] = past
    v = x.new_empty(*lead, T)
    state = tail.expand(*lead, 3).to(torch.float64, copy=True).contiguous()
    checkpoints = state.new_empty(*lead, _chunks(T, keep, lowpass, highpass), 2)
    if v.numel():
        good = torch.ones(rows, dtype=torch.bool).numpy()
        run_rows(
            feedback_delay_rows,
            rows,
            _rows_a_piece(rows),
            as_rows(x),
            row_index(tuple(x.shape[:-1]), lead),
            *_parameter_arrays(lead, delay, feedback, lowpass, highpass),
            kernel_tables(interpolation)[0],
            interpolation == "allpass",
            saturate,
            limit,
            past is not None,
            TINY[x.dtype],
            as_rows(line),
            as_rows(v),
            as_rows(state),
            checkpoints.view(rows, checkpoints.shape[-2], 2).numpy(),
            good,
        )
        if not good.all():
            least = 0 if feedback is None else 1
            most = "" if math.isinf(limit) else f" and at most max_delay = {limit:g}"
            raise ValueError(
                f"delay must be at least {least} sample{'s' if least == 0 else ''}{most}, and no NaN; "
                f"got {delay.min():g} to {delay.max():g}. Clamp it, or raise max_delay."
            )
    return v, line, state, checkpoints


@_feedback_delay.register_fake
def _(
    x: Tensor,
    delay: Tensor,
    feedback: Tensor | None,
    lowpass: Tensor | None,
    highpass: Tensor | None,
    past: Tensor | None,
    tail: Tensor,
    interpolation: str,
    saturate: bool,
    limit: float,
    keep: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    lead, T = lead_of(x, delay, feedback, lowpass, highpass, past, tail), x.shape[-1]
    pad = POINTS[interpolation] if past is None else past.shape[-1]
    chunks = _chunks(T, keep, lowpass, highpass) if x.device.type == "cpu" else 0
    return (
        x.new_empty(*lead, T),
        x.new_empty(*lead, pad + T),
        x.new_empty(*lead, 3, dtype=torch.float64),
        x.new_empty(*lead, chunks, 2, dtype=torch.float64),
    )


@torch.library.custom_op("diffFx::feedback_delay_backward", mutates_args=())
def _feedback_delay_backward(
    grad_v: Tensor,
    grad_line: Tensor | None,
    grad_tail: Tensor,
    x: Tensor,
    delay: Tensor,
    feedback: Tensor | None,
    lowpass: Tensor | None,
    highpass: Tensor | None,
    past: Tensor | None,
    tail: Tensor,
    v: Tensor,
    line: Tensor,
    checkpoints: Tensor,
    interpolation: str,
    saturate: bool,
    limit: float,
    wanted: list[bool],
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients to past, x, states, delay, feedback, low-pass, high-pass, unwanted ones (..., 0).

    One an output row, but one of the delay's own for channels that share it.
    """
    to_line, to_tail, *to_parameters = feedback_delay_gradients(
        grad_v,
        grad_line,
        grad_tail,
        line,
        v,
        delay.clamp(max=limit),
        feedback,
        lowpass,
        highpass,
        tail,
        interpolation,
        saturate,
    )
    lead = to_line.shape[:-1]
    grads = _gradient_buffers(lead, wanted, (delay, feedback, lowpass, highpass))
    for target, grad in zip(grads, to_parameters, strict=True):
        if target.shape[-1]:
            target.copy_(grad.expand(*lead, grad.shape[-1]).sum_to_size(target.shape))
    to_past, to_x = to_line.to(line.dtype).split([line.shape[-1] - x.shape[-1], x.shape[-1]], -1)
    return to_past.clone(), to_x.clone(), to_tail.clone(), grads[0], grads[1], grads[2], grads[3]


def _gradient_buffers(
    lead: tuple[int, ...], wanted: Sequence[bool], parameters: Sequence[Tensor | None]
) -> list[Tensor]:
    dtype = _common_dtype(parameters)
    lengths = [p.shape[-1] if p is not None and want else 0 for p, want in zip(parameters, wanted, strict=True)]
    device = next(p.device for p in parameters if p is not None)
    delay = parameters[0]
    leads = [lead if delay is None else _summed_lead(lead, delay), *[lead] * 3]
    return [torch.empty(*own, n, dtype=dtype, device=device) for own, n in zip(leads, lengths, strict=True)]


@_feedback_delay_backward.register_kernel("cpu")
def _(
    grad_v: Tensor,
    grad_line: Tensor | None,
    grad_tail: Tensor,
    x: Tensor,
    delay: Tensor,
    feedback: Tensor | None,
    lowpass: Tensor | None,
    highpass: Tensor | None,
    past: Tensor | None,
    tail: Tensor,
    v: Tensor,
    line: Tensor,
    checkpoints: Tensor,
    interpolation: str,
    saturate: bool,
    limit: float,
    wanted: list[bool],
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    lead, T = lead_of(x, delay, feedback, lowpass, highpass, past, tail, grad_v), x.shape[-1]
    rows = math.prod(lead)
    to_past = line.new_empty(*lead, line.shape[-1] - T)
    to_x = line.new_empty(*lead, T)
    to_tail = grad_tail.expand(*lead, 3).to(torch.float64, copy=True).contiguous()
    grads = _gradient_buffers(lead, wanted, (delay, feedback, lowpass, highpass))
    together = lead[-1] if lead and _summed_lead(lead, delay) != lead else 1
    if rows and T:
        run_rows(
            feedback_delay_backward_rows,
            rows,
            _rows_a_piece(rows) if together == 1 else together * max(1, _rows_a_piece(rows) // together),
            as_rows(grad_v),
            row_index(tuple(grad_v.shape[:-1]), lead),
            as_rows(line.expand(*lead, line.shape[-1])),
            as_rows(v.expand(*lead, T)),
            as_rows(tail.double().expand(*lead, 3)),
            *_parameter_arrays(lead, delay, feedback, lowpass, highpass),
            *kernel_tables(interpolation),
            interpolation == "allpass",
            saturate,
            limit,
            past is not None,
            checkpoints.expand(*lead, *checkpoints.shape[-2:]).contiguous().view(rows, -1, 2).numpy()
            if checkpoints.shape[-2]
            else checkpoints.new_empty(rows, 0, 2).numpy(),
            as_rows(line.new_empty(*lead, 0) if grad_line is None else grad_line.expand(*lead, line.shape[-1])),
            as_rows(to_past),
            as_rows(to_x),
            as_rows(to_tail),
            *(as_rows(g) for g in grads),
        )
    else:
        to_past.copy_(torch.zeros(()) if grad_line is None else grad_line[..., : to_past.shape[-1]])
        for grad in grads:
            grad.zero_()
    return to_past, to_x, to_tail, grads[0], grads[1], grads[2], grads[3]


@_feedback_delay_backward.register_fake
def _(
    grad_v: Tensor,
    grad_line: Tensor | None,
    grad_tail: Tensor,
    x: Tensor,
    delay: Tensor,
    feedback: Tensor | None,
    lowpass: Tensor | None,
    highpass: Tensor | None,
    past: Tensor | None,
    tail: Tensor,
    v: Tensor,
    line: Tensor,
    checkpoints: Tensor,
    interpolation: str,
    saturate: bool,
    limit: float,
    wanted: list[bool],
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    lead = lead_of(x, delay, feedback, lowpass, highpass, past, tail, grad_v)
    grads = _gradient_buffers(lead, wanted, (delay, feedback, lowpass, highpass))
    return (
        line.new_empty(*lead, line.shape[-1] - x.shape[-1]),
        line.new_empty(*lead, x.shape[-1]),
        line.new_empty(*lead, 3, dtype=torch.float64),
        grads[0],
        grads[1],
        grads[2],
        grads[3],
    )


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    v, line, _, checkpoints = output
    ctx.save_for_backward(*inputs[:7], v, line, checkpoints)
    ctx.save_for_forward(*inputs[:7])
    ctx.settings = inputs[7:10]
    ctx.mark_non_differentiable(checkpoints)
    ctx.set_materialize_grads(False)


def _first_derivative(
    ctx: Any, grad_v: Tensor | None, grad_line: Tensor | None, grad_tail: Tensor | None, _: Any
) -> tuple[Tensor | None, ...]:
    *inputs, v, line, checkpoints = ctx.saved_tensors
    if grad_v is None and grad_line is None and grad_tail is None:
        return (None,) * 11
    grad_v = torch.zeros_like(v) if grad_v is None else grad_v
    grad_tail = v.new_zeros(*v.shape[:-1], 3, dtype=torch.float64) if grad_tail is None else grad_tail
    needs = ctx.needs_input_grad[:7]
    to_past, to_x, to_tail, *to_parameters = _call_backward(
        grad_v, grad_line, grad_tail, *inputs, v, line, checkpoints, *ctx.settings, list(needs[1:5])
    )
    grads = [to_x, *to_parameters, to_past, to_tail]
    found = (
        g.sum_to_size(p.shape).to(p.dtype) if need and p is not None else None
        for g, p, need in zip(grads, inputs, needs, strict=True)
    )
    return (*found, None, None, None, None)


def _tangent(
    primals: Sequence[Tensor | None],
    tangents: Sequence[Tensor | None],
    interpolation: str,
    saturate: bool,
    limit: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Directional derivative of tap, line and states.

    The tangent obeys the same delay line, linear, driven by what the directions inject: the tap's slope where the
    delay moves, and the filters' slopes where their coefficients do. So it is another call of the operator.
    """
    x, delay, feedback, lowpass, highpass, past, tail = (None if p is None else p.double() for p in primals)
    dx, d_delay, dg, d_low, d_high, d_past, d_tail = (None if t is None else t.double() for t in tangents)
    assert x is not None and delay is not None and tail is not None  # noqa: PT018
    v, line, _, _ = _call(x, delay, feedback, lowpass, highpass, past, tail, interpolation, saturate, limit, True)
    T, lead = v.shape[-1], v.shape[:-1]
    pad = line.shape[-1] - T
    youngest = 0 if feedback is None else 1
    d = delay.clamp(youngest, limit).expand(*delay.shape[:-1], T)
    zero = torch.zeros_like(v)
    none = torch.zeros_like(tail).expand(*lead, 3)
    q = zero
    if d_delay is not None:
        slope = gather_taps(line, pad, d, interpolation, youngest, derivative=True)
        if interpolation == "allpass":
            slope = slope - allpass_pole(d, youngest)[1] * shifted(v, tail[..., :1])
        q = slope * d_delay
    if interpolation == "allpass":
        q = first_order_scan(-allpass_pole(d, youngest)[0], q, torch.zeros_like(q[..., :1]))
    drive = zero if dx is None else zero + dx
    slope_g: Tensor | None = feedback
    end_l = end_m = none[..., :1]
    if feedback is not None:
        signals, _, _ = loop_signals(v, lowpass, highpass, saturate, tail)
        u_q = q
        if lowpass is not None and signals.before_l is not None:
            inject = (1 - lowpass) * q
            if d_low is not None:
                inject = inject + d_low * (signals.before_l - v)
            u_q = first_order_scan(lowpass, inject, torch.zeros_like(q[..., :1]))
            end_l = u_q[..., -1:] if T else end_l
        if highpass is not None and signals.before_m is not None:
            inject = (1 - highpass) * u_q
            if d_high is not None:
                inject = inject + d_high * (signals.before_m - signals.low)
            m_q = first_order_scan(highpass, inject, torch.zeros_like(q[..., :1]))
            end_m = m_q[..., -1:] if T else end_m
            u_q = u_q - m_q
        if saturate:
            slope_g = feedback * (1 - signals.s**2)
            drive = drive + slope_g * u_q
        else:
            drive = drive + feedback * u_q
        if dg is not None:
            drive = drive + dg * signals.s
    if past is None:
        past_direction = None
    else:
        past_direction = torch.zeros_like(past).expand(*lead, pad) if d_past is None else d_past.expand(*lead, pad)
    dv, d_line, d_state, _ = _call(
        drive,
        delay,
        slope_g,
        lowpass,
        highpass,
        past_direction,
        none if d_tail is None else d_tail.expand(*lead, 3),
        interpolation,
        False,
        limit,
        True,
    )
    end_v = q[..., -1:] if T and interpolation == "allpass" else none[..., :1]
    d_state = d_state + torch.cat([end_v, end_l, end_m], -1)
    assert primals[0] is not None
    dtype = primals[0].dtype
    return (dv + q).to(dtype), d_line.to(dtype), d_state


def _forward_mode(ctx: Any, *tangents: Any) -> tuple[Tensor, Tensor, Tensor, None]:
    return *_tangent(ctx.saved_tensors[:7], tangents[:7], *ctx.settings), None


def _setup_backward_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    ctx.save_for_backward(*inputs[:10])
    ctx.save_for_forward(*inputs[:13])
    ctx.settings = inputs[13:]
    ctx.set_materialize_grads(False)


def _product_rule(
    tensors: Sequence[Tensor | None], along: Sequence[Tensor | None], settings: tuple[str, bool, float]
) -> list[Tensor | None]:
    """Gradient of <grads, tangent along the directions> to grads and primals, which ``tensors`` holds in this order.

    That inner product is the one of the directions with the first derivative; the Hessian being symmetric, its
    gradient to the primals is also the tangent of the first derivative.
    """
    present = [i for i, t in enumerate(tensors) if t is not None]

    def inner(*given: Tensor) -> Tensor:
        full: list[Tensor | None] = [None] * len(tensors)
        for i, t in zip(present, given, strict=True):
            full[i] = t
        grad_v, grad_line, grad_tail, *primals = full
        dv, d_line, d_tail = _tangent(primals, along, *settings)
        assert grad_v is not None and grad_tail is not None  # noqa: PT018
        total = (grad_v * dv).sum().double() + (grad_tail * d_tail).sum()
        return total if grad_line is None else total + (grad_line * d_line).sum()

    value, pull = torch.func.vjp(inner, *(t for t in tensors if t is not None))[:2]
    found: list[Tensor | None] = [None] * len(tensors)
    for i, grad in zip(present, pull(torch.ones_like(value)), strict=True):
        found[i] = grad
    return found


def _second_derivative(ctx: Any, *directions: Tensor | None) -> tuple[Tensor | None, ...]:
    saved = ctx.saved_tensors
    to_past, to_x, to_tail, *to_parameters = directions
    along = [None if d is None or d.shape[-1] == 0 else d for d in to_parameters]
    to_past = None if saved[8] is None else to_past
    return (*_product_rule(saved, [to_x, *along, to_past, to_tail], ctx.settings[:3]), *[None] * 7)


def _forward_over_gradient(ctx: Any, *tangents: Any) -> tuple[Tensor, ...]:
    grads, primals, kept = ctx.saved_tensors[:3], ctx.saved_tensors[3:10], ctx.saved_tensors[10:]
    d_grads = [torch.zeros_like(g) if t is None and g is not None else t for g, t in zip(grads, tangents, strict=False)]
    linear = _call_backward(*d_grads, *primals, *kept, *ctx.settings)
    lead = linear[1].shape[:-1]
    rows = [None if p is None else p.expand(*lead, p.shape[-1]) for p in primals]
    curved = _product_rule([*grads, *rows], tangents[3:10], ctx.settings[:3])[3:]
    to_x, *to_parameters, to_past, to_tail = curved
    parts = [to_past, to_x, to_tail, *to_parameters]
    return tuple(
        a if b is None or a.shape[-1] == 0 else a + b.sum_to_size(a.shape).to(a.dtype)
        for a, b in zip(linear, parts, strict=True)
    )


_call = with_transforms(_feedback_delay, _setup_context, _first_derivative, _forward_mode)
_call_backward = with_transforms(
    _feedback_delay_backward, _setup_backward_context, _second_derivative, _forward_over_gradient
)
delay_operator = _call
