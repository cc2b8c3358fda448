"""Reading and its transpose for a stretch of samples, eight samples a vector.

Stretches over which a moving delay keeps its whole part are often shorter than a hundred samples, and LLVM's own vector
loops leave up to thirty-one of them to a scalar rest. These run over the end of a stretch to a whole vector instead;
their buffers have room for it.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic as _intrinsic

from diffFx_pytorch.kernels import njit
from diffFx_pytorch.recursion.cpu.inner import INNER

# Numba takes the first argument away, which a type checker cannot know.
intrinsic: Any = _intrinsic

LANES = 8
MARGIN = 24
"""What a buffer of a block needs before and after it: the longest interpolator and a vector."""

_INDEX = ir.IntType(64)
_DOUBLE = ir.DoubleType()
_VECTOR = ir.VectorType(_DOUBLE, LANES)


def _data(context: Any, builder: Any, array_type: Any, array: Any) -> Any:
    return context.make_array(array_type)(context, builder, array).data


def _load(builder: Any, data: Any, at: Any) -> Any:
    element = data.type.pointee
    place = builder.gep(data, [at])
    value = builder.load(builder.bitcast(place, ir.VectorType(element, LANES).as_pointer()))
    value.align = 4
    return value if element == _DOUBLE else builder.fpext(value, _VECTOR)


def _store(builder: Any, value: Any, data: Any, at: Any) -> None:
    element = data.type.pointee
    if element != _DOUBLE:
        value = builder.fptrunc(value, ir.VectorType(element, LANES))
    builder.store(value, builder.bitcast(builder.gep(data, [at]), value.type.as_pointer()), align=4)


def _multiply_add(builder: Any, a: Any, b: Any, c: Any) -> Any:
    kind = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{LANES}f64"), [a, b, c])


def _vectors(builder: Any, count: Any) -> Any:
    return cgutils.for_range_slice(builder, _INDEX(0), count, _INDEX(LANES), intp=_INDEX)


@intrinsic
def read_vectors(
    typingctx: Any,
    line: Any,
    base: Any,
    weights: Any,
    columns: Any,
    first: Any,
    count: Any,
    taps: Any,
    out: Any,
    at: Any,
) -> Any:
    """``out[at + i] = sum_p weights[p, first + i] line[base + p + i]``, ``i < count`` and on to a whole vector."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        line_, weights_, out_ = (_data(context, builder, signature.args[i], args[i]) for i in (0, 2, 7))
        base_, columns_, first_, count_, taps_, at_ = args[1], args[3], args[4], args[5], args[6], args[8]
        total = cgutils.alloca_once(builder, _VECTOR)
        with _vectors(builder, count_) as (i, _):
            builder.store(ir.Constant(_VECTOR, None), total)
            source, weight = builder.add(base_, i), builder.add(first_, i)
            with cgutils.for_range(builder, taps_, intp=_INDEX) as loop:
                w = _load(builder, weights_, builder.add(weight, builder.mul(loop.index, columns_)))
                x = _load(builder, line_, builder.add(source, loop.index))
                builder.store(_multiply_add(builder, w, x, builder.load(total)), total)
            _store(builder, builder.load(total), out_, builder.add(at_, i))
        return context.get_dummy_value()

    return types.void(line, base, weights, columns, first, count, taps, out, at), codegen


@intrinsic
def add_vectors(
    typingctx: Any,
    line: Any,
    base: Any,
    weights: Any,
    columns: Any,
    first: Any,
    count: Any,
    taps: Any,
    values: Any,
    at: Any,
) -> Any:
    """``line[base + j] += sum_p weights[p, first + j - p] values[at + j - p]``, ``j < count`` and on to a whole vector.

    ``values`` is zero outside of the stretch, by as many as there are taps and a vector. Gathering what adds up in one
    place waits for no store, as adding one tap after the other does.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        line_, weights_, values_ = (_data(context, builder, signature.args[i], args[i]) for i in (0, 2, 7))
        base_, columns_, first_, count_, taps_, at_ = args[1], args[3], args[4], args[5], args[6], args[8]
        step = builder.sub(columns_, _INDEX(1))
        total = cgutils.alloca_once(builder, _VECTOR)
        with _vectors(builder, count_) as (j, _):
            target = builder.add(base_, j)
            builder.store(_load(builder, line_, target), total)
            weight, value = builder.add(first_, j), builder.add(at_, j)
            with cgutils.for_range(builder, taps_, intp=_INDEX) as loop:
                w = _load(builder, weights_, builder.add(weight, builder.mul(loop.index, step)))
                x = _load(builder, values_, builder.sub(value, loop.index))
                builder.store(_multiply_add(builder, w, x, builder.load(total)), total)
            _store(builder, builder.load(total), line_, target)
        return context.get_dummy_value()

    return types.void(line, base, weights, columns, first, count, taps, values, at), codegen


@intrinsic
def prefetch(typingctx: Any, values: Any, at: Any) -> Any:
    """Ask for the cache line that holds ``values[at]``, and wait for nothing."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = builder.gep(_data(context, builder, signature.args[0], args[0]), [args[1]])
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        to_read, to_keep, data = number(0), number(3), number(1)
        builder.call(function, [builder.bitcast(place, byte), to_read, to_keep, data])
        return context.get_dummy_value()

    return types.void(values, at), codegen


@njit(**INNER)
def rounded_up(count):  # pragma: no cover
    """``count`` to whole vectors."""
    return (count + LANES - 1) // LANES * LANES
