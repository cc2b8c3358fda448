"""A delay that steps fades from the old time to the new one; one that moves smoothly is left to shift the pitch."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ...control import can_look_at
from ...processor import State
from ...recursion.ops.delay_line import Line, kept_line, line_read, silent_line

FADE_MS = 8.0
_STEP = 4.0
"""A step within a block is a change by more samples than this between two, beside which its neighbours are small."""

Read = Callable[[Tensor, Tensor, Line, slice], tuple[Tensor, Line]]
"""Samples of a block, the delays for them, a line and where in the block they are, to the echo and the line after."""


def faded_read(
    x: Tensor,
    delay: Tensor,
    state: State,
    max_delay: int,
    interpolation: str,
    fade: int,
    *,
    piece: int | None = None,
    outlives: bool = True,
    saturation: str | None = None,
    **loop: Tensor | None,
) -> tuple[Tensor, State]:
    """Read a delay line, cross-faded where the delay steps; arguments as for ``line_read`` and ``crossfaded``.

    Args:
        x: (B, C, T).
        delay: in samples, (B, 1, 1 or T), float64.
        state: what the block before returned; None is silence.
        max_delay: samples.
        interpolation: see ``line_read``.
        fade: length in samples.
        piece: see ``crossfaded``.
        outlives: whether the line outlives the block.
        saturation: see ``line_read``.
        loop: feedback, lowpass and highpass of ``line_read``.

    Returns:
        The echo, and the line and the delays after it.
    """
    line, memory = (None, None) if state is None else state
    if line is None:
        feedback = loop.get("feedback")
        line = silent_line(x, x.shape[1] if feedback is None else max(x.shape[1], feedback.shape[1]), interpolation)

    def read(x: Tensor, delay: Tensor, line: Line, where: slice) -> tuple[Tensor, Line]:
        now = {n: k if k is None or k.shape[-1] == 1 else k[..., where] for n, k in loop.items()}
        return line_read(x, delay, line, max_delay, interpolation, saturation=saturation, **now)

    echo, line, memory = crossfaded(read, x, delay, line, memory, fade, piece)
    return echo, (kept_line(line, x.shape[-1]) if outlives else line, memory)


def crossfaded(
    read: Read, x: Tensor, delay: Tensor, line: Line, memory: Tensor | None, fade: int, piece: int | None = None
) -> tuple[Tensor, Line, Tensor | None]:
    """Read a line at a delay, with a cross-fade of two reads (a raised cosine) wherever the delay steps.

    A step is a constant delay that is another than in the block before, or a jump of a moving one. One that comes
    during a fade waits for its end. Nothing is faded where values cannot be looked at: in a compiled graph, on devices
    that would have to wait.

    Args:
        read: of a piece of the block.
        x: (B, C, T).
        delay: in samples, (B, K, 1 or T), float64; K is 1, or what the reading makes its delays of.
        line: before the block.
        memory: (B, 2 K + 2): the delays faded from, the delays heard last, samples of the fade still to come, and 1 if
            a step waits. None is the beginning.
        fade: length in samples.
        piece: samples of a fade that are read at once, for a line with feedback: what one of them reads, none before it
            in the same piece may have written. None is all.

    Returns:
        ``(echo, line, memory)``.
    """
    fades, after_all = fades_of(delay, x, memory, fade)
    if fades is None:
        return *read(x, delay, line, slice(None)), after_all
    T = x.shape[-1]
    old, new, weight = fades.old, fades.new, fades.weight
    edges = {0, T, *fades.edges}
    if piece:
        edges |= {begin for begin in range(0, T, piece) if (weight[:, begin : begin + piece] < 1).any()}
    echoes = []
    for begin, end in itertools.pairwise(sorted(edges)):
        where = slice(begin, end)
        echo, after = read(x[..., where], new[..., where], line, where)
        if (weight[:, where] < 1).any():
            share = weight[:, None, where].to(x.dtype)
            earlier, faded = read(x[..., where], old[..., where], line, where)
            echo = torch.lerp(earlier, echo, share)
            if piece:
                # What was read is written into the line of a loop; of the filters' states those of the new one go on.
                past, written = (
                    after[0][..., : begin - end],
                    torch.lerp(faded[0][..., begin - end :], after[0][..., begin - end :], share),
                )
                after = torch.cat((past, written), -1), after[1]
        echoes.append(echo)
        line = after
    return torch.cat(echoes, -1), line, after_all


class Fades(NamedTuple):
    """What a block reads where delays step."""

    old: Tensor
    """Delays faded from, (B, K, T)."""
    new: Tensor
    """Delays faded to, which are those that are heard where nothing fades, (B, K, T)."""
    weight: Tensor
    """Of the new, (B, T) float64."""
    edges: set[int]
    """Where fades begin and end within the block."""


def fades_of(delay: Tensor, x: Tensor, memory: Tensor | None, fade: int) -> tuple[Fades | None, Tensor | None]:
    """The fades of a block and the memory after it; the arguments are those of ``crossfaded``. None: nothing fades."""
    values = delay.detach()
    if not can_look_at(values) or not x.numel():
        return None, memory
    T, K, last = x.shape[-1], values.shape[1], values[..., -1]
    none = values.new_zeros(len(values), 2)
    settled = torch.cat((last, last, none), -1)
    # Of a block of one sample nobody can tell: there it counts as moving.
    constant = delay.shape[-1] == 1 < T
    if memory is None:
        first = values[..., 0]
        memory = torch.cat((first, first, none), -1)
    if torch.equal(memory, settled) if constant else not (memory[:, 2 * K :].any() or _has_steps(values)):
        return None, settled
    plans = [_plan(rows, m, T, fade) for rows, m in zip(values.numpy(), memory.numpy(), strict=True)]
    old, new, weight = (torch.from_numpy(np.stack(rows)) for rows in zip(*(p[:3] for p in plans), strict=True))
    known = torch.cat((memory[:, : 2 * K].unflatten(-1, (2, K)).mT, delay), -1)
    old, new = (known.gather(-1, rows.unsqueeze(1).expand(-1, K, -1)) for rows in (old, new))
    edges = {edge for p in plans for edge in p[4] if edge < T}
    return Fades(old, new, weight, edges), torch.from_numpy(np.stack([p[3] for p in plans]))


def _jumps(change: np.ndarray) -> np.ndarray:
    """Indices of changes beside which both neighbours are small."""
    size = np.abs(change)
    inner = (size[1:-1] > _STEP) & (size[1:-1] > 4 * size[:-2]) & (size[1:-1] > 4 * size[2:])
    return np.flatnonzero(inner) + 1


def _has_steps(values: Tensor) -> bool:
    if values.shape[-1] < 4:
        return False
    change = values.diff().abs()
    if float(change.max()) <= _STEP:
        return False
    return any(len(_jumps(row)) for row in change.flatten(0, 1).numpy())


def _plan(
    values: np.ndarray, memory: np.ndarray, samples: int, fade: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, list[int]]:
    """Which delay each sample fades from and to, for one item.

    Args:
        values: delays, (K, 1) or (K, T).
        memory: (2 K + 2,), as for ``crossfaded``.
        samples: T.
        fade: length in samples.

    Returns:
        Indices into (the two of the memory, then ``values``) of the old and the new delay (T,), the weight of the new
        (T,), the memory after, and where fades begin and end.
    """
    known = np.concatenate([memory[:-2].reshape(2, -1).T, values], -1)
    at = np.full(samples, 2) if values.shape[-1] == 1 else 2 + np.arange(samples)
    if values.shape[-1] == 1 < samples:
        jumps = [0] if (known[:, 1] != values[:, 0]).any() else []
    else:
        jumps = [0] * int(memory[-1]) + sorted({int(j) + 1 for row in np.diff(values) for j in _jumps(row)})
    old, new, weight = at.copy(), at.copy(), np.ones(samples)
    source, heard, left = 0, 1, round(float(memory[-2]))  # indices into known
    edges: list[int] = []
    n = 0
    while n < samples:
        ahead = next((j for j in jumps if j >= n), samples)
        if not left and ahead > n:
            heard, n = int(at[ahead - 1]), ahead
            continue
        if not left:
            source, left = heard, fade
            jumps = [j for j in jumps if j > n]
            ahead = next(iter(jumps), samples)
            edges.append(n)
        stop = min(n + left, samples)
        piece = slice(n, stop)
        old[piece] = source
        # A step that comes now waits: until then what was heard before it goes on.
        held = max(n, min(ahead, stop))
        new[held:stop] = at[held - 1] if held > n else heard
        weight[piece] = 0.5 + 0.5 * np.cos(np.pi / fade * (left - 1 - np.arange(stop - n)))
        heard, left, n = int(new[stop - 1]), left - (stop - n), stop
        if ahead < stop:
            jumps = [stop, *(j for j in jumps if j >= stop)]
        if not left:
            edges.append(n)
    after = np.concatenate([known[:, source if left else heard], known[:, heard], [left, samples in jumps]])
    return old, new, weight, after, edges
