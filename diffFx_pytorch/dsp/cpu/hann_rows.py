"""Kernel of the mean under a Hann window, by sums that only grow: nothing is ever subtracted, so nothing drifts."""

from __future__ import annotations

import math

import numpy as np

from diffFx_pytorch.kernels import njit

from .elementary import INLINE


@njit(**INLINE)
def hann_rows(start, stop, padded, taps, y):  # pragma: no cover
    """``y[t] = sum_k w[k] padded[t + k]``, w a Hann window of ``taps`` numbers without its zeros, of sum 1.

    With omega = 2 pi / (taps + 1), w[k] is proportional to 1 - cos(omega (k + 1)), so y is a moving sum of x and one of
    x exp(i omega t), turned to t. A moving sum is one over the end of a stretch of ``taps`` samples and one over the
    beginning of the next: each grows from zero, one backwards, one forwards in time.

    Args:
        start: first row.
        stop: one past the last.
        padded: (rows, T + taps - 1).
        taps: length of the window.
        y: (rows, T), receives the means.

    References:
        M. van Herk, "A fast algorithm for local minimum and maximum filters on rectangular and octagonal kernels",
        Pattern Recognition Letters 13(7), 1992 (the stretches, for maxima).
    """
    L, T = padded.shape[1], y.shape[1]
    # Of omega (t - 1) at t: the angle of sample t of the stretch that begins taps samples later, the period being one
    # more than a stretch; that of sample t of a stretch itself stands at t + 1.
    cosine, sine = np.empty(taps + 1), np.empty(taps + 1)
    for t in range(taps + 1):
        angle = 2 * math.pi * (t - 1) / (taps + 1)
        cosine[t], sine[t] = math.cos(angle), math.sin(angle)
    # Sums from sample t to the end of the stretch that the window leaves, and of the one that it enters.
    left, left_real, left_imag = np.empty(taps), np.empty(taps), np.empty(taps)
    entered, entered_real, entered_imag = np.empty(taps), np.empty(taps), np.empty(taps)
    for row in range(start, stop):
        x = padded[row]
        for first in range(-taps, T, taps):
            count = min(taps, T - first) if first >= 0 else 0
            begun = begun_real = begun_imag = 0.0
            ending = ending_real = ending_imag = 0.0
            enters = first + taps
            for t in range(taps):
                if t < count:
                    real, imag = left_real[t] + begun_real, left_imag[t] + begun_imag
                    y[row, first + t] = (left[t] + begun - cosine[t] * real - sine[t] * imag) / (taps + 1)
                v = np.float64(x[enters + t]) if enters + t < L else 0.0
                begun += v
                begun_real += v * cosine[t]
                begun_imag += v * sine[t]
                u = taps - 1 - t
                v = np.float64(x[enters + u]) if enters + u < L else 0.0
                ending += v
                ending_real += v * cosine[u + 1]
                ending_imag += v * sine[u + 1]
                entered[u], entered_real[u], entered_imag[u] = ending, ending_real, ending_imag
            left, entered = entered, left
            left_real, entered_real = entered_real, left_real
            left_imag, entered_imag = entered_imag, left_imag
