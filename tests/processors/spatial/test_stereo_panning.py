import pytest
import torch

from diffFx_pytorch.dsp.panning import PAN_LAWS
from diffFx_pytorch.processors.spatial import StereoPanning

POSITIONS = torch.linspace(-1, 1, 41, dtype=torch.float64)


def _gains(law, channels=1):
    x = torch.ones(len(POSITIONS), channels, 8, dtype=torch.float64)
    return StereoPanning(law=law)(x, dsp_params={"pan": POSITIONS})[..., 0]


def _db(gain):
    return float(20 * gain.log10())


def test_constant_power_sums_to_0_db_at_every_position():
    assert (10 * _gains("constant_power").square().sum(1).log10()).abs().max() < 1e-9


def test_linear_sums_to_the_input_at_every_position():
    assert (_gains("linear").sum(1) - 1).abs().max() < 1e-12


@pytest.mark.parametrize(("law", "centre_db"), [("constant_power", -3.0103), ("-4.5 dB", -4.515), ("linear", -6.0206)])
def test_level_a_side_in_the_centre(law, centre_db):
    left, right = _gains(law)[20]
    assert _db(left) == pytest.approx(centre_db, abs=0.001)
    assert left == right


@pytest.mark.parametrize("law", PAN_LAWS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_ends_are_one_side_alone_with_finite_gradients(law, dtype):
    pan = torch.tensor([-1.0, 1.0], dtype=dtype, requires_grad=True)
    x = torch.ones(2, 1, 4, dtype=dtype, requires_grad=True)
    y = StereoPanning(law=law)(x, dsp_params={"pan": pan})
    assert torch.allclose(y[..., 0], torch.eye(2, dtype=dtype), rtol=0, atol=1e-6)
    assert y[0, 1].abs().max() == y[1, 0].abs().max() == 0
    for gradient in torch.autograd.grad(y[:, 0].sum(), (pan, x)):
        assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("law", PAN_LAWS)
def test_left_falls_and_right_rises(law):
    left, right = _gains(law).T
    assert (left.diff() < 0).all()
    assert (right.diff() > 0).all()
    assert torch.allclose(left, right.flip(0), rtol=0, atol=1e-12)


def test_stereo_keeps_its_power_and_never_crosses():
    x = torch.randn(len(POSITIONS), 2, 1000, dtype=torch.float64)
    x = x / x.square().mean(-1, keepdim=True).sqrt()
    y = StereoPanning()(x, dsp_params={"pan": POSITIONS})
    assert (10 * (y.square().mean(-1).sum(-1) / 2).log10()).abs().max() < 1e-9
    only_left = x * torch.tensor([[1.0], [0.0]])
    assert (StereoPanning()(only_left, dsp_params={"pan": POSITIONS})[:, 1] == 0).all()


def test_refusals():
    with pytest.raises(ValueError, match="StereoPanning: x must have 1 or 2 channels, got 3"):
        StereoPanning()(torch.zeros(1, 3, 10))
