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
_SLOWEST = 0.5
"""Of the rate: how far the time between two attacks may be drawn out, so that they keep theirs."""
_CLEAR = 0.7
"""Of half a frame: what stands farther from its middle is hardly heard in it, 30 dB down after both windows."""


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
    for it. That is half a frame on either side, and less where the next attack is near: faster, each has what is nearer
    to it, and what is between them is left out; slower, what is between them is drawn out to twice what the rate asks
    for, no more, and of the rest the attack that comes has the larger part. An attack that would be heard in the
    frames of the one before it is stretched like anything else. Not being stretched, an attack is longer or shorter
    than its place; that none is early, t is where it begins if the sound gets faster, and where it is there if it gets
    slower.

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
    kept: list[list[int]] = []  # of each: index, t, t / r, and what it has before and after that
    for index, t in enumerate(starts if rate > 1 else heights):
        out, after, before = round(t / rate), reach, reach
        if not kept:
            room = min(t, out) if rate > 1 else _shared(t, rate)
            before = min(reach, int(room))
        else:
            _, last, last_out, _, _ = kept[-1]
            if rate > 1:
                after = before = min(reach, (out - last_out) // 2)
                clear = t - last - before
            else:
                room = min(2 * reach, int(_shared(t - last, rate)))
                before = min(reach, int(_CLEAR * room))
                after, clear = room - before, t - last - (room - before)
            if min(clear, before if rate < 1 else reach) < _CLEAR * reach:
                continue
            kept[-1][4] = after
        kept.append([index, int(t), out, before, reach])
    n = np.arange(count) * hop_length
    knots_out, knots_in = [0.0], [0.0]
    for _, t, out, before, after in kept:
        knots_out += [out - before, out + after]
        knots_in += [t - before, t + after]
    last = max(float(n[-1]), knots_out[-1]) + n_fft
    knots_out.append(last)
    knots_in.append(knots_in[-1] + rate * (last - knots_out[-2]))
    centres = np.interp(n, knots_out, knots_in).round().astype(np.int64)
    which = np.full(count, -1)
    for index, t, out, before, after in kept:
        inside = (n >= out - before) & (n <= out + after)
        centres[inside] = n[inside] + (t - out)
        which[inside] = index
    return centres, which


def _shared(gap: float, rate: float) -> float:
    """Of the time between two attacks in a slower sound, what they may keep: the rest is drawn out to twice its length.

    (gap - s) / (gap / r - s) = r / 2 for s.
    """
    return _SLOWEST * gap / (1 - _SLOWEST * rate)


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
