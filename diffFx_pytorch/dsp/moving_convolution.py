"""Convolution with taps that move from point to point in straight lines."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
from torch import Tensor

from ..kernels.transforms import is_traced

_ELEMENTS = 1 << 22
"""Of the spectra of taps, at once, where nobody asks for a gradient."""


def convolve_moving(
    whole: Tensor,
    taps_of: Callable[[Tensor], Tensor],
    knobs: Tensor,
    at: Tensor,
    longest: int,
    count: int,
    transform: int = 1,
) -> Tensor:
    """Convolve with taps that are designed at some points of time and joined by straight lines.

    From every point on the sound goes through the taps of that point and of the next, as far as the next.

    Args:
        whole: the input with what was before it, (..., N - 1 + T).
        taps_of: taps (..., F, N) of knobs (..., F, K), a few points at a time; their dimensions and those of the input
            broadcast.
        knobs: at the points.
        at: (F,) int64, where they stand in the block; see ``ControlPoints``.
        longest: samples between two points, at most.
        count: N.
        transform: points of the transforms that ``taps_of`` takes, for what memory a point needs.

    Returns:
        (..., T).
    """
    samples, points = whole.shape[-1] - count + 1, at.shape[0]
    frame = count - 1 + longest
    size = 1 << (frame - 1).bit_length()
    begin = at.clamp_min(0)
    padded = torch.nn.functional.pad(whole, (0, longest))
    ends = [0, points]
    if not is_traced() and not (torch.is_grad_enabled() and (whole.requires_grad or knobs.requires_grad)):
        step = max(1, _ELEMENTS // (max(size, transform) * whole.shape[:-1].numel()))
        ends = [*range(0, points, step), points]
    pieces = []
    following = torch.cat((at[1:], at[-1:] + longest))
    for first, last in itertools.pairwise(ends):
        taps = taps_of(knobs[..., first : min(last + 1, points), :]).to(whole.dtype)
        taps = torch.cat((taps, taps[..., -1:, :]), -2)[..., : last - first + 1, :]
        places = begin[first:last, None].clamp_max(samples) + torch.arange(frame, device=at.device)
        heard = padded[..., places.clamp_max(padded.shape[-1] - 1)]
        spectrum, own = torch.fft.rfft(heard, size), torch.fft.rfft(taps, size)
        now, then = (
            torch.fft.irfft(spectrum * h, size)[..., count - 1 : frame] for h in (own[..., :-1, :], own[..., 1:, :])
        )
        time = begin[first:last, None] + torch.arange(longest, device=at.device) - at[first:last, None]
        share = time.to(now.dtype) / (following - at)[first:last, None].clamp_min(1)
        pieces.append(torch.lerp(now, then, share.clamp(0, 1)))
    joined = torch.cat(pieces, -2)
    time = torch.arange(samples, device=at.device)
    segment = (torch.searchsorted(at.contiguous(), time, right=True) - 1).clamp(0, points - 1)
    return joined.flatten(-2)[..., segment * longest + (time - begin[segment]).clamp(0, longest - 1)]
