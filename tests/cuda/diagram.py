"""A graph of delay lines with every kind of step."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

import diffFx_pytorch.recursion as R


@functools.cache
def diagram() -> R.DelayGraph:
    """Of every kind of step: a moving all-pass in a loop with a filter, and a filtered line that is tapped twice."""
    graph = R.DelayGraph(2)
    loop = graph.line()
    spread, tap = graph.all_pass(graph.mix(0, graph.read(loop, 140), "d"), "m", "u", "d", 180)
    dull = graph.one_pole(spread, "p")
    graph.write(loop, graph.sum([dull, graph.read(tap, 130), 1], [R.graph.MINUS, R.graph.PLUS, R.graph.MINUS]))
    graph.output(graph.mix(dull, graph.read(loop, 170), "u"))
    graph.output(graph.one_pole(graph.time_varying_read(loop, "m", 180), "q"))
    return graph


def run_diagram(x: Tensor, gains: Tensor, delay: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
    with torch.no_grad():
        heard = R.delay_graph(x, diagram(), gains, delay, zi=states)
    y, state = R.delay_graph(x, diagram(), gains, delay, zi=states, return_zf=True)
    return y, *state, heard.detach().requires_grad_()  # whose lines were rings
