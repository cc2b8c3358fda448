r"""Convolution block by block, without latency, by partitions of the response that grow with its age.

The response is cut into a head and partitions at 256, 1024, 4096, ... samples. A partition that begins at sample P
needs no input younger than P samples, so it is convolved once P samples have come, and its share of the output lies
ready when it is due; only the head is convolved with every block.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .convolution import convolve

ConvolutionState = dict[str, Any]
"""What a block leaves for the next.

After long blocks ``{"history": ...}``, the inputs that are still heard; after short ones ``{"recent": ..., "tail": ...,
"lines": (...)}``: the inputs no partition has taken, what an earlier state still gives, and what each partition gives.
"""

_FIRST, _GROWTH, _LAST = 256, 4, 16384


def partitions(taps: int, first: int = _FIRST) -> list[tuple[int, int]]:
    """Where the partitions of a response begin and end; the head is what comes before the first.

    Args:
        taps: length of the response.
        first: where the first begins, and how many samples it waits for; each begins at a multiple of that before.

    Returns:
        ``[(begin, end), ...]``, empty where the head is all.
    """
    found, begin = [], first
    while begin < taps:
        end = begin * _GROWTH if begin * _GROWTH <= max(_LAST, first) else taps
        found.append((begin, min(end, taps)))
        begin = end
    return found


def needed_taps(state: ConvolutionState | None, samples: int, taps: int) -> int:
    """How much of a response the next block of so many samples needs: all that the sound so far can meet."""
    if state is None:
        return min(samples, taps)
    if "history" in state and _as_a_whole(state, samples, taps):
        return min(state["history"].shape[-1] + samples, taps)
    return taps


def convolve_block(
    x: Tensor,
    h: Tensor,
    state: ConvolutionState | None = None,
    *,
    taps: int | None = None,
    latency: int = 0,
    matrix: bool = False,
) -> tuple[Tensor, ConvolutionState]:
    r"""The next block of :math:`y_n = \sum_k h_k x_{n-k}`; blocks of any sizes equal the whole.

    Long blocks are convolved as they come, short ones by partitions. A response that changes from one block to the next
    is heard in the new block; what short blocks have already put into the partitions goes on as it was.

    Args:
        x: block (..., T); with ``matrix`` (..., I, T).
        h: response (..., L), as for ``convolve``; shorter than ``taps`` if ``needed_taps`` says that is enough.
        state: what the block before returned; None is silence.
        taps: length of the whole response; None is L.
        latency: 0, or a power of two by which the output comes late; blocks shorter than it then cost less, for the
            head need not be convolved with each.
        matrix: sum over inputs, as for ``convolve``.

    Returns:
        ``(y, state)``: y (..., T), or (..., O, T).

    References:
        W. G. Gardner, "Efficient convolution without input-output delay", JAES 43(3), 1995.
    """
    taps = (h.shape[-1] if taps is None else taps) + latency
    if latency:
        h = torch.nn.functional.pad(h, (latency, 0))
    samples = x.shape[-1]
    if not samples:
        return convolve(x, h, matrix=matrix), state or {"history": x}
    if state is None:
        state = {"history": x[..., :0]}
    if "history" in state:
        history = state["history"]
        before = history.shape[-1]
        if _as_a_whole(state, samples, taps):
            whole = torch.cat((history, x), -1)
            y = convolve(whole, h, start=before, samples=samples, matrix=matrix)
            return y, {"history": whole[..., max(0, whole.shape[-1] - taps + 1) :]}
        tail = convolve(history, h, start=before, samples=taps - 1, matrix=matrix)
        recent = x.new_zeros(*x.shape[:-1], latency or _FIRST)
        state = {"recent": recent, "tail": tail, "lines": ()}
    elif samples >= taps - 1:
        tail, _ = _by_partitions(x.new_zeros(1).expand(*x.shape[:-1], taps - 1), h, state, latency, matrix)
        y = convolve(x, h, matrix=matrix)
        y = torch.cat((y[..., : taps - 1] + tail, y[..., taps - 1 :]), -1)
        return y, {"history": x[..., samples - taps + 1 :]}
    return _by_partitions(x, h, state, latency, matrix)


def _as_a_whole(state: ConvolutionState, samples: int, taps: int) -> bool:
    before = state["history"].shape[-1]
    return 2 * samples >= min(before, taps - 1) or before + samples <= 4 * _FIRST


def _by_partitions(
    x: Tensor, h: Tensor, state: ConvolutionState, latency: int, matrix: bool
) -> tuple[Tensor, ConvolutionState]:
    samples, first = x.shape[-1], latency or _FIRST
    parts = partitions(h.shape[-1], first)
    longest = parts[-1][0] if parts else 1
    recent = torch.cat((state["recent"], x), -1)
    waiting = state["recent"].shape[-1] - first
    # With latency the head is nothing but zeros.
    y = convolve(recent, h[..., : 1 if latency else first], start=first + waiting, samples=samples, matrix=matrix)
    tail = state["tail"][..., :samples]
    y = y + torch.nn.functional.pad(tail, (0, samples - tail.shape[-1]))
    lines = []
    for k, (begin, end) in enumerate(parts):
        late = waiting % begin
        line = state["lines"][k] if state["lines"] else y.new_zeros(*y.shape[:-1], end - 1)
        full = (late + samples) // begin * begin
        if full:
            taken = recent[..., first + waiting - late : first + waiting - late + full]
            given = convolve(taken, h[..., begin:end], samples=full + end - begin - 1, matrix=matrix)
            line = torch.nn.functional.pad(line, (0, full)) + torch.nn.functional.pad(given, (begin, 0))
        y = y + line[..., late : late + samples]
        lines.append(line[..., full:])
    kept = first + (waiting + samples) % longest
    return y, {
        "recent": recent[..., recent.shape[-1] - kept :],
        "tail": state["tail"][..., samples:],
        "lines": tuple(lines),
    }
