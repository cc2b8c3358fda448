"""Vector instructions for Numba kernels: sixteen rows side by side, one row a lane.

LLVM keeps the states and coefficients of these loops in vector registers, which it does not do for the same loops over
array elements. The vector types are wider than any register; LLVM splits them as the machine needs.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic as _numba_intrinsic

intrinsic: Any = _numba_intrinsic  # its functions are called without the typing context they are defined with

LANES = 16
"""Rows (or segments of rows) that a kernel runs side by side."""

BLOCK = 64
"""Samples a tile: ``BLOCK * LANES`` float64 numbers stay in the first-level cache."""

_F64 = ir.DoubleType()
_I64 = ir.IntType(64)
_VEC = ir.VectorType(_F64, LANES)
_TILE = 8
_CONTRACT = ("contract", "nsz")


def _data(context, builder, ty, array):
    return context.make_array(ty)(context, builder, array).data


def _at(builder, base, offset, pointee):
    """The address ``base[offset]`` of float64 numbers, seen as a pointer to ``pointee``."""
    return builder.bitcast(builder.gep(base, [offset]), pointee.as_pointer())


def _load(builder, base, offset, pointee=_VEC):
    value = builder.load(_at(builder, base, offset, pointee))
    value.align = 8
    return value


def _store(builder, value, base, offset):
    builder.store(value, _at(builder, base, offset, value.type)).align = 8


def _const(value):
    return ir.Constant(_I64, value)


def _prefetch(builder, address, for_writing):
    """Ask for the cache line at an address, which need not exist."""
    pointer = ir.IntType(8).as_pointer()
    flags = [ir.IntType(32)] * 3
    function = builder.module.declare_intrinsic(
        "llvm.prefetch", [pointer], ir.FunctionType(ir.VoidType(), [pointer, *flags])
    )
    arguments = [ir.Constant(ir.IntType(32), v) for v in (int(for_writing), 3, 1)]
    builder.call(function, [builder.inttoptr(address, pointer), *arguments])


def _fma(builder, a, b, c):
    return builder.fadd(builder.fmul(a, b, flags=_CONTRACT), c, flags=_CONTRACT)


def _fnma(builder, a, b, c):
    return builder.fsub(c, builder.fmul(a, b, flags=_CONTRACT), flags=_CONTRACT)


def _flush(builder, value, tiny):
    ends = builder.insert_element(ir.Constant(_VEC, ir.Undefined), tiny, ir.Constant(ir.IntType(32), 0))
    limit = builder.shuffle_vector(ends, ends, ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES))
    small = builder.and_(builder.fcmp_ordered("<", value, limit), builder.fcmp_ordered(">", value, builder.fneg(limit)))
    return builder.select(small, ir.Constant(_VEC, [0.0] * LANES), value)


def _loop(builder, count, starts, body):
    """Run ``body(index, carried) -> carried`` for index 0 .. count - 1 with the carried vectors in registers."""
    entry, head = builder.block, builder.append_basic_block("head")
    inside, after = builder.append_basic_block("inside"), builder.append_basic_block("after")
    builder.branch(head)
    builder.position_at_end(head)
    index = builder.phi(_I64)
    carried = [builder.phi(s.type) for s in starts]
    index.add_incoming(_const(0), entry)
    for phi, start in zip(carried, starts, strict=True):
        phi.add_incoming(start, entry)
    builder.cbranch(builder.icmp_signed("<", index, count), inside, after)
    builder.position_at_end(inside)
    results = body(index, carried)
    last = builder.block
    index.add_incoming(builder.add(index, _const(1)), last)
    for phi, result in zip(carried, results, strict=True):
        phi.add_incoming(result, last)
    builder.branch(head)
    builder.position_at_end(after)
    return carried


def _transpose(builder, rows):
    """Eight vectors of eight as their transpose, in three rounds of two-input shuffles."""
    for span in (1, 2, 4):
        low = [i + (_TILE if i & span else 0) - (span if i & span else 0) for i in range(_TILE)]
        high = [i + span if not i & span else i + _TILE for i in range(_TILE)]
        low, high = (ir.Constant(ir.VectorType(ir.IntType(32), _TILE), m) for m in (low, high))
        out = list(rows)
        for i in range(_TILE):
            if not i & span:
                out[i] = builder.shuffle_vector(rows[i], rows[i + span], low)
                out[i + span] = builder.shuffle_vector(rows[i], rows[i + span], high)
        rows = out
    return rows


@intrinsic
def load_tile(typingctx, address, like, tile, at, ahead):
    """Fill ``tile[at + t * LANES + lane]`` with BLOCK samples from ``address[lane]``, of the type of array ``like``.

    The samples ``ahead`` bytes from there are prefetched: so many short runs are too many for the machine to foresee.
    """
    scalar = ir.FloatType() if like.dtype == types.float32 else _F64
    row = ir.VectorType(scalar, _TILE)

    def codegen(context, builder, signature, args):
        address_ptr = _data(context, builder, signature.args[0], args[0])
        tile_ptr = _data(context, builder, signature.args[2], args[2])
        size = 4 if scalar != _F64 else 8
        for half in range(0, LANES, _TILE):
            starts = [builder.load(builder.gep(address_ptr, [_const(half + i)])) for i in range(_TILE)]

            def body(index, carried, half=half, starts=starts):
                step = builder.mul(index, _const(_TILE * size))
                rows = []
                for start in starts:
                    _prefetch(builder, builder.add(builder.add(start, step), args[4]), False)
                    value = builder.load(builder.inttoptr(builder.add(start, step), row.as_pointer()))
                    value.align = size
                    rows.append(value)
                first = builder.add(args[3], builder.mul(index, _const(_TILE * LANES)))
                for i, column in enumerate(_transpose(builder, rows)):
                    wide = column if scalar == _F64 else builder.fpext(column, ir.VectorType(_F64, _TILE))
                    _store(builder, wide, tile_ptr, builder.add(first, _const(i * LANES + half)))
                return []

            _loop(builder, _const(BLOCK // _TILE), [], body)
        return context.get_dummy_value()

    return types.void(address, like, tile, types.int64, types.int64), codegen


@intrinsic
def store_tile(typingctx, address, like, tile, at, ahead):
    """Write BLOCK samples of each lane of a tile to ``address[lane]``, in the type of array ``like``; as above."""
    scalar = ir.FloatType() if like.dtype == types.float32 else _F64
    wide, row = ir.VectorType(_F64, _TILE), ir.VectorType(scalar, _TILE)

    def codegen(context, builder, signature, args):
        address_ptr = _data(context, builder, signature.args[0], args[0])
        tile_ptr = _data(context, builder, signature.args[2], args[2])
        size = 4 if scalar != _F64 else 8
        for half in range(0, LANES, _TILE):
            starts = [builder.load(builder.gep(address_ptr, [_const(half + i)])) for i in range(_TILE)]

            def body(index, carried, half=half, starts=starts):
                first = builder.add(args[3], builder.mul(index, _const(_TILE * LANES)))
                columns = []
                for i in range(_TILE):
                    column = _load(builder, tile_ptr, builder.add(first, _const(i * LANES + half)), wide)
                    columns.append(column if scalar == _F64 else builder.fptrunc(column, row))
                step = builder.mul(index, _const(_TILE * size))
                for start, value in zip(starts, _transpose(builder, columns), strict=True):
                    _prefetch(builder, builder.add(builder.add(start, step), args[4]), True)
                    target = builder.inttoptr(builder.add(start, step), row.as_pointer())
                    builder.store(value, target).align = size
                return []

            _loop(builder, _const(BLOCK // _TILE), [], body)
        return context.get_dummy_value()

    return types.void(address, like, tile, types.int64, types.int64), codegen


@intrinsic
def section_forward(typingctx, source, source_at, target, target_at, coef, coef_at, state, state_at, tiny):
    """One biquad over one tile; states smaller than ``tiny`` become 0, so that no tail decays into denormals.

    y[n] = (b0 x[n] + p[n-1] - a2 y[n-2]) - a1 y[n-1], p[n] = b1 x[n] + q[n-1], q[n] = b2 x[n]: a single multiply-add
    separates successive outputs, where transposed direct form 2 has two. Its states s1, s2 are what is kept between
    tiles. ``coef`` holds b0 b1 b2 a1 a2 and ``state`` s1 s2, LANES numbers each.
    """

    def codegen(context, builder, signature, args):
        ty = signature.args
        source_ptr, target_ptr, coef_ptr, state_ptr = (_data(context, builder, ty[i], args[i]) for i in (0, 2, 4, 6))
        b0, b1, b2, a1, a2 = (_load(builder, coef_ptr, builder.add(args[5], _const(i * LANES))) for i in range(5))
        s1 = _load(builder, state_ptr, args[7])
        s2 = _load(builder, state_ptr, builder.add(args[7], _const(LANES)))
        zero = ir.Constant(_VEC, [0.0] * LANES)
        unroll = 4

        def body(index, carried):
            y1, y2, p, q = carried
            for i in range(unroll):
                at = builder.add(builder.mul(index, _const(unroll * LANES)), _const(i * LANES))
                x = _load(builder, source_ptr, builder.add(args[1], at))
                early = _fnma(builder, a2, y2, _fma(builder, b0, x, p))
                p = _fma(builder, b1, x, q)
                q = builder.fmul(b2, x)
                y1, y2 = _fnma(builder, a1, y1, early), y1
                _store(builder, y1, target_ptr, builder.add(args[3], at))
            return [y1, y2, p, q]

        y1, y2, p, q = _loop(builder, _const(BLOCK // unroll), [zero, zero, s1, s2], body)
        s1 = _fnma(builder, a1, y1, _fnma(builder, a2, y2, p))
        _store(builder, _flush(builder, s1, args[8]), state_ptr, args[7])
        s2 = _fnma(builder, a2, y1, q)
        _store(builder, _flush(builder, s2, args[8]), state_ptr, builder.add(args[7], _const(LANES)))
        return context.get_dummy_value()

    i64 = types.int64
    return types.void(source, i64, target, i64, coef, i64, state, i64, types.float64), codegen


def _adjoint(with_gradient):
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
                _data(context, builder, ty[i], args[i]) for i in (0, 1, 3, 5, 7, 9)
            )

            def five(base, at):
                return [_load(builder, base, builder.add(at, _const(i * LANES))) for i in range(5)]

            b0, b1, b2, a1, a2 = five(coef_ptr, args[6])
            w1 = _load(builder, state_ptr, args[8])
            w2 = _load(builder, state_ptr, builder.add(args[8], _const(LANES)))
            sums = five(gradient_ptr, args[10]) if with_gradient else []

            def body(index, carried):
                w1, w2, *sums = carried
                at = builder.mul(builder.sub(_const(BLOCK - 1), index), _const(LANES))
                gy = _load(builder, signal_ptr, at)
                w = _fnma(builder, a1, w1, _fnma(builder, a2, w2, gy))
                gx = _fma(builder, b0, w, _fma(builder, b1, w1, builder.fmul(b2, w2)))
                _store(builder, gx, signal_ptr, at)
                if with_gradient:
                    x = _load(builder, source_ptr, builder.add(args[2], at))
                    y = _load(builder, target_ptr, builder.add(args[4], at))
                    sums = [_fma(builder, v, x, total) for v, total in zip((w, w1, w2), sums[:3], strict=True)] + [
                        _fnma(builder, v, y, total) for v, total in zip((w1, w2), sums[3:], strict=True)
                    ]
                return [w, w1, *sums]

            w1, w2, *sums = _loop(builder, _const(BLOCK), [w1, w2, *sums], body)
            _store(builder, _flush(builder, w1, args[11]), state_ptr, args[8])
            _store(builder, _flush(builder, w2, args[11]), state_ptr, builder.add(args[8], _const(LANES)))
            for i, total in enumerate(sums):
                _store(builder, total, gradient_ptr, builder.add(args[10], _const(i * LANES)))
            return context.get_dummy_value()

        i64, f64 = types.int64, types.float64
        arguments = (signal, source, i64, target, i64, coef, i64, state, i64, gradient, i64, f64)
        return types.void(*arguments), codegen

    return section_adjoint


section_adjoint = _adjoint(with_gradient=True)
section_adjoint_only = _adjoint(with_gradient=False)


@intrinsic
def prefetch(typingctx, array, first, count):
    """Ask for the cache lines of ``count`` items of an array from flat index ``first``, which need not exist."""
    size = array.dtype.bitwidth // 8

    def codegen(context, builder, signature, args):
        base = builder.ptrtoint(_data(context, builder, signature.args[0], args[0]), _I64)
        start = builder.add(base, builder.mul(args[1], _const(size)))
        lines = builder.udiv(builder.add(builder.mul(args[2], _const(size)), _const(63)), _const(64))

        def body(index, carried):
            _prefetch(builder, builder.add(start, builder.mul(index, _const(64))), False)
            return []

        _loop(builder, lines, [], body)
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int64), codegen
