"""The smoother's recursion over a tile as LLVM vectors of eight doubles, the levels in registers from step to step.

Left to the compiler, levels go through memory at every step, and a loop over eight lanes becomes eight scalars.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic as _intrinsic

# Numba takes the first argument away, which a type checker cannot know.
intrinsic: Any = _intrinsic

_INDEX = ir.IntType(64)
_VECTOR = ir.VectorType(ir.DoubleType(), 8)


class _Lanes:
    """Reads and writes eight elements of a float32 or float64 array as doubles."""

    def __init__(self, context: Any, builder: Any, array_type: Any, array: Any) -> None:
        self.builder = builder
        self.element = context.get_value_type(array_type.dtype)
        self.data = context.make_array(array_type)(context, builder, array).data

    def _place(self, at: Any) -> Any:
        vector = ir.VectorType(self.element, 8)
        return self.builder.bitcast(self.builder.gep(self.data, [at]), vector.as_pointer())

    def load(self, at: Any) -> Any:
        value = self.builder.load(self._place(at), align=4)
        return value if self.element == _VECTOR.element else self.builder.fpext(value, _VECTOR)

    def store(self, value: Any, at: Any) -> None:
        if self.element != _VECTOR.element:
            value = self.builder.fptrunc(value, ir.VectorType(self.element, 8))
        self.builder.store(value, self._place(at), align=4)


def _multiply_add(builder: Any, a: Any, b: Any, c: Any) -> Any:
    kind = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.fma.v8f64"), [a, b, c])


def _next_level(builder: Any, value: Any, last: Any, up: Any, down: Any) -> Any:
    # Both candidates are known early: one multiply-add and one selection lie on the critical path.
    one = ir.Constant(_VECTOR, [1.0] * 8)
    rise = _multiply_add(builder, up, last, builder.fmul(builder.fsub(one, up), value))
    fall = _multiply_add(builder, down, last, builder.fmul(builder.fsub(one, down), value))
    return builder.select(builder.fcmp_ordered(">", value, last), rise, fall)


def _registers(builder: Any, array: _Lanes, parts: list[Any]) -> list[Any]:
    """Eight elements of the array for each part, in variables that become registers."""
    kept = [cgutils.alloca_once(builder, _VECTOR) for _ in parts]
    for part, place in zip(parts, kept, strict=True):
        builder.store(array.load(part), place)
    return kept


def _parts(width: Any) -> list[Any]:
    return [_INDEX(8 * p) for p in range(width.count // 8)]


@intrinsic
def smooth_tile(
    typingctx: Any,
    width: Any,
    state: Any,
    xs: Any,
    attacks: Any,
    attack_stride: Any,
    releases: Any,
    release_stride: Any,
    steps: Any,
) -> Any:
    """Run the recursion over a tile in place: ``xs`` becomes the levels, ``state`` the last of them."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        levels, values, ups, downs = (_Lanes(context, builder, signature.args[i], args[i]) for i in (1, 2, 3, 5))
        parts = _parts(signature.args[0])
        lasts = _registers(builder, levels, parts)
        with cgutils.for_range(builder, args[7], intp=_INDEX) as step:
            here = builder.mul(step.index, _INDEX(signature.args[0].count))
            up_at, down_at = builder.mul(step.index, args[4]), builder.mul(step.index, args[6])
            for part, place in zip(parts, lasts, strict=True):
                at = builder.add(here, part)
                up, down = ups.load(builder.add(up_at, part)), downs.load(builder.add(down_at, part))
                new = _next_level(builder, values.load(at), builder.load(place), up, down)
                builder.store(new, place)
                values.store(new, at)
        for part, place in zip(parts, lasts, strict=True):
            levels.store(builder.load(place), part)
        return context.get_dummy_value()

    return types.void(width, state, xs, attacks, attack_stride, releases, release_stride, steps), codegen


