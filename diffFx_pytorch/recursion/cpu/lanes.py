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

BLOCK = 128
"""Samples a tile: ``BLOCK * LANES`` float64 numbers stay in the first-level cache."""

F64 = ir.DoubleType()
I64 = ir.IntType(64)
VECTOR = ir.VectorType(F64, LANES)
_TILE = 8


def data(context, builder, ty, array):
    """The pointer to an array's numbers."""
    return context.make_array(ty)(context, builder, array).data


def _at(builder, base, offset, pointee):
    """The address ``base[offset]`` of float64 numbers, seen as a pointer to ``pointee``."""
    return builder.bitcast(builder.gep(base, [offset]), pointee.as_pointer())


def load(builder, base, offset, pointee=VECTOR):
    """The vector that begins at ``base[offset]``."""
    value = builder.load(_at(builder, base, offset, pointee))
    value.align = 8
    return value


def store(builder, value, base, offset):
    """Write a vector from ``base[offset]`` on."""
    builder.store(value, _at(builder, base, offset, value.type)).align = 8


def const(value):
    """An index as a constant."""
    return ir.Constant(I64, value)


def _prefetch(builder, address, for_writing):
    """Ask for the cache line at an address, which need not exist."""
    pointer = ir.IntType(8).as_pointer()
    flags = [ir.IntType(32)] * 3
    function = builder.module.declare_intrinsic(
        "llvm.prefetch", [pointer], ir.FunctionType(ir.VoidType(), [pointer, *flags])
    )
    arguments = [ir.Constant(ir.IntType(32), v) for v in (int(for_writing), 3, 1)]
    builder.call(function, [builder.inttoptr(address, pointer), *arguments])


def loop(builder, count, starts, body):
    """Run ``body(index, carried) -> carried`` for index 0 .. count - 1 with the carried vectors in registers."""
    entry, head = builder.block, builder.append_basic_block("head")
    inside, after = builder.append_basic_block("inside"), builder.append_basic_block("after")
    builder.branch(head)
    builder.position_at_end(head)
    index = builder.phi(I64)
    carried = [builder.phi(s.type) for s in starts]
    index.add_incoming(const(0), entry)
    for phi, start in zip(carried, starts, strict=True):
        phi.add_incoming(start, entry)
    builder.cbranch(builder.icmp_signed("<", index, count), inside, after)
    builder.position_at_end(inside)
    results = body(index, carried)
    last = builder.block
    index.add_incoming(builder.add(index, const(1)), last)
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


def _loader(lanes):
    @intrinsic
    def load_tile(typingctx, address, like, tile, at, count, ahead):
        """Fill ``tile[at + t * lanes + lane]`` with ``count`` samples from ``address[lane]``, of ``like``'s type.

        ``count`` is a multiple of 8. The samples ``ahead`` bytes from there are prefetched: so many short runs are too
        many for the machine to foresee.
        """
        scalar = ir.FloatType() if like.dtype == types.float32 else F64
        row = ir.VectorType(scalar, _TILE)

        def codegen(context, builder, signature, args):
            address_ptr = data(context, builder, signature.args[0], args[0])
            tile_ptr = data(context, builder, signature.args[2], args[2])
            size = 4 if scalar != F64 else 8
            for half in range(0, lanes, _TILE):
                starts = [builder.load(builder.gep(address_ptr, [const(half + i)])) for i in range(_TILE)]

                def body(index, carried, half=half, starts=starts):
                    step = builder.mul(index, const(_TILE * size))
                    rows = []
                    for start in starts:
                        _prefetch(builder, builder.add(builder.add(start, step), args[5]), False)
                        value = builder.load(builder.inttoptr(builder.add(start, step), row.as_pointer()))
                        value.align = size
                        rows.append(value)
                    first = builder.add(args[3], builder.mul(index, const(_TILE * lanes)))
                    for i, column in enumerate(_transpose(builder, rows)):
                        wide = column if scalar == F64 else builder.fpext(column, ir.VectorType(F64, _TILE))
                        store(builder, wide, tile_ptr, builder.add(first, const(i * lanes + half)))
                    return []

                loop(builder, builder.udiv(args[4], const(_TILE)), [], body)
            return context.get_dummy_value()

        i64 = types.int64
        return types.void(address, like, tile, i64, i64, i64), codegen

    return load_tile


def _storer(lanes):
    @intrinsic
    def store_tile(typingctx, address, like, tile, at, count, ahead):
        """Write ``count`` samples of each lane of a tile to ``address[lane]``, in ``like``'s type; as ``load_tile``."""
        scalar = ir.FloatType() if like.dtype == types.float32 else F64
        wide, row = ir.VectorType(F64, _TILE), ir.VectorType(scalar, _TILE)

        def codegen(context, builder, signature, args):
            address_ptr = data(context, builder, signature.args[0], args[0])
            tile_ptr = data(context, builder, signature.args[2], args[2])
            size = 4 if scalar != F64 else 8
            for half in range(0, lanes, _TILE):
                starts = [builder.load(builder.gep(address_ptr, [const(half + i)])) for i in range(_TILE)]

                def body(index, carried, half=half, starts=starts):
                    first = builder.add(args[3], builder.mul(index, const(_TILE * lanes)))
                    columns = []
                    for i in range(_TILE):
                        column = load(builder, tile_ptr, builder.add(first, const(i * lanes + half)), wide)
                        columns.append(column if scalar == F64 else builder.fptrunc(column, row))
                    step = builder.mul(index, const(_TILE * size))
                    for start, value in zip(starts, _transpose(builder, columns), strict=True):
                        _prefetch(builder, builder.add(builder.add(start, step), args[5]), True)
                        target = builder.inttoptr(builder.add(start, step), row.as_pointer())
                        builder.store(value, target).align = size
                    return []

                loop(builder, builder.udiv(args[4], const(_TILE)), [], body)
            return context.get_dummy_value()

        i64 = types.int64
        return types.void(address, like, tile, i64, i64, i64), codegen

    return store_tile


load_tile, store_tile = _loader(LANES), _storer(LANES)
load_eight, store_eight = _loader(_TILE), _storer(_TILE)


@intrinsic
def prefetch(typingctx, array, first, count):
    """Ask for the cache lines of ``count`` items of an array from flat index ``first``, which need not exist."""
    size = array.dtype.bitwidth // 8

    def codegen(context, builder, signature, args):
        base = builder.ptrtoint(data(context, builder, signature.args[0], args[0]), I64)
        start = builder.add(base, builder.mul(args[1], const(size)))
        lines = builder.udiv(builder.add(builder.mul(args[2], const(size)), const(63)), const(64))

        def body(index, carried):
            _prefetch(builder, builder.add(start, builder.mul(index, const(64))), False)
            return []

        loop(builder, lines, [], body)
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int64), codegen
