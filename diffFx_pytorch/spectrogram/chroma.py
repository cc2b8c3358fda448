"""Chroma: the bins of a spectrum by pitch class, whatever the octave."""

from __future__ import annotations

import torch
from torch import Tensor


def chroma_bands(
    sample_rate: float, n_fft: int, n_chroma: int = 12, *, centre_octave: float = 5.0, octave_width: float = 2.0
) -> Tensor:
    r"""Weights that gather the bins of a spectrum by pitch class, C first.

    .. math:: W_{k f} \propto e^{-2 d_{k f}^2 / w_f^2}\; e^{-(o_f - o_0)^2 / 2 \sigma^2}

    with d the distance of bin f from pitch class k around the octave, w the width of the bin in classes (1 or more), o
    the octave of the bin; the first factor has unit length over k.

    Args:
        sample_rate: in Hz.
        n_fft: N of the spectrum.
        n_chroma: classes an octave.
        centre_octave: o_0, in octaves above 27.5 Hz.
        octave_width: sigma in octaves.

    Returns:
        (n_chroma, n_fft // 2 + 1) in float64.

    References:
        D. P. W. Ellis, "Chroma feature analysis and synthesis", Columbia University, 2007.
    """
    freq = torch.arange(1, n_fft, dtype=torch.float64) * (sample_rate / n_fft)
    octave = (freq / 440.0).log2() + 4.0  # above A0, 27.5 Hz
    octave = torch.cat((octave[:1] - 1.5, octave))  # 0 Hz: wide, and half an octave from its neighbour
    place = n_chroma * octave
    width = torch.cat((place.diff().clamp_min(1.0), place.new_ones(1)))
    # Classes count from C, a quarter of an octave (in the three-fourths below) from A.
    classes = torch.arange(n_chroma, dtype=torch.float64)[:, None] + 3 * (n_chroma // 12)
    half = round(n_chroma / 2)
    distance = torch.remainder(place - classes + half, n_chroma) - half
    weights = (-2 * (distance / width).square()).exp()
    weights = weights / weights.square().sum(0).sqrt()
    weights = weights * (-0.5 * ((octave - centre_octave) / octave_width).square()).exp()
    return weights[:, : n_fft // 2 + 1]
