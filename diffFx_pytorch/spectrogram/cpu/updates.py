"""The update rules of alternating projections, each one pass over the spectrum; see ``rules`` for what they compute.

Spectra are rows of real and imaginary parts in turn, (M, 2 F); targets (M, F). Each kernel leaves in ``error``, (M,),
the squared distance of the projected magnitudes from the target.
"""

from __future__ import annotations

import numpy as np

from diffFx_pytorch.kernels import njit

FASTMATH = {"contract", "nsz"}
LEAST = 1e-19
"""What is smaller counts as zero: its square, and so its phase, is lost in float32. Targets are near 1."""


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def _distance(spectrum, target, scratch):
    for f in range(target.size):
        re, im = spectrum[2 * f], spectrum[2 * f + 1]
        d = np.sqrt(re * re + im * im) - target[f]
        scratch[f] = d * d
    total = spectrum.dtype.type(0)
    for f in range(target.size):
        total += scratch[f]
    return total


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def _onto(spectrum, target, scratch):
    """Give the row the target's magnitudes; zero has phase zero."""
    zeros = 0
    # Literals would turn the loops into float64.
    none, least = spectrum.dtype.type(0), spectrum.dtype.type(LEAST * LEAST)
    for f in range(target.size):
        re, im = spectrum[2 * f], spectrum[2 * f + 1]
        square = re * re + im * im
        zeros += square < least
        scratch[f] = target[f] / np.sqrt(square) if square >= least else none
    for f in range(target.size):
        spectrum[2 * f] *= scratch[f]
        spectrum[2 * f + 1] *= scratch[f]
    if zeros:
        for f in range(target.size):
            if scratch[f] == 0:
                spectrum[2 * f], spectrum[2 * f + 1] = target[f], 0


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def onto_rows(start, stop, spectrum, target):
    """Give the spectrum the target's magnitudes, in place."""
    scratch = np.empty(target.shape[1], spectrum.dtype)
    for m in range(start, stop):
        _onto(spectrum[m], target[m], scratch)


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def momentum_rows(start, stop, spectrum, target, error, alpha, beta, gamma, previous, slow):
    """Run t = (1 - gamma) d + gamma c; c = t + alpha (t - t_prev); d = t + beta (t - t_prev); P_A c goes in place.

    ``previous`` holds t_prev, ``slow`` d (no rows where gamma is 1).
    """
    F = target.shape[1]
    scratch = np.empty(F, spectrum.dtype)
    rest = spectrum.dtype.type(1) - gamma
    for m in range(start, stop):
        row, last, goal = spectrum[m], previous[m], target[m]
        error[m] = _distance(row, goal, scratch)
        if slow.size:
            d = slow[m]
            for f in range(2 * F):
                t = rest * d[f] + gamma * row[f]
                step = t - last[f]
                last[f] = t
                d[f] = t + beta * step
                row[f] = t + alpha * step
        else:
            for f in range(2 * F):
                t = row[f]
                row[f] = t + alpha * (t - last[f])
                last[f] = t
        _onto(row, goal, scratch)


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def reflection_rows(start, stop, spectrum, target, error, rho, beta, shadow):
    """Run z = (rho y + c) / (1 + rho); a = P_A(2 z - y) in place of c; y = beta (a + y - z) + (1 - beta) z (shadow)."""
    F = target.shape[1]
    scratch = np.empty(F, spectrum.dtype)
    one = spectrum.dtype.type(1)
    share_y, share_c = rho / (one + rho), one / (one + rho)
    share_z = one - beta - beta
    for m in range(start, stop):
        row, y, goal = spectrum[m], shadow[m], target[m]
        error[m] = _distance(row, goal, scratch)
        for f in range(2 * F):
            z = share_y * y[f] + share_c * row[f]
            row[f] = z + z - y[f]
            # The update but for a: beta (y - z) + (1 - beta) z
            y[f] = beta * y[f] + share_z * z
        _onto(row, goal, scratch)
        for f in range(2 * F):
            y[f] += beta * row[f]
