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
rarely finds the vectors across rows. All LLVM IR of the package stands here and in
``vector_type``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import signature

from .vector_type import I32, I64, Vector, common, emits, f32, f64, i64, nothing, same


@emits(same)
def larger(code: Any, a: Any, b: Any) -> Any:
    """The larger of two, lane by lane; ``a`` where one is NaN."""
    a, b = (code.vector(value, common(a.kind, b.kind)) for value in (a, b))
    return code.builder.select(code.builder.fcmp_ordered(">", b, a), b, a)


@emits(lambda *kinds: same(*kinds) or f64(f64, f64, f64))
def fma(code: Any, a: Any, b: Any, c: Any) -> Any:
    """``a * b + c``, rounded once where the machine has an instruction for it; vectors, or three float64 numbers."""
    kind = common(a.kind, b.kind, c.kind)
    return code.call("fmuladd", *(code.vector(v, kind) if kind else v.ir for v in (a, b, c)))


@emits(lambda mask, *kinds: signature(common(*kinds), mask, *map(types.unliteral, kinds)))
def where(code: Any, mask: Any, yes: Any, no: Any) -> Any:
    """``yes`` in the lanes of the mask, ``no`` in the others; at least one of both is a vector."""
    return code.builder.select(mask.ir, *(code.vector(v, common(yes.kind, no.kind)) for v in (yes, no)))


@emits(lambda mask: types.boolean(mask))
def any_of(code: Any, mask: Any) -> Any:
    """Whether the mask is true in any lane."""
    bits = ir.IntType(mask.kind.lanes)
    return code.builder.icmp_unsigned("!=", code.builder.bitcast(mask.ir, bits), ir.Constant(bits, 0))


@emits(lambda value: f64(value))
def total(code: Any, value: Any) -> Any:
    """Sum of the lanes, in float64, by halves."""
    lanes, count = code.converted(value.ir, f64), value.kind.lanes
    while count > 1:
        count //= 2
        lanes = code.builder.fadd(*(code.shuffle(lanes, lanes, range(at, at + count)) for at in (0, count)))
    return code.builder.extract_element(lanes, I32(0))


