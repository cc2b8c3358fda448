"""True peaks: the largest magnitude between samples, as a converter reconstructs them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .fir import fir
from .whole_delay import with_past

REACH = 10
"""Samples on each side that a value between two samples is interpolated from."""

_KAISER_BETA = 5.0

_BS_1770 = (
    # Phases 1 and 2; phases 3 and 4 are these in reverse. They peak between samples 5 and 6.
    (
        0.0017089843750, 0.0109863281250, -0.0196533203125, 0.0332031250000, -0.0594482421875, 0.1373291015625,
        0.9721679687500, -0.1022949218750, 0.0476074218750, -0.0266113281250, 0.0148925781250, -0.0083007812500,
    ),
    (
        -0.0291748046875, 0.0292968750000, -0.0517578125000, 0.0891113281250, -0.1665039062500, 0.4650878906250,
        0.7797851562500, -0.2003173828125, 0.1015625000000, -0.0582275390625, 0.0330810546875, -0.0189208984375,
    ),
)  # fmt: skip


def _between(shift: float) -> tuple[float, ...]:
    """Coefficients of x at n - REACH + shift: sum_k h[k] x[n - k], a sinc under a Kaiser window, of sum 1."""
    offset = np.arange(2 * REACH) - REACH + shift
    taps = np.sinc(offset) * np.i0(_KAISER_BETA * np.sqrt(np.clip(1 - (offset / REACH) ** 2, 0.0, 1.0)))
    return tuple((taps / taps.sum()).tolist())


# The norm's filters have a delay of about 5.5 samples; four more zeros align them with the others.
_NORM = tuple((0.0,) * 4 + taps for row in _BS_1770 for taps in (row, row[::-1]))
_SINCS = tuple(_between(shift / 4) for shift in (1, 2, 3))
_FILTERS = (*_SINCS, *_NORM)


def true_peak(x: Tensor, state: Tensor | None = None, as_the_norm: bool = True) -> tuple[Tensor, Tensor]:
    """The largest magnitude of a signal from each sample to the next, at four times the sample rate.

    Two interpolators are used, a Kaiser-windowed sinc that is flat to 0.4 of the sample rate, and the one printed in
    the norm, which reads up to 0.2 dB more; the larger value is returned.

    Args:
        x: (..., T).
        state: what the block before returned; None is silence.
        as_the_norm: whether the second is used too.

    Returns:
        ``(peak, state)``: peak (..., T) >= 0, delayed by ``REACH`` samples; peak[n] is the largest of |x| at n - REACH
        and at the quarters of a sample after it.

    References:
        ITU-R BS.1770-5, "Algorithms to measure audio programme loudness and true-peak audio level", annex 2.
    """
    T = x.shape[-1]
    padded = with_past(x, 2 * REACH, state)
    if T == 0:
        return x, padded
    peak = padded[..., REACH : REACH + T].abs()
    for taps in _FILTERS if as_the_norm else _SINCS:
        peak = torch.maximum(peak, fir(padded[..., 2 * REACH + 1 - len(taps) :], taps).abs())
    return peak, padded[..., T:].contiguous()  # not a view of the whole block
