"""The delay line in eager torch, for devices without a kernel; differentiable to any order.

Blocks as long as the shortest delay of the call are worked at once: a delay that never falls under D samples costs
T / D rounds of vector operations, a delay of one sample a round a sample.
"""

from __future__ import annotations

import torch
from torch import Tensor

from diffFx_pytorch.dsp.delay_read import gather_taps
from diffFx_pytorch.dsp.interpolation import POINTS, split_delay
from diffFx_pytorch.kernels.rows import broadcast_shape
from diffFx_pytorch.recursion.fallback.scan import first_order_scan


def _allpass_pole(delay: Tensor, youngest: int) -> Tensor:
    """Pole of the all-pass interpolator; zero where it falls back to linear."""
    _, f, _ = split_delay(delay, "allpass", youngest)
    return torch.where(f < 0.5, 0.0, (1 - f) / (1 + f))


def _blocks(delay: Tensor, interpolation: str, T: int) -> tuple[int, int]:
    """Samples that can be worked at once, since none of them reads another, and how far back the oldest tap lies."""
    if not delay.numel():
        return max(T, 1), 0
    k, _, t = split_delay(delay.detach(), interpolation, 1)
    gap, reach = torch.stack([(k - t + 1).min(), (k + t).max()]).tolist()
    return max(1, min(T, gap)), reach


def feedback_delay_blocks(
    x: Tensor,
    delay: Tensor,
    feedback: Tensor | None,
    lowpass: Tensor | None,
    highpass: Tensor | None,
    past: Tensor | None,
    tail: Tensor,
    interpolation: str,
    saturate: bool,
    limit: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Tap, line and last filter states in float64; arguments as in ``ops.feedback_delay``.

    Delays out of range are clamped, NaN to the least: a range error would make a device wait.
    """
    given = [t for t in (x, delay, feedback, lowpass, highpass, past, tail) if t is not None]
    batch_shape = broadcast_shape(*(t.shape[:-1] for t in given))
    T, youngest = x.shape[-1], 0 if feedback is None else 1
    delay = delay.double()
    delay = torch.where(delay >= youngest, delay, float(youngest)).clamp(max=limit)
    delay = delay.expand(*delay.shape[:-1], T)
    x = x.double().expand(*batch_shape, T)
    pad = POINTS[interpolation]
    past = x.new_zeros(*batch_shape, pad) if past is None else past.double().expand(*batch_shape, -1)
    last, low, high = tail.double().expand(*batch_shape, 3).split(1, -1)

    def read(line: Tensor, start: int, n: slice) -> Tensor:
        tap = gather_taps(line, start, delay[..., n], interpolation, youngest).expand(*batch_shape, -1)
        return (
            first_order_scan(-_allpass_pole(delay[..., n], youngest), tap, last) if interpolation == "allpass" else tap
        )

    def cut(p: Tensor, n: slice) -> Tensor:
        return p.double().expand(*p.shape[:-1], T)[..., n]

    if feedback is None or T == 0:
        line = torch.cat([past, x], -1)
        v = read(line, past.shape[-1], slice(0, T)) if T else x
        last = v[..., -1:] if T and interpolation == "allpass" else last
        return v, line, torch.cat([last, low, high], -1)
    step, reach = _blocks(delay, interpolation, T)
    taps, pieces, recent = [], [past], past
    for first in range(0, T, step):
        n = slice(first, min(T, first + step))
        recent = recent[..., -reach:]
        # The block's own samples are not there yet, and are not read; reading asks for room.
        u = read(torch.nn.functional.pad(recent, (0, n.stop - first)), recent.shape[-1], n)
        taps.append(u)
        last = u[..., -1:] if interpolation == "allpass" else last
        if lowpass is not None:
            c = cut(lowpass, n)
            u = first_order_scan(c, (1 - c) * u, low)
            low = u[..., -1:]
        if highpass is not None:
            c = cut(highpass, n)
            below = first_order_scan(c, (1 - c) * u, high)
            u, high = u - below, below[..., -1:]
        pieces.append(x[..., n] + cut(feedback, n) * (torch.tanh(u) if saturate else u))
        recent = torch.cat([recent, pieces[-1]], -1)
    return torch.cat(taps, -1), torch.cat(pieces, -1), torch.cat([last, low, high], -1)
