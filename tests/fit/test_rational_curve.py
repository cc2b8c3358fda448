"""A static curve that learns."""

import pytest
import torch

from diffFx_pytorch.fit import ErrorToSignalRatio, RationalCurve


@pytest.mark.parametrize("name", ["tanh", "sin", "softsign", "hardtanh"])
def test_a_rational_curve_begins_as_it_is_told(name):
    start = getattr(torch, name, None) or getattr(torch.nn.functional, name)
    x = torch.linspace(-3, 3, 301)
    torch.testing.assert_close(RationalCurve(start=start)(x), start(x), atol=6e-2, rtol=0)
    assert torch.equal(RationalCurve(start=None)(x), x)


def test_a_rational_curve_learns_a_clipper_and_stays_finite():
    torch.manual_seed(0)
    curve = RationalCurve((7, 6))
    x = torch.randn(4, 1, 2000)
    wet = torch.where(x > 0, (2 * x).tanh(), (0.5 * x).tanh() * 1.4)
    optimizer = torch.optim.Adam(curve.parameters(), lr=2e-2)
    before = float(ErrorToSignalRatio()(curve(x), wet).detach())
    for _ in range(400):
        optimizer.zero_grad()
        ErrorToSignalRatio()(curve(x), wet).backward()
        optimizer.step()
    assert float(ErrorToSignalRatio()(curve(x), wet).detach()) < 0.1 * before
    far = torch.tensor([-1e4, 1e4], requires_grad=True)
    curve(far).sum().backward()
    assert curve(far).isfinite().all()
    assert far.grad.isfinite().all()


def test_degrees_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="degrees must"):
        RationalCurve((0, 3))
