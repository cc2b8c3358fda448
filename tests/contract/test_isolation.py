"""Items of a batch never touch each other; nor do channels, unless the effect is about channels."""

import pytest
import torch


def test_items_equal_themselves_alone(case, make_noise, positions):
    fx = case()
    shapes = [s for s in ((3, 2), (4, 1), (2, 2)) if s[1] in (fx.channels or s)] or [(3, case.channels())]
    assert shapes
    for batch, channels in shapes:
        x, flat = make_noise(batch, channels, 700), positions(fx, batch)
        y = fx(x, norm_params=flat)
        for i in range(batch):
            alone = fx(x[i : i + 1], norm_params=flat[i : i + 1])
            assert torch.allclose(alone, y[i : i + 1], rtol=0, atol=1e-12), (batch, channels, i)


def test_channels_equal_themselves_alone(case, make_noise, positions):
    case.exempt("channels")
    fx = case()
    if fx.crosses_channels or fx.channels is not None:
        pytest.skip("is about channels")
    x, flat = make_noise(2, 3, 700), positions(fx, 2)
    y = fx(x, norm_params=flat)
    for c in range(3):
        assert torch.allclose(fx(x[:, c : c + 1], norm_params=flat), y[:, c : c + 1], rtol=0, atol=1e-12)


def test_parameter_gradients_stay_in_their_item(case, make_noise, positions):
    fx = case()
    x, flat = make_noise(3, case.channels(), 700), positions(fx, 3).requires_grad_()
    fx(x, norm_params=flat)[1].square().sum().backward()
    assert (flat.grad[[0, 2]] == 0).all()
