"""The smoother's recursion over a tile as LLVM vectors of eight doubles, the levels in registers from step to step.

Left to the compiler, levels go through memory at every step, and a loop over eight lanes becomes eight scalars.
Numba's cache looks only at the file of the compiled function: after a change here delete ``__pycache__``.
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
        fma = cgutils.get_or_insert_function(builder.module, ir.FunctionType(_VECTOR, [_VECTOR] * 3), "llvm.fma.v8f64")
        one = ir.Constant(_VECTOR, [1.0] * 8)
        parts = [_INDEX(8 * p) for p in range(signature.args[0].count // 8)]
        lasts = [cgutils.alloca_once(builder, _VECTOR) for _ in parts]
        for part, last in zip(parts, lasts, strict=True):
            builder.store(levels.load(part), last)
        with cgutils.for_range(builder, args[7], intp=_INDEX) as step:
            here = builder.mul(step.index, _INDEX(signature.args[0].count))
            up_at, down_at = builder.mul(step.index, args[4]), builder.mul(step.index, args[6])
            for part, place in zip(parts, lasts, strict=True):
                last, value = builder.load(place), values.load(builder.add(here, part))
                up, down = ups.load(builder.add(up_at, part)), downs.load(builder.add(down_at, part))
                # Both candidates are known early: one multiply-add and one selection lie on the critical path.
                rise = builder.call(fma, [up, last, builder.fmul(builder.fsub(one, up), value)])
                fall = builder.call(fma, [down, last, builder.fmul(builder.fsub(one, down), value)])
                new = builder.select(builder.fcmp_ordered(">", value, last), rise, fall)
                builder.store(new, place)
                values.store(new, builder.add(here, part))
        for part, last in zip(parts, lasts, strict=True):
            levels.store(builder.load(last), part)
        return context.get_dummy_value()

    return types.void(width, state, xs, attacks, attack_stride, releases, release_stride, steps), codegen
