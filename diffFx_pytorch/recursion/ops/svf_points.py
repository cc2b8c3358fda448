"""State variable filters between control points, as an operator; `svfilt` is how it is called."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from diffFx_pytorch.kernels import Kernel, define, run_rows
from diffFx_pytorch.kernels.cuda import triton_kernel
from diffFx_pytorch.kernels.rows import as_rows, as_whole_rows, coefficient_of_row, flat_rows
from diffFx_pytorch.recursion.control_points import Ways, table_of, ways_from
from diffFx_pytorch.recursion.cpu import svf_points as kernels
from diffFx_pytorch.recursion.cuda.chunks import section_states
from diffFx_pytorch.recursion.fallback.designs import MOVING_SVF
from diffFx_pytorch.recursion.fallback.sections import svf_matrices
from diffFx_pytorch.recursion.ops.cascade import DENORMAL_THRESHOLD, Equations

svf_equations = Equations(svf_matrices, MOVING_SVF, svf_matrices)


PARTS = 4
"""Parts of a signal whose coefficients are joined at once."""


def _parts(samples: int) -> Iterator[slice]:
    length = max(1, -(-samples // PARTS))
    return (slice(n, min(n + length, samples)) for n in range(0, max(samples, 1), length))


def _joined(table: Tensor, ways: Ways, samples: int) -> Tensor:
    """The coefficients (..., T, K, 5)."""
    return torch.cat([ways.along(table, part) for part in _parts(samples)], -3)


def _equation(x: Tensor, points: Tensor, at: Tensor, zi: Tensor) -> tuple[Tensor, Tensor]:
    table = table_of(ways_from(points.to(x.dtype)))
    return svf_equations(x, _joined(table, Ways(at, x.shape[-1], x.dtype), x.shape[-1]), zi)


def _adjoint(batch: Any, grads: Any, inputs: Any, saved: Any, needs: Any) -> tuple[Tensor | None, ...]:
    x, points, at, zi = inputs
    ways = Ways(at, x.shape[-1], x.dtype)
    coef = _joined(table_of(ways_from(points.to(x.dtype))), ways, x.shape[-1])
    gx, gcoef, gzi = svf_equations.gradients(batch, grads, x, coef, zi, needs.points)
    if gcoef is None:
        return gx, None, None, gzi
    gcoef = gcoef.sum_to_size(coef.shape)
    of_points, pull = torch.func.vjp(lambda p: ways_from(p.to(x.dtype)), points)[:2]  # now that there is room
    table = table_of(of_points)
    found = gcoef.new_zeros(*coef.shape[:-3], *points.shape[-3:-1], sum(t.shape[-1] for t in of_points))
    del coef
    for part in _parts(x.shape[-1]):
        found = ways.back(table, gcoef[..., part, :, :], part, found)
    found = found.sum_to_size(*points.shape[:-1], found.shape[-1]).split([t.shape[-1] for t in of_points], -1)
    return gx, pull(tuple(found))[0], None, gzi


def _side_by_side(rows: int) -> kernels.Kernels:
    return kernels.PAIR if rows <= kernels.PAIR.lanes else kernels.MANY


def _by_positions(at: Tensor, batch_shape: tuple[int, ...]) -> list[tuple[np.ndarray, Any]]:
    """The positions that occur, each with the rows that have them: all rows where there is one."""
    each = as_rows(at, 1)
    if len(each) == 1:
        return [(each[0], slice(None))]
    of_row = coefficient_of_row(at, 1, batch_shape)
    return [(own, np.flatnonzero(of_row == n)) for n, own in enumerate(each)]


def _forward(batch_shape: tuple[int, ...], inputs: Any, outputs: Any) -> None:
    x, points, at, zi = inputs
    if zi.shape[-2] == 0:
        outputs.y.copy_(x)
        return
    read = [as_whole_rows(x, 1, batch_shape), coefficient_of_row(points, 3, batch_shape)]
    read.append(as_whole_rows(zi, 2, batch_shape))
    write = [as_rows(t, core) for t, core in zip(outputs, (1, 2, 3), strict=True)]
    own = as_rows(points, 3)
    for positions, rows in _by_positions(at, batch_shape):
        whole = isinstance(rows, slice)
        signal, of_row, start = read if whole else [t[rows] for t in read]
        into = write if whole else [t[rows] for t in write]
        kernel = _side_by_side(len(signal))
        groups = -(-len(signal) // kernel.lanes)
        run_rows(kernel.forward, groups, 1, signal, own, of_row, positions, start, DENORMAL_THRESHOLD, *into)
        if not whole:
            for target, found in zip(write, into, strict=True):
                target[rows] = found


def _units(of_row: np.ndarray, lanes: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows sorted by their coefficients, and groups of them such that no two threads sum to the same ones."""
    order = np.argsort(of_row, kind="stable")
    starts = np.arange(0, len(order), lanes)
    apart = np.ones(len(starts), np.bool_)
    apart[1:] = of_row[order[starts[1:]]] != of_row[order[starts[1:] - 1]]
    return order, np.append(np.flatnonzero(apart), len(starts))


