"""Cascades of state variable filters whose coefficients are given at control points, rows side by side.

Between two points a coefficient is the geometric mean c0^(1 - w) c1^w where both are of one sign, else a straight line
(`join_points`); it is stepped in registers, ``c <- c ratio + step``, and never laid out over time. The adjoint steps it
backwards. Each row is a lane: two for a mono or stereo signal, eight for batches.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from diffFx_pytorch.kernels import njit
from diffFx_pytorch.kernels.vector import SIDE, constant, load, store, where

from .biquad_tile import audible
from .inner import INNER
from .point_joins import advance, join, piece_end, segment_at, span
from .row_tiles import read_tile, write_tile

TILE = 32
"""Samples between checkpoints: what the adjoint computes again and keeps stays in the first- or second-level cache."""


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
    W = 5 * lanes  # numbers a section

    @njit(**INNER)
    def five(values):  # pragma: no cover
        return (
            load(values, 0, lanes),
            load(values, lanes, lanes),
            load(values, 2 * lanes, lanes),
            load(values, 3 * lanes, lanes),
            load(values, 4 * lanes, lanes),
        )

    @njit(**INNER)
    def section(signal, count, coef, ratio, step, state):  # pragma: no cover
        """Run one section over ``count`` samples, in place. With n1, n2 the states to come, 2 v = s + n."""
        g, r, h, b, low = five(coef)
        rg, rr, rh, rb, rl = five(ratio)
        dg, dr, dh, db, dl = five(step)
        s1, s2 = load(state, 0, lanes), load(state, lanes, lanes)
        for i in range(0, count * lanes, lanes):
            x = load(signal, i, lanes)
            d2 = 2.0 / (g * (g + r) + 1.0)
            p = d2 * g
            u = x - s2
            n1 = p * u + (d2 - 1.0) * s1
            n2 = (p * g) * u + (p * s1 + s2)
            y = (0.5 * (b - r * h)) * (s1 + n1) + h * x
            store(signal, i, (0.5 * (low - h)) * (s2 + n2) + y)
            s1, s2 = n1, n2
            g, r, h, b, low = g * rg + dg, r * rr + dr, h * rh + dh, b * rb + db, low * rl + dl
        store(state, 0, s1)
        store(state, lanes, s2)

    @njit(**INNER)
    def section_kept(source, target, inner, count, coef, ratio, step, state):  # pragma: no cover
        """As ``section``, from ``source`` to ``target``; ``inner`` receives v1, v2, 2 d of each sample."""
        g, r, h, b, low = five(coef)
        rg, rr, rh, rb, rl = five(ratio)
        dg, dr, dh, db, dl = five(step)
        s1, s2 = load(state, 0, lanes), load(state, lanes, lanes)
        for i in range(0, count * lanes, lanes):
            x = load(source, i, lanes)
            d2 = 2.0 / (g * (g + r) + 1.0)
            p = d2 * g
            u = x - s2
            n1 = p * u + (d2 - 1.0) * s1
            n2 = (p * g) * u + (p * s1 + s2)
            v1, v2 = 0.5 * (s1 + n1), 0.5 * (s2 + n2)
            store(inner, 3 * i, v1)
            store(inner, 3 * i + lanes, v2)
            store(inner, 3 * i + 2 * lanes, d2)
            store(target, i, (low - h) * v2 + ((b - r * h) * v1 + h * x))
            s1, s2 = n1, n2
            g, r, h, b, low = g * rg + dg, r * rr + dr, h * rh + dh, b * rb + db, low * rl + dl
        store(state, 0, s1)
        store(state, lanes, s2)

    @njit(**INNER)
    def section_adjoint(
        signal, source, inner, count, first, coef, ratio, step, state, sums, lagged
    ):  # pragma: no cover
        """The adjoint of a section over a piece; ``coef`` holds the coefficients of its last sample.

        ``signal`` holds the gradient of the output and receives that of the input. ``sums`` receives the sums of
        gradient times c (or 1 where the join is a straight line), ``lagged`` those of the same times the number of
        samples since the first of the piece.
        """
        g, r, h, b, low = five(coef)
        rg, rr, rh, rb, rl = five(ratio)
        dg, dr, dh, db, dl = five(step)
        back_g, back_r, back_h, back_b, back_l = 1.0 / rg, 1.0 / rr, 1.0 / rh, 1.0 / rb, 1.0 / rl
        fg, fr, fh, fb, fl = five(first)
        flat_g, flat_r, flat_h = (dg != 0.0) | (fg == 0.0), (dr != 0.0) | (fr == 0.0), (dh != 0.0) | (fh == 0.0)
        flat_b, flat_l = (db != 0.0) | (fb == 0.0), (dl != 0.0) | (fl == 0.0)
        p1, p2 = load(state, 0, lanes), load(state, lanes, lanes)
        zero = constant(state, 0.0, lanes)
        sg, sr, sh, sb, sl = zero, zero, zero, zero, zero
        lg, lr, lh, lb, ll = zero, zero, zero, zero, zero
        for i in range((count - 1) * lanes, -1, -lanes):
            lg, lr, lh, lb, ll = lg + sg, lr + sr, lh + sh, lb + sb, ll + sl
            v1, v2 = load(inner, 3 * i, lanes), load(inner, 3 * i + lanes, lanes)
            d2 = load(inner, 3 * i + 2 * lanes, lanes)
            gy, x = load(signal, i, lanes), load(source, i, lanes)
            half2 = (0.5 * (low - h)) * gy + p2
            half1 = g * half2 + ((0.5 * (b - r * h)) * gy + p1)
            e = d2 * half1
            ge = g * e
            gv2 = 2.0 * half2
            p1, p2 = e - p1, (gv2 - p2) - ge
            gx = h * gy + ge
            store(signal, i, gx)
            rest = x - v2
            high = rest - r * v1
            sg = (gv2 * v1 + e * (high - g * v1)) * where(flat_g, 1.0, g) + sg
            sr = sr - (v1 * gx) * where(flat_r, 1.0, r)
            sh = (gy * high) * where(flat_h, 1.0, h) + sh
            sb = (gy * v1) * where(flat_b, 1.0, b) + sb
            sl = (gy * v2) * where(flat_l, 1.0, low) + sl
            g, r, h = g * back_g - dg, r * back_r - dr, h * back_h - dh
            b, low = b * back_b - db, low * back_l - dl
        store(state, 0, p1)
        store(state, lanes, p2)
        store(sums, 0, sg)
        store(sums, lanes, sr)
        store(sums, 2 * lanes, sh)
        store(sums, 3 * lanes, sb)
        store(sums, 4 * lanes, sl)
        store(lagged, 0, lg)
        store(lagged, lanes, lr)
        store(lagged, 2 * lanes, lh)
        store(lagged, 3 * lanes, lb)
        store(lagged, 4 * lanes, ll)

    @njit(**INNER)
    def read_point(points, of_lane, f, per, into):  # pragma: no cover
        """Point ``f`` of each lane's coefficients, side by side."""
        values = points.reshape(-1)
        for lane in range(lanes):
            place = (of_lane[lane] * points.shape[1] + f) * per
            for n in range(per):
                into[n * lanes + lane] = values[place + n]

    @njit(**INNER)
    def read_segment(points, of_lane, at, f, per, first, second, ratio, step):  # pragma: no cover
        """The points at both ends of a stretch, and how coefficients go from one to the other."""
        read_point(points, of_lane, f, per, first)
        read_point(points, of_lane, min(f + 1, at.size - 1), per, second)
        join(first, second, span(at, f), ratio, step)

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
                        read_segment(points, of_lane, at, f, K * 5, first, second, ratio, step)
                        known = f
                    advance(first, ratio, step, t - at[f], coef)
                    count = piece_end(at, f, last) - t
                    for lane in range(lanes):
                        places[lane] = min(group * lanes + lane, R - 1) * T + t
                    read(x, places, count, tile, lanes, TILE)
                    for k in range(K):
                        section(tile, count, coef[k * W :], ratio[k * W :], step[k * W :], state[2 * k * lanes :])
                    write(y, places, count, tile, lanes, TILE)
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
                    read_segment(points, of_lane, at, f, K * 5, first, seconds[own:][:padded], ratio, step)
                    advance(first, ratio, step, t - at[f], coef)
                    count, place = piece_end(at, f, last) - t, (t - begin) * lanes
                    for lane in range(lanes):
                        places[lane] = rows[lane] * T + t
                    read(x, places, count, lines[place:], lanes, 0)
                    for k in range(K):
                        section_kept(
                            lines[k * line + place :],
                            lines[(k + 1) * line + place :],
                            inner[3 * (k * line + place) :],
                            count,
                            coef[k * W :],
                            ratio[k * W :],
                            step[k * W :],
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
                    advance(first, ratio, step, t + count - 1 - at[f], coef)
                    for lane in range(lanes):
                        places[lane] = rows[lane] * T + t
                    read(gy, places, count, signal, lanes, 0)
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
                            adjoint[2 * k * lanes :],
                            sums[k * W :],
                            lagged[k * W :],
                        )
                    write(gx, places, count, signal, lanes, 0)
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
                    samples = span(at, f)
                    ends(first, seconds[own:][:padded], step, sums, lagged, t - at[f], samples, to_first, to_second)
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
