"""The inner loops of a feedback delay network, lines side by side in SIMD lanes.

A tile is LANES lines over some samples, ``tile[q * LANES + lane]``, float64, flat; an ``at`` is an index into the
buffer before it, in elements.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from .simd import _INDEX, _VECTOR, LANES, _broadcast, _load, _multiply_add, _pointer, _store, intrinsic

_ROUND = 8


@intrinsic
def section_forward(
    typingctx: Any,
    source: Any,
    s_at: Any,
    target: Any,
    t_at: Any,
    count: Any,
    coef: Any,
    c_at: Any,
    step: Any,
    state: Any,
    z_at: Any,
) -> Any:
    """A second-order section a lane, transposed direct form 2, over ``count`` samples; source may be target.

    ``coef[c_at + q * step:]`` holds b0 b1 b2 a1 a2, LANES of each; ``state[z_at:]`` the two states.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds = signature.args
        x_here = _pointer(context, builder, kinds[0], args[0], args[1])
        y_here = _pointer(context, builder, kinds[2], args[2], args[3])
        c_here = _pointer(context, builder, kinds[5], args[5], args[6])
        z_here = _pointer(context, builder, kinds[8], args[8], args[9])
        s1 = cgutils.alloca_once_value(builder, _load(builder, z_here, 0))
        s2 = cgutils.alloca_once_value(builder, _load(builder, z_here, LANES))
        with cgutils.for_range(builder, args[4], intp=_INDEX) as loop:
            offset = builder.mul(loop.index, _INDEX(LANES))
            here = builder.mul(loop.index, args[7])
            b0, b1, b2, a1, a2 = (_load(builder, c_here, builder.add(here, _INDEX(i * LANES))) for i in range(5))
            x = _load(builder, x_here, offset)
            y = _multiply_add(builder, b0, x, builder.load(s1))
            minus = builder.fneg(y)
            builder.store(_multiply_add(builder, a1, minus, _multiply_add(builder, b1, x, builder.load(s2))), s1)
            builder.store(_multiply_add(builder, a2, minus, builder.fmul(b2, x)), s2)
            _store(builder, y, y_here, offset)
        _store(builder, builder.load(s1), z_here, 0)
        _store(builder, builder.load(s2), z_here, LANES)
        return context.get_dummy_value()

    return types.void(source, s_at, target, t_at, count, coef, c_at, step, state, z_at), codegen


