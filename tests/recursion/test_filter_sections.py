"""Blocks of sections that change between them: what is stored stays as large as the sound that put it there."""

import torch

from diffFx_pytorch.dsp.biquad import low_pass
from diffFx_pytorch.recursion import filter_sections


def sections(freq_hz, q=0.7071):
    knobs = (torch.full((1, 1, 1), v, dtype=torch.float64) for v in (freq_hz, q))
    return low_pass(*knobs, 44100, "matched").unsqueeze(-2)


def test_a_jump_of_frequency_does_not_burst():
    x = torch.sin(torch.arange(6000, dtype=torch.float64) * 0.5)[None, None]
    for order in ((15000.0, 20.0), (20.0, 15000.0)):
        state, loud = None, 0.0
        for k, block in enumerate(x.split(500, -1)):
            y, state = filter_sections(block, sections(order[k % 2]), state)
            loud = max(loud, float(y.abs().max()))
        assert loud < 1.5


def test_equal_sections_go_on_to_the_bit():
    x = torch.randn(1, 1, 3000, dtype=torch.float64)
    whole, _ = filter_sections(x, sections(300.0))
    y, state = filter_sections(x[..., :1500], sections(300.0))
    z, _ = filter_sections(x[..., 1500:], sections(300.0), state)
    assert torch.allclose(torch.cat((y, z), -1), whole, rtol=0, atol=1e-13)
