"""One second-order section over a tile of sixteen rows side by side, and its adjoint.

A cascade whose gains b0 are gathered in its first section has ``b0 = 1`` in the others; those have kernels of their
own, with one multiply-add less a sample of four (forward) and nine (adjoint).
"""

from __future__ import annotations

from typing import Any

from diffFx_pytorch.kernels import njit
from diffFx_pytorch.kernels.inner import INNER
from diffFx_pytorch.kernels.vector import load, store, where

LANES = 16
"""Rows (or segments of rows) side by side: two vectors of float64, the latency of one hidden behind the other."""

BLOCK = 128
"""Samples a tile: ``BLOCK * LANES`` float64 numbers stay in the first-level cache."""


@njit(**INNER)
def audible(value, threshold):  # pragma: no cover
    """A vector with 0 in place of what is smaller than ``threshold``, so that no tail decays into denormals."""
    return where(abs(value) < threshold, 0.0, value)


@njit(**INNER)
def _five(values):  # pragma: no cover
    return (
        load(values, 0, LANES),
        load(values, LANES, LANES),
        load(values, 2 * LANES, LANES),
        load(values, 3 * LANES, LANES),
        load(values, 4 * LANES, LANES),
    )


def _forward(unit: bool) -> Any:
    @njit(**INNER)
    def biquad(source, target, coef, state, threshold):  # pragma: no cover
        """One biquad over one tile; states smaller than ``threshold`` become 0.

        y[n] = ((b0 x[n] + b2 x[n-2] + b1 x[n-1]) - a2 y[n-2]) - a1 y[n-1]: a single multiply-add separates successive
        outputs, where transposed direct form 2 has two. Its states s1, s2 are what is carried between tiles: they are
        added to the first two samples, in place of the past. ``coef`` holds b0 b1 b2 a1 a2 (in a unit section b0 is
        taken as 1) and ``state`` s1 s2, LANES numbers each.
        """
        b0, b1, b2, a1, a2 = _five(coef)
        s1, s2 = load(state, 0, LANES), load(state, LANES, LANES)
        x2 = load(source, 0, LANES)
        y2 = (x2 if unit else b0 * x2) + s1
        x1 = load(source, LANES, LANES)
        y1 = b1 * x2 + ((x1 if unit else b0 * x1) + s2) - a1 * y2
        store(target, 0, y2)
        store(target, LANES, y1)
        for n in range(2 * LANES, BLOCK * LANES, 2 * LANES):
            x = load(source, n, LANES)
            y2 = b1 * x1 + (b2 * x2 + (x if unit else b0 * x)) - a2 * y2 - a1 * y1
            store(target, n, y2)
            x2 = load(source, n + LANES, LANES)
            y1 = b1 * x + (b2 * x1 + (x2 if unit else b0 * x2)) - a2 * y1 - a1 * y2
            store(target, n + LANES, y1)
            x1, x2 = x2, x
        store(state, 0, audible(b1 * x1 + b2 * x2 - a2 * y2 - a1 * y1, threshold))
        store(state, LANES, audible(b2 * x1 - a2 * y1, threshold))

    return biquad


biquad, unit_biquad = _forward(unit=False), _forward(unit=True)


@njit(**INNER)
def biquad_adjoint_only(signal, coef, state, threshold):  # pragma: no cover
    """The adjoint of `biquad` without gradients of the coefficients, from the last sample of the tile to the first.

    ``signal`` holds the gradient of the section's output and receives that of its input:
    w[n] = (gy[n] - a2 w[n+2]) - a1 w[n+1], gx[n] = b0 w[n] + b1 w[n+1] + b2 w[n+2].
    ``state`` holds w[n+1], w[n+2], which are the gradients of s1 and s2.
    """
    b0, b1, b2, a1, a2 = _five(coef)
    w1, w2 = load(state, 0, LANES), load(state, LANES, LANES)
    for n in range((BLOCK - 1) * LANES, -1, -LANES):
        w = load(signal, n, LANES) - a2 * w2 - a1 * w1
        store(signal, n, b2 * w2 + (b1 * w1 + b0 * w))
        w1, w2 = w, w1
    store(state, 0, audible(w1, threshold))
    store(state, LANES, audible(w2, threshold))


