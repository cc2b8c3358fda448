"""Delay operators through the dispatcher with their CPU kernels disabled: what every device without kernels runs.

Signals are many delays long, so that what comes round the loop is most of what is compared.
"""

import pytest
import torch

from diffFx_pytorch.recursion import DelayGraph, delay_graph, delay_line, feedback_delay, feedback_network
from diffFx_pytorch.recursion.fallback import delay_blocks
from tests.without_kernels import without_kernels

D = torch.float64


def draw(*shape, low=-1.0, high=1.0, seed=0):
    generator = torch.Generator().manual_seed(seed + sum(shape))
    return (low + (high - low) * torch.rand(*shape, generator=generator, dtype=D)).requires_grad_()


def feedback_case(delay=None, zi=None, highpass=None, **options):
    leaves = {
        "x": draw(2, 2, 600),
        "delay": draw(2, 1, 600, low=20.0, high=40.0) if delay is None else delay,
        "feedback": draw(2, 1, low=0.5, high=0.9),
        "lowpass": draw(2, 2, low=0.1, high=0.6),
        "highpass": draw(1, 1, 600, low=0.9, high=0.99) if highpass is None else highpass,
        "zi": draw(2, 2, 58) if zi is None else zi,
    }
    return lambda: feedback_delay(**leaves, saturation="tanh", return_zf=True, **options), leaves


def line_case():
    leaves = {"x": draw(2, 2, 600), "delay": draw(2, 1, 600, low=0.0, high=40.0)}
    return lambda: delay_line(**leaves, max_delay=50, return_zf=True), leaves


def network_case(modulated, time_varying):
    T = 600
    gains = draw(3, T if time_varying else 1, 1, 1, low=0.7, high=0.95).detach()
    one = torch.ones_like(gains)
    sections = torch.cat([gains, 0.1 * one, 0 * one, one, -0.1 * one, 0 * one], -1)
    leaves = {
        "x": draw(2, 2, T),
        "delays": torch.tensor([11.0, 17.0, 26.0], dtype=D, requires_grad=True),
        "matrix": torch.linalg.qr(draw(3, 3).detach())[0].requires_grad_(),
        "input_gains": draw(3, 2),
        "output_gains": draw(2, 3),
        "absorption": (sections.transpose(0, 1)[None] if time_varying else sections[:, 0]).requires_grad_(),
    }
    if modulated:
        leaves["modulation"] = draw(3, T, low=0.0, high=3.0)
    return lambda: feedback_network(**leaves, longest=40), leaves


def graph_case():
    graph = DelayGraph(1)
    line = graph.line()
    echo = graph.time_varying_read(line, "delay", 60)
    graph.write(line, graph.mix(0, graph.one_pole(echo, "tone"), "feedback"))
    v, _ = graph.all_pass(echo, 23, "up", "down")
    graph.output(v)
    names = ("tone", "feedback", "up", "down")
    gains = {name: draw(2, 1, low=0.3, high=0.8, seed=i) for i, name in enumerate(names)}
    x, delay = draw(2, 1, 600), draw(2, 600, low=30.0, high=50.0)
    return lambda: delay_graph(x, graph, gains, {"delay": delay}), {"x": x, **gains, "delay": delay}


CASES = {
    "feedback_delay": feedback_case,
    "feedback_delay, allpass": lambda: feedback_case(interpolation="allpass"),
    "feedback_delay, constant": lambda: feedback_case(delay=draw(2, 1, low=22.0, high=40.0)),
    "feedback_delay, constant allpass": lambda: feedback_case(
        delay=draw(2, 1, low=22.0, high=40.0), interpolation="allpass"
    ),
    "delay_line": line_case,
    "feedback_network": lambda: network_case(False, False),
    "feedback_network, modulated": lambda: network_case(True, False),
    "feedback_network, time-varying absorption": lambda: network_case(False, True),
    "delay_graph": graph_case,
}


@pytest.mark.parametrize("name", CASES)
def test_default_functions_give_the_outputs_and_gradients_of_the_kernels(name):
    run, leaves = CASES[name]()

    def outputs_and_gradients():
        found = run()
        outputs = found if isinstance(found, tuple) else (found,)
        ramps = (torch.linspace(-1.0, 2.0, o.shape[-1], dtype=D) for o in outputs)
        loss = sum((o * w).sum() for o, w in zip(outputs, ramps, strict=True))
        return outputs, torch.autograd.grad(loss, list(leaves.values()))

    kernel = outputs_and_gradients()
    with without_kernels():
        default = outputs_and_gradients()
    for a, b in zip(kernel[0], default[0], strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)
    for leaf, a, b in zip(leaves, kernel[1], default[1], strict=True):
        assert a.abs().max() > 0, leaf
        assert (a - b).abs().max() < 1e-9 * a.abs().max(), leaf


@pytest.mark.parametrize("largest", [0, 1 << 22])
def test_long_blocks_of_filters_go_by_pieces(monkeypatch, largest):
    monkeypatch.setattr(delay_blocks, "LARGEST", largest)
    delay = draw(2, 1, low=150.0, high=220.0)
    name = "feedback_delay, long"
    monkeypatch.setitem(
        CASES, name, lambda: feedback_case(delay=delay, zi=draw(2, 2, 238), highpass=draw(1, 1, low=0.9, high=0.99))
    )
    test_default_functions_give_the_outputs_and_gradients_of_the_kernels(name)


@pytest.mark.parametrize("moving", [False, True])
def test_delays_out_of_range_read_nothing_outside(moving):
    bad = torch.tensor([float("nan"), -5.0, 0.2, 1e30, float("inf")], dtype=D)[:, None]
    x = draw(5, 60).detach()
    gains = torch.full((5,), 0.5, dtype=D)
    with without_kernels():
        y = feedback_delay(x, (bad.expand(5, 60) if moving else bad[:, 0]).clone().requires_grad_(), gains)
        y.sum().backward()
        legal = torch.tensor([1.0, 1.0, 1.0, 100.0, 100.0], dtype=D)
        torch.testing.assert_close(y, feedback_delay(x, legal, gains))
        with pytest.raises(ValueError, match="no NaN"):
            feedback_network(x[:, None], bad[:2, 0], torch.eye(2), torch.ones(2, 1), torch.ones(1, 2), longest=9)
