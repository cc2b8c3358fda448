"""Cascades of state variable filters whose coefficients are given at control points, rows side by side.

Between two points a coefficient is the geometric mean c0^(1 - w) c1^w where both are of one sign, else a straight line
(`join_points`), and g a little under it; it is stepped in registers, ``c <- c ratio + step``, and never laid out over
time. The adjoint steps it backwards. Each row is a lane: two for a mono or stereo signal, eight for batches.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from diffFx_pytorch.kernels import njit
from diffFx_pytorch.kernels.inner import INNER
from diffFx_pytorch.kernels.vector import SIDE, constant, load, store, where

from .biquad_tile import audible
from .point_joins import advance, bends, join, piece_end, segment_at, span
from .row_tiles import prefetch_run, read_tile, write_tile
from .svf_stepped import stepped_sections

TILE = 32
"""Samples between checkpoints: what the adjoint computes again and keeps stays in the first- or second-level cache."""

AHEAD = 128
"""Samples by which signals are asked for before they are needed."""

POINTS_AHEAD = 3
"""Control points by which coefficients are."""


@njit(**INNER)
def _read_few(source, places, count, tile, lanes, ahead):  # pragma: no cover
    """As `read_tile`, for any number of lanes."""
    values = source.reshape(-1)
    for lane in range(lanes):
        for t in range(count):
            tile[t * lanes + lane] = values[places[lane] + t]


@njit(**INNER)
def _write_few(target, places, count, tile, lanes, ahead):  # pragma: no cover
    values = target.reshape(-1)
    for lane in range(lanes):
        for t in range(count):
            values[places[lane] + t] = tile[t * lanes + lane]


class Kernels(NamedTuple):
    """The kernels for so many rows side by side."""

    lanes: int
    forward: Any
    backward: Any


def _kernels(lanes: int) -> Kernels:
    read = read_tile if lanes % SIDE == 0 else _read_few
    write = write_tile if lanes % SIDE == 0 else _write_few
    section, section_kept, section_adjoint = stepped_sections(lanes)
    bend, turn, bend_ends = bends(lanes)
    W = 5 * lanes  # numbers a section

    @njit(**INNER)
    def read_point(points, of_lane, f, per, into, ahead):  # pragma: no cover
        """Point ``f`` of each lane's coefficients, side by side; the point ``ahead`` is asked for."""
        values = points.reshape(-1)
        for lane in range(lanes):
            place = (of_lane[lane] * points.shape[1] + f) * per
            prefetch_run(values, place + ahead * per, per)
            for n in range(per):
                into[n * lanes + lane] = values[place + n]

    @njit(**INNER)
    def read_segment(points, of_lane, at, f, per, first, second, ratio, step, curved, ahead):  # pragma: no cover
        """The points at both ends of a stretch, and how coefficients go from one to the other."""
        read_point(points, of_lane, f, per, first, ahead)
        read_point(points, of_lane, min(f + 1, at.size - 1), per, second, ahead)
        join(first, second, span(at, f), ratio, step)
        bend(first, second, span(at, f), step, curved)

    @njit(**INNER)
    def silence(state, K, threshold):  # pragma: no cover
        for n in range(0, 2 * K * lanes, lanes):
            store(state, n, audible(load(state, n, lanes), threshold))

    @njit(**INNER)
    def add_point(gpoints, of_lane, valid, f, per, found):  # pragma: no cover
        """Add the gradients of a point and take them away from ``found``."""
        target = gpoints.reshape(-1)
        for lane in range(valid):
            place = (of_lane[lane] * gpoints.shape[1] + f) * per
            prefetch_run(target, place - POINTS_AHEAD * per, per)
            for n in range(per):
                target[place + n] += found[n * lanes + lane]
        for n in range(0, found.size, SIDE):
            store(found, n, constant(found, 0.0))

    @njit(**INNER)
    def ends(first, second, step, sums, lagged, offset, samples, to_first, to_second):  # pragma: no cover
        """Add the gradients of the two points to what is known of them, from the sums of `section_adjoint`."""
        part = 1.0 / samples
        for n in range(0, first.size, SIDE):
            c0, c1, total = load(first, n), load(second, n), load(sums, n)
            flat = (load(step, n) != 0.0) | (c0 == 0.0)
            late = (total * float(offset) + load(lagged, n)) * part
            store(to_first, n, load(to_first, n) + (total - late) / where(flat, 1.0, c0))
            if samples > 1:
                store(to_second, n, load(to_second, n) + late / where(flat, 1.0, c1))

    @njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "nsz"})
    def forward(start, stop, x, points, of_row, at, zi, threshold, y, zf, checkpoints):
        """Filter the groups ``start`` to ``stop - 1`` of rows side by side.

        Args:
            start: first group.
            stop: one past the last group.
            x: (R, T) float32 or float64.
            points: (Q, F, K, 5), float32 or float64: g, r, h, b, l.
            of_row: (R,) int64, the coefficients that each row uses.
            at: (F,) int64, where the points stand.
            zi: (R, K, 2) float64.
            threshold: states below this become 0 at the end of a tile.
            y: (R, T), receives the output.
            zf: (R, K, 2) float64, receives the last states.
            checkpoints: (R, tiles, K, 2) float64, receives the states before each tile, or (R, 0, K, 2).
        """
        R, T = x.shape
        K = points.shape[2]
        padded = -(-K * W // SIDE) * SIDE
        first, second, ratio = np.zeros(padded), np.zeros(padded), np.zeros(padded)
        step, coef = np.zeros(padded), np.zeros(padded)
        each = -(-K * lanes // SIDE) * SIDE
        curved, slope, turning = np.zeros(each), np.zeros(each), np.zeros(each)
        tile, state = np.empty(TILE * lanes), np.empty(2 * K * lanes)
        places, of_lane = np.empty(lanes, np.int64), np.empty(lanes, np.int64)
        for group in range(start, stop):
            for lane in range(lanes):  # those beyond the last row repeat it
                row = min(group * lanes + lane, R - 1)
                of_lane[lane] = of_row[row]
                for n in range(2 * K):
                    state[n * lanes + lane] = zi[row, n // 2, n % 2]
            f, known = 0, -1
            for begin in range(0, T, TILE):
                if checkpoints.shape[1] > 0:
                    for lane in range(min(lanes, R - group * lanes)):
                        for n in range(2 * K):
                            checkpoints[group * lanes + lane, begin // TILE, n // 2, n % 2] = state[n * lanes + lane]
                last = min(T, begin + TILE)
                t = begin
                while t < last:
                    f = segment_at(at, t, f)
                    if f != known:
                        read_segment(points, of_lane, at, f, K * 5, first, second, ratio, step, curved, POINTS_AHEAD)
                        known = f
                    advance(first, ratio, step, t - at[f], coef)
                    turn(curved, ratio, t - at[f], span(at, f), coef, slope, turning)
                    count = piece_end(at, f, last) - t
                    for lane in range(lanes):
                        places[lane] = min(group * lanes + lane, R - 1) * T + t
                    read(x, places, count, tile, lanes, AHEAD)
                    for k in range(K):
                        section(
                            tile,
                            count,
                            coef[k * W :],
                            ratio[k * W :],
                            step[k * W :],
                            slope[k * lanes :],
                            turning[k * lanes :],
                            state[2 * k * lanes :],
                        )
                    write(y, places, count, tile, lanes, AHEAD)
                    t += count
                silence(state, K, threshold)
            for lane in range(min(lanes, R - group * lanes)):
                for n in range(2 * K):
                    zf[group * lanes + lane, n // 2, n % 2] = state[n * lanes + lane]

    @njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "nsz"})
    def backward(start, stop, gy, gzf, x, points, of_row, order, bounds, at, threshold, checkpoints, gx, gpoints, gzi):
        """The adjoint of ``forward`` for the units ``start`` to ``stop - 1``, each all groups that share coefficients.

        Args:
            start: first unit.
            stop: one past the last unit.
            gy: (R, T), gradient of the output.
            gzf: (R, K, 2) float64, gradient of the last states.
            x: (R, T), as given to ``forward``.
            points: (Q, F, K, 5).
            of_row: (R,) int64.
            order: (R,) int64, the rows sorted by the coefficients they use; a group is so many of these.
            bounds: (units + 1,) int64, the groups at which units begin.
            at: (F,) int64.
            threshold: adjoint states below this become 0.
            checkpoints: (R, tiles, K, 2) from ``forward``, or (R, 0, K, 2) where ``gpoints`` is not wanted.
            gx: (R, T), receives the gradient of x.
            gpoints: as ``points``, zeros, receives their gradient; or (0, F, K, 5).
            gzi: (R, K, 2) float64, receives the gradient of zi.
        """
        R, T = x.shape
        K = points.shape[2]
        padded, line = -(-K * W // SIDE) * SIDE, TILE * lanes
        firsts, seconds = np.zeros(TILE * padded), np.zeros(TILE * padded)
        ratios, steps = np.zeros(TILE * padded), np.zeros(TILE * padded)
        coef, sums, lagged = np.zeros(padded), np.zeros(padded), np.zeros(padded)
        to_first, to_second = np.zeros(padded), np.zeros(padded)
        each = -(-K * lanes // SIDE) * SIDE
        curves, slope, turning, twice = np.zeros(TILE * each), np.zeros(each), np.zeros(each), np.zeros(each)
        lines, inner, signal = np.empty((K + 1) * line), np.empty(3 * K * line), np.empty(line)
        state, adjoint = np.empty(2 * K * lanes), np.empty(2 * K * lanes)
        places, of_lane = np.empty(lanes, np.int64), np.empty(lanes, np.int64)
        rows, begins, segments = np.empty(lanes, np.int64), np.empty(TILE + 1, np.int64), np.empty(TILE, np.int64)
        needs_grad = gpoints.shape[0] > 0
        for group in range(bounds[start], bounds[stop]):
            valid = min(lanes, R - group * lanes)
            for lane in range(lanes):
                rows[lane] = order[min(group * lanes + lane, R - 1)]
                of_lane[lane] = of_row[rows[lane]]
                for n in range(2 * K):
                    adjoint[n * lanes + lane] = gzf[rows[lane], n // 2, n % 2]
            f = at.size - 1
            summed = at.size  # the point after the stretch that was summed last
            for number in range((T - 1) // TILE, -1, -1):
                begin, last = number * TILE, min(T, (number + 1) * TILE)
                for lane in range(lanes):
                    for n in range(2 * K):
                        state[n * lanes + lane] = checkpoints[rows[lane], number, n // 2, n % 2] if needs_grad else 0.0
                t, pieces = begin, 0
                while t < last:
                    f = segment_at(at, t, f)
                    own = pieces * padded
                    first, ratio, step = firsts[own:][:padded], ratios[own:][:padded], steps[own:][:padded]
                    second, curved = seconds[own:][:padded], curves[pieces * each :][:each]
                    read_segment(points, of_lane, at, f, K * 5, first, second, ratio, step, curved, -POINTS_AHEAD)
                    advance(first, ratio, step, t - at[f], coef)
                    turn(curved, ratio, t - at[f], span(at, f), coef, slope, turning)
                    count, place = piece_end(at, f, last) - t, (t - begin) * lanes
                    for lane in range(lanes):
                        places[lane] = rows[lane] * T + t
                    read(x, places, count, lines[place:], lanes, -AHEAD)
                    for k in range(K):
                        section_kept(
                            lines[k * line + place :],
                            lines[(k + 1) * line + place :],
                            inner[3 * (k * line + place) :],
                            count,
                            coef[k * W :],
                            ratio[k * W :],
                            step[k * W :],
                            slope[k * lanes :],
                            turning[k * lanes :],
                            state[2 * k * lanes :],
                        )
                    begins[pieces], segments[pieces] = t, f
                    t += count
                    pieces += 1
                begins[pieces] = last
                for piece in range(pieces - 1, -1, -1):
                    t, f, own = begins[piece], segments[piece], piece * padded
                    count, place = begins[piece + 1] - t, (t - begin) * lanes
                    first, ratio, step = firsts[own:][:padded], ratios[own:][:padded], steps[own:][:padded]
                    second, curved = seconds[own:][:padded], curves[piece * each :][:each]
                    advance(first, ratio, step, t + count - 1 - at[f], coef)
                    turn(curved, ratio, t + count - 1 - at[f], span(at, f), coef, slope, turning)
                    for lane in range(lanes):
                        places[lane] = rows[lane] * T + t
                    read(gy, places, count, signal, lanes, -AHEAD)
                    for k in range(K - 1, -1, -1):
                        section_adjoint(
                            signal,
                            lines[k * line + place :],
                            inner[3 * (k * line + place) :],
                            count,
                            first[k * W :],
                            coef[k * W :],
                            ratio[k * W :],
                            step[k * W :],
                            slope[k * lanes :],
                            turning[k * lanes :],
                            adjoint[2 * k * lanes :],
                            sums[k * W :],
                            lagged[k * W :],
                            twice[k * lanes :],
                        )
                    write(gx, places, count, signal, lanes, -AHEAD)
                    if not needs_grad:
                        continue
                    if f + 1 != summed:
                        if summed < at.size:
                            add_point(gpoints, of_lane, valid, summed, K * 5, to_second)
                        if summed == f + 2:
                            to_first, to_second = to_second, to_first
                        elif summed > f + 2:
                            add_point(gpoints, of_lane, valid, summed - 1, K * 5, to_first)
                        summed = f + 1
                    samples, offset = span(at, f), t - at[f]
                    ends(first, second, step, sums, lagged, offset, samples, to_first, to_second)
                    bend_ends(first, second, curved, sums, lagged, twice, offset, samples, to_first, to_second)
                silence(adjoint, K, threshold)
            if needs_grad and T > 0:
                if summed < at.size:
                    add_point(gpoints, of_lane, valid, summed, K * 5, to_second)
                add_point(gpoints, of_lane, valid, summed - 1, K * 5, to_first)
            for lane in range(valid):
                for n in range(2 * K):
                    gzi[rows[lane], n // 2, n % 2] = adjoint[n * lanes + lane]

    return Kernels(lanes, forward, backward)


PAIR, MANY = _kernels(2), _kernels(SIDE)
