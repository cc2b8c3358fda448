"""Numba's types of vectors and masks, their operators, and how a function of vectors is written as LLVM instructions.

A function in ``vector`` is decorated with ``emits`` and computes with ``Code``, which writes the instructions.
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

_BIT, I32, I64 = ir.IntType(1), ir.IntType(32), ir.IntType(64)
i64, f32, f64 = types.int64, types.float32, types.float64
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


def ir_type(kind: Any) -> Any:
    """LLVM's type of a vector, a mask or a number."""
    if isinstance(kind, (Vector, Mask)):
        return ir.VectorType(_BIT if isinstance(kind, Mask) else ir_type(kind.scalar), kind.lanes)
    return {f32: ir.FloatType(), f64: ir.DoubleType()}[kind]


@register_model(Vector)
@register_model(Mask)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, ir_type(kind))


def common(*kinds: Any) -> Any:
    """The type of a formula of vectors of one type and numbers; None where there is none."""
    vectors = {kind for kind in kinds if isinstance(kind, Vector)}
    numbers = [types.unliteral(kind) for kind in kinds if not isinstance(kind, Vector)]
    fits = len(vectors) == 1 and all(isinstance(kind, (types.Number, types.Boolean)) for kind in numbers)
    return vectors.pop() if fits else None


# How operations are written: on values with their types, by a code that emits LLVM's instructions.


class Value(NamedTuple):
    """What LLVM calls a value, with Numba's type of it."""

    kind: Any
    ir: Any


class Code(NamedTuple):
    """A writer of LLVM's instructions into the function that is being compiled."""

    context: Any
    builder: Any

    def shuffle(self, a: Any, b: Any, lanes: Sequence[int]) -> Any:
        """The vector of these lanes of ``a`` and, counted on, of ``b``."""
        return self.builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(I32, len(lanes)), list(lanes)))

    def spread(self, number: Any, kind: Vector) -> Any:
        """A number of the vector's type in every lane."""
        empty = ir.Constant(ir_type(kind), ir.Undefined)
        return self.shuffle(self.builder.insert_element(empty, number, I32(0)), empty, [0] * kind.lanes)

    def vector(self, value: Value, kind: Vector) -> Any:
        """A vector as it is, a number in every lane."""
        if isinstance(value.kind, Vector):
            return value.ir
        return self.spread(self.context.cast(self.builder, value.ir, value.kind, kind.scalar), kind)

    def converted(self, value: Any, scalar: Any) -> Any:
        """A vector as one of ``scalar``."""
        target = ir.VectorType(ir_type(scalar), value.type.count)
        if value.type == target:
            return value
        return (self.builder.fpext if scalar == f64 else self.builder.fptrunc)(value, target)

    def call(self, name: str, value: Any, *others: Any) -> Any:
        """LLVM's own function of vectors or numbers of one type."""
        kind, element = value.type, getattr(value.type, "element", value.type)
        suffix = ("" if element is kind else f"v{kind.count}") + element.intrinsic_name
        function = ir.FunctionType(kind, [kind] * (1 + len(others)))
        declared = cgutils.get_or_insert_function(self.builder.module, function, f"llvm.{name}.{suffix}")
        return self.builder.call(declared, [value, *others])

    def place(self, array: Value, *steps: Any) -> Any:
        """The address of an element, a sum of steps from the first."""
        data = self.context.make_array(array.kind)(self.context, self.builder, array.ir).data
        for step in steps:
            data = self.builder.gep(data, [step])
        return data

    def read(self, array: Value, lanes: int, *steps: Any) -> Any:
        """Load a vector from an address given as in ``place``."""
        kind = ir_type(Vector(array.kind.dtype, lanes))
        value = self.builder.load(self.builder.bitcast(self.place(array, *steps), kind.as_pointer()))
        value.align = array.kind.dtype.bitwidth // 8
        return value

    def write(self, value: Any, array: Value, *steps: Any) -> None:
        """Write a vector in the array's type."""
        value = self.converted(value, array.kind.dtype)
        place = self.builder.bitcast(self.place(array, *steps), value.type.as_pointer())
        self.builder.store(value, place).align = array.kind.dtype.bitwidth // 8

    def tuple(self, values: Sequence[Any], kind: Vector) -> Any:
        """Numba's tuple of vectors of one type."""
        return self.context.make_tuple(self.builder, types.UniTuple(kind, len(values)), values)

    def untuple(self, value: Value) -> list[Any]:
        """The vectors of a tuple."""
        return cgutils.unpack_tuple(self.builder, value.ir, len(value.kind))


def emits(result: Any) -> Any:
    """Make an intrinsic of a function that emits code: ``result`` of the argument types is its signature, or None."""

    def decorate(function: Any) -> Any:
        def typed(typingctx: Any, *kinds: Any) -> Any:
            sig = result(*kinds)

            def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
                value = function(Code(context, builder), *map(Value, sig.args, args))
                return context.get_dummy_value() if value is None else value

            return sig and (sig, codegen)

        typed.__name__, typed.__doc__ = function.__name__, function.__doc__
        typed.__signature__ = inspect.signature(function)  # pyright: ignore[reportFunctionMemberAccess]
        return intrinsic(prefer_literal=True)(typed)

    return decorate


def same(*kinds: Any) -> Any:
    """The signature of a function of vectors of one type, and numbers beside them."""
    kind = common(*kinds)
    return kind and signature(kind, *map(types.unliteral, kinds))


def nothing(*kinds: Any) -> Any:
    """The signature of what returns nothing; whatever is a number is an index."""
    return types.void(*(i64 if isinstance(kind, types.Integer) else kind for kind in kinds))


# Operators.


def _declare(function: Any, arity: int, result: Any, emit: Any) -> None:
    """Give an operator a meaning for vectors: ``emit(code, *values)``, of the type ``result(kind)``."""

    @infer_global(function)
    class _Typed(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            kind = common(*args) if len(args) == arity else None
            return kind and signature(result(kind), *map(types.unliteral, args))

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        code = Code(context, builder)
        return emit(code, *(code.vector(value, common(*sig.args)) for value in map(Value, sig.args, args)))

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
