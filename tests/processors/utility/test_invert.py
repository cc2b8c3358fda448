import torch

from diffFx_pytorch.processors.utility import Invert


def test_sums_to_silence_with_the_original():
    x = torch.randn(2, 3, 100)
    assert torch.equal(Invert()(x), -x)
    assert torch.equal(Invert()(x, dsp_params={"amount": 0.0}), x)
    assert (Invert()(x, dsp_params={"amount": 0.5}) == 0).all()
