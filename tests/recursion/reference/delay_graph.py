"""A graph of delay lines as on paper: one sample at a time, differentiable by autograd."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from diffFx_pytorch.recursion.graph import MINUS, MIX, OUT, PLUS, POLE, READ, WRITE, DelayGraph


def delay_graph(
    x: Tensor,
    graph: DelayGraph,
    gains: Tensor,
    delays: Tensor,
    past: list[list[Tensor]] | None = None,
    poles: list[Tensor] | None = None,
) -> tuple[Tensor, list[list[Tensor]], list[Tensor]]:
    """Outputs (outputs, T), lines with all that was written to them, and states of the filters.

    Args:
        x: (inputs, T).
        graph: the diagram.
        gains: (gains, T).
        delays: (moving delays, T).
        past: of each line, oldest first; None is silence.
        poles: states of the filters.
    """
    zero = torch.zeros((), dtype=x.dtype)
    lines = [[] for _ in graph.longest] if past is None else [list(line) for line in past]
    state = [zero] * graph.poles if poles is None else list(poles)
    y = [[] for _ in range(graph.outputs)]

    def ago(line: list[Tensor], lag: int) -> Tensor:
        return line[-lag] if lag <= len(line) else zero

    for n in range(x.shape[1]):
        node = dict(enumerate(x[:, n]))
        written = {}
        for op, out, a, b, k, _ in graph._steps:
            if op == READ and k < 0:
                node[out] = ago(lines[a], b)
            elif op == READ:
                d = delays[k, n]
                whole = math.floor(float(d))
                f = d - whole
                newer, here, older, oldest = (ago(lines[a], whole + j) for j in (-1, 0, 1, 2))
                # Keys 1981, eq. 4 with a = -1/2.
                node[out] = (
                    here
                    + f * (older - newer) / 2
                    + f * f * (newer - 2.5 * here + 2 * older - oldest / 2)
                    + f * f * f * (oldest - newer + 3 * (here - older)) / 2
                )
            elif op == MIX:
                node[out] = node[a] + (1.0 if k == PLUS else -1.0 if k == MINUS else gains[k, n]) * node[b]
            elif op == POLE:
                state[b] = node[out] = gains[k, n] * state[b] + (1 - gains[k, n]) * node[a]
            elif op == WRITE:
                written[b] = node[a]
            elif op == OUT:
                y[out].append(node[a])
        for line, value in written.items():
            lines[line].append(value)
    return torch.stack([torch.stack(channel) for channel in y]), lines, state
