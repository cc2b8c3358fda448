"""A vector of neighbouring points as a value in Numba kernels: sums and products of registers, written as formulas.

A vector has 64 bytes, sixteen float32 or eight float64; LLVM splits it where the machine has shorter ones. Complex
numbers are two vectors, of real and of imaginary parts. Left to itself LLVM checks before every short loop whether its
arrays overlap, which takes longer than the loop.
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AbstractTemplate, signature
from numba.core.typing.templates import infer_global as _infer_global
from numba.extending import intrinsic as _intrinsic
from numba.extending import lower_builtin, models, register_model

BYTES = 64

# What Numba makes of a decorated function a type checker cannot know.
intrinsic: Any = _intrinsic
infer_global: Any = _infer_global

_I32 = ir.IntType(32)
_I64 = ir.IntType(64)


class Vector(types.Type):
    """Numba's type of a vector of float32 or float64."""

    def __init__(self, scalar: Any) -> None:
        self.scalar = scalar
        self.lanes = BYTES * 8 // scalar.bitwidth
        super().__init__(name=f"Vector({scalar})")


VECTORS = {scalar: Vector(scalar) for scalar in (types.float32, types.float64)}


def _ir_type(kind: Vector) -> ir.VectorType:
    element = ir.FloatType() if kind.scalar == types.float32 else ir.DoubleType()
    return ir.VectorType(element, kind.lanes)


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Vector) -> None:
        super().__init__(manager, kind, _ir_type(kind))


