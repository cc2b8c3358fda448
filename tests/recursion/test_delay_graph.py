"""Graphs of delay lines: the kernel and the plain form against the loop over samples."""

import warnings

import numpy as np
import pytest
import torch

from diffFx_pytorch.recursion import DelayGraph, delay_graph
from diffFx_pytorch.recursion.cpu.delay_graph_plan import ALL_PASS, BANK, TAPS, planned
from diffFx_pytorch.recursion.fallback.delay_graph import delay_graph_rows
from diffFx_pytorch.recursion.graph import MINUS, MIX, OUT, PLUS, READ, WIDTH
from tests.recursion.reference.delay_graph import delay_graph as on_paper
from tests.without_kernels import without_kernels

LONGEST = 60


def everything():
    """A graph with every kind of step: two inputs, five combs, all-passes that stand and move, a tap, filters."""
    graph = DelayGraph(2)
    start = graph.line()
    graph.write(start, graph.sum([0, 1], [PLUS, MINUS]))
    entering = graph.read(start, 7)
    lines = [graph.line() for _ in range(5)]
    echoes = [graph.read(line, 20 + 7 * k) for k, line in enumerate(lines)]
    dull = [graph.one_pole(echo, "damping") for echo in echoes]
    for line, f in zip(lines, dull, strict=True):
        graph.write(line, graph.mix(entering, f, "feedback"))
    v = graph.sum(echoes, [PLUS, MINUS, PLUS, PLUS, MINUS])
    v, _ = graph.all_pass(v, 25, "up", "down")
    v, moved = graph.all_pass(v, "moving", "up", "down", LONGEST)
    graph.output(graph.one_pole(v, "tone"))
    graph.output(graph.mix(v, graph.read(moved, 33), MINUS))
    return graph


def parameters(graph, batch, samples, seed=0):
    generator = torch.Generator().manual_seed(seed)

    def draw(low, high, n):
        return (low + (high - low) * torch.rand(batch, n, generator=generator, dtype=torch.float64)).requires_grad_()

    return {name: draw(0.2, 0.6, samples) for name in graph.gains}, {"moving": draw(35.0, 55.0, max(samples, 300))}