def _backward(batch_shape: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any) -> list[Tensor | None]:
    x, points, at, zi = inputs
    if zi.shape[-2] == 0:
        return [grads.y.expand(*batch_shape, -1).clone(), torch.zeros_like(points), None, torch.zeros_like(zi)]
    own = flat_rows(points, 3)
    checkpoints = np.empty((math.prod(batch_shape), 0, *zi.shape[-2:]))
    if needs.points:
        checkpoints = as_whole_rows(saved.checkpoints, 3, batch_shape)
    gx, gzi = x.new_empty(*batch_shape, x.shape[-1]), zi.new_empty(*batch_shape, *zi.shape[-2:])
    gpoints = own.new_zeros(own.shape if needs.points else (0, *own.shape[1:]))
    given = [as_whole_rows(grads.y, 1, batch_shape), as_whole_rows(grads.zf, 2, batch_shape)]
    given += [as_whole_rows(x, 1, batch_shape), coefficient_of_row(points, 3, batch_shape), checkpoints]
    write = [as_rows(gx, 1), as_rows(gzi, 2)]
    for positions, rows in _by_positions(at, batch_shape):
        whole = isinstance(rows, slice)
        gy, gzf, signal, of_row, kept = given if whole else [t[rows] for t in given]
        into = write if whole else [t[rows] for t in write]
        kernel = _side_by_side(len(signal))
        order, bounds = _units(of_row, kernel.lanes)
        arguments = (gy, gzf, signal, own.numpy(), of_row, order, bounds, positions, DENORMAL_THRESHOLD, kept)
        run_rows(kernel.backward, len(bounds) - 1, 1, *arguments, into[0], gpoints.numpy(), into[1])
        if not whole:
            for target, found in zip(write, into, strict=True):
                target[rows] = found
    return [gx, gpoints.view(points.shape) if needs.points else None, None, gzi]


svf_points = define(
    "svf_points",
    inputs={"x": 1, "points": 3, "at": 1, "zi": 2},
    outputs={"y": lambda x, *_: (x.shape[-1:], x.dtype), "zf": lambda x, points, at, zi: (zi.shape[-2:], zi.dtype)},
    equation=_equation,
    kernel=Kernel(
        _forward,
        _backward,
        {"checkpoints": lambda x, points, at, zi: ((-(-x.shape[-1] // kernels.TILE), *zi.shape[-2:]), zi.dtype)},
    ),
    saves={"x": (), "points": (), "at": (), "zi": (), "checkpoints": ("points",)},
    adjoint=_adjoint,
)
"""``(x (..., T), points (..., F, K, 5), at (F,), zi (..., K, 2)) -> (y, zf)``."""
svf_points.register(
    device="cuda", kernel=triton_kernel("diffFx_pytorch.recursion.cuda.svf_points", {"checkpoints": section_states})
)
