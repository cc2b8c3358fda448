"""Cascades of biquads: `sosfilt`."""

from __future__ import annotations

import functools
from typing import Any, Literal, overload

import numpy as np
import torch
from torch import Tensor

from diffFx_pytorch.kernels import run_rows
from diffFx_pytorch.recursion.cpu import sections, sections_staged, sections_time_varying, time_varying_lanes
from diffFx_pytorch.recursion.cpu.biquad_tile import BLOCK, LANES
from diffFx_pytorch.recursion.cpu.sections_plan import plan
from diffFx_pytorch.recursion.fallback.sections import cascade, sections_matrices
from diffFx_pytorch.recursion.ops.cascade import DENORMAL_THRESHOLD, cascade_arguments, define_cascade


def rows_by_coefficient(rows: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows in the order of the coefficients they use, and where each coefficient's rows begin."""
    order = np.argsort(rows, kind="stable")
    return order, np.searchsorted(rows[order], np.arange(count + 1))


def _run_cut(kernel: Any, x: Tensor, c: np.ndarray, call: Any) -> None:
    """Run a kernel over segments of rows; again over whole rows where inf or NaN would have to cross a border."""
    rows, samples = x.shape
    first = plan(rows, samples, c, x.dtype == torch.float64)
    for cut in (first, plan(rows, samples, c, exact=True, whole=True)):
        broken = np.empty(rows * cut.segments, np.bool_)
        arguments, outputs = call(cut.segments)
        run_rows(kernel, -(-rows * cut.segments // LANES), 1, *arguments, cut, DENORMAL_THRESHOLD, *outputs, broken)
        if cut.segments == 1 or not broken.any():
            return


def _in_stages(x: Tensor, c: np.ndarray) -> bool:
    """Whether two stages of sections over whole rows cost less than all sections over segments of rows, run up to."""
    rows, samples = x.shape
    K = c.shape[1]
    if K < 2 or samples < 2 * BLOCK:
        return False
    segments, length, warmup, _ = plan(rows, samples, c, x.dtype == torch.float64)
    groups, staged = -(-rows * segments // LANES), -(-rows // sections_staged.HALF)
    # Fewer groups would leave threads idle.
    return staged >= groups and staged * (samples + BLOCK) * -(-K // 2) < groups * (length + warmup * BLOCK) * K


def _in_pairs(x: Tensor, c: np.ndarray) -> bool:
    """Whether the adjoint is to run over pairs of tiles: it fills half the lanes only, and so does what is not cut."""
    rows, samples = x.shape
    few = c.shape[1] > 0 and rows <= sections_staged.HALF and samples >= 2 * BLOCK
    return few and plan(rows, samples, c, x.dtype == torch.float64)[0] == 1


def _rest(signal: Tensor) -> Tensor:
    """What follows the last whole tile."""
    return signal[:, signal.shape[1] // BLOCK * BLOCK :].contiguous()


def _forward_in_stages(
    x: Tensor,
    c: np.ndarray,
    rows: np.ndarray,
    zi: np.ndarray,
    unit: bool,
    y: Tensor,
    zf: np.ndarray,
    checkpoints: np.ndarray,
) -> None:
    groups = -(-x.shape[0] // sections_staged.HALF)
    run_rows(
        sections_staged.forward, groups, 1, x.numpy(), c, rows, zi, unit, DENORMAL_THRESHOLD, y.numpy(), zf, checkpoints
    )
    tail = _rest(x)
    if not tail.shape[1]:
        return
    whole, out, own = zf.copy(), torch.empty_like(tail), np.empty((len(zf), min(1, checkpoints.shape[1]), zf.shape[1]))
    _run_whole(sections.forward, tail, c, (tail.numpy(), c, rows, whole, unit), (out.numpy(), zf, own))
    y[:, x.shape[1] - tail.shape[1] :] = out
    checkpoints[:, -1:] = own


def _backward_in_pairs(
    gy: Tensor,
    gzf: np.ndarray,
    x: Tensor,
    c: np.ndarray,
    rows: np.ndarray,
    unit: bool,
    checkpoints: np.ndarray,
    gx: Tensor,
    gzi: np.ndarray,
) -> np.ndarray:
    """Gradient (R, K, 5) of each row's coefficients."""
    by_row = np.empty((x.shape[0], *c.shape[1:]))
    tail, from_tail = _rest(x), None
    if tail.shape[1]:
        out, own, from_tail = torch.empty_like(tail), np.empty_like(gzf), np.empty_like(by_row)
        inputs = (_rest(gy).numpy(), gzf, tail.numpy(), c, rows, unit)
        _run_whole(
            sections.backward, tail, c, inputs, (checkpoints[:, -1:].copy(), out.numpy(), _joined(from_tail), own)
        )
        gx[:, x.shape[1] - tail.shape[1] :] = out
        gzf = own
    groups = -(-x.shape[0] // sections_staged.HALF)
    inputs = (gy.numpy(), gzf, x.numpy(), c, rows, unit)
    run_rows(
        sections_staged.backward, groups, 1, *inputs, DENORMAL_THRESHOLD, checkpoints, gx.numpy(), _joined(by_row), gzi
    )
    return by_row if from_tail is None else by_row + from_tail


def _run_whole(kernel: Any, x: Tensor, c: np.ndarray, inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
    cut = plan(x.shape[0], x.shape[1], c, exact=True, whole=True)
    broken = np.empty(x.shape[0], np.bool_)
    run_rows(kernel, -(-x.shape[0] // LANES), 1, *inputs, cut, DENORMAL_THRESHOLD, *outputs, broken)


def _gathered_gains(c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (Q, K, 5) with all gains b0 in the first section, which saves a multiplication in the others.

    Returns:
        The coefficients, and (Q, K) by how much the outputs (and states) of each section grow; as given and ones where
        a b0 is 0 or not finite, or the products go far out of range.
    """
    gains = np.ones(c.shape[:2])
    gains[:, :-1] = np.cumprod(c[:, :0:-1, 0], 1)[:, ::-1]
    if not np.all((np.abs(gains) > 1e-60) & (np.abs(gains) < 1e60)):
        return c, np.ones(c.shape[:2])
    gathered = c.copy()
    gathered[:, 0, :3] *= gains[:, :1]
    gathered[:, 1:, :3] /= c[:, 1:, :1]
    gathered[:, 1:, 0] = 1.0  # whatever x / x rounds to
    return gathered, gains


def _joined(states: np.ndarray) -> np.ndarray:
    """(..., K, n) as (..., K n)."""
    return states.reshape(*states.shape[:-2], states.shape[-2] * states.shape[-1])


def _constant_forward(
    x: Tensor, coef: Tensor, rows: np.ndarray, zi: Tensor, y: Tensor, zf: Tensor, checkpoints: Tensor
) -> None:
    c, gains = _gathered_gains(coef[:, 0].numpy())
    scale = gains[rows, :, None]
    inputs = (x.numpy(), c, rows, _joined(zi.numpy() * scale), bool((c[:, 1:, 0] == 1).all()))
    outputs = (y.numpy(), _joined(zf.numpy()), _joined(checkpoints.numpy()))
    if _in_stages(x, c):
        _forward_in_stages(x, c, rows, inputs[3], inputs[4], y, outputs[1], outputs[2])
    else:
        _run_cut(sections.forward, x, c, lambda segments: (inputs, outputs))
    zf /= torch.from_numpy(scale)


def _constant_backward(
    gy: Tensor,
    gzf: Tensor,
    x: Tensor,
    coef: Tensor,
    rows: np.ndarray,
    checkpoints: Tensor,
    gx: Tensor,
    gcoef: Tensor,
    gzi: Tensor,
) -> None:
    c, gains = _gathered_gains(coef[:, 0].numpy())
    scale = gains[rows, :, None]
    unit = bool((c[:, 1:, 0] == 1).all())
    by_lane = np.empty((0, *c.shape[1:]))

    def call(segments: int) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        nonlocal by_lane
        by_lane = np.empty((x.shape[0] * segments if gcoef.shape[0] else 0, *c.shape[1:]))
        inputs = (gy.numpy(), _joined(gzf.numpy() / scale), x.numpy(), c, rows, unit)
        return inputs, (_joined(checkpoints.numpy()), gx.numpy(), _joined(by_lane), _joined(gzi.numpy()))

    if gcoef.shape[0] and _in_pairs(x, c):
        states = _joined(gzf.numpy() / scale)
        by_lane = _backward_in_pairs(
            gy, states, x, c, rows, unit, _joined(checkpoints.numpy()), gx, _joined(gzi.numpy())
        )
    else:
        _run_cut(sections.backward, x, c, call)
    gzi *= torch.from_numpy(scale)
    if gcoef.shape[0]:
        by_row = by_lane.reshape(len(rows), len(by_lane) // len(rows), *c.shape[1:]).sum(1)
        # A section's input has the scale of the output before it, its adjoint the inverse of its own output's.
        by_row[:, 0, :3] *= scale[:, 0]
        by_row[:, 1:, :3] *= scale[:, 1:] / scale[:, :-1]
        gcoef[:, 0].index_add_(0, torch.from_numpy(rows), torch.from_numpy(by_row))


def run_time_varying(
    one_by_one: Any,
    few: int,
    x: Tensor,
    coef: Tensor,
    rows: np.ndarray,
    zi: Tensor,
    y: Tensor,
    zf: Tensor,
    checkpoints: Tensor,
) -> None:
    """Filter rows side by side, or ``few`` rows and less one after the other."""
    arguments = (
        x.numpy(),
        coef.numpy(),
        rows,
        zi.numpy(),
        DENORMAL_THRESHOLD,
        y.numpy(),
        zf.numpy(),
        checkpoints.numpy(),
    )
    if x.shape[0] <= few:
        run_rows(one_by_one, x.shape[0], 1, *arguments)
    else:
        run_rows(time_varying_lanes.forward, -(-x.shape[0] // time_varying_lanes.ROWS), 1, *arguments)


_time_varying_forward = functools.partial(run_time_varying, sections_time_varying.forward, 3)


def _time_varying_backward(
    gy: Tensor,
    gzf: Tensor,
    x: Tensor,
    coef: Tensor,
    rows: np.ndarray,
    checkpoints: Tensor,
    gx: Tensor,
    gcoef: Tensor,
    gzi: Tensor,
) -> None:
    order, bounds = rows_by_coefficient(rows, coef.shape[0])
    inputs = (gy.numpy(), gzf.numpy(), x.numpy(), coef.numpy(), order, bounds, DENORMAL_THRESHOLD, checkpoints.numpy())
    run_rows(sections_time_varying.backward, coef.shape[0], 1, *inputs, gx.numpy(), gcoef.numpy(), gzi.numpy())


def _constant_equation(x: Tensor, coef: Tensor, zi: Tensor) -> tuple[Tensor, Tensor]:
    return cascade(x, *sections_matrices(coef), zi)


def _over_a0(sos: Tensor) -> Tensor:
    return torch.cat([sos[..., :3], sos[..., 4:]], -1) / sos[..., 3:4]


def _time_varying_equation(x: Tensor, sos: Tensor, zi: Tensor) -> tuple[Tensor, Tensor]:
    return cascade(x, *sections_matrices(_over_a0(sos)), zi)


_constant = define_cascade("sections", _constant_equation, _constant_forward, _constant_backward)
_time_varying = define_cascade(
    "sections_time_varying", _time_varying_equation, _time_varying_forward, _time_varying_backward
)


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
    x: Tensor, sos: Tensor, zi: Tensor | None = ..., *, return_zf: Literal[True], time_varying: bool | None = ...
) -> tuple[Tensor, Tensor]: ...
def sosfilt(
    x: Tensor, sos: Tensor, zi: Tensor | None = None, return_zf: bool = False, *, time_varying: bool | None = None
) -> Tensor | tuple[Tensor, Tensor]:
    r"""Filter with second-order sections in series, constant or changing from sample to sample.

    .. math:: y_t = b_{0,t} x_t + s_{1,t-1}, \quad s_{1,t} = b_{1,t} x_t - a_{1,t} y_t + s_{2,t-1}, \quad
        s_{2,t} = b_{2,t} x_t - a_{2,t} y_t

    for each section, every coefficient divided by :math:`a_{0,t}`: scipy's transposed direct form 2, whose states are
    kept when coefficients change. Arithmetic and states are float64 whatever the dtype of ``x``. The coefficients
    matter more: quantised to float32 they misplace the poles of a 20 Hz filter, so give float64 ones to float32 audio.

    Unstable coefficients are computed as given. Coefficients that change fast can make this form blow up though each
    frozen filter is stable; `svfilt` cannot.

    Args:
        x: signal (..., T), float32 or float64.
        sos: sections [b0 b1 b2 a0 a1 a2], (..., K, 6) constant or (..., T, K, 6) time-varying, in the dtype of
            ``x`` or float64. Batch dimensions broadcast with those of ``x``.
        zi: states before the first sample (..., K, 2), scipy's s1, s2; zero if None. scipy puts the sections first.
        return_zf: also return the states after the last sample.
        time_varying: None takes ``sos`` as time-varying where it has two axes more than ``x``, as constant where it has
            fewer; True or False overrides that.

    Returns:
        The output, of the shape ``x`` and the batch dimensions of ``sos`` broadcast to, in the dtype of ``x``; with
        ``return_zf`` also the states (..., K, 2) in float64, so that passing them on as ``zi`` loses nothing.

    Raises:
        TypeError: ``x`` or ``sos`` is no float tensor, or ``sos`` is narrower than ``x``.
        ValueError: shapes that do not fit.

    References:
        scipy.signal.sosfilt, sosfilt_zi (layout of sections and states).
    """
    coef, start = cascade_arguments("sosfilt", "sos", x, sos, 6, zi, time_varying)
    if coef.shape[-3] == 1 and x.shape[-1] != 1:  # one sample is not worth the plan of a long signal
        y, zf = _constant(x, _over_a0(coef.double()), start)
    else:
        y, zf = _time_varying(x, coef, start)
    return (y, zf) if return_zf else y
