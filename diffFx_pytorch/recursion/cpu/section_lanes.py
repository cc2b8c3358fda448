"""One second-order section over a tile of rows side by side, and its adjoint, as vector instructions.

A cascade whose gains b0 are gathered in its first section has ``b0 = 1`` in the others; those have kernels of their
own, with one multiply-add less a sample of four (forward) and nine (adjoint).
"""

from __future__ import annotations

from llvmlite import ir
from numba import types

from .lanes import BLOCK, LANES, VECTOR, const, data, intrinsic, load, loop, store

_CONTRACT = ("contract", "nsz")
_UNROLL = 4


def _fma(builder, a, b, c):
    return builder.fadd(builder.fmul(a, b, flags=_CONTRACT), c, flags=_CONTRACT)


def _fnma(builder, a, b, c):
    return builder.fsub(c, builder.fmul(a, b, flags=_CONTRACT), flags=_CONTRACT)


def _flush(builder, value, tiny):
    ends = builder.insert_element(ir.Constant(VECTOR, ir.Undefined), tiny, ir.Constant(ir.IntType(32), 0))
    limit = builder.shuffle_vector(ends, ends, ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES))
    small = builder.and_(builder.fcmp_ordered("<", value, limit), builder.fcmp_ordered(">", value, builder.fneg(limit)))
    return builder.select(small, ir.Constant(VECTOR, [0.0] * LANES), value)


def _flush_to(builder, values, tiny, base, at):
    for i, value in enumerate(values):
        store(builder, _flush(builder, value, tiny), base, builder.add(at, const(i * LANES)))