@emits(lambda value: Vector(value.scalar, value.lanes // 2)(value))
def low(code: Any, value: Any) -> Any:
    """The first half of the lanes."""
    return code.shuffle(value.ir, value.ir, range(value.kind.lanes // 2))


@emits(lambda value: Vector(value.scalar, value.lanes // 2)(value))
def high(code: Any, value: Any) -> Any:
    """The second half of the lanes."""
    return code.shuffle(value.ir, value.ir, range(value.kind.lanes // 2, value.kind.lanes))


@emits(lambda first, second: Vector(first.scalar, 2 * first.lanes)(first, second))
def join(code: Any, first: Any, second: Any) -> Any:
    """One vector of two halves: ``join(low(v), high(v))`` is ``v``."""
    return code.shuffle(first.ir, second.ir, range(2 * first.kind.lanes))


def _number(lanes: Any) -> int:
    """The lanes asked for by a constant or by a tuple of so many; 0 where left out."""
    return len(lanes) if isinstance(lanes, types.BaseTuple) else getattr(lanes, "literal_value", 0)


def _vector_like(scalar: Any, given: Sequence[Any], lanes: Any) -> Any:
    """The signature of what makes a vector of ``given`` and of an argument ``lanes``."""
    return signature(Vector(scalar, _number(lanes)), *given, lanes if _number(lanes) else types.intp)


@emits(lambda like: i64(like))
def lanes_of(code: Any, like: Any) -> Any:
    """Numbers in a vector, or of an array's type in 64 bytes: a constant of the compiled code."""
    return ir.Constant(I64, (like.kind if isinstance(like.kind, Vector) else Vector(like.kind.dtype)).lanes)


@emits(lambda like, value, lanes=0: _vector_like(like.dtype, (like, types.unliteral(value)), lanes))
def constant(code: Any, like: Any, value: Any, lanes: Any = 0) -> Any:
    """A number in every lane, of the type of the array ``like``."""
    return code.vector(value, Vector(like.kind.dtype, _number(lanes.kind)))


@emits(lambda value, like: Vector(like.dtype, value.lanes)(value, like))
def converted(code: Any, value: Any, like: Any) -> Any:
    """A vector in the type of the array ``like``."""
    return code.converted(value.ir, like.kind.dtype)


# Memory.


@emits(lambda array, at, lanes=0: _vector_like(array.dtype, (array, i64), lanes))
def load(code: Any, array: Any, at: Any, lanes: Any = 0) -> Any:
    """The vector that begins at ``array[at]``, of 64 bytes or so many lanes: a constant, or a tuple of that length."""
    return code.read(array, _number(lanes.kind), at.ir)


@emits(lambda array, at, lanes=0: _vector_like(f64, (array, i64), lanes))
def load_wide(code: Any, array: Any, at: Any, lanes: Any = 0) -> Any:
    """As ``load``, in float64 whatever the array's type; eight lanes unless told otherwise."""
    return code.converted(code.read(array, _number(lanes.kind) or Vector(f64).lanes, at.ir), f64)


@emits(nothing)
def store(code: Any, array: Any, at: Any, value: Any) -> None:
    """Write a vector from ``array[at]`` on, in the array's type."""
    code.write(value.ir, array, at.ir)


@emits(lambda array, at, lanes=0: _vector_like(array.dtype, (array, i64), lanes))
def spread(code: Any, array: Any, at: Any, lanes: Any = 0) -> Any:
    """``array[at]`` in every lane."""
    return code.spread(code.builder.load(code.place(array, at.ir)), Vector(array.kind.dtype, _number(lanes.kind)))


def _ask_for(code: Any, array: Any, at: Any, for_writing: int) -> None:
    byte, to_keep, data = ir.IntType(8).as_pointer(), I32(3), I32(1)
    kind = ir.FunctionType(ir.VoidType(), [byte, I32, I32, I32])
    function = cgutils.get_or_insert_function(code.builder.module, kind, "llvm.prefetch.p0i8")
    place = code.builder.bitcast(code.place(array, at.ir), byte)
    code.builder.call(function, [place, I32(for_writing), to_keep, data])


@emits(nothing)
def prefetch(code: Any, array: Any, at: Any) -> None:
    """Ask for the cache line of ``array[at]``, which need not exist, and wait for nothing."""
    _ask_for(code, array, at, 0)


@emits(nothing)
def prefetch_to_write(code: Any, array: Any, at: Any) -> None:
    """As ``prefetch``, for a line that is going to be written."""
    _ask_for(code, array, at, 1)


# Complex numbers: real and imaginary parts beside each other in memory, apart in registers.


def _parts(code: Any, array: Any, at: Any, kind: Vector) -> Any:
    both = code.read(array, 2 * kind.lanes, at.ir)
    parts = [code.shuffle(both, both, range(start, 2 * kind.lanes, 2)) for start in (0, 1)]
    return code.tuple([code.converted(part, kind.scalar) for part in parts], kind)


@emits(lambda array, at: types.UniTuple(Vector(array.dtype), 2)(array, i64))
def load_pairs(code: Any, array: Any, at: Any) -> Any:
    """A vector of real and one of imaginary parts."""
    return _parts(code, array, at, Vector(array.kind.dtype))


@emits(lambda array, at: types.UniTuple(Vector(f64), 2)(array, i64))
def load_wide_pairs(code: Any, array: Any, at: Any) -> Any:
    """As ``load_pairs``, eight numbers in float64 whatever the array's type."""
    return _parts(code, array, at, Vector(f64))


@emits(nothing)
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
    return code.builder.load(code.place(places, first.ir, ir.Constant(I64, i)))


@emits(lambda rows: rows(rows))
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


@emits(lambda source, places, first, at: _side(source.dtype)(source, places, i64, i64))
def load_rows(code: Any, source: Any, places: Any, first: Any, at: Any) -> Any:
    """Eight vectors, of ``source[places[first + i] + at]`` and the seven numbers after it; ``places`` are int64."""
    values = [code.read(source, SIDE, _row(code, places, first, i), at.ir) for i in range(SIDE)]
    return code.tuple(values, Vector(source.kind.dtype, SIDE))


@emits(nothing)
def store_rows(code: Any, target: Any, places: Any, first: Any, at: Any, rows: Any) -> None:
    """Write eight vectors as ``load_rows`` reads them."""
    for i, value in enumerate(code.untuple(rows)):
        code.write(value, target, _row(code, places, first, i), at.ir)


@emits(lambda tile, at, step, like: _side(like.dtype)(tile, i64, i64, like))
def load_steps(code: Any, tile: Any, at: Any, step: Any, like: Any) -> Any:
    """Eight vectors ``step`` apart from ``tile[at]`` on, converted to the type of the array ``like``."""
    places = [code.builder.mul(step.ir, I64(q)) for q in range(SIDE)]
    values = [code.converted(code.read(tile, SIDE, at.ir, place), like.kind.dtype) for place in places]
    return code.tuple(values, Vector(like.kind.dtype, SIDE))


@emits(nothing)
def store_steps(code: Any, tile: Any, at: Any, step: Any, rows: Any) -> None:
    """Write eight vectors ``step`` apart from ``tile[at]`` on."""
    for q, value in enumerate(code.untuple(rows)):
        code.write(value, tile, at.ir, code.builder.mul(step.ir, I64(q)))


# A float32 as m 2^e with m in sqrt(1/2) .. sqrt(2), and the power of two, in its bits.


def _bits_above(code: Any, x: Any) -> Any:
    root_of_half = I32(0x3F3504F3)
    return code.builder.ashr(code.builder.sub(code.builder.bitcast(x.ir, I32), root_of_half), I32(23))


@emits(lambda x: f32(f32))
def exponent(code: Any, x: Any) -> Any:
    """The e of x = m 2^e; x positive and normal."""
    return code.builder.sitofp(_bits_above(code, x), ir.FloatType())


@emits(lambda x: f32(f32))
def mantissa(code: Any, x: Any) -> Any:
    """The m of x = m 2^e; x positive and normal."""
    shifted = code.builder.shl(_bits_above(code, x), I32(23))
    return code.builder.bitcast(code.builder.sub(code.builder.bitcast(x.ir, I32), shifted), ir.FloatType())


@emits(lambda n: f32(f32))
def power_of_two(code: Any, n: Any) -> Any:
    """2^n for a whole n in -126 .. 127."""
    biased = code.builder.add(code.builder.fptosi(n.ir, I32), I32(127))
    return code.builder.bitcast(code.builder.shl(biased, I32(23)), ir.FloatType())
