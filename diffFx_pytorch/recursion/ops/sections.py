"""Cascades of biquads: `sosfilt`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from diffFx_pytorch.kernels import bound_rows, run_rows
from diffFx_pytorch.kernels.cuda import triton_kernel
from diffFx_pytorch.kernels.precision import where_float64_is
from diffFx_pytorch.recursion.cpu import sections, sections_staged, sections_time_varying, time_varying_lanes
from diffFx_pytorch.recursion.cpu.biquad_tile import BLOCK, LANES
from diffFx_pytorch.recursion.cpu.sections_plan import Cut, plan
from diffFx_pytorch.recursion.cuda.chunks import block_states
from diffFx_pytorch.recursion.fallback.designs import MOVING_SECTIONS, over_a0
from diffFx_pytorch.recursion.fallback.sections import rotating_matrices, sections_matrices
from diffFx_pytorch.recursion.ops.cascade import (
    DENORMAL_THRESHOLD,
    SECTIONS_ON_CUDA,
    Equations,
    cascade_arguments,
    define_cascade,
)

Array = np.ndarray


def rows_by_coefficient(rows: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows in the order of the coefficients they use, and where each coefficient's rows begin."""
    order = np.argsort(rows, kind="stable")
    return order, np.searchsorted(rows[order], np.arange(count + 1))


class _Constant(NamedTuple):
    """A constant cascade as the kernels take it."""

    coef: np.ndarray
    """(Q, K, 5) b0 b1 b2 a1 a2, with all gains b0 in the first section, which saves a multiplication in the others."""
    gains: np.ndarray
    """(Q, K): by how much the outputs (and states) of each section grow by that."""
    unit: bool
    """Whether b0 is 1 in all sections but the first."""
    content: bytes
    """What tells ``coef`` from others."""


def _constant_cascade(sos: np.ndarray) -> _Constant:
    """Of sections (Q, 1, K, 6)."""
    _, _, K, _ = sos.shape
    return _cascade_of(sos.tobytes(), K) if sos.nbytes <= _REMEMBERED else _cascade_of.__wrapped__(sos.tobytes(), K)


_REMEMBERED = 16384
"""Bytes of coefficients that are worth remembering: a stream comes with the same ones at every block."""


@functools.lru_cache(maxsize=128)
def _cascade_of(content: bytes, sections: int) -> _Constant:
    sos = np.frombuffer(content).reshape(-1, sections, 6)
    with np.errstate(all="ignore"):  # unstable and broken coefficients are computed as given
        c = np.concatenate((sos[..., :3], sos[..., 4:]), -1) / sos[..., 3:4]
    ones = np.ones(c.shape[:2])
    gains = ones.copy()
    gains[:, :-1] = np.cumprod(c[:, :0:-1, 0], 1)[:, ::-1]
    if not np.all((np.abs(gains) > 1e-60) & (np.abs(gains) < 1e60)):  # a b0 is 0, far out of range, or not finite
        return _Constant(c, ones, bool((c[:, 1:, 0] == 1).all()), content)
    gathered = c.copy()
    gathered[:, 0, :3] *= gains[:, :1]
    gathered[:, 1:, :3] /= c[:, 1:, :1]
    gathered[:, 1:, 0] = 1.0  # whatever x / x rounds to
    return _Constant(gathered, gains, True, content)


def _cut(x: np.ndarray, cascade: _Constant) -> Cut:
    """How rows are cut into segments."""
    rows, samples = x.shape
    about = rows, samples, cascade.coef.shape[1], cascade.content, x.dtype == np.float64
    if len(cascade.content) <= _REMEMBERED:
        return _cut_of(*about)
    return plan(rows, samples, cascade.coef, about[-1])


@functools.lru_cache(maxsize=128)
def _cut_of(rows: int, samples: int, sections: int, content: bytes, exact: bool) -> Cut:
    return plan(rows, samples, _cascade_of(content, sections).coef, exact)


