"""One state variable section over a stretch between control points, its coefficients stepped in registers; the adjoint.

``c <- c ratio + step`` from sample to sample, and the ratio of g turns; in as many lanes as rows stand side by side.
"""

from __future__ import annotations

from typing import Any

from diffFx_pytorch.kernels import njit
from diffFx_pytorch.kernels.inner import INNER
from diffFx_pytorch.kernels.vector import SIDE, constant, load, store, where


def stepped_sections(lanes: int) -> tuple[Any, Any, Any]:
    """A section, one that leaves what its adjoint reads, and the adjoint, for so many rows side by side."""

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
    def section(signal, count, coef, ratio, step, slope, turning, state):  # pragma: no cover
        """Run one section over ``count`` samples, in place. With n1, n2 the states to come, 2 v = s + n."""
        g, r, h, b, low = five(coef)
        _, rr, rh, rb, rl = five(ratio)
        rg, bg = load(slope, 0, lanes), load(turning, 0, lanes)
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
            rg = rg * bg
        store(state, 0, s1)
        store(state, lanes, s2)

    @njit(**INNER)
    def section_kept(source, target, inner, count, coef, ratio, step, slope, turning, state):  # pragma: no cover
        """As ``section``, from ``source`` to ``target``; ``inner`` receives v1, v2, 2 d of each sample."""
        g, r, h, b, low = five(coef)
        _, rr, rh, rb, rl = five(ratio)
        rg, bg = load(slope, 0, lanes), load(turning, 0, lanes)
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
            rg = rg * bg
        store(state, 0, s1)
        store(state, lanes, s2)

    @njit(**INNER)
    def section_adjoint(
        signal, source, inner, count, first, coef, ratio, step, slope, turning, state, sums, lagged, twice
    ):  # pragma: no cover
        """The adjoint of a section over a piece; ``coef`` holds the coefficients of its last sample.

        ``signal`` holds the gradient of the output and receives that of the input. ``sums`` receives the sums of
        gradient times c (or 1 where the join is a straight line), ``lagged`` those of the same times the number n of
        samples since the first of the piece, ``twice`` that of g times n (n - 1) / 2.
        """
        g, r, h, b, low = five(coef)
        _, rr, rh, rb, rl = five(ratio)
        bg = load(turning, 0, lanes)
        dg, dr, dh, db, dl = five(step)
        back_g, back_r, back_h, back_b, back_l = bg / load(slope, 0, lanes), 1.0 / rr, 1.0 / rh, 1.0 / rb, 1.0 / rl
        fg, fr, fh, fb, fl = five(first)
        flat_g, flat_r, flat_h = (dg != 0.0) | (fg == 0.0), (dr != 0.0) | (fr == 0.0), (dh != 0.0) | (fh == 0.0)
        flat_b, flat_l = (db != 0.0) | (fb == 0.0), (dl != 0.0) | (fl == 0.0)
        p1, p2 = load(state, 0, lanes), load(state, lanes, lanes)
        zero = constant(state, 0.0, lanes)
        sg, sr, sh, sb, sl = zero, zero, zero, zero, zero
        lg, lr, lh, lb, ll = zero, zero, zero, zero, zero
        qg = zero
        for i in range((count - 1) * lanes, -1, -lanes):
            qg = qg + lg
            lg, lr, lh, lb, ll = lg + sg, lr + sr, lh + sh, lb + sb, ll + sl
            v1, v2 = load(inner, 3 * i, lanes), load(inner, 3 * i + lanes, lanes)
            d2 = load(inner, 3 * i + 2 * lanes, lanes)
            gy, x = load(signal, i, lanes), load(source, i, lanes)
            w1, w2 = (0.5 * (b - r * h)) * gy, (0.5 * (low - h)) * gy
            e1, half2 = p1 + w1, p2 + w2
            half1 = g * half2 + e1
            e = d2 * half1
            ge = g * e
            gv2 = 2.0 * half2
            if lanes < SIDE:  # nothing else to do in the meantime: more operations, but fewer one after the other
                p = d2 * g
                p1, p2 = (d2 - 1.0) * e1 + (p * half2 + w1), ((1.0 - p * g) * half2 + w2) - p * e1
            else:
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
            b, low, back_g = b * back_b - db, low * back_l - dl, back_g * bg
        store(state, 0, p1)
        store(state, lanes, p2)
        store(sums, 0, sg)
        store(sums, lanes, sr)
        store(sums, 2 * lanes, sh)
        store(sums, 3 * lanes, sb)
        store(sums, 4 * lanes, sl)
        store(twice, 0, qg)
        store(lagged, 0, lg)
        store(lagged, lanes, lr)
        store(lagged, 2 * lanes, lh)
        store(lagged, 3 * lanes, lb)
        store(lagged, 4 * lanes, ll)

    return section, section_kept, section_adjoint