def _forward(unit):
    @intrinsic
    def section_forward(typingctx, source, source_at, target, target_at, coef, coef_at, state, state_at, tiny):
        """One biquad over one tile; states smaller than ``tiny`` become 0, so that no tail decays into denormals.

        y[n] = ((b0 x[n] + b1 x[n-1] + b2 x[n-2]) - a2 y[n-2]) - a1 y[n-1]: a single multiply-add separates successive
        outputs, where transposed direct form 2 has two. Its states s1, s2 are what is kept between tiles: they are
        added to the first two samples, in place of the past. ``coef`` holds b0 b1 b2 a1 a2 (with ``unit``, b0 is taken
        as 1) and ``state`` s1 s2, LANES numbers each.
        """

        def codegen(context, builder, signature, args):
            ty = signature.args
            source_ptr, target_ptr, coef_ptr, state_ptr = (data(context, builder, ty[i], args[i]) for i in (0, 2, 4, 6))
            b0, b1, b2, a1, a2 = (load(builder, coef_ptr, builder.add(args[5], const(i * LANES))) for i in range(5))
            s1, s2 = (load(builder, state_ptr, builder.add(args[7], const(i * LANES))) for i in range(2))

            def sample(at, before, pending):
                x1, x2, y1, y2 = before
                x = load(builder, source_ptr, builder.add(args[1], at))
                early = x if unit else builder.fmul(b0, x)
                if pending is not None:
                    early = builder.fadd(early, pending)
                for coefficient, past in ((b2, x2), (b1, x1)):
                    early = early if past is None else _fma(builder, coefficient, past, early)
                for coefficient, past in ((a2, y2), (a1, y1)):
                    early = early if past is None else _fnma(builder, coefficient, past, early)
                store(builder, early, target_ptr, builder.add(args[3], at))
                return [x, x1, early, y1]

            before = [None] * 4
            for i in range(_UNROLL):
                before = sample(const(i * LANES), before, (s1, s2, None, None)[i])

            def body(index, before):
                for i in range(_UNROLL):
                    at = builder.add(builder.mul(index, const(_UNROLL * LANES)), const((_UNROLL + i) * LANES))
                    before = sample(at, before, None)
                return before

            x1, x2, y1, y2 = loop(builder, const(BLOCK // _UNROLL - 1), before, body)
            s1 = _fma(builder, b1, x1, builder.fmul(b2, x2))
            s1 = _fnma(builder, a1, y1, _fnma(builder, a2, y2, s1))
            s2 = _fnma(builder, a2, y1, builder.fmul(b2, x1))
            _flush_to(builder, (s1, s2), args[8], state_ptr, args[7])
            return context.get_dummy_value()

        i64 = types.int64
        return types.void(source, i64, target, i64, coef, i64, state, i64, types.float64), codegen

    return section_forward


section_forward = _forward(unit=False)
section_forward_unit = _forward(unit=True)


def _adjoint(with_gradient, unit):
    @intrinsic
    def section_adjoint(
        typingctx,
        signal,
        source,
        source_at,
        target,
        target_at,
        coef,
        coef_at,
        state,
        state_at,
        gradient,
        gradient_at,
        tiny,
    ):
        """The adjoint of ``section_forward``, from the last sample of the tile to the first.

        ``signal``, at 0, holds the gradient of the section's output and receives that of its input:
        w[n] = (gy[n] - a2 w[n+2]) - a1 w[n+1], gx[n] = b0 w[n] + b1 w[n+1] + b2 w[n+2].
        ``state`` holds w[n+1], w[n+2], which are the gradients of s1 and s2. With gradients, ``source`` and ``target``
        are the section's input and output, and to ``gradient`` are added w[n] x[n], w[n+1] x[n], w[n+2] x[n],
        -w[n+1] y[n], -w[n+2] y[n].
        """

        def codegen(context, builder, signature, args):
            ty = signature.args
            signal_ptr, source_ptr, target_ptr, coef_ptr, state_ptr, gradient_ptr = (
                data(context, builder, ty[i], args[i]) for i in (0, 1, 3, 5, 7, 9)
            )

            def five(base, at):
                return [load(builder, base, builder.add(at, const(i * LANES))) for i in range(5)]

            b0, b1, b2, a1, a2 = five(coef_ptr, args[6])
            w1 = load(builder, state_ptr, args[8])
            w2 = load(builder, state_ptr, builder.add(args[8], const(LANES)))
            sums = five(gradient_ptr, args[10]) if with_gradient else []

            def body(index, carried):
                w1, w2, *sums = carried
                at = builder.mul(builder.sub(const(BLOCK - 1), index), const(LANES))
                gy = load(builder, signal_ptr, at)
                w = _fnma(builder, a1, w1, _fnma(builder, a2, w2, gy))
                gx = w if unit else builder.fmul(b0, w)
                gx = _fma(builder, b2, w2, _fma(builder, b1, w1, gx))
                store(builder, gx, signal_ptr, at)
                if with_gradient:
                    x = load(builder, source_ptr, builder.add(args[2], at))
                    y = load(builder, target_ptr, builder.add(args[4], at))
                    sums = [_fma(builder, v, x, total) for v, total in zip((w, w1, w2), sums[:3], strict=True)] + [
                        _fnma(builder, v, y, total) for v, total in zip((w1, w2), sums[3:], strict=True)
                    ]
                return [w, w1, *sums]

            w1, w2, *sums = loop(builder, const(BLOCK), [w1, w2, *sums], body)
            _flush_to(builder, (w1, w2), args[11], state_ptr, args[8])
            for i, total in enumerate(sums):
                store(builder, total, gradient_ptr, builder.add(args[10], const(i * LANES)))
            return context.get_dummy_value()

        i64, f64 = types.int64, types.float64
        arguments = (signal, source, i64, target, i64, coef, i64, state, i64, gradient, i64, f64)
        return types.void(*arguments), codegen

    return section_adjoint


section_adjoint = _adjoint(with_gradient=True, unit=False)
section_adjoint_unit = _adjoint(with_gradient=True, unit=True)
section_adjoint_only = _adjoint(with_gradient=False, unit=False)