@intrinsic
def advance_tile(
    typingctx: Any,
    width: Any,
    levels: Any,
    xs: Any,
    attacks: Any,
    attack_stride: Any,
    releases: Any,
    release_stride: Any,
    steps: Any,
) -> Any:
    """As :func:`smooth_tile`, but every level is kept: ``levels`` begins with the state before the tile."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kept, values, ups, downs = (_Lanes(context, builder, signature.args[i], args[i]) for i in (1, 2, 3, 5))
        parts = _parts(signature.args[0])
        lasts = _registers(builder, kept, parts)
        count = _INDEX(signature.args[0].count)
        with cgutils.for_range(builder, args[7], intp=_INDEX) as step:
            here = builder.mul(step.index, count)
            up_at, down_at = builder.mul(step.index, args[4]), builder.mul(step.index, args[6])
            for part, place in zip(parts, lasts, strict=True):
                at = builder.add(here, part)
                up, down = ups.load(builder.add(up_at, part)), downs.load(builder.add(down_at, part))
                new = _next_level(builder, values.load(at), builder.load(place), up, down)
                builder.store(new, place)
                kept.store(new, builder.add(at, count))
        return context.get_dummy_value()

    return types.void(width, levels, xs, attacks, attack_stride, releases, release_stride, steps), codegen


@intrinsic
def retreat_tile(
    typingctx: Any,
    width: Any,
    carry: Any,
    sum_attack: Any,
    sum_release: Any,
    levels: Any,
    xs: Any,
    attacks: Any,
    attack_stride: Any,
    releases: Any,
    release_stride: Any,
    grads: Any,
    grads_attack: Any,
    grads_release: Any,
    steps: Any,
) -> Any:
    """The recursion backwards over a tile; ``grads`` holds the gradient of y and becomes that of x.

    Those of the coefficients are added up, and kept for each step where the coefficient moves (with a stride of 0
    every step overwrites the last).
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        def lanes(i: int) -> _Lanes:
            return _Lanes(context, builder, signature.args[i], args[i])

        previous, values, ups, downs, grad, to_attack, to_release = (lanes(i) for i in (4, 5, 6, 8, 10, 11, 12))
        parts = _parts(signature.args[0])
        carries, ups_sum, downs_sum = kept = [_registers(builder, lanes(i), parts) for i in (1, 2, 3)]
        zero, minus = ir.Constant(_VECTOR, None), _INDEX(-1)
        last_step = builder.sub(args[13], _INDEX(1))
        with cgutils.for_range_slice(builder, last_step, minus, minus, intp=_INDEX, inc=False) as (t, _):
            here = builder.mul(t, _INDEX(signature.args[0].count))
            up_at, down_at = builder.mul(t, args[7]), builder.mul(t, args[9])
            for p, part in enumerate(parts):
                at, to_up, to_down = (builder.add(place, part) for place in (here, up_at, down_at))
                value, last = values.load(at), previous.load(at)
                rising = builder.fcmp_ordered(">", value, last)
                c = builder.select(rising, ups.load(to_up), downs.load(to_down))
                total = builder.fadd(grad.load(at), builder.load(carries[p]))
                passed = builder.fmul(c, total)
                builder.store(passed, carries[p])
                grad.store(builder.fsub(total, passed), at)
                slope = builder.fmul(total, builder.fsub(last, value))
                up, down = builder.select(rising, slope, zero), builder.select(rising, zero, slope)
                to_attack.store(up, to_up)
                to_release.store(down, to_down)
                builder.store(builder.fadd(builder.load(ups_sum[p]), up), ups_sum[p])
                builder.store(builder.fadd(builder.load(downs_sum[p]), down), downs_sum[p])
        for i, registers in zip((1, 2, 3), kept, strict=True):
            for part, place in zip(parts, registers, strict=True):
                lanes(i).store(builder.load(place), part)
        return context.get_dummy_value()

    arguments = (carry, sum_attack, sum_release, levels, xs, attacks, attack_stride, releases, release_stride)
    return types.void(width, *arguments, grads, grads_attack, grads_release, steps), codegen