@intrinsic
def section_backward(
    typingctx: Any,
    grad: Any,
    g_at: Any,
    x: Any,
    x_at: Any,
    y: Any,
    y_at: Any,
    count: Any,
    coef: Any,
    c_at: Any,
    step: Any,
    state: Any,
    z_at: Any,
    grad_coef: Any,
    k_at: Any,
    k_step: Any,
) -> Any:
    """Adjoint of :func:`section_forward`, backwards in time: ``grad`` of the output becomes that of the input.

    ``x`` and ``y`` are what went in and came out; ``state`` holds the gradients of the two states; what coefficients
    get is added to ``grad_coef[k_at + q * k_step:]``.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds = signature.args
        g_here = _pointer(context, builder, kinds[0], args[0], args[1])
        x_here = _pointer(context, builder, kinds[2], args[2], args[3])
        y_here = _pointer(context, builder, kinds[4], args[4], args[5])
        c_here = _pointer(context, builder, kinds[7], args[7], args[8])
        z_here = _pointer(context, builder, kinds[10], args[10], args[11])
        k_here = _pointer(context, builder, kinds[12], args[12], args[13])
        z1 = cgutils.alloca_once_value(builder, _load(builder, z_here, 0))
        z2 = cgutils.alloca_once_value(builder, _load(builder, z_here, LANES))
        last = builder.sub(args[6], _INDEX(1))
        with cgutils.for_range(builder, args[6], intp=_INDEX) as loop:
            q = builder.sub(last, loop.index)
            offset = builder.mul(q, _INDEX(LANES))
            here, there = builder.mul(q, args[9]), builder.mul(q, args[14])
            b0, b1, b2, a1, a2 = (_load(builder, c_here, builder.add(here, _INDEX(i * LANES))) for i in range(5))
            g1, g2 = builder.load(z1), builder.load(z2)
            total = _multiply_add(
                builder, builder.fneg(a2), g2, _load(builder, g_here, offset)
            )  # the state known latest enters last
            total = _multiply_add(builder, builder.fneg(a1), g1, total)
            rest = _multiply_add(builder, b1, g1, builder.fmul(b2, g2))
            _store(builder, _multiply_add(builder, b0, total, rest), g_here, offset)
            came, went = _load(builder, x_here, offset), builder.fneg(_load(builder, y_here, offset))
            for i, (a, b) in enumerate(((total, came), (g1, came), (g2, came), (g1, went), (g2, went))):
                place = builder.add(there, _INDEX(i * LANES))
                _store(builder, _multiply_add(builder, a, b, _load(builder, k_here, place)), k_here, place)
            builder.store(g1, z2)
            builder.store(total, z1)
        _store(builder, builder.load(z1), z_here, 0)
        _store(builder, builder.load(z2), z_here, LANES)
        return context.get_dummy_value()

    return (
        types.void(grad, g_at, x, x_at, y, y_at, count, coef, c_at, step, state, z_at, grad_coef, k_at, k_step),
        codegen,
    )


@intrinsic
def mix_lanes(
    typingctx: Any, source: Any, places: Any, inputs: Any, columns: Any, c_at: Any, c_step: Any, target: Any, t_at: Any,
    count: Any,
) -> Any:  # fmt: skip
    """``target[t_at + q LANES + lane] = sum_j columns[c_at + j c_step + lane] source[places[j] + q LANES]``.

    Over 0 <= j < inputs and 0 <= q < count, several samples at a time to hide the latency of the sums.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds = signature.args
        origin = _pointer(context, builder, kinds[0], args[0], _INDEX(0))
        where = _pointer(context, builder, kinds[1], args[1], _INDEX(0), _INDEX)
        matrix = _pointer(context, builder, kinds[3], args[3], args[4])
        output = _pointer(context, builder, kinds[6], args[6], args[7])
        sums = [cgutils.alloca_once(builder, _VECTOR) for _ in range(_ROUND)]

        def samples(first: Any, together: int) -> None:
            for total in sums[:together]:
                builder.store(ir.Constant(_VECTOR, None), total)
            base = builder.mul(first, _INDEX(LANES))
            with cgutils.for_range(builder, args[2], intp=_INDEX) as loop:
                column = _load(builder, matrix, builder.mul(loop.index, args[5]))
                place = builder.add(builder.load(builder.gep(where, [loop.index])), base)
                for i, total in enumerate(sums[:together]):
                    at = builder.add(place, _INDEX(i * LANES))
                    spread = _broadcast(builder, builder.load(builder.gep(origin, [at])))
                    builder.store(_multiply_add(builder, column, spread, builder.load(total)), total)
            for i, total in enumerate(sums[:together]):
                _store(builder, builder.load(total), output, builder.add(base, _INDEX(i * LANES)))

        rounds = builder.udiv(args[8], _INDEX(_ROUND))
        with cgutils.for_range(builder, rounds, intp=_INDEX) as loop:
            samples(builder.mul(loop.index, _INDEX(_ROUND)), _ROUND)
        done = builder.mul(rounds, _INDEX(_ROUND))
        with cgutils.for_range(builder, builder.sub(args[8], done), intp=_INDEX) as loop:
            samples(builder.add(done, loop.index), 1)
        return context.get_dummy_value()

    return types.void(source, places, inputs, columns, c_at, c_step, target, t_at, count), codegen


@intrinsic
def outer_lanes(
    typingctx: Any, source: Any, places: Any, inputs: Any, grad: Any, g_at: Any, count: Any, columns: Any, c_at: Any,
    c_step: Any,
) -> Any:  # fmt: skip
    """``columns[c_at + j c_step + lane] += sum_q source[places[j] + q LANES] grad[g_at + q LANES + lane]``."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds = signature.args
        origin = _pointer(context, builder, kinds[0], args[0], _INDEX(0))
        where = _pointer(context, builder, kinds[1], args[1], _INDEX(0), _INDEX)
        g_here = _pointer(context, builder, kinds[3], args[3], args[4])
        matrix = _pointer(context, builder, kinds[6], args[6], args[7])
        total = cgutils.alloca_once(builder, _VECTOR)
        with cgutils.for_range(builder, args[2], intp=_INDEX) as row:
            place = builder.load(builder.gep(where, [row.index]))
            out = builder.mul(row.index, args[8])
            builder.store(_load(builder, matrix, out), total)
            with cgutils.for_range(builder, args[5], intp=_INDEX) as loop:
                offset = builder.mul(loop.index, _INDEX(LANES))
                scalar = builder.load(builder.gep(origin, [builder.add(place, offset)]))
                g = _load(builder, g_here, offset)
                builder.store(_multiply_add(builder, g, _broadcast(builder, scalar), builder.load(total)), total)
            _store(builder, builder.load(total), matrix, out)
        return context.get_dummy_value()

    return types.void(source, places, inputs, grad, g_at, count, columns, c_at, c_step), codegen


__all__ = ["LANES", "mix_lanes", "outer_lanes", "section_backward", "section_forward"]
