"""Delays with feedback, networks and graphs of them."""

from __future__ import annotations

import torch
from torch import Tensor

import diffFx_pytorch.recursion as R
from tests.cuda.calls.call import Call
from tests.cuda.diagram import diagram, run_diagram
from tests.cuda.signals import absorption, between, blocks, few, network, noise, shelves


def _with_state(found: tuple[Tensor, tuple[Tensor, Tensor]]) -> tuple[Tensor, ...]:
    return found[0], *found[1]


def _filtered_network(*given: Tensor) -> tuple[Tensor, ...]:
    """With states that are random, but for those of lanes without a line, which are nobody's."""
    *network, past, zi = given
    lanes = (torch.arange(zi.shape[-3] * 8).view(-1, 1, 8) < past.shape[-2]).to(zi)
    how = {"longest": 58, "time_varying": False, "zi": (past, zi * lanes), "return_zf": True}
    y, end, states = _with_state(R.feedback_network(*network, **how))
    return y, end, states * lanes


CALLS = {
    "graph": Call(
        {"delay_graph"},
        lambda T: [
            *(noise(2, 2, blocks(T)), between(0.2, 0.6, 2, 4, 1), between(150, 175, 2, 1, 1)),
            *(noise(1, sum(diagram().longest)), noise(2, 2)),
        ],
        run_diagram,
        1e-5,
        reorders=True,
    ),
    "graph, moving": Call(
        {"delay_graph"},
        lambda T: [
            *(noise(1, 2, blocks(T)), between(0.2, 0.6, 1, 4, blocks(T))),
            160 + 12 * torch.sin(torch.arange(blocks(T), dtype=torch.float64) / 30).view(1, 1, -1),
            *(noise(1, sum(diagram().longest)), noise(2, 2)),
        ],
        run_diagram,
        1e-5,
        variant=True,
        reorders=True,
    ),
    "feedback delay": Call(
        {"feedback_delay"},
        lambda T: [noise(2, T), between(90, 95, 2), between(0.4, 0.8, 1)],
        lambda x, d, g: (R.feedback_delay(x, d, g, interpolation="linear"),),
        1e-5,
    ),
    "feedback delay, moving": Call(
        {"feedback_delay"},
        lambda T: [
            *(noise(2, T), 60 + 40 * torch.sin(torch.arange(T, dtype=torch.float64) / 90), between(0.4, 0.8, 2, T)),
            *(between(0.1, 0.5, 1), between(0.9, 0.99, T)),
        ],
        lambda x, d, g, low, high: R.feedback_delay(
            *(x, d.expand(2, -1), g),
            lowpass=low,
            highpass=high.expand(2, -1),
            saturation="tanh",
            max_delay=100,
            interpolation="cubic",
            return_zf=True,
            time_varying=None,
        ),
        1e-5,
        reorders=True,
    ),
    "network": Call(
        {"feedback_network"},
        lambda T: [noise(2, 2, T), *network(3, 2, 2), noise(3, 60), noise(1, 2, 2)],
        lambda x, m, M, b, c, past, direct: _with_state(
            R.feedback_network(
                x, m, M, b, c, longest=58, direct=direct, zi=(past, past.new_zeros(0, 1, 2, 8)), return_zf=True
            )
        ),
        1e-5,
    ),
    "network, wide": Call(
        {"feedback_network"},
        lambda T: [noise(1, 1, T), *network(17, 1, 1)],
        lambda x, m, M, b, c: (R.feedback_network(x, m, M, b, c, longest=58),),
        1e-5,
        variant=True,
    ),
    "network, filtered": Call(
        {"feedback_network"},
        lambda T: [noise(1, few(T)), *network(3, 1, 1), absorption(3, 2), noise(3, 60), noise(2, 1, 2, 8)],
        _filtered_network,
        1e-5,
        variant=True,
    ),
    "network, filtered in groups": Call(
        {"feedback_network"},
        lambda T: [noise(1, few(T)), *network(9, 1, 1), absorption(9, 1), noise(9, 60), noise(1, 2, 2, 8)],
        _filtered_network,
        1e-5,
        variant=True,
    ),
    "network, modulated": Call(
        {"feedback_network"},
        lambda T: [noise(2, 2, few(T)), *network(3, 2, 2), 6 + 5 * noise(2, 3, few(T)).sin(), noise(3, 90)],
        lambda x, m, M, b, c, offset, past: _with_state(
            R.feedback_network(
                x, m, M, b, c, longest=88, modulation=offset, zi=(past, past.new_zeros(0, 1, 2, 8)), return_zf=True
            )
        ),
        1e-5,
        variant=True,
        reorders=True,
    ),
    "network, modulated and filtered": Call(
        {"feedback_network"},
        lambda T: [noise(1, 1, few(T)), *network(3, 1, 1), absorption(3, 1), 6 + 5 * noise(3, few(T)).sin()],
        lambda x, m, M, b, c, sos, offset: (
            R.feedback_network(x, m, M, b, c, sos, longest=88, modulation=offset, time_varying=False),
        ),
        1e-5,
        variant=True,
        reorders=True,
    ),
    "network, filters moving": Call(
        {"feedback_network"},
        lambda T: [noise(2, 1, few(T)), *network(3, 1, 2), shelves(few(T))],
        lambda x, m, M, b, c, sos: (R.feedback_network(x, m, M, b, c, sos, longest=58, time_varying=True),),
        1e-5,
        variant=True,
    ),
}
