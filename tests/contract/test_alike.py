"""Blocks of one length, which a stream plays from a tape, give the bits of the same blocks one by one."""

import pytest
import torch

from diffFx_pytorch.kernels.nests import same_bits, tensors_in

BLOCK, BLOCKS = 48, 8


@pytest.mark.sampled(3)
def test_alike_blocks_have_the_bits_of_others(case, make_noise, positions):
    fx = case()
    if not fx.streamable:
        pytest.skip("needs the whole signal")
    x = make_noise(1, case.channels(), BLOCK * BLOCKS, torch.float32)
    x[..., 6 * BLOCK : 7 * BLOCK] = 0.0
    flat = positions(fx, 1, dtype=torch.float32)
    play, state = fx.stream(norm_params=flat), None
    with torch.no_grad():
        one_by_one = fx.plan(x, flat)
        for block in x.split(BLOCK, -1):
            wanted, state = one_by_one(block, state)
            assert same_bits(play(block), wanted)
        assert all(map(same_bits, tensors_in(play.state.inner), tensors_in(state)))
