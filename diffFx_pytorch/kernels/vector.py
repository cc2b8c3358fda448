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
- A comparison gives a mask, for ``where``, ``any_of``, ``&``, ``|`` and ``~``; comparisons with NaN are
  false, save ``!=``.
- Complex numbers are two vectors, real and imaginary parts (``load_pairs``).
- An ``at`` counts elements from the first of its array and is not checked; an array need not be aligned to vectors.
- ``store`` converts to the type of its array, and ``load_wide`` reads float32 or float64 as float64, so that one text
  serves both.

Left to itself LLVM checks before every short loop whether its arrays overlap, which takes longer than the loop, and
rarely finds the vectors across rows. All LLVM IR of the package stands in this file.
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

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
_i64, _f32, _f64 = types.int64, types.float32, types.float64
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
    if isinstance(kind, (Vector, Mask)):
        return ir.VectorType(_BIT if isinstance(kind, Mask) else _ir_type(kind.scalar), kind.lanes)
    return {_f32: ir.FloatType(), _f64: ir.DoubleType()}[kind]


@register_model(Vector)
@register_model(Mask)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _ir_type(kind))


def _common(*kinds: Any) -> Any:
    """The type of a formula of vectors of one type and numbers; None where there is none."""
    vectors = {kind for kind in kinds if isinstance(kind, Vector)}
    numbers = [types.unliteral(kind) for kind in kinds if not isinstance(kind, Vector)]
    fits = len(vectors) == 1 and all(isinstance(kind, (types.Number, types.Boolean)) for kind in numbers)
    return vectors.pop() if fits else None


# How operations are written: on values with their types, by a code that emits LLVM's instructions.


class _Value(NamedTuple):
    kind: Any
    ir: Any


class _Code(NamedTuple):
    context: Any
    builder: Any

    def shuffle(self, a: Any, b: Any, lanes: Sequence[int]) -> Any:
        return self.builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_I32, len(lanes)), list(lanes)))

    def spread(self, number: Any, kind: Vector) -> Any:
        """A number of the vector's type in every lane."""
        empty = ir.Constant(_ir_type(kind), ir.Undefined)
        return self.shuffle(self.builder.insert_element(empty, number, _I32(0)), empty, [0] * kind.lanes)

    def vector(self, value: _Value, kind: Vector) -> Any:
        """A vector as it is, a number in every lane."""
        if isinstance(value.kind, Vector):
            return value.ir
        return self.spread(self.context.cast(self.builder, value.ir, value.kind, kind.scalar), kind)

    def converted(self, value: Any, scalar: Any) -> Any:
        """A vector as one of ``scalar``."""
        target = ir.VectorType(_ir_type(scalar), value.type.count)
        if value.type == target:
            return value
        return (self.builder.fpext if scalar == _f64 else self.builder.fptrunc)(value, target)

    def call(self, name: str, value: Any, *others: Any) -> Any:
        """LLVM's own function of vectors or numbers of one type."""
        kind, element = value.type, getattr(value.type, "element", value.type)
        suffix = ("" if element is kind else f"v{kind.count}") + element.intrinsic_name
        function = ir.FunctionType(kind, [kind] * (1 + len(others)))
        declared = cgutils.get_or_insert_function(self.builder.module, function, f"llvm.{name}.{suffix}")
        return self.builder.call(declared, [value, *others])

    def place(self, array: _Value, *steps: Any) -> Any:
        """The address of an element, a sum of steps from the first."""
        data = self.context.make_array(array.kind)(self.context, self.builder, array.ir).data
        for step in steps:
            data = self.builder.gep(data, [step])
        return data

    def read(self, array: _Value, lanes: int, *steps: Any) -> Any:
        kind = _ir_type(Vector(array.kind.dtype, lanes))
        value = self.builder.load(self.builder.bitcast(self.place(array, *steps), kind.as_pointer()))
        value.align = array.kind.dtype.bitwidth // 8
        return value

    def write(self, value: Any, array: _Value, *steps: Any) -> None:
        """Write a vector in the array's type."""
        value = self.converted(value, array.kind.dtype)
        place = self.builder.bitcast(self.place(array, *steps), value.type.as_pointer())
        self.builder.store(value, place).align = array.kind.dtype.bitwidth // 8

    def tuple(self, values: Sequence[Any], kind: Vector) -> Any:
        return self.context.make_tuple(self.builder, types.UniTuple(kind, len(values)), values)

    def untuple(self, value: _Value) -> list[Any]:
        return cgutils.unpack_tuple(self.builder, value.ir, len(value.kind))


