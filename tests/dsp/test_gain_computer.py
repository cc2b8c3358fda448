"""Overshoot and gain against plain formulas, and their hand-written gradients to second order."""

import pytest
import torch

from diffFx_pytorch.dsp import gain_computer
from diffFx_pytorch.dsp.gain_computer import NEPER_PER_DB, compress, overshoot


def plain_overshoot(key, threshold_db, knee_db, power, link):
    size = (key if power else key.abs()).clamp_min(1e-30)
    size = size.amax(1, keepdim=True) if link else size
    over = (10 if power else 20) * torch.log10(size) - threshold_db
    soft = (over + knee_db / 2) ** 2 / (2 * knee_db.clamp_min(1e-9))
    asked = torch.where(2 * over <= -knee_db, 0.0, torch.where(2 * over < knee_db, soft, over))
    return NEPER_PER_DB * asked


@pytest.fixture
def setting():
    key = torch.randn(2, 3, 40, dtype=torch.float64)
    threshold = torch.tensor([-6.0, -3.0], dtype=torch.float64).reshape(2, 1, 1)
    knee = torch.tensor([5.0, 12.0], dtype=torch.float64).reshape(2, 1, 1)
    return key, threshold, knee


@pytest.mark.parametrize("power", [False, True])
@pytest.mark.parametrize("link", [False, True])
@pytest.mark.parametrize("moving", [False, True])
def test_overshoot_is_the_published_curve(setting, power, link, moving):
    key, threshold, knee = setting
    key = key.square() if power else key
    if moving:
        threshold = threshold + torch.linspace(0, 3, 40, dtype=torch.float64)
    inputs = [t.clone().requires_grad_() for t in (key, threshold, knee)]
    y, expected = overshoot(*inputs, power=power, link=link), plain_overshoot(*inputs, power, link)
    assert torch.allclose(y, expected, rtol=0, atol=1e-12)
    weights = torch.randn_like(y)
    for a, b in zip(
        torch.autograd.grad(y, inputs, weights), torch.autograd.grad(expected, inputs, weights), strict=True
    ):
        assert torch.allclose(a, b, rtol=1e-9, atol=1e-10)


def test_second_derivatives(setting):
    key, threshold, knee = (t[:, :, :6].clone().requires_grad_() for t in setting)
    assert torch.autograd.gradgradcheck(lambda *v: overshoot(*v, link=True), (key, threshold, knee))
    x, over = torch.randn(2, 3, 5, dtype=torch.float64), torch.rand(2, 1, 5, dtype=torch.float64)
    knobs = [torch.rand(2, 1, 1, dtype=torch.float64) + 1 for _ in range(3)]
    inputs = [t.requires_grad_() for t in (x, over, *knobs)]
    assert torch.autograd.gradcheck(compress, inputs)
    assert torch.autograd.gradgradcheck(compress, inputs)


def test_a_signal_in_pieces_is_the_signal_whole(setting, monkeypatch):
    key, threshold, knee = setting
    moving = (threshold + torch.zeros(40, dtype=torch.float64)).requires_grad_()
    inputs = [key.clone().requires_grad_(), moving, knee.clone().requires_grad_()]
    results = []
    for piece in (1 << 30, 50):
        monkeypatch.setattr(gain_computer, "_PIECE", piece)
        over = overshoot(*inputs, link=True)
        y = compress(inputs[0], over, 2 + knee, knee, 0.1 * knee)
        results.append((y, *torch.autograd.grad(y.square().sum(), inputs)))
    for a, b in zip(*results, strict=True):
        assert torch.allclose(a, b, rtol=1e-12, atol=1e-12)


def test_silence_and_a_knee_of_nothing_have_gradients():
    key = torch.tensor([0.0, 1e-20, 0.5, -0.5]).reshape(1, 1, 4).requires_grad_()
    threshold, knee = torch.full((1, 1, 1), -20.0, requires_grad=True), torch.zeros(1, 1, 1, requires_grad=True)
    over = overshoot(key, threshold, knee)
    assert torch.allclose(over.flatten() / NEPER_PER_DB, torch.tensor([0.0, 0.0, 13.9794, 13.9794]), atol=1e-3)
    to_key, to_threshold, to_knee = torch.autograd.grad(over.sum(), (key, threshold, knee))
    assert torch.allclose(to_key.flatten(), torch.tensor([0.0, 0.0, 2.0, -2.0]))
    assert to_threshold.item() == pytest.approx(-2 * NEPER_PER_DB)
    assert to_knee.item() == 0
