"""Vectors as values in Numba kernels: registers of neighbouring numbers that formulas are written over.

A kernel loads vectors from arrays of one dimension, computes with ``+ - * /``, comparisons and the functions below, and
stores them; between load and store they stay in registers, across the turns of a loop too::

    b0, b1, b2 = load(coef, 0), load(coef, 8), load(coef, 16)
    a1, a2, s1, s2 = load(coef, 24), load(coef, 32), load(state, 0), load(state, 8)
    for n in range(count):
        x = load(signal, 8 * n)
        y = b0 * x + s1
        s1 = (b1 * x + s2) - a1 * y
        s2 = b2 * x - a2 * y
        store(signal, 8 * n, y)

- A vector is float32 or float64 with any power of two of lanes; ``load`` gives 64 bytes, sixteen float32 or eight
  float64, unless told otherwise. LLVM splits what is wider than the machine's registers.
- A number beside a vector stands in every lane, in the vector's type: ``0.5 * (s1 + n1)``.
- A product and a sum are fused where the machine can (``contract``). Where two products meet, ``a * b + c * d``, the
  compiler chooses which of them is rounded; ``fma`` says it.
- A comparison gives a mask, for ``where``, ``any_of``, ``all_of``, ``&``, ``|`` and ``~``; comparisons with NaN are
  false, save ``!=``.
- Complex numbers are two vectors, real and imaginary parts (``load_pairs``).
- An ``at`` counts elements from the first of its array and is not checked; an array need not be aligned to vectors.
- ``store`` converts to the type of its array, and ``load_wide`` reads float32 or float64 as float64, so that one text
  serves both.

Left to itself LLVM checks before every short loop whether its arrays overlap, which takes longer than the loop, and
rarely finds the vectors across rows. All LLVM IR of the package stands in this file.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AbstractTemplate, signature
from numba.core.typing.templates import infer_global as _infer_global
from numba.extending import intrinsic as _intrinsic
from numba.extending import lower_builtin as _lower_builtin
from numba.extending import models
from numba.extending import register_model as _register_model

BYTES = 64
"""Bytes of a vector where nothing else is said: a cache line, and the widest register there is."""

# What Numba makes of a decorated function a type checker cannot know.
intrinsic: Any = _intrinsic
infer_global: Any = _infer_global
lower_builtin: Any = _lower_builtin
register_model: Any = _register_model

_BIT, _I32, _I64 = ir.IntType(1), ir.IntType(32), ir.IntType(64)
_FLAGS = ("contract", "nsz")


class Vector(types.Type):
    """Numba's type of a vector of float32 or float64."""

    def __init__(self, scalar: Any, lanes: int = 0) -> None:
        self.scalar = scalar
        self.lanes = lanes or BYTES * 8 // scalar.bitwidth
        super().__init__(name=f"Vector({scalar}, {self.lanes})")


class Mask(types.Type):
    """Numba's type of one truth value a lane."""

    def __init__(self, lanes: int) -> None:
        self.lanes = lanes
        super().__init__(name=f"Mask({lanes})")


def _ir_type(kind: Any) -> Any:
    if isinstance(kind, Mask):
        return ir.VectorType(_BIT, kind.lanes)
    if isinstance(kind, Vector):
        return ir.VectorType(_ir_type(kind.scalar), kind.lanes)
    return {types.float32: ir.FloatType(), types.float64: ir.DoubleType()}[kind]


@register_model(Vector)
@register_model(Mask)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _ir_type(kind))


def _lane_list(lanes: Sequence[int]) -> ir.Constant:
    return ir.Constant(ir.VectorType(_I32, len(lanes)), list(lanes))


def _shuffle(builder: Any, a: Any, b: Any, lanes: Sequence[int]) -> Any:
    return builder.shuffle_vector(a, b, _lane_list(lanes))


def _in_every_lane(builder: Any, scalar: Any, kind: Vector) -> Any:
    empty = ir.Constant(_ir_type(kind), ir.Undefined)
    return _shuffle(builder, builder.insert_element(empty, scalar, _I32(0)), empty, [0] * kind.lanes)


