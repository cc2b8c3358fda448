"""A graph of delay lines in plain torch operations, block by block, differentiable to any order."""

from __future__ import annotations

import torch
from torch import Tensor

from diffFx_pytorch.recursion.graph import MIX, OUT, PLUS, POLE, READ, SPREAD, WRITE

from .delay_blocks import Pole, cut, even_blocks


def delay_error(delay: Tensor) -> ValueError:
    """What to raise for time-varying delays that are out of range, or NaN."""
    return ValueError(
        f"delay_graph: time-varying delays must lie between {SPREAD} samples and the longest that the graph names, and "
        f"be numbers; got {delay.min():g} to {delay.max():g}."
    )


def _blocks(delay: Tensor, steps: list[list[int]], T: int) -> list[slice]:
    """What can be computed at once; the wait for the shortest time-varying delays tells of illegal ones too."""
    reads = [s for s in steps if s[0] == READ]
    shortest = min([max(T, 1), *(s[3] for s in reads if s[4] < 0)])
    if not delay.numel():
        return even_blocks(shortest, T)
    d = delay.detach()
    gap = (d.amin((0, 1)).floor() - 1).clamp_max(shortest)
    newest = (torch.arange(T, device=d.device) - gap).cummax(0).values
    found = torch.cat([newest, d.amin((0, 2)), d.amax((0, 2))]).tolist()
    newest, least, most = found[:T], found[T : T + d.shape[1]], found[T + d.shape[1] :]
    if not all(least[s[4]] >= SPREAD and most[s[4]] <= s[3] for s in reads if s[4] >= 0):
        raise delay_error(delay)
    return cut(newest)


def delay_graph_rows(
    x: Tensor,
    steps: list[list[int]],
    longest: list[int],
    outputs: int,
    gains: Tensor,
    delay: Tensor,
    past: Tensor,
    poles: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Outputs, lines and states of the filters over rows; arguments as those of the kernel, all float64.

    Args:
        x: (R, inputs, T).
        steps: of the graph.
        longest: samples that each line remembers.
        outputs: their number.
        gains: (R, K, T or 1).
        delay: (R, M, T or 1).
        past: (R, P).
        poles: (R, N).

    Raises:
        ValueError: time-varying delays out of range.
    """
    T = x.shape[-1]
    lines = list(past.split(longest, -1)) if longest else []
    state = list(poles.split(1, -1))
    blocks = _blocks(delay, steps, T)
    longest_block = max((n.stop - n.start for n in blocks), default=1)
    filters = {s[4]: Pole(gains[:, s[4]], longest_block, x.shape[:1]) for s in steps if s[0] == POLE}
    pieces: list[list[Tensor]] = [[] for _ in range(outputs)]
    for here in blocks:
        count = here.stop - here.start
        node: dict[int, Tensor] = dict(enumerate(x[..., here].unbind(-2)))
        written = list(lines)
        for op, out, a, b, k, _ in steps:
            if op == READ and k < 0:
                first = lines[a].shape[-1] - b
                node[out] = lines[a][..., first : first + count]
            elif op == READ:
                node[out] = _read_time_varying(
                    lines[a], (delay[:, k, here] if delay.shape[-1] > 1 else delay[:, k]), count
                )
            elif op == MIX:
                gain = (
                    1.0 if k == PLUS else -1.0 if k < 0 else gains[:, k, here] if gains.shape[-1] > 1 else gains[:, k]
                )
                node[out] = node[a] + gain * node[b]
            elif op == POLE:
                pole = gains[:, k, here] if gains.shape[-1] > 1 else gains[:, k]
                node[out], state[b] = filters[k].run((1 - pole) * node[a], state[b], here)
            elif op == WRITE:
                written[b] = torch.cat([lines[b], node[a]], -1)[..., count:]
            elif op == OUT:
                pieces[out].append(node[a])
        lines = written
    y = torch.stack([torch.cat(p, -1) for p in pieces], -2) if T and outputs else x.new_zeros(x.shape[0], outputs, T)
    return y, torch.cat(lines, -1) if lines else past, torch.cat(state, -1) if state else poles


def _read_time_varying(line: Tensor, delay: Tensor, count: int) -> Tensor:
    whole = delay.detach().floor()
    f = delay - whole
    at = line.shape[-1] + torch.arange(count, device=line.device) - whole.long()
    newer, here, older, oldest = (line.expand(at.shape[0], -1).gather(-1, at + j) for j in (1, 0, -1, -2))
    cubic = oldest - newer + 3 * (here - older)
    square = 2 * newer - 5 * here + 4 * older - oldest
    return here + 0.5 * f * (older - newer + f * (square + f * cubic))
