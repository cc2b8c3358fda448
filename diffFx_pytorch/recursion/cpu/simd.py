"""Small pieces of vector code that the auto-vectoriser does not find by itself.

Numba keeps no vector in a register across a loop, so the inner products of the recursions are written as LLVM
vectors of eight doubles; LLVM splits them where the machine has shorter ones. Buffers are float64, contiguous, one
dimension; an ``at`` is an index into the buffer before it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic as _intrinsic

from diffFx_pytorch.kernels import njit

# Numba takes the first argument away, which a type checker cannot know.
intrinsic: Any = _intrinsic

LANES = 8
BLOCK = 16
RUN = 32

_INDEX = ir.IntType(64)
_DOUBLE = ir.DoubleType()
_VECTOR = ir.VectorType(_DOUBLE, LANES)


def _pointer(context: Any, builder: Any, array_type: Any, array: Any, at: Any, element: Any = _DOUBLE) -> Any:
    data = context.make_array(array_type)(context, builder, array).data
    return builder.gep(builder.bitcast(data, element.as_pointer()), [at])


def _load(builder: Any, pointer: Any, offset: Any, vector: Any = _VECTOR) -> Any:
    place = builder.gep(pointer, [offset if isinstance(offset, ir.Value) else _INDEX(offset)])
    value = builder.load(builder.bitcast(place, vector.as_pointer()))
    value.align = 4
    return value


def _store(builder: Any, value: Any, pointer: Any, offset: Any) -> None:
    place = builder.gep(pointer, [offset if isinstance(offset, ir.Value) else _INDEX(offset)])
    builder.store(value, builder.bitcast(place, value.type.as_pointer()), align=4)


def _broadcast(builder: Any, scalar: Any) -> Any:
    first = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), scalar, ir.IntType(32)(0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(first, ir.Constant(_VECTOR, ir.Undefined), zeros)


def _multiply_add(builder: Any, a: Any, b: Any, c: Any) -> Any:
    kind = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{LANES}f64")
    return builder.call(function, [a, b, c])


def _down_from(builder: Any, count: Any) -> Any:
    """Loop over count - 1, ..., 0."""
    return cgutils.for_range_slice(
        builder, builder.sub(count, _INDEX(1)), _INDEX(-1), _INDEX(-1), intp=_INDEX, inc=False
    )


@intrinsic
def toeplitz_blocks(typingctx: Any, u: Any, u_at: Any, toeplitz: Any, y: Any, y_at: Any) -> Any:
    """Four blocks of ``y[l] = sum_{j <= l} toeplitz[j, l] u[j]``, 0 <= j, l < BLOCK; ``toeplitz`` flat."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        source = _pointer(context, builder, signature.args[0], args[0], args[1])
        matrix = _pointer(context, builder, signature.args[2], args[2], _INDEX(0))
        target = _pointer(context, builder, signature.args[3], args[3], args[4])
        parts = BLOCK // LANES
        sums = [[ir.Constant(_VECTOR, None)] * parts for _ in range(4)]
        for j in range(BLOCK):
            columns = [_load(builder, matrix, j * BLOCK + p * LANES) for p in range(parts)]
            for block in range(4):
                sample = builder.load(builder.gep(source, [_INDEX(block * BLOCK + j)]))
                spread = _broadcast(builder, sample)
                for p in range(j // LANES, parts):  # the triangle above is zero
                    sums[block][p] = _multiply_add(builder, columns[p], spread, sums[block][p])
        for block in range(4):
            for p in range(parts):
                _store(builder, sums[block][p], target, block * BLOCK + p * LANES)
        return context.get_dummy_value()

    return types.void(u, u_at, toeplitz, y, y_at), codegen


@intrinsic
def add_history(typingctx: Any, y: Any, y_at: Any, response: Any, order: Any) -> Any:
    """One block of ``y[l] += sum_m response[m, l] y[-1 - m]``, 0 <= l < BLOCK, 0 <= m < order; oldest term first."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        here = _pointer(context, builder, signature.args[0], args[0], args[1])
        matrix = _pointer(context, builder, signature.args[2], args[2], _INDEX(0))
        parts = BLOCK // LANES
        sums = [cgutils.alloca_once(builder, _VECTOR) for _ in range(parts)]
        for p in range(parts):
            builder.store(_load(builder, here, p * LANES), sums[p])
        with _down_from(builder, args[3]) as (m, _):
            past = builder.load(builder.gep(here, [builder.sub(_INDEX(-1), m)]))
            spread = _broadcast(builder, past)
            for p in range(parts):
                column = _load(builder, matrix, builder.add(builder.mul(m, _INDEX(BLOCK)), _INDEX(p * LANES)))
                builder.store(_multiply_add(builder, column, spread, builder.load(sums[p])), sums[p])
        for p in range(parts):
            _store(builder, builder.load(sums[p]), here, p * LANES)
        return context.get_dummy_value()

    return types.void(y, y_at, response, order), codegen


@intrinsic
def lanes_forward(typingctx: Any, x: Any, x_at: Any, a: Any, a_at: Any, y: Any, y_at: Any, order: Any) -> Any:
    """``y[0] = x[0] - sum_m a[m] y[-1 - m]`` for LANES rows side by side; newest term last, to be known latest."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        x_here = _pointer(context, builder, signature.args[0], args[0], args[1])
        a_here = _pointer(context, builder, signature.args[2], args[2], args[3])
        y_here = _pointer(context, builder, signature.args[4], args[4], args[5])
        total = cgutils.alloca_once(builder, _VECTOR)
        builder.store(_load(builder, x_here, 0), total)
        with _down_from(builder, args[6]) as (m, _):
            offset = builder.mul(m, _INDEX(LANES))
            past = _load(builder, y_here, builder.sub(_INDEX(-LANES), offset))
            minus = builder.fneg(_load(builder, a_here, offset))
            builder.store(_multiply_add(builder, minus, past, builder.load(total)), total)
        _store(builder, builder.load(total), y_here, 0)
        return context.get_dummy_value()

    return types.void(x, x_at, a, a_at, y, y_at, order), codegen


@intrinsic
def lanes_backward(
    typingctx: Any, pending: Any, p_at: Any, a: Any, a_at: Any, y: Any, y_at: Any, grad_a: Any, order: Any
) -> Any:
    """One step of the adjoint for LANES rows: ``g = pending[0]``, then for every lag m + 1, what follows.

    ``pending[-1 - m] -= a[m] g`` and ``grad_a[m] = -g y[-1 - m]``; ``grad_a`` lies as ``a`` does.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        p_here = _pointer(context, builder, signature.args[0], args[0], args[1])
        a_here = _pointer(context, builder, signature.args[2], args[2], args[3])
        y_here = _pointer(context, builder, signature.args[4], args[4], args[5])
        grad_here = _pointer(context, builder, signature.args[6], args[6], args[3])
        minus = builder.fneg(_load(builder, p_here, 0))
        with cgutils.for_range(builder, args[7], intp=_INDEX) as loop:
            offset = builder.mul(loop.index, _INDEX(LANES))
            back = builder.sub(_INDEX(-LANES), offset)
            waiting = _load(builder, p_here, back)
            _store(builder, _multiply_add(builder, _load(builder, a_here, offset), minus, waiting), p_here, back)
            _store(builder, builder.fmul(minus, _load(builder, y_here, back)), grad_here, offset)
        return context.get_dummy_value()

    return types.void(pending, p_at, a, a_at, y, y_at, grad_a, order), codegen


@intrinsic
def dot_run(typingctx: Any, u: Any, v: Any, v_at: Any, count: Any) -> Any:
    """``sum_k u[k] v[v_at + k]`` over 0 <= k < count, count a multiple of RUN."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        left = _pointer(context, builder, signature.args[0], args[0], _INDEX(0))
        right = _pointer(context, builder, signature.args[1], args[1], args[2])
        parts = RUN // LANES
        sums = [cgutils.alloca_once_value(builder, ir.Constant(_VECTOR, None)) for _ in range(parts)]
        with cgutils.for_range_slice(builder, _INDEX(0), args[3], _INDEX(RUN), intp=_INDEX) as (k, _):
            for p in range(parts):
                at = builder.add(k, _INDEX(p * LANES))
                product = _multiply_add(
                    builder, _load(builder, left, at), _load(builder, right, at), builder.load(sums[p])
                )
                builder.store(product, sums[p])
        total = builder.load(sums[0])
        for p in range(1, parts):
            total = builder.fadd(total, builder.load(sums[p]))
        result = _DOUBLE(0.0)
        for lane in range(LANES):
            result = builder.fadd(result, builder.extract_element(total, ir.IntType(32)(lane)))
        return result

    return types.float64(u, v, v_at, count), codegen


def _transposed(builder: Any, rows: list[Any]) -> list[Any]:
    # Three rounds of interleaving pairs, the distance of partners halved each time.
    half = LANES // 2
    low = [k // 2 + (k % 2) * LANES for k in range(LANES)]
    masks = [ir.Constant(ir.VectorType(ir.IntType(32), LANES), [i + s for i in low]) for s in (0, half)]
    for _ in range(3):
        paired = []
        for k in range(half):
            for mask in masks:
                paired.append(builder.shuffle_vector(rows[k], rows[k + half], mask))
        rows = paired
    return rows


@intrinsic
def gather_tile(typingctx: Any, source: Any, offsets: Any, at: Any, tile: Any, t_at: Any) -> Any:
    """``tile[q, lane] = source[offsets[lane] + at + q]`` for 0 <= q, lane < LANES; source float32 or float64."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        element = context.get_data_type(signature.args[0].dtype)
        vector = ir.VectorType(element, LANES)
        starts = _pointer(context, builder, signature.args[1], args[1], _INDEX(0), _INDEX)
        target = _pointer(context, builder, signature.args[3], args[3], args[4])
        rows = []
        for lane in range(LANES):
            start = builder.add(builder.load(builder.gep(starts, [_INDEX(lane)])), args[2])
            here = _pointer(context, builder, signature.args[0], args[0], start, element)
            rows.append(_load(builder, here, 0, vector))
        for q, column in enumerate(_transposed(builder, rows)):
            value = column if element == _DOUBLE else builder.fpext(column, _VECTOR)
            _store(builder, value, target, q * LANES)
        return context.get_dummy_value()

    return types.void(source, offsets, at, tile, t_at), codegen


@intrinsic
def scatter_tile(typingctx: Any, tile: Any, t_at: Any, target: Any, offsets: Any, at: Any) -> Any:
    """``target[offsets[lane] + at + q] = tile[q, lane]`` for 0 <= q, lane < LANES; target float32 or float64."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        element = context.get_data_type(signature.args[2].dtype)
        vector = ir.VectorType(element, LANES)
        starts = _pointer(context, builder, signature.args[3], args[3], _INDEX(0), _INDEX)
        source = _pointer(context, builder, signature.args[0], args[0], args[1])
        columns = [_load(builder, source, q * LANES) for q in range(LANES)]
        if element != _DOUBLE:
            columns = [builder.fptrunc(column, vector) for column in columns]
        for lane, row in enumerate(_transposed(builder, columns)):
            start = builder.add(builder.load(builder.gep(starts, [_INDEX(lane)])), args[4])
            here = _pointer(context, builder, signature.args[2], args[2], start, element)
            _store(builder, row, here, 0)
        return context.get_dummy_value()

    return types.void(tile, t_at, target, offsets, at), codegen


@njit(nogil=True, cache=True)
def aligned_zeros(count: int, like: np.ndarray) -> np.ndarray:
    """A buffer of ``like``'s type that begins on a cache line, so that no vector of eight lies across two."""
    buffer = np.zeros(count + LANES, like.dtype)
    skip = (-buffer.ctypes.data % 64) // buffer.itemsize
    return buffer[skip : skip + count]


@njit(nogil=True, cache=True)
def copy_run(source: np.ndarray, target: np.ndarray) -> None:
    """``target[k] = source[k]``, converted."""
    for k in range(np.uintp(source.size)):
        target[k] = source[k]


@njit(nogil=True, cache=True)
def copy_reversed(source: np.ndarray, target: np.ndarray) -> None:
    """``target[k] = source[-1 - k]``, converted; unsigned indices, since wrapping ones would make gathers of it."""
    last = np.uintp(source.size) - np.uintp(1)
    for k in range(np.uintp(source.size)):
        target[k] = source[last - k]


@njit(nogil=True, cache=True)
def read_lanes(source: np.ndarray, offsets: np.ndarray, at: int, count: int, tile: np.ndarray, t_at: int) -> None:
    """``tile[t_at + q, lane] = source[offsets[lane] + at + q]`` for 0 <= q < count; ``tile`` flat."""
    whole = count // LANES * LANES
    for q in range(0, whole, LANES):
        gather_tile(source, offsets, at + q, tile, (t_at + q) * LANES)
    for q in range(whole, count):
        for lane in range(LANES):
            tile[(t_at + q) * LANES + lane] = source[offsets[lane] + at + q]


@njit(nogil=True, cache=True)
def write_lanes(
    tile: np.ndarray, t_at: int, target: np.ndarray, offsets: np.ndarray, at: int, count: int, lanes: int
) -> None:
    """The way back of :func:`read_lanes`, for the first ``lanes`` lanes."""
    whole = count // LANES * LANES if lanes == LANES else 0
    for q in range(0, whole, LANES):
        scatter_tile(tile, (t_at + q) * LANES, target, offsets, at + q)
    for lane in range(lanes):
        for q in range(whole, count):
            target[offsets[lane] + at + q] = tile[(t_at + q) * LANES + lane]


@njit(nogil=True, cache=True)
def add_lanes(
    tile: np.ndarray, t_at: int, target: np.ndarray, offsets: np.ndarray, at: int, count: int, lanes: int
) -> None:
    """As :func:`write_lanes`, added to what is there; lanes may share a target."""
    for lane in range(lanes):
        for q in range(count):
            target[offsets[lane] + at + q] += tile[(t_at + q) * LANES + lane]
