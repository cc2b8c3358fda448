"""Overshoot and gain against plain formulas, and their hand-written gradients to second order."""

import pytest
import torch

from diffFx_pytorch.dsp import gain_computer
from diffFx_pytorch.dsp.gain_computer import NEPER_PER_DB, knee


def overshoot(key, threshold_db, knee_db, **how):
    return gain_computer.overshoot(key, *knee(threshold_db, knee_db), **how)


def compress(x, over, ratio, makeup_db, mix):
    return gain_computer.compress(x, over, 1 - 1 / ratio, NEPER_PER_DB * makeup_db, mix)


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
    width = torch.tensor([5.0, 12.0], dtype=torch.float64).reshape(2, 1, 1)
    return key, threshold, width


@pytest.mark.parametrize("power", [False, True])
@pytest.mark.parametrize("link", [False, True])
@pytest.mark.parametrize("moving", [False, True])
def test_overshoot_is_the_published_curve(setting, power, link, moving):
    key, threshold, width = setting
    key = key.square() if power else key
    if moving:
        threshold = threshold + torch.linspace(0, 3, 40, dtype=torch.float64)
    inputs = [t.clone().requires_grad_() for t in (key, threshold, width)]
    y, expected = overshoot(*inputs, power=power, link=link), plain_overshoot(*inputs, power, link)
    assert torch.allclose(y, expected, rtol=0, atol=1e-12)
    weights = torch.randn_like(y)
    for a, b in zip(
        torch.autograd.grad(y, inputs, weights), torch.autograd.grad(expected, inputs, weights), strict=True
    ):
        assert torch.allclose(a, b, rtol=1e-9, atol=1e-10)


def test_second_derivatives(setting):
    key, threshold, width = (t[:, :, :6].clone().requires_grad_() for t in setting)
    assert torch.autograd.gradgradcheck(lambda *v: overshoot(*v, link=True), (key, threshold, width))
    x, over = torch.randn(2, 3, 5, dtype=torch.float64), torch.rand(2, 1, 5, dtype=torch.float64)
    knobs = [torch.rand(2, 1, 1, dtype=torch.float64) + 1 for _ in range(3)]
    inputs = [t.requires_grad_() for t in (x, over, *knobs)]
    assert torch.autograd.gradcheck(compress, inputs)
    assert torch.autograd.gradgradcheck(compress, inputs)


def test_a_signal_in_pieces_is_the_signal_whole(setting, monkeypatch):
    key, threshold, width = setting
    moving = (threshold + torch.zeros(40, dtype=torch.float64)).requires_grad_()
    inputs = [key.clone().requires_grad_(), moving, width.clone().requires_grad_()]
    results = []
    for piece in (1 << 30, 50):
        monkeypatch.setattr(gain_computer, "_PIECE", piece)
        over = overshoot(*inputs, link=True)
        y = compress(inputs[0], over, 2 + width, width, 0.1 * width)
        results.append((y, *torch.autograd.grad(y.square().sum(), inputs)))
    for a, b in zip(*results, strict=True):
        assert torch.allclose(a, b, rtol=1e-12, atol=1e-12)


def test_silence_and_a_knee_of_nothing_have_gradients():
    key = torch.tensor([0.0, 1e-20, 0.5, -0.5]).reshape(1, 1, 4).requires_grad_()
    threshold, width = torch.full((1, 1, 1), -20.0, requires_grad=True), torch.zeros(1, 1, 1, requires_grad=True)
    over = overshoot(key, threshold, width)
    assert torch.allclose(over.flatten() / NEPER_PER_DB, torch.tensor([0.0, 0.0, 13.9794, 13.9794]), atol=1e-3)
    to_key, to_threshold, to_knee = torch.autograd.grad(over.sum(), (key, threshold, width))
    assert torch.allclose(to_key.flatten(), torch.tensor([0.0, 0.0, 2.0, -2.0]))
    assert to_threshold.item() == pytest.approx(-2 * NEPER_PER_DB)
    assert to_knee.item() == 0


@pytest.mark.parametrize("power", [False, True])
@pytest.mark.parametrize("link", [False, True])
def test_kernels_of_float32_give_what_the_plain_operations_give(power, link):
    """Longer than a piece of work, with silence, equal channels, constant knobs that differ between the items."""
    torch.manual_seed(2)
    key, x, weights = (0.3 * torch.randn(2, 3, 2**15 + 1500) for _ in range(3))
    key[:, :, :50] = 0
    key[:, 1, 100:200] = key[:, 0, 100:200]
    key = key.square() if power else key
    values = ((-20.0, -3.0), (6.0, 12.0), (4.0, 1.5), (3.0, -2.0), (1.0, 0.6))
    knobs = [torch.tensor(v).reshape(2, 1, 1) for v in values]
    results = []
    for dtype in (torch.float32, torch.float64):
        inputs = [t.to(dtype).requires_grad_() for t in (key, x, *knobs)]
        over = overshoot(inputs[0], inputs[2], inputs[3], power=power, link=link)
        y = compress(inputs[1], over, *inputs[4:])
        results.append((over, y, *torch.autograd.grad(y, inputs, weights.to(dtype))))
    for single, double in zip(*results, strict=True):
        error = (single - double).square().mean().sqrt() / double.square().mean().sqrt()
        assert single.dtype == torch.float32
        assert error < 1e-6


def test_kernels_of_float32_pass_on_what_is_no_number():
    one, nan, inf = torch.ones(1, 1, 1), float("nan"), float("inf")
    key = torch.tensor([nan, inf, -inf, 0.0, 1.0]).repeat(1, 2, 1)
    over = overshoot(key, -20 * one, 6 * one, link=True).flatten()
    assert over[0].isnan()
    assert torch.equal(over[1:4], torch.tensor([inf, inf, 0.0]))
    over = torch.tensor([nan, inf, 0.0, 80.0, 1000.0, -1000.0]).reshape(1, 1, 6)
    y = compress(torch.ones(1, 1, 6), over, torch.tensor(inf) * one, 0 * one, one).flatten()
    assert y[0].isnan()
    assert torch.allclose(y[1:].double(), torch.tensor([0.0, 1.0, 1.8048513878454153e-35, 0.0, inf]).double())
    assert y[3].item() == pytest.approx(1.8048513878454153e-35, rel=1e-6)