def sound(batch, samples):
    generator = torch.Generator().manual_seed(5)
    return torch.randn(batch, 2, samples, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("moving", [False, True])
def test_equals_the_loop_over_samples(moving):
    graph, T = everything(), 300
    x = sound(2, T).requires_grad_()
    gains, delays = parameters(graph, 2, T if moving else 1)
    leaves = [x, *gains.values(), *delays.values()]
    y, (past, poles) = delay_graph(x, graph, gains, delays, return_zf=True)
    weights = torch.randn_like(y)
    found = torch.autograd.grad((y * weights).sum() + past.square().sum() + poles.square().sum(), leaves)
    total = 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the reference reads a number out of a tensor that has a gradient
        for b in range(2):
            rows = torch.stack([gains[n][b].expand(T) for n in graph.gains])
            slow, lines, states = on_paper(x[b], graph, rows, delays["moving"][b : b + 1])
            assert (slow - y[b]).abs().max() < 1e-12
            kept = torch.cat([torch.stack(line)[-n:] for line, n in zip(lines, graph.longest, strict=True)])
            assert (kept - past[b]).abs().max() < 1e-12
            assert (torch.stack(states) - poles[b]).abs().max() < 1e-12
            total = total + (slow * weights[b]).sum() + kept.square().sum() + torch.stack(states).square().sum()
    expected = torch.autograd.grad(total, leaves)
    for name, a, b in zip(["x", *gains, "moving"], found, expected, strict=True):
        assert (a - b).abs().max() < 1e-12 * b.abs().max(), name


@pytest.mark.parametrize("moving", [False, True])
def test_plain_operations_compute_the_same(moving):
    graph, T = everything(), 300
    gains, delays = parameters(graph, 2, T if moving else 1)
    with torch.no_grad():
        y, (past, poles) = delay_graph(sound(2, T), graph, gains, delays, return_zf=True)
        steps = np.reshape(graph.steps(), (-1, WIDTH)).tolist()
        rows = torch.stack([gains[n] for n in graph.gains], 1)
        silence = torch.zeros(2, sum(graph.longest), dtype=torch.float64)
        plain = delay_graph_rows(
            sound(2, T), steps, graph.longest, 2, rows, delays["moving"][:, None], silence, poles.new_zeros(2, 6)
        )
    for a, b in zip(plain, (y, past, poles), strict=True):
        assert (a - b).abs().max() < 1e-12


def grouped():
    """A graph with all that the forward pass plays in one loop: a bank of combs, all-passes of both forms, taps."""
    graph = DelayGraph(2)
    lines = [graph.line() for _ in range(8)]
    echoes = [graph.read(line, 19 + 3 * k) for k, line in enumerate(lines)]
    dull = [graph.one_pole(echo, "damping") for echo in echoes]
    for line, f in zip(lines, dull, strict=True):
        graph.write(line, graph.mix(1, f, "feedback"))
    v, inside = graph.all_pass(graph.sum(echoes), 23, "up", "down")
    line = graph.line()
    echo = graph.read(line, 31)
    graph.write(line, graph.mix(v, echo, "up"))
    v = graph.mix(echo, v, MINUS)
    heard = [graph.read(tapped, delay) for tapped, delay in ((inside, 40), (line, 50), (lines[0], 9))]
    graph.output(graph.mix(0, graph.sum(heard, [PLUS, MINUS, PLUS]), "mix"))
    graph.output(v)
    return graph


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shortest", [9, 19])
def test_steps_in_one_loop_are_the_steps_one_by_one(dtype, shortest):
    # Gains that could move are not grouped. A block of 9 is rounded down to a vector, the last one is no vector.
    graph, T = grouped(), 301
    for step in graph._steps:
        step[3] = shortest if step[0] == READ and step[3] == 9 else step[3]
    played, _, buffers = planned([list(s) for s in graph._steps], 2, True)
    assert [s[0] for s in played] == [BANK, ALL_PASS, ALL_PASS, TAPS, MIX, OUT, OUT]
    assert buffers == 3
    gains = {name: torch.tensor([[0.3], [-0.4]]) + 0.05 * i for i, name in enumerate(graph.gains)}
    x = sound(2, T).to(dtype)
    together = delay_graph(x, graph, gains, return_zf=True)
    one_by_one = delay_graph(x, graph, {name: g.expand(-1, T) for name, g in gains.items()}, return_zf=True)
    for a, b in zip((together[0], *together[1]), (one_by_one[0], *one_by_one[1]), strict=True):
        assert torch.equal(a, b)
    assert together[0].abs().amax((0, 2)).min() > 0.5


def test_a_long_signal_and_its_gradient_pass_the_ends_of_the_buffers():
    # Buffers of 4096 samples are shifted; a line longer than that and one much shorter, one pole.
    graph = DelayGraph(1)
    long, short = graph.line(), graph.line()
    v = graph.read(long, 5000)
    graph.write(short, v)
    u = graph.read(short, 3)
    graph.write(long, graph.mix(0, u, "g"))
    graph.output(u)
    x = torch.randn(1, 1, 30000, dtype=torch.float64, requires_grad=True)
    g = torch.full((1, 1), 0.7, dtype=torch.float64, requires_grad=True)
    y = delay_graph(x, graph, {"g": g})
    expected = sum(0.7**k * torch.nn.functional.pad(x, (5003 * (k + 1), 0))[..., :30000] for k in range(5))
    assert (y - expected).abs().max() < 1e-12
    weights = torch.randn_like(y)
    gx, gg = torch.autograd.grad((y * weights).sum(), (x, g))
    (ex,) = torch.autograd.grad((expected * weights).sum(), x)
    assert (gx - ex).abs().max() < 1e-12
    slope = sum(k * 0.7 ** (k - 1) * torch.nn.functional.pad(x, (5003 * (k + 1), 0))[..., :30000] for k in range(1, 5))
    assert torch.allclose(gg, (slope * weights).sum())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_blocks_equal_the_whole(dtype):
    graph, split = everything(), [1, 2, 0, 97, 150, 50]
    x = sound(2, 300).to(dtype)
    gains, delays = parameters(graph, 2, 300)
    with torch.no_grad():
        whole = delay_graph(x, graph, gains, delays)
        state, at, pieces = None, 0, []
        for n in split:
            here = slice(at, at + n)
            y, state = delay_graph(
                x[..., here],
                graph,
                {k: v[:, here] for k, v in gains.items()},
                {k: v[:, here] for k, v in delays.items()},
                zi=state,
                return_zf=True,
            )
            pieces.append(y)
            at += n
    assert whole.dtype == dtype
    assert torch.equal(torch.cat(pieces, -1), whole)


def test_the_state_has_a_gradient():
    graph, T = everything(), 200
    gains, delays = parameters(graph, 1, 1)
    gains = {k: v.detach() for k, v in gains.items()}
    moving = {"moving": delays["moving"].detach()[:, :T]}
    past = torch.randn(1, sum(graph.longest), dtype=torch.float64, requires_grad=True)
    poles = torch.randn(1, graph.poles, dtype=torch.float64, requires_grad=True)

    def run(past, poles):
        return delay_graph(sound(1, T), graph, gains, moving, zi=(past, poles))

    y = run(past, poles)
    weights = torch.randn_like(y)
    found = torch.autograd.grad((y * weights).sum(), (past, poles))
    for leaf, gradient in zip((past, poles), found, strict=True):
        direction = torch.randn_like(leaf)
        h = 1e-3  # linear: any step will do
        moved = [p + h * direction if p is leaf else p for p in (past, poles)]
        slope = ((run(*moved) - y) * weights).sum() / h
        assert torch.isclose((gradient * direction).sum(), slope, rtol=1e-8)


def test_operator_is_registered_soundly():
    graph = everything()
    gains, delays = parameters(graph, 2, 1)
    rows = torch.stack([gains[n].detach() for n in graph.gains], 1).requires_grad_()
    arguments = (
        sound(2, 60).requires_grad_(),
        rows,
        delays["moving"].detach()[:, None, :60].clone().requires_grad_(),
        torch.zeros(1, sum(graph.longest), dtype=torch.float64),
        torch.zeros(1, graph.poles, dtype=torch.float64),
        graph.steps(),
        list(graph.longest),
        graph.nodes,
        graph.outputs,
        True,
    )
    torch.library.opcheck(torch.ops.diffFx.delay_graph.default, arguments)


def test_second_derivative_and_forward_mode():
    graph = DelayGraph(1)
    v, _ = graph.all_pass(graph.one_pole(0, "tone"), "moving", "up", "down", 20)
    graph.output(v)
    x = torch.randn(1, 1, 40, dtype=torch.float64)

    def run(gain, delay):
        values = {"tone": gain * 0.5, "up": gain, "down": -gain}
        return delay_graph(x, graph, values, {"moving": delay})

    leaves = (torch.tensor([[0.6]], dtype=torch.float64), torch.tensor([[8.3]], dtype=torch.float64))
    for leaf in leaves:
        leaf.requires_grad_()
    assert torch.autograd.gradcheck(run, leaves, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(run, leaves)


def test_rows_of_a_map():
    graph = everything()
    gains, delays = parameters(graph, 3, 1)
    gains = {k: v.detach() for k, v in gains.items()}
    moving = delays["moving"].detach()[:, :80]
    x = sound(3, 80)
    whole = delay_graph(x, graph, gains, {"moving": moving})
    mapped = torch.func.vmap(lambda x, g, d: delay_graph(x, graph, g, {"moving": d}))(x, gains, moving)
    assert torch.equal(mapped, whole)


def test_bad_input():
    graph = everything()
    gains, delays = parameters(graph, 1, 1)
    x, moving = sound(1, 300), {"moving": delays["moving"][:, :300]}
    with pytest.raises(ValueError, match=r"x must be \(\.\.\., 2, T\)"):
        delay_graph(x[:, :1], graph, gains, moving)
    with pytest.raises(ValueError, match="has the gains"):
        delay_graph(x, graph, {"feedback": 0.5}, moving)
    with pytest.raises(ValueError, match="must broadcast"):
        delay_graph(x, graph, {**gains, "tone": torch.zeros(1, 7)}, moving)
    for bad in (1.0, 61.0, float("nan")):
        with pytest.raises(ValueError, match="time-varying delays must lie"):
            delay_graph(x, graph, gains, {"moving": torch.full((1, 300), bad, dtype=torch.float64)})
        with without_kernels(), pytest.raises(ValueError, match="time-varying delays must lie"):
            delay_graph(x, graph, gains, {"moving": torch.full((1, 300), bad, dtype=torch.float64)})
    with pytest.raises(TypeError, match="float32 or float64"):
        delay_graph(x.long(), graph, gains, moving)
    unwritten = DelayGraph(1)
    unwritten.output(unwritten.read(unwritten.line(), 5))
    with pytest.raises(ValueError, match="written once"):
        unwritten.steps()
    with pytest.raises(ValueError, match="whole number of samples from 1 up"):
        graph.read(0, 0)
