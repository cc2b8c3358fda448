"""Running maximum and backlash: each output is one of the samples, and so is its derivative."""

import itertools

import pytest
import torch

from diffFx_pytorch.recursion import backlash, running_max
from diffFx_pytorch.recursion.ops.backlash import _backlash_source
from diffFx_pytorch.recursion.ops.running_max import _running_max_index

SPLIT = [3, 0, 1, 90, 106]


def walk(rows=(3, 2), samples=200, dtype=torch.float64):
    return torch.randn(*rows, samples, dtype=dtype).cumsum(-1)


def loose(x, width, y=float("-inf")):
    out = []
    for value, w in zip(x, itertools.cycle(width), strict=False):
        y = max(value, min(y, value + w))
        out.append(y)
    return out


@pytest.mark.parametrize("window", [1, 2, 7, 64, 300])
def test_running_max_is_the_largest_of_the_last(window):
    x = walk()
    y = running_max(x, window)
    padded = torch.nn.functional.pad(x, (window - 1, 0))
    assert torch.equal(y, padded.unfold(-1, window, 1).amax(-1))


@pytest.mark.parametrize("width", [[0.0], [2.5], [0.5, 4.0]])
def test_backlash_is_the_loop_on_paper(width):
    x = walk((2,))
    w = torch.tensor(width, dtype=torch.float64).repeat(200)[:200] if len(width) > 1 else width[0]
    y = backlash(x, w.expand(2, -1) if len(width) > 1 else w)
    assert torch.equal(y, torch.tensor([loose(row.tolist(), width) for row in x], dtype=torch.float64))


def test_backlash_is_a_switch_with_two_thresholds():
    x, width, top = walk((1,), 5000)[0], 3.0, 1.0
    closed, states = False, []
    for value in x.tolist():
        closed = value >= top or (closed and value + width >= top)
        states.append(closed)
    assert 0 < sum(states) < len(states)
    assert (backlash(x, width) >= top).tolist() == states


def test_blocks_equal_the_whole():
    x, width = walk(), torch.rand(3, 1, 1, dtype=torch.float64) * 4
    for whole, run in (
        (running_max(x, 37), lambda b, s: running_max(b, 37, s, return_zf=True)),
        (backlash(x, width), lambda b, s: backlash(b, width, s, return_zf=True)),
    ):
        state, blocks = None, []
        for block in x.split(SPLIT, -1):
            y, state = run(block, state)
            blocks.append(y)
        assert torch.equal(torch.cat(blocks, -1), whole)


def test_derivatives():
    x, width = walk((2, 1), 40).requires_grad_(), torch.full((2, 1, 1), 1.5, dtype=torch.float64).requires_grad_()
    zi = torch.full((2, 1), 2.0, dtype=torch.float64).requires_grad_()
    past = torch.randn(2, 1, 4, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(backlash, (x, width, zi))
    assert torch.autograd.gradcheck(backlash, (x, width.detach().expand(2, 1, 40).clone().requires_grad_(), zi))
    assert torch.autograd.gradcheck(lambda x, z: running_max(x, 5, z), (x, past))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_other_devices_compute_is_the_same(dtype):
    x, width = walk(dtype=dtype), torch.tensor([0.0, 1.0, 3.0], dtype=dtype).view(3, 1, 1).expand(3, 2, 1)
    x[0, 0, 50:80] = x[0, 0, 50]  # equal values
    for zi in (float("-inf"), 0.7):
        start = torch.full((3, 2, 1), zi, dtype=dtype)
        for ours, plain in zip(
            _backlash_source(x, width, start), _backlash_source._forward_eager(x, width, start), strict=True
        ):
            assert torch.equal(ours, plain)
    assert torch.equal(_running_max_index(x, 9), _running_max_index._forward_eager(x, 9))


def test_transforms_and_operators():
    x, width = walk((4, 3)), torch.rand(4, 1, 1, dtype=torch.float64)
    assert torch.equal(torch.func.vmap(lambda x, w: backlash(x, w))(x, width), backlash(x, width))
    assert torch.equal(torch.func.vmap(lambda x: running_max(x, 5))(x), running_max(x, 5))
    torch.library.opcheck(_running_max_index._op.overload, (x, 5))
    torch.library.opcheck(_backlash_source._op.overload, (x, width.expand(4, 3, 1), x[..., :1]))
    leaf = x.clone().requires_grad_()
    (expected,) = torch.autograd.grad(backlash(running_max(leaf, 5), 1.0).square().sum(), leaf)
    assert torch.equal(torch.func.grad(lambda x: backlash(running_max(x, 5), 1.0).square().sum())(x), expected)


@pytest.mark.parametrize("shape", [(0, 2, 5), (2, 2, 0)])
def test_nothing_in_nothing_out(shape):
    x = torch.zeros(shape)
    assert running_max(x, 3).shape == shape
    assert backlash(x, 1.0).shape == shape


def test_refusals():
    with pytest.raises(ValueError, match="running_max: window must be 1 or more, got 0"):
        running_max(torch.zeros(3), 0)
    with pytest.raises(TypeError, match="backlash: x is a list; it must be"):
        backlash([1.0], 1.0)