def _as_vector(context: Any, builder: Any, value: Any, given: Any, kind: Vector) -> Any:
    """A vector as it is, a number in every lane."""
    if isinstance(given, Vector):
        return value
    return _in_every_lane(builder, context.cast(builder, value, given, kind.scalar), kind)


def _as_vectors(context: Any, builder: Any, kinds: Any, args: Any, kind: Vector) -> list[Any]:
    return [_as_vector(context, builder, value, given, kind) for value, given in zip(args, kinds, strict=True)]


def _is_number(kind: Any) -> bool:
    return isinstance(types.unliteral(kind), (types.Number, types.Boolean))


def _common(*kinds: Any) -> Any:
    """The type of a formula of vectors of one type and numbers; None where there is none."""
    vectors = {kind for kind in kinds if isinstance(kind, Vector)}
    fits = len(vectors) == 1 and all(isinstance(kind, Vector) or _is_number(kind) for kind in kinds)
    return vectors.pop() if fits else None


# Operators.


def _declare(function: Any, arity: int, result: Any, emit: Any) -> None:
    """Give an operator a meaning for vectors: ``emit(builder, *values)``, of the type ``result(kind)``."""

    @infer_global(function)
    class _Typed(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            kind = _common(*args) if len(args) == arity else None
            return None if kind is None else signature(result(kind), *map(types.unliteral, args))

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return emit(builder, *_as_vectors(context, builder, sig.args, args, _common(*sig.args)))

    for places in ((Vector,), (Vector, Vector), (Vector, types.Any), (types.Any, Vector)):
        if len(places) == arity:
            lower_builtin(function, *places)(lower)


def _declare_for_masks(function: Any, arity: int, instruction: str) -> None:
    @infer_global(function)
    class _Typed(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            fits = len(args) == arity and isinstance(args[0], Mask) and len(set(args)) == 1
            return signature(args[0], *args) if fits else None

    lower_builtin(function, *[Mask] * arity)(lambda _, builder, sig, args: getattr(builder, instruction)(*args))


def _arithmetic(instruction: str) -> Any:
    return lambda builder, a, b: getattr(builder, instruction)(a, b, flags=_FLAGS)


def _comparison(symbol: str) -> Any:
    if symbol == "!=":
        return lambda builder, a, b: builder.fcmp_unordered("!=", a, b)
    return lambda builder, a, b: builder.fcmp_ordered(symbol, a, b)


def _call(builder: Any, name: str, value: Any, *others: Any) -> Any:
    """LLVM's own function of vectors or numbers of one type."""
    kind, element = value.type, getattr(value.type, "element", value.type)
    suffix = ("" if element is kind else f"v{kind.count}") + element.intrinsic_name
    function = ir.FunctionType(kind, [kind] * (1 + len(others)))
    return builder.call(
        cgutils.get_or_insert_function(builder.module, function, f"llvm.{name}.{suffix}"), [value, *others]
    )


def _larger(builder: Any, a: Any, b: Any) -> Any:
    return builder.select(builder.fcmp_ordered(">", b, a), b, a)


for _name, _instruction in (("add", "fadd"), ("sub", "fsub"), ("mul", "fmul"), ("truediv", "fdiv")):
    for _prefix in ("", "i"):
        _declare(getattr(operator, _prefix + _name), 2, lambda kind: kind, _arithmetic(_instruction))
for _name, _symbol in (("lt", "<"), ("le", "<="), ("gt", ">"), ("ge", ">="), ("eq", "=="), ("ne", "!=")):
    _declare(getattr(operator, _name), 2, lambda kind: Mask(kind.lanes), _comparison(_symbol))
_declare(operator.neg, 1, lambda kind: kind, lambda builder, a: builder.fneg(a))
_declare(abs, 1, lambda kind: kind, lambda builder, a: _call(builder, "fabs", a))
for _name, _arity in (("and_", 2), ("or_", 2), ("invert", 1)):
    _declare_for_masks(getattr(operator, _name), _arity, {"invert": "not_"}.get(_name, _name))


# Functions of vectors.


def _lanewise(emit: Any, *kinds: Any) -> Any:
    """Type and code of a function of vectors of one type, and numbers beside them."""
    kind = _common(*kinds)
    if kind is None:
        return None
    return (
        signature(kind, *map(types.unliteral, kinds)),
        lambda context, builder, sig, args: emit(builder, *_as_vectors(context, builder, sig.args, args, kind)),
    )


@intrinsic
def larger(typingctx: Any, a: Any, b: Any) -> Any:
    """The larger of two, lane by lane; ``a`` where one is NaN."""
    return _lanewise(_larger, a, b)


@intrinsic
def smaller(typingctx: Any, a: Any, b: Any) -> Any:
    """The smaller of two, lane by lane; ``a`` where one is NaN."""
    return _lanewise(lambda builder, a, b: builder.select(builder.fcmp_ordered("<", b, a), b, a), a, b)


@intrinsic
def root(typingctx: Any, a: Any) -> Any:
    """The square root."""
    return _lanewise(lambda builder, a: _call(builder, "sqrt", a), a)


@intrinsic
def floor(typingctx: Any, a: Any) -> Any:
    """The whole number below."""
    return _lanewise(lambda builder, a: _call(builder, "floor", a), a)


@intrinsic
def fma(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    """``a * b + c``, rounded once where the machine has an instruction for it; vectors, or three float64 numbers."""
    f64 = types.float64
    plain = f64(f64, f64, f64), lambda context, builder, sig, args: _call(builder, "fmuladd", *args)
    return _lanewise(lambda builder, *values: _call(builder, "fmuladd", *values), a, b, c) or plain


@intrinsic
def where(typingctx: Any, mask: Any, yes: Any, no: Any) -> Any:
    """``yes`` in the lanes of the mask, ``no`` in the others; at least one of both is a vector."""
    kind = _common(yes, no)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(args[0], *_as_vectors(context, builder, sig.args[1:], args[1:], kind))

    return signature(kind, mask, types.unliteral(yes), types.unliteral(no)), codegen


def _bits(builder: Any, mask: Any, predicate: str, value: int) -> Any:
    bits = ir.IntType(mask.type.count)
    return builder.icmp_unsigned(predicate, builder.bitcast(mask, bits), ir.Constant(bits, value))


@intrinsic
def any_of(typingctx: Any, mask: Any) -> Any:
    """Whether the mask is true in any lane."""
    return types.boolean(mask), lambda context, builder, sig, args: _bits(builder, args[0], "!=", 0)


@intrinsic
def all_of(typingctx: Any, mask: Any) -> Any:
    """Whether the mask is true in all lanes."""
    return types.boolean(mask), lambda context, builder, sig, args: _bits(builder, args[0], "==", -1)


def _tree(builder: Any, value: Any, join: Any) -> Any:
    """The lanes of a value joined by halves."""
    count = value.type.count
    while count > 1:
        count //= 2
        value = join(*(_shuffle(builder, value, value, range(start, start + count)) for start in (0, count)))
    return builder.extract_element(value, _I32(0))


@intrinsic
def total(typingctx: Any, value: Any) -> Any:
    """Sum of the lanes, in float64, by halves."""
    return types.float64(value), lambda context, builder, sig, args: _tree(
        builder, _converted(builder, args[0], types.float64), builder.fadd
    )


@intrinsic
def largest(typingctx: Any, value: Any) -> Any:
    """The largest lane."""
    return value.scalar(value), lambda context, builder, sig, args: _tree(
        builder, args[0], lambda a, b: _larger(builder, a, b)
    )


# Types, halves, constants.


def _converted(builder: Any, value: Any, scalar: Any) -> Any:
    """A vector as one of ``scalar``."""
    target = ir.VectorType(_ir_type(scalar), value.type.count)
    if value.type == target:
        return value
    return builder.fpext(value, target) if scalar == types.float64 else builder.fptrunc(value, target)


@intrinsic
def wide(typingctx: Any, value: Any) -> Any:
    """The vector in float64, with as many lanes."""
    kind = Vector(types.float64, value.lanes)
    return kind(value), lambda context, builder, sig, args: _converted(builder, args[0], kind.scalar)


@intrinsic
def narrow(typingctx: Any, value: Any, like: Any) -> Any:
    """The vector rounded to the type of the array ``like``, with as many lanes."""
    kind = Vector(like.dtype, value.lanes)
    return kind(value, like), lambda context, builder, sig, args: _converted(builder, args[0], kind.scalar)


def _half(value: Any, start: int) -> Any:
    count = value.lanes // 2
    kept = range(start * count, start * count + count)
    kind = Vector(value.scalar, count)
    return kind(value), lambda context, builder, sig, args: _shuffle(builder, args[0], args[0], kept)


@intrinsic
def low(typingctx: Any, value: Any) -> Any:
    """The first half of the lanes."""
    return _half(value, 0)


@intrinsic
def high(typingctx: Any, value: Any) -> Any:
    """The second half of the lanes."""
    return _half(value, 1)


@intrinsic
def join(typingctx: Any, first: Any, second: Any) -> Any:
    """One vector of two halves: ``join(low(v), high(v))`` is ``v``."""
    kind = Vector(first.scalar, 2 * first.lanes)
    return kind(first, second), lambda context, builder, sig, args: _shuffle(
        builder, args[0], args[1], range(kind.lanes)
    )


def _count(lanes: Any) -> Any:
    """The type of an argument ``lanes``, which is a constant, a tuple of so many, or left out."""
    return lanes if isinstance(lanes, (types.IntegerLiteral, types.BaseTuple)) else types.intp


def _number(lanes: Any) -> int:
    return len(lanes) if isinstance(lanes, types.BaseTuple) else getattr(lanes, "literal_value", 0)


def _like(like: Any, lanes: Any = 0) -> Any:
    """The vector type of an array or of a vector."""
    return like if isinstance(like, Vector) else Vector(like.dtype, _number(lanes))


@intrinsic
def lanes_of(typingctx: Any, like: Any) -> Any:
    """Numbers in a vector, or of an array's type in 64 bytes: a constant of the compiled code."""
    return types.int64(like), lambda context, builder, sig, args: ir.Constant(_I64, _like(like).lanes)


@intrinsic(prefer_literal=True)
def constant(typingctx: Any, like: Any, value: Any, lanes: Any = 0) -> Any:
    """A number in every lane, of the type of the array or vector ``like``."""
    kind = _like(like, lanes)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _as_vector(context, builder, args[1], sig.args[1], kind)

    return signature(kind, like, types.unliteral(value), _count(lanes)), codegen


# Memory.


def _data(context: Any, builder: Any, array_type: Any, array: Any) -> Any:
    return context.make_array(array_type)(context, builder, array).data


def _read(builder: Any, data: Any, at: Any, kind: Vector) -> Any:
    value = builder.load(builder.bitcast(builder.gep(data, [at]), _ir_type(kind).as_pointer()))
    value.align = kind.scalar.bitwidth // 8
    return value


def _write(builder: Any, value: Any, data: Any, at: Any, scalar: Any) -> None:
    value = _converted(builder, value, scalar)
    place = builder.bitcast(builder.gep(data, [at]), value.type.as_pointer())
    builder.store(value, place).align = scalar.bitwidth // 8


def _load(array: Any, lanes: Any, scalar: Any) -> Any:
    kind = Vector(scalar, _number(lanes))

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = _data(context, builder, sig.args[0], args[0])
        return _converted(builder, _read(builder, data, args[1], Vector(array.dtype, kind.lanes)), scalar)

    return signature(kind, array, types.int64, _count(lanes)), codegen


@intrinsic(prefer_literal=True)
def load(typingctx: Any, array: Any, at: Any, lanes: Any = 0) -> Any:
    """The vector that begins at ``array[at]``, of 64 bytes or so many lanes: a constant, or a tuple of that length."""
    return _load(array, lanes, array.dtype)


@intrinsic(prefer_literal=True)
def load_wide(typingctx: Any, array: Any, at: Any, lanes: Any = 0) -> Any:
    """As ``load``, in float64 whatever the array's type; eight lanes unless told otherwise."""
    return _load(array, lanes, types.float64)


@intrinsic
def store(typingctx: Any, array: Any, at: Any, value: Any) -> Any:
    """Write a vector from ``array[at]`` on, in the array's type."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        _write(builder, args[2], _data(context, builder, sig.args[0], args[0]), args[1], array.dtype)
        return context.get_dummy_value()

    return types.void(array, types.int64, value), codegen


@intrinsic(prefer_literal=True)
def spread(typingctx: Any, array: Any, at: Any, lanes: Any = 0) -> Any:
    """``array[at]`` in every lane."""
    kind = _like(array, lanes)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        number = builder.load(builder.gep(_data(context, builder, sig.args[0], args[0]), [args[1]]))
        return _in_every_lane(builder, number, kind)

    return signature(kind, array, types.int64, _count(lanes)), codegen


@intrinsic
def gather(typingctx: Any, array: Any, places: Any, first: Any) -> Any:
    """The vector of ``array[places[first + lane]]``; ``places`` is an array of int64."""
    kind = Vector(array.dtype)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data, indices = (_data(context, builder, sig.args[i], args[i]) for i in (0, 1))
        value = ir.Constant(_ir_type(kind), ir.Undefined)
        for lane in range(kind.lanes):
            place = builder.load(builder.gep(indices, [builder.add(args[2], _I64(lane))]))
            value = builder.insert_element(value, builder.load(builder.gep(data, [place])), _I32(lane))
        return value

    return kind(array, places, types.int64), codegen


def _ask_for(array: Any, for_writing: int) -> Any:
    byte, to_keep, data = ir.IntType(8).as_pointer(), _I32(3), _I32(1)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        place = builder.gep(_data(context, builder, sig.args[0], args[0]), [args[1]])
        kind = ir.FunctionType(ir.VoidType(), [byte, _I32, _I32, _I32])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        builder.call(function, [builder.bitcast(place, byte), _I32(for_writing), to_keep, data])
        return context.get_dummy_value()

    return types.void(array, types.int64), codegen


@intrinsic
def prefetch(typingctx: Any, array: Any, at: Any) -> Any:
    """Ask for the cache line of ``array[at]``, which need not exist, and wait for nothing."""
    return _ask_for(array, 0)


@intrinsic
def prefetch_to_write(typingctx: Any, array: Any, at: Any) -> Any:
    """As ``prefetch``, for a line that is going to be written."""
    return _ask_for(array, 1)


# Complex numbers: real and imaginary parts beside each other in memory, apart in registers.


def _load_pairs(array: Any, scalar: Any) -> Any:
    kind = Vector(scalar)
    pair = types.UniTuple(kind, 2)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = _data(context, builder, sig.args[0], args[0])
        both = _read(builder, data, args[1], Vector(array.dtype, 2 * kind.lanes))
        parts = [_shuffle(builder, both, both, range(start, 2 * kind.lanes, 2)) for start in (0, 1)]
        return context.make_tuple(builder, pair, [_converted(builder, part, scalar) for part in parts])

    return pair(array, types.int64), codegen


@intrinsic
def load_pairs(typingctx: Any, array: Any, at: Any) -> Any:
    """A vector of real and one of imaginary parts."""
    return _load_pairs(array, array.dtype)


@intrinsic
def load_wide_pairs(typingctx: Any, array: Any, at: Any) -> Any:
    """As ``load_pairs``, eight numbers in float64 whatever the array's type."""
    return _load_pairs(array, types.float64)


@intrinsic
def store_pairs(typingctx: Any, array: Any, at: Any, real: Any, imag: Any) -> Any:
    """The way back of ``load_pairs``, in the array's type."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        parts = [_converted(builder, part, array.dtype) for part in args[2:]]
        both = _shuffle(builder, parts[0], parts[1], [k // 2 + k % 2 * real.lanes for k in range(2 * real.lanes)])
        _write(builder, both, _data(context, builder, sig.args[0], args[0]), args[1], array.dtype)
        return context.get_dummy_value()

    return types.void(array, types.int64, real, imag), codegen


# Rows side by side.

SIDE = 8
"""Rows, and samples of each, that are transposed at a time."""


@intrinsic
def transpose(typingctx: Any, rows: Any) -> Any:
    """Eight vectors of eight lanes, a tuple, as the eight vectors across them, by three rounds of shuffles."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        vectors = cgutils.unpack_tuple(builder, args[0], SIDE)
        for span in (1, 2, 4):
            below = [i if not i & span else i + SIDE - span for i in range(SIDE)]
            above = [i + span if not i & span else i + SIDE for i in range(SIDE)]
            for i in (i for i in range(SIDE) if not i & span):
                pair = vectors[i], vectors[i + span]
                vectors[i], vectors[i + span] = (_shuffle(builder, *pair, lanes) for lanes in (below, above))
        return context.make_tuple(builder, rows, vectors)

    return rows(rows), codegen


@intrinsic
def load_rows(typingctx: Any, source: Any, places: Any, first: Any, at: Any) -> Any:
    """Eight vectors, of ``source[places[first + i] + at]`` and the seven numbers after it; ``places`` are int64."""
    kind = Vector(source.dtype, SIDE)
    rows = types.UniTuple(kind, SIDE)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data, starts = (_data(context, builder, sig.args[i], args[i]) for i in (0, 1))
        values = []
        for i in range(SIDE):
            start = builder.load(builder.gep(starts, [builder.add(args[2], _I64(i))]))
            values.append(_read(builder, data, builder.add(start, args[3]), kind))
        return context.make_tuple(builder, rows, values)

    return rows(source, places, types.int64, types.int64), codegen


@intrinsic
def store_rows(typingctx: Any, target: Any, places: Any, first: Any, at: Any, rows: Any) -> Any:
    """Write eight vectors as ``load_rows`` reads them."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data, starts = (_data(context, builder, sig.args[i], args[i]) for i in (0, 1))
        for i, value in enumerate(cgutils.unpack_tuple(builder, args[4], SIDE)):
            start = builder.load(builder.gep(starts, [builder.add(args[2], _I64(i))]))
            _write(builder, value, data, builder.add(start, args[3]), target.dtype)
        return context.get_dummy_value()

    return types.void(target, places, types.int64, types.int64, rows), codegen


@intrinsic
def load_steps(typingctx: Any, tile: Any, at: Any, step: Any, like: Any) -> Any:
    """Eight vectors ``step`` apart from ``tile[at]`` on, converted to the type of the array ``like``."""
    rows = types.UniTuple(Vector(like.dtype, SIDE), SIDE)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = _data(context, builder, sig.args[0], args[0])
        places = [builder.add(args[1], builder.mul(args[2], _I64(q))) for q in range(SIDE)]
        values = [_read(builder, data, place, Vector(tile.dtype, SIDE)) for place in places]
        return context.make_tuple(builder, rows, [_converted(builder, value, like.dtype) for value in values])

    return rows(tile, types.int64, types.int64, like), codegen


@intrinsic
def store_steps(typingctx: Any, tile: Any, at: Any, step: Any, rows: Any) -> Any:
    """Write eight vectors ``step`` apart from ``tile[at]`` on."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = _data(context, builder, sig.args[0], args[0])
        for q, value in enumerate(cgutils.unpack_tuple(builder, args[3], SIDE)):
            _write(builder, value, data, builder.add(args[1], builder.mul(args[2], _I64(q))), tile.dtype)
        return context.get_dummy_value()

    return types.void(tile, types.int64, types.int64, rows), codegen