def _run_cut(kernel: Any, x: np.ndarray, cascade: _Constant, call: Any) -> None:
    """Run a kernel over segments of rows; again over whole rows where inf or NaN would have to cross a border."""
    rows, first = len(x), _cut(x, cascade)
    for cut in (first, None):
        cut = cut or plan(rows, x.shape[1], cascade.coef, exact=True, whole=True)
        broken = np.empty(rows * cut.segments, np.bool_)
        arguments, outputs = call(cut.segments)
        run_rows(kernel, -(-rows * cut.segments // LANES), 1, *arguments, cut, DENORMAL_THRESHOLD, *outputs, broken)
        if cut.segments == 1 or not broken.any():
            return


def _in_stages(x: np.ndarray, cascade: _Constant) -> bool:
    """Whether two stages of sections over whole rows cost less than all sections over segments of rows, run up to."""
    rows, samples = x.shape
    K = cascade.coef.shape[1]
    if K < 2 or samples < 2 * BLOCK:
        return False
    segments, length, warmup, _ = _cut(x, cascade)
    groups, staged = -(-rows * segments // LANES), -(-rows // sections_staged.HALF)
    # Fewer groups would leave threads idle.
    return staged >= groups and staged * (samples + BLOCK) * -(-K // 2) < groups * (length + warmup * BLOCK) * K


def _in_pairs(x: np.ndarray, cascade: _Constant) -> bool:
    """Whether the adjoint is to run over pairs of tiles: it fills half the lanes only, and so does what is not cut."""
    few = cascade.coef.shape[1] > 0 and len(x) <= sections_staged.HALF and x.shape[1] >= 2 * BLOCK
    return few and _cut(x, cascade).segments == 1


def _rest(signal: np.ndarray) -> np.ndarray:
    """What follows the last whole tile."""
    return np.ascontiguousarray(signal[:, signal.shape[1] // BLOCK * BLOCK :])


def _forward_in_stages(
    x: Array, c: Array, rows: Array, zi: Array, unit: bool, y: Array, zf: Array, checkpoints: Array
) -> None:
    groups = -(-len(x) // sections_staged.HALF)
    run_rows(sections_staged.forward, groups, 1, x, c, rows, zi, unit, DENORMAL_THRESHOLD, y, zf, checkpoints)
    tail = _rest(x)
    if not tail.shape[1]:
        return
    whole, out, own = zf.copy(), np.empty_like(tail), np.empty((len(zf), min(1, checkpoints.shape[1]), zf.shape[1]))
    _run_whole(sections.forward, tail, c, (tail, c, rows, whole, unit), (out, zf, own))
    y[:, x.shape[1] - tail.shape[1] :] = out
    checkpoints[:, -1:] = own


def _backward_in_pairs(
    gy: Array, gzf: Array, x: Array, c: Array, rows: Array, unit: bool, checkpoints: Array, gx: Array, gzi: Array
) -> np.ndarray:
    """Gradient (R, K, 5) of each row's coefficients."""
    by_row = np.empty((len(x), *c.shape[1:]))
    tail, from_tail = _rest(x), None
    if tail.shape[1]:
        out, own, from_tail = np.empty_like(tail), np.empty_like(gzf), np.empty_like(by_row)
        inputs = (_rest(gy), gzf, tail, c, rows, unit)
        _run_whole(sections.backward, tail, c, inputs, (checkpoints[:, -1:].copy(), out, _joined(from_tail), own))
        gx[:, x.shape[1] - tail.shape[1] :] = out
        gzf = own
    groups = -(-len(x) // sections_staged.HALF)
    inputs = (gy, gzf, x, c, rows, unit)
    run_rows(sections_staged.backward, groups, 1, *inputs, DENORMAL_THRESHOLD, checkpoints, gx, _joined(by_row), gzi)
    return by_row if from_tail is None else by_row + from_tail


def _run_whole(kernel: Any, x: np.ndarray, c: np.ndarray, inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
    cut = plan(len(x), x.shape[1], c, exact=True, whole=True)
    broken = np.empty(len(x), np.bool_)
    run_rows(kernel, -(-len(x) // LANES), 1, *inputs, cut, DENORMAL_THRESHOLD, *outputs, broken)


def _joined(states: np.ndarray) -> np.ndarray:
    """(..., K, n) as (..., K n)."""
    return states.reshape(*states.shape[:-2], states.shape[-2] * states.shape[-1])


def _constant_forward(
    x: Array, sos: Array, rows: Array, zi: Array, y: Array, zf: Array, checkpoints: Array
) -> Callable[[], None]:
    cascade = _constant_cascade(sos)
    scale = cascade.gains[rows, :, None]
    scaled = not (scale == 1).all()
    start = np.empty_like(zi) if scaled else zi
    inputs = (x, cascade.coef, rows, _joined(start), cascade.unit)
    outputs = (y, _joined(zf), _joined(checkpoints))
    run = _staged_or_cut(cascade, inputs, outputs)
    if not scaled:
        return run

    def call() -> None:
        np.multiply(zi, scale, start)
        run()
        np.divide(zf, scale, zf)

    return call


def _staged_or_cut(cascade: _Constant, inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> Callable[[], None]:
    x = inputs[0]
    if _in_stages(x, cascade):
        if x.shape[1] % BLOCK:
            return functools.partial(_forward_in_stages, *inputs, *outputs)
        groups = -(-len(x) // sections_staged.HALF)
        return bound_rows(sections_staged.forward, groups, 1, *inputs, DENORMAL_THRESHOLD, *outputs)
    cut = _cut(x, cascade)
    if cut.segments > 1:
        return functools.partial(_run_cut, sections.forward, x, cascade, lambda segments: (inputs, outputs))
    broken = np.empty(len(x), np.bool_)
    return bound_rows(sections.forward, -(-len(x) // LANES), 1, *inputs, cut, DENORMAL_THRESHOLD, *outputs, broken)


def _constant_backward(
    gy: Array, gzf: Array, x: Array, sos: Array, rows: Array, checkpoints: Array, gx: Array, gsos: Array, gzi: Array
) -> None:
    cascade = _constant_cascade(sos)
    c, unit, scale = cascade.coef, cascade.unit, cascade.gains[rows, :, None]
    states, kept, to_zi = _joined(gzf / scale), _joined(checkpoints), _joined(gzi)
    by_lane = np.empty((0, *c.shape[1:]))

    def call(segments: int) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        nonlocal by_lane
        by_lane = np.empty((len(x) * segments if len(gsos) else 0, *c.shape[1:]))
        return (gy, states, x, c, rows, unit), (kept, gx, _joined(by_lane), to_zi)

    if len(gsos) and _in_pairs(x, cascade):
        by_lane = _backward_in_pairs(gy, states, x, c, rows, unit, kept, gx, to_zi)
    else:
        _run_cut(sections.backward, x, cascade, call)
    gzi *= scale
    if len(gsos):
        by_row = by_lane.reshape(len(rows), len(by_lane) // len(rows), *c.shape[1:]).sum(1)
        # A section's input has the scale of the output before it, its adjoint the inverse of its own output's.
        by_row[:, 0, :3] *= scale[:, 0]
        by_row[:, 1:, :3] *= scale[:, 1:] / scale[:, :-1]
        _add_to_sections(gsos[:, 0], by_row, sos[:, 0], rows)


def _add_to_sections(gsos: np.ndarray, by_row: np.ndarray, sos: np.ndarray, rows: np.ndarray) -> None:
    """Add to the gradient (Q, K, 6) of sections those (R, K, 5) of what each row used of them, divided by a0."""
    total = np.zeros((len(sos), *by_row.shape[1:]))
    np.add.at(total, rows, by_row)
    a0 = sos[..., 3:4]
    with np.errstate(all="ignore"):
        total /= a0
        gsos[..., :3] += total[..., :3]
        gsos[..., 4:] += total[..., 3:]
        gsos[..., 3] -= ((total[..., :3] * sos[..., :3]).sum(-1) + (total[..., 3:] * sos[..., 4:]).sum(-1)) / a0[..., 0]


def run_time_varying(
    one_by_one: Any, few: int, x: Array, coef: Array, rows: Array, zi: Array, y: Array, zf: Array, checkpoints: Array
) -> Callable[[], None]:
    """Filter rows side by side, or ``few`` rows and less one after the other."""
    arguments = (x, coef, rows, zi, DENORMAL_THRESHOLD, y, zf, checkpoints)
    if len(x) <= few:
        return bound_rows(one_by_one, len(x), 1, *arguments)
    return bound_rows(time_varying_lanes.forward, -(-len(x) // time_varying_lanes.ROWS), 1, *arguments)


def run_time_varying_adjoint(
    adjoint: Any,
    gy: Array,
    gzf: Array,
    x: Array,
    coef: Array,
    rows: Array,
    checkpoints: Array,
    gx: Array,
    gcoef: Array,
    gzi: Array,
) -> None:
    """The adjoint, coefficient by coefficient, each with all rows that use it."""
    order, bounds = rows_by_coefficient(rows, len(coef))
    inputs = (gy, gzf, x, coef, order, bounds, DENORMAL_THRESHOLD, checkpoints)
    run_rows(adjoint, len(coef), 1, *inputs, gx, gcoef, gzi)


_time_varying_forward = functools.partial(run_time_varying, sections_time_varying.forward, 3)
_time_varying_backward = functools.partial(run_time_varying_adjoint, sections_time_varying.backward)


_equations = Equations(
    lambda sos: rotating_matrices(over_a0(sos)), MOVING_SECTIONS, lambda sos: sections_matrices(over_a0(sos))
)
_constant = define_cascade("sections", _equations, _constant_forward, _constant_backward, _equations.adjoint)
_time_varying = define_cascade(
    "sections_time_varying", _equations, _time_varying_forward, _time_varying_backward, _equations.adjoint
)
_constant.register(
    device="cuda", kernel=triton_kernel("diffFx_pytorch.recursion.cuda.cascade", {"checkpoints": block_states})
)
_time_varying.register(device="cuda", kernel=SECTIONS_ON_CUDA)


@where_float64_is
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
        y, zf = _constant(x, coef.double(), start)
    else:
        y, zf = _time_varying(x, coef, start)
    return (y, zf) if return_zf else y
