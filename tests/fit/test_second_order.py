"""Second derivatives by the knobs, as a curvature for Gauss-Newton wants them: forward mode over the gradient."""

import pytest
import torch
from torch.func import grad, jacfwd, jacrev, jvp

from diffFx_pytorch import Chain
from diffFx_pytorch.processors import Gain, HighPass, ParametricEqualizer, TanH
from diffFx_pytorch.registry import built, effects

RATE = 16000
SURROGATES = {
    "BitCrusher": "the derivative of a staircase is a surrogate, which is not that of anything",
    "Dither": "noise that is rounded",
    "Fade": "a corner lies at every sample",
}
ALWAYS = ("DynamicEqualizer", "FeedbackFlanger", "PitchShift", "Vibrato")
"""Each has something of its own: what a kernel keeps, lines written on, whole numbers, whole delays."""


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


@pytest.mark.filterwarnings("ignore:GraphicEqualizer", "ignore:There is a performance drop")
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in ALWAYS else pytest.mark.thorough) for n in sorted(effects())]
)
def test_forward_mode_over_the_gradient_of_every_effect(name):
    if name in SURROGATES:
        pytest.skip(SURROGATES[name])
    fx = built(effects()[name], RATE).double()
    if not fx.params:
        pytest.skip("no knobs")
    numbers = torch.Generator().manual_seed(1)
    x = torch.randn(1, 2 if fx.channels and 1 not in fx.channels else 1, 300, dtype=torch.float64, generator=numbers)
    position, along = torch.rand(2, 1, len(fx.params), dtype=torch.float64, generator=numbers)

    def loss(position):
        return (0.3 * fx(x, norm_params=0.1 + 0.8 * position)).pow(3).sum()

    gradient = grad(loss)
    _, product = jvp(gradient, (position,), (along,))
    change = (gradient(position + 1e-6 * along) - gradient(position - 1e-6 * along)) / 2e-6
    size = float(change.abs().max()) + 1e-3 * float(gradient(position).abs().max()) + 1e-9
    torch.testing.assert_close(product, change, rtol=0, atol=1e-3 * size)
