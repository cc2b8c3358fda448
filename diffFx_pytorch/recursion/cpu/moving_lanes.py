"""One section with moving coefficients over a short tile of eight rows side by side, as vector instructions."""

from __future__ import annotations

from llvmlite import ir
from numba import types

from .lanes import F64, const, data, intrinsic, load, loop, store

ROWS = 8
"""Rows side by side."""

STEPS = 8
"""Samples a tile: the coefficients of a long cascade still stay in the second-level cache."""

_ROW = ir.VectorType(F64, ROWS)
_CONTRACT = ("contract", "nsz")


def _fma(builder, a, b, c):
    return builder.fadd(builder.fmul(a, b, flags=_CONTRACT), c, flags=_CONTRACT)


def _fnma(builder, a, b, c):
    return builder.fsub(c, builder.fmul(a, b, flags=_CONTRACT), flags=_CONTRACT)


def _all(value):
    return ir.Constant(_ROW, [value] * ROWS)


def _settled(builder, value, tiny):
    """The value, or 0 where it is smaller than ``tiny``."""
    ends = builder.insert_element(ir.Constant(_ROW, ir.Undefined), tiny, ir.Constant(ir.IntType(32), 0))
    limit = builder.shuffle_vector(ends, ends, ir.Constant(ir.VectorType(ir.IntType(32), ROWS), [0] * ROWS))
    small = builder.and_(builder.fcmp_ordered("<", value, limit), builder.fcmp_ordered(">", value, builder.fneg(limit)))
    return builder.select(small, _all(0.0), value)


@intrinsic
def over_a0(typingctx, coef, count):
    """Divide ``count`` sections b0 b1 b2 a0 a1 a2, ROWS numbers each, by their a0, where any of it is not 1."""

    def codegen(context, builder, signature, args):
        base = data(context, builder, signature.args[0], args[0])

        def body(index, carried):
            at = builder.mul(index, const(6 * ROWS))
            a0 = load(builder, base, builder.add(at, const(3 * ROWS)), _ROW)
            differs = builder.bitcast(builder.fcmp_unordered("!=", a0, _all(1.0)), ir.IntType(ROWS))
            with builder.if_then(builder.icmp_unsigned("!=", differs, ir.Constant(ir.IntType(ROWS), 0)), likely=False):
                scale = builder.fdiv(_all(1.0), a0)
                for i in (0, 1, 2, 4, 5):
                    place = builder.add(at, const(i * ROWS))
                    store(builder, builder.fmul(load(builder, base, place, _ROW), scale), base, place)
            return []

        loop(builder, args[1], [], body)
        return context.get_dummy_value()

    return types.void(coef, types.int64), codegen


def _section(width, begin, sample, end):
    """An intrinsic that runs one section over a tile, in place.

    Args:
        width: coefficients a section.
        begin: ``(builder, s1, s2) -> carried``.
        sample: ``(builder, coefficients, x, carried) -> (y, carried)``.
        end: ``(builder, carried) -> (s1, s2)``.
    """

    @intrinsic
    def section(typingctx, signal, coef, coef_at, stride, state, state_at, count, tiny):
        """Run a section over ``count`` samples of ``signal``, coefficients from ``coef_at`` on, ``stride`` apart."""

        def codegen(context, builder, signature, args):
            signal_ptr, coef_ptr, state_ptr = (data(context, builder, signature.args[i], args[i]) for i in (0, 1, 4))
            second = builder.add(args[5], const(ROWS))
            s1, s2 = load(builder, state_ptr, args[5], _ROW), load(builder, state_ptr, second, _ROW)

            def body(index, carried):
                at = builder.mul(index, const(ROWS))
                place = builder.add(args[2], builder.mul(index, args[3]))
                numbers = [load(builder, coef_ptr, builder.add(place, const(i * ROWS)), _ROW) for i in range(width)]
                y, carried = sample(builder, numbers, load(builder, signal_ptr, at, _ROW), carried)
                store(builder, y, signal_ptr, at)
                return carried

            s1, s2 = end(builder, loop(builder, args[6], begin(builder, s1, s2), body))
            store(builder, _settled(builder, s1, args[7]), state_ptr, args[5])
            store(builder, _settled(builder, s2, args[7]), state_ptr, second)
            return context.get_dummy_value()

        i64 = types.int64
        return types.void(signal, coef, i64, i64, state, i64, i64, types.float64), codegen

    return section


def _direct_begin(builder, s1, s2):
    return [s1, s2, *[_all(0.0)] * 5]


def _direct_sample(builder, numbers, x, carried):
    # The next output's sum is kept open by its last term, so that one multiply-add separates successive outputs.
    b0, b1, b2, _, a1, a2 = numbers
    p, q, a1_1, y1, a2_1, a2_2, y2 = carried
    y = _fnma(builder, a1_1, y1, _fnma(builder, a2_2, y2, _fma(builder, b0, x, p)))
    return y, [_fma(builder, b1, x, q), builder.fmul(b2, x), a1, y, a2, a2_1, y1]


def _direct_end(builder, carried):
    p, q, a1_1, y1, a2_1, a2_2, y2 = carried
    return _fnma(builder, a1_1, y1, _fnma(builder, a2_2, y2, p)), _fnma(builder, a2_1, y1, q)


def _variable_begin(builder, s1, s2):
    return [s1, s2]


def _variable_sample(builder, numbers, x, carried):
    # With n1, n2 the states to come, 2 v1 = s1 + n1 and 2 v2 = s2 + n2.
    g, r, h, b, low = numbers
    s1, s2 = carried
    half, two = _all(0.5), _all(2.0)
    d2 = builder.fdiv(two, _fma(builder, g, builder.fadd(g, r), _all(1.0)))
    p = builder.fmul(d2, g)
    u = builder.fsub(x, s2)
    n1 = _fma(builder, p, u, builder.fmul(builder.fsub(d2, _all(1.0)), s1))
    n2 = _fma(builder, builder.fmul(p, g), u, _fma(builder, p, s1, s2))
    band = builder.fmul(half, _fnma(builder, r, h, b))
    deep = builder.fmul(half, builder.fsub(low, h))
    y = _fma(builder, band, builder.fadd(s1, n1), builder.fmul(h, x))
    return _fma(builder, deep, builder.fadd(s2, n2), y), [n1, n2]


def _variable_end(builder, carried):
    return carried


direct_section = _section(6, _direct_begin, _direct_sample, _direct_end)
variable_section = _section(5, _variable_begin, _variable_sample, _variable_end)
