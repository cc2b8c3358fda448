import pytest
import torch

from diffFx_pytorch.processors.spatial import StereoEnhancer

RATE = 44100


@pytest.mark.parametrize(("side", "late"), [("right", 1), ("left", 0)])
@pytest.mark.parametrize("delay_ms", [1.0, 10.0, 40.0])
@pytest.mark.parametrize("channels", [1, 2])
def test_one_side_arrives_at_its_delay(side, late, delay_ms, channels):
    x = torch.zeros(1, channels, 4000, dtype=torch.float64)
    x[..., 100] = 1.0
    y = StereoEnhancer(RATE, side=side)(x, dsp_params={"delay_ms": delay_ms})[0]
    assert torch.equal(y[1 - late], x[0, 0])
    assert y[late, : 100 + int(delay_ms * RATE / 1000) - 6].abs().max() == 0, "nothing comes early"
    n = torch.arange(4000, dtype=torch.float64)
    assert (y[late] * n).sum() / y[late].sum() - 100 == pytest.approx(delay_ms * RATE / 1000, abs=0.05)
    assert y[late].sum() == pytest.approx(1.0, abs=1e-6)


def test_a_whole_delay_is_exact():
    x = torch.randn(1, 1, 3000, dtype=torch.float64)
    y = StereoEnhancer(48000)(x, dsp_params={"delay_ms": 10.0})[0]
    assert torch.allclose(y[1, 480:], x[0, 0, :-480], rtol=0, atol=1e-12)


@pytest.mark.parametrize("interpolation", ["linear", "cubic", "lagrange", "sinc"])
def test_gradient_to_the_delay_between_samples(interpolation):
    x = torch.randn(1, 2, 600, dtype=torch.float64)
    delay = torch.tensor(12.345, dtype=torch.float64, requires_grad=True)

    def loss(d):
        return (StereoEnhancer(8000, interpolation=interpolation)(x, dsp_params={"delay_ms": d})[:, 1] * x[:, 0]).sum()

    (gradient,) = torch.autograd.grad(loss(delay), delay)
    with torch.no_grad():
        numeric = (loss(delay + 1e-6) - loss(delay - 1e-6)) / 2e-6
    assert gradient == pytest.approx(float(numeric), rel=1e-5)


def test_refusals():
    with pytest.raises(ValueError, match="StereoEnhancer: x must have 1 or 2 channels, got 4"):
        StereoEnhancer()(torch.zeros(1, 4, 10))
