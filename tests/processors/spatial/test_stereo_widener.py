import pytest
import torch

from diffFx_pytorch.processors.spatial import StereoWidener

WIDTHS = torch.linspace(0, 2, 21, dtype=torch.float64)


def test_1_is_neutral_to_the_bit():
    x = torch.randn(2, 2, 500)
    assert torch.equal(StereoWidener()(x), x)


def test_0_is_mono_at_unchanged_mono_level():
    x = torch.randn(1, 2, 500, dtype=torch.float64)
    y = StereoWidener()(x, dsp_params={"width": 0.0})
    assert torch.allclose(y[:, 0], y[:, 1], rtol=0, atol=1e-14)
    assert torch.allclose(y[:, 0], x.mean(1), rtol=0, atol=1e-14)
    mono = torch.randn(1, 1, 500).expand(1, 2, 500)
    assert torch.equal(StereoWidener()(mono, dsp_params={"width": 0.0}), mono)


def test_the_mid_is_the_same_at_every_width_and_the_side_follows_it():
    x = torch.randn(1, 2, 500, dtype=torch.float64).expand(len(WIDTHS), -1, -1)
    y = StereoWidener()(x, dsp_params={"width": WIDTHS})
    assert torch.allclose(y.sum(1), x.sum(1), rtol=0, atol=1e-13)
    assert torch.allclose(y[:, 0] - y[:, 1], WIDTHS[:, None] * (x[:, 0] - x[:, 1]), rtol=0, atol=1e-13)


def test_mono_is_refused_with_the_cure():
    with pytest.raises(ValueError, match=r"StereoWidener: x must have 2 channels, got 1; .*x\.expand\(-1, 2, -1\)"):
        StereoWidener()(torch.zeros(1, 1, 10))
