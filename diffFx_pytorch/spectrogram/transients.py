"""Attacks in a sound that is stretched: where they are, where they go, and which bins begin with them."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

_PIECES = 16
"""Pieces of a frame by which energy is followed."""
_RISE = 8.0
"""Of the energy of a piece over the mean of half a frame before it: 9 dB."""
_FLOOR = 1e-5
"""Share of the loudest piece below which nothing is heard: -50 dB."""
_LOUDER = 4.0
_SLOWEST, _FASTEST = 0.5, 2.0
"""How far the time between attacks may be squeezed or drawn, over what the rate asks for, so that they keep theirs."""


def attacks(x: Tensor, n_fft: int) -> tuple[np.ndarray, np.ndarray]:
    """Samples at which something begins, and at which it is there.

    The energy of the first difference, in which what is struck is loud, rises by 9 dB within a sixteenth of a frame;
    it begins where it first comes within 10 dB of the largest of that piece and the next. It is there where the sound
    first comes within 6 dB of its largest in half a frame.

    Args:
        x: (C, T).
        n_fft: N, the length of a frame; no two attacks are closer than half of it.

    Returns:
        Two arrays of as many indices, rising.
    """
    size = max(1, n_fft // _PIECES)
    energy = x.detach().diff(dim=-1).square().sum(0)
    pieces = F.pad(energy, (0, -energy.shape[-1] % size)).view(-1, size).sum(-1).double().cpu().numpy()
    if len(pieces) <= _PIECES:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    half = _PIECES // 2
    total = np.concatenate([[0.0], np.cumsum(pieces)])
    before = (total[half:-1] - total[: -1 - half]) / half
    now = pieces[half:]
    rises = np.flatnonzero((now > _RISE * before) & (now > _FLOOR * pieces.max())) + half
    level = x.detach().square().sum(0)
    found: list[tuple[int, int]] = []
    last = -half
    for piece in rises:
        if piece - last >= half:
            near = energy[piece * size : (piece + 2) * size]
            start = int(piece) * size + int((near > 0.1 * near.max()).to(torch.uint8).argmax())
            loud = level[start : start + n_fft // 2]
            found.append((start, start + int((loud > 0.25 * loud.max()).to(torch.uint8).argmax())))
            last = piece
    starts, heights = np.array(found, np.int64).reshape(-1, 2).T
    return starts, heights


def placed(
    starts: np.ndarray, heights: np.ndarray, rate: float, count: int, n_fft: int, hop_length: int
) -> tuple[np.ndarray, np.ndarray]:
    """Where frames lie in the input, so that all that hold an attack agree on where it goes, and which those are.

    Around an attack at t, which goes to t / r, frames advance in the input as in the output; in between they make up
    for it. An attack that leaves the neighbour before it no room is stretched like anything else. Not being stretched,
    an attack is longer or shorter than its place; that none is early, t is where it begins if the sound gets faster,
    and where it is there if it gets slower.

    Args:
        starts: where attacks begin.
        heights: where they are there.
        rate: r, above 0.
        count: of frames.
        n_fft: N.
        hop_length: H, between frames of the output.

    Returns:
        Centres (count,) in samples of the input, and for each frame the index of its attack or -1.
    """
    reach = n_fft // 2
    kept: list[tuple[int, int, int]] = []
    end_in, end_out = 0.0, 0.0
    for index, t in enumerate(starts if rate > 1 else heights):
        out = round(t / rate)
        gap_in, gap_out = t - reach - end_in, out - reach - end_out
        if gap_out > 0 and _SLOWEST * rate <= gap_in / gap_out <= _FASTEST * rate:
            kept.append((index, int(t), out))
            end_in, end_out = t + reach, out + reach
    n = np.arange(count) * hop_length
    knots_out, knots_in = [0.0], [0.0]
    for _, t, out in kept:
        knots_out += [out - reach, out + reach]
        knots_in += [t - reach, t + reach]
    last = max(float(n[-1]), knots_out[-1]) + n_fft
    knots_out.append(last)
    knots_in.append(knots_in[-1] + rate * (last - knots_out[-2]))
    centres = np.interp(n, knots_out, knots_in).round().astype(np.int64)
    which = np.full(count, -1)
    for index, t, out in kept:
        inside = np.abs(n - out) <= reach
        centres[inside] = n[inside] + (t - out)
        which[inside] = index
    return centres, which


def beginning_bins(x: Tensor, onsets: Tensor, window: Tensor) -> Tensor:
    """Bins whose power in the frame that begins with an attack is over four times that in the frame before it.

    Args:
        x: (C, T).
        onsets: (K,), in samples.
        window: (N,).

    Returns:
        (K, F), bool.
    """
    size = len(window)
    offsets = onsets[:, None] + torch.arange(2 * size, device=x.device)
    frames = F.pad(x.detach(), (size, size))[:, offsets].unflatten(-1, (2, size))
    power = torch.fft.rfft(frames * window).abs().square().sum(0)
    return power[:, 1] > _LOUDER * power[:, 0]