def _adjoint(unit: bool) -> Any:
    @njit(**INNER)
    def biquad_adjoint(signal, source, target, coef, state, gradient, threshold):  # pragma: no cover
        """As `biquad_adjoint_only`; ``source`` and ``target`` are the section's input and output.

        To ``gradient`` are added w[n] x[n], w[n+1] x[n], w[n+2] x[n], -w[n+1] y[n], -w[n+2] y[n].
        """
        b0, b1, b2, a1, a2 = _five(coef)
        g0, g1, g2, h1, h2 = _five(gradient)
        w1, w2 = load(state, 0, LANES), load(state, LANES, LANES)
        for n in range((BLOCK - 1) * LANES, -1, -LANES):
            w = load(signal, n, LANES) - a2 * w2 - a1 * w1
            store(signal, n, b2 * w2 + (b1 * w1 + (w if unit else b0 * w)))
            x, y = load(source, n, LANES), load(target, n, LANES)
            g0, g1, g2 = g0 + w * x, g1 + w1 * x, g2 + w2 * x
            h1, h2 = h1 - w1 * y, h2 - w2 * y
            w1, w2 = w, w1
        store(state, 0, audible(w1, threshold))
        store(state, LANES, audible(w2, threshold))
        store(gradient, 0, g0)
        store(gradient, LANES, g1)
        store(gradient, 2 * LANES, g2)
        store(gradient, 3 * LANES, h1)
        store(gradient, 4 * LANES, h2)

    return biquad_adjoint


biquad_adjoint, unit_biquad_adjoint = _adjoint(unit=False), _adjoint(unit=True)


@njit(**INNER)
def cascade_tile(signals, step, coef, state, unit, threshold):  # pragma: no cover
    """Run all sections over the tile at ``signals[0]``; each output stands ``step`` after its input.

    Args:
        signals: flat; with a step of 0 one tile, in place.
        step: 0, or ``BLOCK * LANES``.
        coef: five coefficients a section, LANES numbers each.
        state: s1, s2 of each section, LANES numbers each.
        unit: b0 is 1 in all sections but the first.
        threshold: states smaller than this become 0.
    """
    for k in range(coef.size // (5 * LANES)):
        source, target = signals[k * step :], signals[(k + 1) * step :]
        if unit and k > 0:
            unit_biquad(source, target, coef[k * 5 * LANES :], state[k * 2 * LANES :], threshold)
        else:
            biquad(source, target, coef[k * 5 * LANES :], state[k * 2 * LANES :], threshold)


@njit(**INNER)
def cascade_tile_adjoint(signal, signals, coef, state, gradient, unit, threshold):  # pragma: no cover
    """The adjoint of `cascade_tile`: ``signal``, the gradient of the output, becomes that of the input.

    Args:
        signal: one tile.
        signals: the input of each section and the output of the last, as `cascade_tile` leaves them.
        coef: as there.
        state: gradients of s1, s2 of each section.
        gradient: as ``coef``, the gradient is added.
        unit: as there.
        threshold: adjoint states smaller than this become 0.
    """
    step = BLOCK * LANES
    for k in range(coef.size // (5 * LANES) - 1, -1, -1):
        source, target = signals[k * step :], signals[(k + 1) * step :]
        c, s, g = coef[k * 5 * LANES :], state[k * 2 * LANES :], gradient[k * 5 * LANES :]
        if unit and k > 0:
            unit_biquad_adjoint(signal, source, target, c, s, g, threshold)
        else:
            biquad_adjoint(signal, source, target, c, s, g, threshold)
