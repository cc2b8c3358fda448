"""The delay line with feedback as an operator; ``delay_line`` has the public functions."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from diffFx_pytorch.dsp.interpolation import POINTS
from diffFx_pytorch.kernels import Kernel, bound_rows, define, run_rows
from diffFx_pytorch.kernels.bound import line_of, refreshed
from diffFx_pytorch.kernels.cuda import triton_kernel
from diffFx_pytorch.kernels.rows import as_rows, as_whole_rows, denormal_threshold, indexed_rows
from diffFx_pytorch.recursion.cpu.delay_read import delay_read_backward_rows, delay_read_rows
from diffFx_pytorch.recursion.cpu.feedback_delay import CHUNK, SHARING, feedback_delay_rows
from diffFx_pytorch.recursion.cpu.feedback_delay_backward import backward_room, feedback_delay_backward_rows
from diffFx_pytorch.recursion.cpu.taps import ROOM, kernel_tables, room_for_taps
from diffFx_pytorch.recursion.fallback.feedback_delay import feedback_delay_adjoint, feedback_delay_blocks

_INPUTS = {"x": 1, "delay": 1, "feedback?": 1, "lowpass?": 1, "highpass?": 1, "past?": 1, "tail": 1}


def _parameters(batch_shape: tuple[int, ...], *parameters: Tensor | None) -> tuple[Any, ...]:
    """Each as rows and their index, all in one dtype; an absent one has no columns.

    Constants are few: always float64, and the kernels are compiled for one type less.
    """
    dtype = _common_dtype(parameters)
    absent = torch.empty((1,) * len(batch_shape) + (0,))
    given = [absent.to(dtype) if p is None else refreshed(p.to(dtype), p) for p in parameters]
    return tuple(indexed_rows(p, 1, batch_shape) for p in given)


def _common_dtype(parameters: Sequence[Tensor | None]) -> torch.dtype:
    given = [p for p in parameters if p is not None]
    if all(p.shape[-1] == 1 for p in given):
        return torch.float64
    return functools.reduce(torch.promote_types, (p.dtype for p in given))


def _rows_per_piece(rows: int) -> int:
    """As many as share a delay's weights, unless that leaves threads idle."""
    return max(1, min(SHARING, rows // (2 * torch.get_num_threads())))


def _summed_batch_shape(batch_shape: tuple[int, ...], delay: Tensor) -> tuple[int, ...]:
    """Batch shape of the delay's gradient: channels that read one delay add up while they go through a block."""
    own = tuple(delay.shape[:-1])
    together = len(own) > 0 and own[:-1] == batch_shape[:-1] and own[-1] == 1 and 1 < batch_shape[-1] <= SHARING
    return own if together else batch_shape


def _pad(past: Tensor | None, interpolation: str) -> int:
    return POINTS[interpolation] if past is None else past.shape[-1]


def _states(t: Tensor, rows: int) -> np.ndarray:
    return t.view(rows, -1, 2).numpy() if t.numel() else np.empty((rows, 0, 2))


def _bind(
    batch_shape: tuple[int, ...], inputs: Any, outputs: Any, interpolation: str, saturate: bool, limit: float
) -> Callable[[], None]:
    x, delay, feedback, lowpass, highpass, past, tail = inputs
    rows, pad = math.prod(batch_shape), _pad(past, interpolation)
    good = np.ones(rows, np.bool_)
    tables, recursive = kernel_tables(interpolation), interpolation == "allpass"
    line = line_of(past, outputs.line)
    window = np.array([0, outputs.line.shape[-1]]) if line is None else line.window
    written = as_rows(outputs.line if line is None else line.buffer)
    read = (as_rows(outputs.v), (written, window), as_rows(outputs.state))
    threshold = denormal_threshold(x.dtype)
    delays, *loop = _parameters(batch_shape, delay, feedback, lowpass, highpass)

    def room() -> tuple[Any, ...]:
        return room_for_taps(2 * len(tables[0]), False), np.zeros(4 * ROOM)

    if feedback is None:
        kernel, given, options, filled = delay_read_rows, delays, (recursive, limit, threshold), read
    else:
        kernel, given, options = feedback_delay_rows, (delays, *loop), (recursive, saturate, limit, threshold)
        filled = (*read, _states(outputs.filter_states, rows))
    signals = indexed_rows(x, 1, batch_shape)
    run = bound_rows(kernel, rows, _rows_per_piece(rows), signals, given, tables, options, filled, good, room=room)

    def call() -> None:
        if line is None:
            outputs.line[..., :pad] = 0 if past is None else past
        outputs.state.copy_(tail)
        run()
        if not good.all():
            least = 0 if feedback is None else 1
            most = "" if math.isinf(limit) else f" and at most max_delay = {limit:g}"
            raise ValueError(
                f"delay must be at least {least} sample{'s' if least == 0 else ''}{most}, and no NaN; "
                f"got {delay.min():g} to {delay.max():g}. Clamp it, or raise max_delay."
            )

    return call


def _backward(
    batch_shape: Any, grads: Any, inputs: Any, saved: Any, needs: Any, interpolation: str, saturate: bool, limit: float
) -> list[Tensor | None]:
    x, delay, feedback, lowpass, highpass, _, tail = inputs
    rows, parameters = math.prod(batch_shape), (delay, feedback, lowpass, highpass)
    to_past = x.new_empty(*batch_shape, saved.line.shape[-1] - x.shape[-1])
    to_x = x.new_empty(*batch_shape, x.shape[-1])
    to_state = grads.state.expand(*batch_shape, 3).to(torch.float64, copy=True).contiguous()
    shapes = [_summed_batch_shape(batch_shape, delay), *[batch_shape] * 3]
    to_parameters = [
        torch.empty(*shape, p.shape[-1] if p is not None and need else 0, dtype=_common_dtype(parameters))
        for shape, p, need in zip(shapes, parameters, needs[1:5], strict=True)
    ]
    together = batch_shape[-1] if batch_shape and shapes[0] != batch_shape else 1
    grad_line = x.new_empty(*batch_shape, 0) if grads.line is None else grads.line
    tables, recursive, threshold = kernel_tables(interpolation), interpolation == "allpass", denormal_threshold(x.dtype)
    delays, *loop = _parameters(batch_shape, *parameters)
    kept = (as_whole_rows(tail.double(), 1, batch_shape), as_rows(saved.v), as_rows(saved.line))
    to_signals, to_rows = tuple(as_rows(t) for t in (to_past, to_x, to_state)), tuple(map(as_rows, to_parameters))
    grad_rows = indexed_rows(grads.v, 1, batch_shape), as_whole_rows(grad_line, 1, batch_shape)

    def room() -> tuple[Any, ...]:
        return room_for_taps(2 * len(tables[0]), needs.delay), backward_room(rows, kept[2])

    grain = together * max(1, _rows_per_piece(rows) // together)
    if feedback is None:
        options = (recursive, limit, threshold)
        kernel, rest = delay_read_backward_rows, (delays, kept, tables, options, to_signals, to_rows[0])
    else:
        kept, options = (*kept, _states(saved.filter_states, rows)), (recursive, saturate, limit, threshold)
        kernel, rest = feedback_delay_backward_rows, ((delays, *loop), kept, tables, options, to_signals, to_rows)
    run_rows(kernel, rows, grain, *grad_rows, *rest, room=room)
    return [to_x, *to_parameters, to_past, to_state]


def _chunks(x: Tensor, delay: Tensor, feedback: Any, lowpass: Any, highpass: Any, *_: Any) -> Any:
    filtered = lowpass is not None or highpass is not None
    return (-(-x.shape[-1] // CHUNK) if filtered else 0, 2), torch.float64


def _tap(x: Tensor, *_: Any) -> Any:
    return (x.shape[-1],), x.dtype


def _line(*arguments: Any) -> Any:
    x, past, interpolation = arguments[0], arguments[5], arguments[7]
    return (_pad(past, interpolation) + x.shape[-1],), x.dtype


feedback_delay_operator = define(
    "feedback_delay",
    _INPUTS,
    {"v": _tap, "line?": _line, "state": lambda *_: ((3,), torch.float64)},
    feedback_delay_blocks,
    Kernel.bound(_bind, _backward, {"filter_states": _chunks}),
    settings={"interpolation": str, "saturate": bool, "limit": float},
    adjoint=feedback_delay_adjoint,
    saves=dict.fromkeys([*(name.removesuffix("?") for name in _INPUTS), "v", "line"], ()),
)
"""Tap (..., T), line with its past (..., pad + T), and states (..., 3) of all-pass, low-pass and high-pass, float64."""
feedback_delay_operator.register(device="cuda", kernel=triton_kernel("diffFx_pytorch.recursion.cuda.feedback_delay"))
