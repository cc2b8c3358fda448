"""The overshoot of a feed-back compressor: the equation holds, blocks, every derivative."""

import pytest
import torch

from diffFx_pytorch.dsp.gain_computer import quadratic_knee
from diffFx_pytorch.recursion import attack_release, loop_overshoot
from diffFx_pytorch.recursion.ops.loop_overshoot import _loop_overshoot
from tests.kernels.operator_contract import check_operator

DTYPE = torch.float64


def inputs(samples, moves=False, rows=(3, 2)):
    """Levels about the threshold, and knobs (3, 1, samples or 1)."""
    generator = torch.Generator().manual_seed(3)

    def rand(*shape):
        return torch.rand(*shape, dtype=DTYPE, generator=generator)

    level = (4 * rand(*rows, samples) - 2).repeat_interleave(3, -1)[..., :samples]
    knobs = (rand(rows[0], 1, samples if moves else 1) for _ in range(4))
    width, slope, attack, release = knobs
    return level, 0.2 + width, 8 * slope, 0.5 * attack, 0.5 + 0.45 * release


@pytest.mark.parametrize("moves", [False, True])
def test_the_equation_holds_at_every_sample(moves):
    level, width, slope, attack, release = inputs(300, moves)
    o = loop_overshoot(level, width, slope, attack, release)
    before = torch.nn.functional.pad(o, (1, 0))[..., :-1]
    c = torch.where(quadratic_knee(level - slope * before, width) >= before, attack, release)
    torch.testing.assert_close(o, c * before + (1 - c) * quadratic_knee(level - slope * o, width))
    assert (o > 0).float().mean() > 0.3


def test_without_a_slope_there_is_no_loop():
    level, width, slope, attack, release = inputs(300)
    plain = attack_release(quadratic_knee(level, width), attack, release)
    torch.testing.assert_close(loop_overshoot(level, width, 0 * slope, attack, release), plain)


def test_blocks_equal_the_whole():
    level, *knobs = inputs(300)
    state, blocks = None, []
    for block in level.split([5, 0, 1, 94, 200], -1):
        y, state = loop_overshoot(block, *knobs, state, return_zf=True)
        blocks.append(y)
    assert torch.equal(torch.cat(blocks, -1), loop_overshoot(level, *knobs))


@pytest.mark.parametrize("moves", [False, True])
def test_the_operator(moves):
    level, *knobs = inputs(4, moves)
    each = torch.stack(knobs, -1)[:2, 0]  # a row for each channel
    check_operator(_loop_overshoot, level, each, 0.3 * torch.ones(3, 1, 1, dtype=DTYPE))
