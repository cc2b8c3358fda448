"""A sum of plays: the loop on paper, blocks, every derivative."""

import pytest
import torch

from diffFx_pytorch.recursion import plays
from diffFx_pytorch.recursion.ops.plays import _plays
from tests.kernels.operator_contract import check_operator


def walk(rows=(3, 2), samples=200):
    return 0.3 * torch.randn(*rows, samples, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).cumsum(-1)


def paper(x, share, reach, count):
    stands, y = [0.0] * count, []
    for value, h, c in zip(x, share, reach, strict=True):
        for k in range(count):
            r = c * (k + 1) / count
            stands[k] = max(value - r, min(stands[k], value + r))
        y.append((1 - h) * value + h * sum(stands) / count)
    return y


@pytest.mark.parametrize("count", [1, 4, 7])
@pytest.mark.parametrize("moves", [False, True])
def test_it_is_the_loop_on_paper(count, moves):
    x = walk((2,))
    generator = torch.Generator().manual_seed(2)
    share, reach = (torch.rand(2, 200 if moves else 1, dtype=torch.float64, generator=generator) for _ in range(2))
    whole = (share.expand(2, 200), reach.expand(2, 200))
    expected = [paper(*(v[i].tolist() for v in (x, *whole)), count) for i in range(2)]
    torch.testing.assert_close(plays(x, share, reach, count), torch.tensor(expected, dtype=torch.float64))


def test_blocks_equal_the_whole():
    x, state, blocks = walk(), None, []
    for block in x.split([3, 0, 1, 90, 106], -1):
        y, state = plays(block, 0.7, 0.8, 4, state, return_zf=True)
        blocks.append(y)
    assert torch.equal(torch.cat(blocks, -1), plays(x, 0.7, 0.8))


def test_without_a_share_or_a_reach_it_is_the_signal():
    x = walk()
    assert torch.equal(plays(x, 0.0, 0.8), x)
    torch.testing.assert_close(plays(x, 1.0, 0.0), x)


@pytest.mark.parametrize("moves", [False, True])
def test_the_operator(moves):
    x = walk((3, 2), 9)
    share, reach = torch.rand(2, 9 if moves else 1), 0.2 + torch.rand(2, 9 if moves else 1)
    check_operator(_plays, x.float(), torch.stack((share, reach), -1), 0.1 * torch.randn(3, 1, 3))


def test_refusals():
    with pytest.raises(ValueError, match="plays: count must be a whole number from 1 up, got 0"):
        plays(torch.zeros(3), 0.5, 0.5, 0)
    with pytest.raises(TypeError, match="plays: x is a list; it must be"):
        plays([1.0], 0.5, 0.5)