def _emits(result: Any) -> Any:
    """Make an intrinsic of a function that emits code: ``result`` of the argument types is its signature, or None."""

    def decorate(function: Any) -> Any:
        def typed(typingctx: Any, *kinds: Any) -> Any:
            sig = result(*kinds)

            def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
                value = function(_Code(context, builder), *map(_Value, sig.args, args))
                return context.get_dummy_value() if value is None else value

            return sig and (sig, codegen)

        typed.__name__, typed.__doc__ = function.__name__, function.__doc__
        typed.__signature__ = inspect.signature(function)  # pyright: ignore[reportFunctionMemberAccess]
        return intrinsic(prefer_literal=True)(typed)

    return decorate


def _same(*kinds: Any) -> Any:
    """The signature of a function of vectors of one type, and numbers beside them."""
    kind = _common(*kinds)
    return kind and signature(kind, *map(types.unliteral, kinds))


def _nothing(*kinds: Any) -> Any:
    """The signature of what returns nothing; whatever is a number is an index."""
    return types.void(*(_i64 if isinstance(kind, types.Integer) else kind for kind in kinds))


# Operators.


def _declare(function: Any, arity: int, result: Any, emit: Any) -> None:
    """Give an operator a meaning for vectors: ``emit(code, *values)``, of the type ``result(kind)``."""

    @infer_global(function)
    class _Typed(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            kind = _common(*args) if len(args) == arity else None
            return kind and signature(result(kind), *map(types.unliteral, args))

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        code = _Code(context, builder)
        return emit(code, *(code.vector(value, _common(*sig.args)) for value in map(_Value, sig.args, args)))

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
    return lambda code, a, b: getattr(code.builder, instruction)(a, b, flags=_FLAGS)


def _comparison(symbol: str) -> Any:
    if symbol == "!=":
        return lambda code, a, b: code.builder.fcmp_unordered("!=", a, b)
    return lambda code, a, b: code.builder.fcmp_ordered(symbol, a, b)


for _name, _instruction in (("add", "fadd"), ("sub", "fsub"), ("mul", "fmul"), ("truediv", "fdiv")):
    for _prefix in ("", "i"):
        _declare(getattr(operator, _prefix + _name), 2, lambda kind: kind, _arithmetic(_instruction))
for _name, _symbol in (("lt", "<"), ("le", "<="), ("gt", ">"), ("ge", ">="), ("eq", "=="), ("ne", "!=")):
    _declare(getattr(operator, _name), 2, lambda kind: Mask(kind.lanes), _comparison(_symbol))
_declare(operator.neg, 1, lambda kind: kind, lambda code, a: code.builder.fneg(a))
_declare(abs, 1, lambda kind: kind, lambda code, a: code.call("fabs", a))
for _name, _arity in (("and_", 2), ("or_", 2), ("invert", 1)):
    _declare_for_masks(getattr(operator, _name), _arity, {"invert": "not_"}.get(_name, _name))


# Functions of vectors.


@_emits(_same)
def larger(code: Any, a: Any, b: Any) -> Any:
    """The larger of two, lane by lane; ``a`` where one is NaN."""
    a, b = (code.vector(value, _common(a.kind, b.kind)) for value in (a, b))
    return code.builder.select(code.builder.fcmp_ordered(">", b, a), b, a)


@_emits(lambda *kinds: _same(*kinds) or _f64(_f64, _f64, _f64))
def fma(code: Any, a: Any, b: Any, c: Any) -> Any:
    """``a * b + c``, rounded once where the machine has an instruction for it; vectors, or three float64 numbers."""
    kind = _common(a.kind, b.kind, c.kind)
    return code.call("fmuladd", *(code.vector(v, kind) if kind else v.ir for v in (a, b, c)))


@_emits(lambda mask, *kinds: signature(_common(*kinds), mask, *map(types.unliteral, kinds)))
def where(code: Any, mask: Any, yes: Any, no: Any) -> Any:
    """``yes`` in the lanes of the mask, ``no`` in the others; at least one of both is a vector."""
    return code.builder.select(mask.ir, *(code.vector(v, _common(yes.kind, no.kind)) for v in (yes, no)))


@_emits(lambda mask: types.boolean(mask))
def any_of(code: Any, mask: Any) -> Any:
    """Whether the mask is true in any lane."""
    bits = ir.IntType(mask.kind.lanes)
    return code.builder.icmp_unsigned("!=", code.builder.bitcast(mask.ir, bits), ir.Constant(bits, 0))


@_emits(lambda value: _f64(value))
def total(code: Any, value: Any) -> Any:
    """Sum of the lanes, in float64, by halves."""
    lanes, count = code.converted(value.ir, _f64), value.kind.lanes
    while count > 1:
        count //= 2
        lanes = code.builder.fadd(*(code.shuffle(lanes, lanes, range(at, at + count)) for at in (0, count)))
    return code.builder.extract_element(lanes, _I32(0))


@_emits(lambda value: Vector(value.scalar, value.lanes // 2)(value))
def low(code: Any, value: Any) -> Any:
    """The first half of the lanes."""
    return code.shuffle(value.ir, value.ir, range(value.kind.lanes // 2))


@_emits(lambda value: Vector(value.scalar, value.lanes // 2)(value))
def high(code: Any, value: Any) -> Any:
    """The second half of the lanes."""
    return code.shuffle(value.ir, value.ir, range(value.kind.lanes // 2, value.kind.lanes))


@_emits(lambda first, second: Vector(first.scalar, 2 * first.lanes)(first, second))
def join(code: Any, first: Any, second: Any) -> Any:
    """One vector of two halves: ``join(low(v), high(v))`` is ``v``."""
    return code.shuffle(first.ir, second.ir, range(2 * first.kind.lanes))


def _number(lanes: Any) -> int:
    """The lanes asked for by a constant or by a tuple of so many; 0 where left out."""
    return len(lanes) if isinstance(lanes, types.BaseTuple) else getattr(lanes, "literal_value", 0)


def _vector_like(scalar: Any, given: Sequence[Any], lanes: Any) -> Any:
    """The signature of what makes a vector of ``given`` and of an argument ``lanes``."""
    return signature(Vector(scalar, _number(lanes)), *given, lanes if _number(lanes) else types.intp)


@_emits(lambda like: _i64(like))
def lanes_of(code: Any, like: Any) -> Any:
    """Numbers in a vector, or of an array's type in 64 bytes: a constant of the compiled code."""
    return ir.Constant(_I64, (like.kind if isinstance(like.kind, Vector) else Vector(like.kind.dtype)).lanes)


@_emits(lambda like, value, lanes=0: _vector_like(like.dtype, (like, types.unliteral(value)), lanes))
def constant(code: Any, like: Any, value: Any, lanes: Any = 0) -> Any:
    """A number in every lane, of the type of the array ``like``."""
    return code.vector(value, Vector(like.kind.dtype, _number(lanes.kind)))


# Memory.


@_emits(lambda array, at, lanes=0: _vector_like(array.dtype, (array, _i64), lanes))
def load(code: Any, array: Any, at: Any, lanes: Any = 0) -> Any:
    """The vector that begins at ``array[at]``, of 64 bytes or so many lanes: a constant, or a tuple of that length."""
    return code.read(array, _number(lanes.kind), at.ir)


@_emits(lambda array, at, lanes=0: _vector_like(_f64, (array, _i64), lanes))
def load_wide(code: Any, array: Any, at: Any, lanes: Any = 0) -> Any:
    """As ``load``, in float64 whatever the array's type; eight lanes unless told otherwise."""
    return code.converted(code.read(array, _number(lanes.kind) or Vector(_f64).lanes, at.ir), _f64)


@_emits(_nothing)
def store(code: Any, array: Any, at: Any, value: Any) -> None:
    """Write a vector from ``array[at]`` on, in the array's type."""
    code.write(value.ir, array, at.ir)


@_emits(lambda array, at, lanes=0: _vector_like(array.dtype, (array, _i64), lanes))
def spread(code: Any, array: Any, at: Any, lanes: Any = 0) -> Any:
    """``array[at]`` in every lane."""
    return code.spread(code.builder.load(code.place(array, at.ir)), Vector(array.kind.dtype, _number(lanes.kind)))


def _ask_for(code: Any, array: Any, at: Any, for_writing: int) -> None:
    byte, to_keep, data = ir.IntType(8).as_pointer(), _I32(3), _I32(1)
    kind = ir.FunctionType(ir.VoidType(), [byte, _I32, _I32, _I32])
    function = cgutils.get_or_insert_function(code.builder.module, kind, "llvm.prefetch.p0i8")
    place = code.builder.bitcast(code.place(array, at.ir), byte)
    code.builder.call(function, [place, _I32(for_writing), to_keep, data])


@_emits(_nothing)
def prefetch(code: Any, array: Any, at: Any) -> None:
    """Ask for the cache line of ``array[at]``, which need not exist, and wait for nothing."""
    _ask_for(code, array, at, 0)


@_emits(_nothing)
def prefetch_to_write(code: Any, array: Any, at: Any) -> None:
    """As ``prefetch``, for a line that is going to be written."""
    _ask_for(code, array, at, 1)


# Complex numbers: real and imaginary parts beside each other in memory, apart in registers.


def _parts(code: Any, array: Any, at: Any, kind: Vector) -> Any:
    both = code.read(array, 2 * kind.lanes, at.ir)
    parts = [code.shuffle(both, both, range(start, 2 * kind.lanes, 2)) for start in (0, 1)]
    return code.tuple([code.converted(part, kind.scalar) for part in parts], kind)


@_emits(lambda array, at: types.UniTuple(Vector(array.dtype), 2)(array, _i64))
def load_pairs(code: Any, array: Any, at: Any) -> Any:
    """A vector of real and one of imaginary parts."""
    return _parts(code, array, at, Vector(array.kind.dtype))


@_emits(lambda array, at: types.UniTuple(Vector(_f64), 2)(array, _i64))
def load_wide_pairs(code: Any, array: Any, at: Any) -> Any:
    """As ``load_pairs``, eight numbers in float64 whatever the array's type."""
    return _parts(code, array, at, Vector(_f64))


@_emits(_nothing)
def store_pairs(code: Any, array: Any, at: Any, real: Any, imag: Any) -> None:
    """The way back of ``load_pairs``, in the array's type."""
    real, imag = (code.converted(part.ir, array.kind.dtype) for part in (real, imag))
    count = real.type.count
    code.write(code.shuffle(real, imag, [k // 2 + k % 2 * count for k in range(2 * count)]), array, at.ir)


# Rows side by side.

SIDE = 8
"""Rows, and samples of each, that are transposed at a time."""


def _side(scalar: Any) -> Any:
    return types.UniTuple(Vector(scalar, SIDE), SIDE)


def _row(code: Any, places: Any, first: Any, i: int) -> Any:
    return code.builder.load(code.place(places, first.ir, ir.Constant(_I64, i)))


@_emits(lambda rows: rows(rows))
def transpose(code: Any, rows: Any) -> Any:
    """Eight vectors of eight lanes, a tuple, as the eight vectors across them, by three rounds of shuffles."""
    vectors = code.untuple(rows)
    for span in (1, 2, 4):
        below = [i if not i & span else i + SIDE - span for i in range(SIDE)]
        above = [i + span if not i & span else i + SIDE for i in range(SIDE)]
        for i in (i for i in range(SIDE) if not i & span):
            pair = vectors[i], vectors[i + span]
            vectors[i], vectors[i + span] = (code.shuffle(*pair, lanes) for lanes in (below, above))
    return code.tuple(vectors, rows.kind.dtype)


@_emits(lambda source, places, first, at: _side(source.dtype)(source, places, _i64, _i64))
def load_rows(code: Any, source: Any, places: Any, first: Any, at: Any) -> Any:
    """Eight vectors, of ``source[places[first + i] + at]`` and the seven numbers after it; ``places`` are int64."""
    values = [code.read(source, SIDE, _row(code, places, first, i), at.ir) for i in range(SIDE)]
    return code.tuple(values, Vector(source.kind.dtype, SIDE))


@_emits(_nothing)
def store_rows(code: Any, target: Any, places: Any, first: Any, at: Any, rows: Any) -> None:
    """Write eight vectors as ``load_rows`` reads them."""
    for i, value in enumerate(code.untuple(rows)):
        code.write(value, target, _row(code, places, first, i), at.ir)


@_emits(lambda tile, at, step, like: _side(like.dtype)(tile, _i64, _i64, like))
def load_steps(code: Any, tile: Any, at: Any, step: Any, like: Any) -> Any:
    """Eight vectors ``step`` apart from ``tile[at]`` on, converted to the type of the array ``like``."""
    places = [code.builder.mul(step.ir, _I64(q)) for q in range(SIDE)]
    values = [code.converted(code.read(tile, SIDE, at.ir, place), like.kind.dtype) for place in places]
    return code.tuple(values, Vector(like.kind.dtype, SIDE))


@_emits(_nothing)
def store_steps(code: Any, tile: Any, at: Any, step: Any, rows: Any) -> None:
    """Write eight vectors ``step`` apart from ``tile[at]`` on."""
    for q, value in enumerate(code.untuple(rows)):
        code.write(value, tile, at.ir, code.builder.mul(step.ir, _I64(q)))


# A float32 as m 2^e with m in sqrt(1/2) .. sqrt(2), and the power of two, in its bits.


def _bits_above(code: Any, x: Any) -> Any:
    root_of_half = _I32(0x3F3504F3)
    return code.builder.ashr(code.builder.sub(code.builder.bitcast(x.ir, _I32), root_of_half), _I32(23))


@_emits(lambda x: _f32(_f32))
def exponent(code: Any, x: Any) -> Any:
    """The e of x = m 2^e; x positive and normal."""
    return code.builder.sitofp(_bits_above(code, x), ir.FloatType())


@_emits(lambda x: _f32(_f32))
def mantissa(code: Any, x: Any) -> Any:
    """The m of x = m 2^e; x positive and normal."""
    shifted = code.builder.shl(_bits_above(code, x), _I32(23))
    return code.builder.bitcast(code.builder.sub(code.builder.bitcast(x.ir, _I32), shifted), ir.FloatType())


@_emits(lambda n: _f32(_f32))
def power_of_two(code: Any, n: Any) -> Any:
    """2^n for a whole n in -126 .. 127."""
    biased = code.builder.add(code.builder.fptosi(n.ir, _I32), _I32(127))
    return code.builder.bitcast(code.builder.shl(biased, _I32(23)), ir.FloatType())
