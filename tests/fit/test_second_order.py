"""Second derivatives by the knobs, as a curvature for Gauss-Newton wants them: forward mode over the gradient."""

import pytest
import torch
from torch.func import jacfwd, jacrev

from diffFx_pytorch import Chain
from diffFx_pytorch.processors import Gain, HighPass, ParametricEqualizer, TanH

RATE = 16000


@pytest.mark.parametrize(
    "fx",
    [
        HighPass(RATE),
        Chain(eq=ParametricEqualizer(RATE, num_peaks=0), tanh=TanH(RATE), gain=Gain(RATE)),
    ],
    ids=lambda fx: type(fx).__name__,
)
def test_forward_mode_over_the_gradient_is_the_change_of_the_gradient(fx):
    fx.double()
    numbers = torch.Generator().manual_seed(1)
    x, target = torch.randn(2, 1, 1, 60, dtype=torch.float64, generator=numbers)

    def loss(position):
        return (fx(x, norm_params=position[None]) - target).square().sum()

    count = len(fx.params)
    position = 0.2 + 0.6 * torch.rand(count, dtype=torch.float64, generator=numbers)
    gradient = jacrev(loss)
    hessian = jacfwd(gradient)(position)
    turns = 1e-5 * torch.eye(count, dtype=torch.float64)
    change = torch.stack([(gradient(position + t) - gradient(position - t)) / 2e-5 for t in turns])
    torch.testing.assert_close(hessian, change, rtol=1e-5, atol=1e-5 * float(hessian.abs().max()))
    assert float((hessian - hessian.T).abs().max()) < 1e-6 * float(hessian.abs().max())


def test_forward_mode_over_forward_mode_is_refused():
    """Torch loses the outer tangent of custom functions, without a word."""
    fx = HighPass(RATE).double()
    x = torch.ones(1, 1, 20, dtype=torch.float64)

    def loss(position):
        return fx(x, norm_params=position[None]).square().sum()

    with pytest.raises(NotImplementedError, match=r"jacfwd\(jacrev"):
        jacfwd(jacfwd(loss))(torch.full((len(fx.params),), 0.5, dtype=torch.float64))