def _arithmetic(function: Any, instruction: str) -> None:
    @infer_global(function)
    class _Typed(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            if len(args) == 2 and isinstance(args[0], Vector) and args[0] == args[1]:
                return signature(args[0], *args)
            return None

    @lower_builtin(function, Vector, Vector)
    def _lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return getattr(builder, instruction)(*args)


_arithmetic(operator.add, "fadd")
_arithmetic(operator.sub, "fsub")
_arithmetic(operator.mul, "fmul")
_arithmetic(operator.truediv, "fdiv")
_arithmetic(operator.iadd, "fadd")
_arithmetic(operator.isub, "fsub")
_arithmetic(operator.imul, "fmul")


@infer_global(operator.neg)
class _Negative(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        return signature(args[0], args[0]) if len(args) == 1 and isinstance(args[0], Vector) else None


@lower_builtin(operator.neg, Vector)
def _lower_negative(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return builder.fneg(args[0])


def _address(context: Any, builder: Any, array_type: Any, array: Any, at: Any, pointee: Any) -> Any:
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [at]), pointee.as_pointer())


def _mask(*lanes: int) -> ir.Constant:
    return ir.Constant(ir.VectorType(_I32, len(lanes)), list(lanes))


@intrinsic
def lanes_of(typingctx: Any, array: Any) -> Any:
    """Numbers of the array's type that a vector holds, a constant of the compiled code."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _I64(VECTORS[array.dtype].lanes)

    return types.int64(array), codegen


@intrinsic
def load(typingctx: Any, array: Any, at: Any) -> Any:
    """The vector that begins at ``array[at]``; ``array`` of one dimension."""
    kind = VECTORS[array.dtype]

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        value = builder.load(_address(context, builder, sig.args[0], args[0], args[1], _ir_type(kind)))
        value.align = array.dtype.bitwidth // 8
        return value

    return kind(array, types.int64), codegen


@intrinsic
def store(typingctx: Any, array: Any, at: Any, value: Any) -> Any:
    """Write a vector from ``array[at]`` on."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = _address(context, builder, sig.args[0], args[0], args[1], args[2].type)
        builder.store(args[2], pointer).align = array.dtype.bitwidth // 8
        return context.get_dummy_value()

    return types.void(array, types.int64, value), codegen


def _pairs_loader(wide: bool) -> Any:
    @intrinsic
    def load_pairs(typingctx: Any, array: Any, at: Any) -> Any:
        kind = VECTORS[types.float64 if wide else array.dtype]
        pair = types.UniTuple(kind, 2)

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            both = ir.VectorType(_ir_type(VECTORS[array.dtype]).element, 2 * kind.lanes)
            value = builder.load(_address(context, builder, sig.args[0], args[0], args[1], both))
            value.align = array.dtype.bitwidth // 8
            parts = [builder.shuffle_vector(value, value, _mask(*range(s, 2 * kind.lanes, 2))) for s in (0, 1)]
            if both.element != _ir_type(kind).element:
                parts = [builder.fpext(part, _ir_type(kind)) for part in parts]
            return context.make_tuple(builder, pair, parts)

        return pair(array, types.int64), codegen

    return load_pairs


load_pairs = _pairs_loader(False)
"""``load_pairs(array, at)``: real and imaginary parts of as many complex numbers as a vector has lanes."""

load_wide_pairs = _pairs_loader(True)
"""As ``load_pairs``, eight of them in float64 whatever the array's type."""


@intrinsic
def store_pairs(typingctx: Any, array: Any, at: Any, real: Any, imag: Any) -> Any:
    """The way back of ``load_pairs``; float64 vectors are rounded for a float32 array."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        parts = args[2:]
        if real.scalar != array.dtype:
            narrow = ir.VectorType(_ir_type(VECTORS[array.dtype]).element, real.lanes)
            parts = [builder.fptrunc(part, narrow) for part in parts]
        lanes = [k // 2 + (k % 2) * real.lanes for k in range(2 * real.lanes)]
        value = builder.shuffle_vector(*parts, _mask(*lanes))
        pointer = _address(context, builder, sig.args[0], args[0], args[1], value.type)
        builder.store(value, pointer).align = array.dtype.bitwidth // 8
        return context.get_dummy_value()

    return types.void(array, types.int64, real, imag), codegen


@intrinsic
def spread(typingctx: Any, array: Any, at: Any) -> Any:
    """``array[at]`` in every lane."""
    kind = VECTORS[array.dtype]

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        scalar = builder.load(_address(context, builder, sig.args[0], args[0], args[1], _ir_type(kind).element))
        return _spread(builder, scalar, kind)

    return kind(array, types.int64), codegen


def _spread(builder: Any, scalar: Any, kind: Vector) -> Any:
    empty = ir.Constant(_ir_type(kind), ir.Undefined)
    first = builder.insert_element(empty, scalar, _I32(0))
    return builder.shuffle_vector(first, empty, _mask(*[0] * kind.lanes))


@intrinsic
def constant(typingctx: Any, like: Any, value: Any) -> Any:
    """A number in every lane, of the type of the array ``like``."""
    kind = VECTORS[like.dtype]

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        scalar = context.cast(builder, args[1], sig.args[1], kind.scalar)
        return _spread(builder, scalar, kind)

    return kind(like, value), codegen


def _call(builder: Any, name: str, value: Any, *others: Any) -> Any:
    element = "f32" if isinstance(value.type.element, ir.FloatType) else "f64"
    kind = ir.FunctionType(value.type, [value.type] * (1 + len(others)))
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v{value.type.count}{element}")
    return builder.call(function, [value, *others])


@intrinsic
def magnitude(typingctx: Any, real: Any, imag: Any) -> Any:
    """|re| + |im|: within a factor sqrt(2) of the modulus, and it neither overflows nor vanishes."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.fadd(*(_call(builder, "fabs", part) for part in args))

    return real(real, imag), codegen


@intrinsic
def larger(typingctx: Any, a: Any, b: Any) -> Any:
    """The larger of two, lane by lane; ``a`` where ``b`` is NaN."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered(">", args[1], args[0]), args[1], args[0])

    return a(a, b), codegen


@intrinsic
def any_below(typingctx: Any, a: Any, b: Any) -> Any:
    """Whether a < b in any lane."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        below = builder.fcmp_ordered("<", args[0], args[1])
        bits = builder.bitcast(below, ir.IntType(a.lanes))
        return builder.icmp_unsigned("!=", bits, ir.IntType(a.lanes)(0))

    return types.boolean(a, b), codegen


@intrinsic
def total(typingctx: Any, value: Any) -> Any:
    """Sum of the lanes, in float64."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        wide = args[0]
        if value.scalar == types.float32:
            wide = builder.fpext(wide, ir.VectorType(ir.DoubleType(), value.lanes))
        count = value.lanes
        while count > 1:
            count //= 2
            empty = ir.Constant(wide.type, ir.Undefined)
            halves = [builder.shuffle_vector(wide, empty, _mask(*range(s, s + count))) for s in (0, count)]
            wide = builder.fadd(*halves)
        return builder.extract_element(wide, _I32(0))

    return types.float64(value), codegen
