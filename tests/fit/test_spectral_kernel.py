"""The one-pass distance of spectra against the same in torch's operations: values, gradients of any order, and when."""

import copy
import pickle

import pytest
import torch

from diffFx_pytorch.fit import MultiResolutionSTFT, Resolution

SIZES = (64, Resolution(100, 30, 80, "hamming"), Resolution(33, 7))
OPTIONS = {
    "as it is": {},
    "hard floor": {"hard_floor": True, "floor_db": -30.0},
    "linear": {"linear_weight": 0.7, "log_weight": 0.3, "convergence_weight": 0.5},
    "one term": {"log_weight": 0.0, "convergence_weight": 0.0, "linear_weight": 1.0},
    "mid and side": {"stereo": "mid_side"},
    "unscaled": {"scaled": False, "floor_db": -60.0},
}


def slow(loss):
    """The same loss, which never takes the kernel."""
    twin = copy.deepcopy(loss)
    twin._in_one_pass = lambda y, target: False
    return twin


def pair(dtype=torch.float64, batch=3, samples=700):
    g = torch.Generator().manual_seed(0)
    y, target = (0.2 * torch.randn(batch, 2, samples, generator=g, dtype=dtype) for _ in range(2))
    y[0, :, samples // 2 :] = 0  # silence within
    return y, target


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_is_the_slow_one(name, dtype):
    loss = MultiResolutionSTFT(SIZES, reduction="none", **OPTIONS[name])
    y, target = pair(dtype)
    close = {"rtol": 1e-4, "atol": 1e-5} if dtype == torch.float32 else {"rtol": 1e-9, "atol": 1e-12}
    for wanted in (target, target[:1]):
        found = []
        for one in (loss, slow(loss)):
            x = y.clone().requires_grad_()
            value = one(x, wanted)
            (value * torch.tensor([1.0, -2.0, 0.5], dtype=dtype)).sum().backward()
            found.append((value, x.grad))
        torch.testing.assert_close(found[0][0], found[1][0], **close)
        scale = found[1][1].abs().max()
        torch.testing.assert_close(found[0][1] / scale, found[1][1] / scale, rtol=0, atol=close["rtol"])
        with torch.no_grad():
            torch.testing.assert_close(loss(y, wanted), found[0][0].detach())


@pytest.mark.parametrize("samples", [1, 5, 63])
def test_sounds_shorter_than_a_frame(samples):
    loss = MultiResolutionSTFT(SIZES)
    y, target = pair(samples=samples)
    torch.testing.assert_close(loss(y, target), slow(loss)(y, target))


def test_memory_that_is_not_in_order():
    loss = MultiResolutionSTFT(SIZES)
    y, target = pair()
    y, target = y.transpose(0, 1).contiguous().transpose(0, 1)[..., ::2], target[..., 1::2]
    torch.testing.assert_close(loss(y, target), slow(loss)(y, target))


def test_second_derivatives_and_transforms():
    loss = MultiResolutionSTFT((16,), floor_db=-20.0)
    y, target = pair(batch=1, samples=40)
    assert torch.autograd.gradgradcheck(lambda x: loss(x, target), (y.requires_grad_(),))
    step = torch.randn_like(y)
    _, tangent = torch.func.jvp(lambda x: loss(x, target), (y.detach(),), (step,))
    (grad,) = torch.autograd.grad(loss(y, target), y)
    torch.testing.assert_close(tangent, (grad * step).sum())
    torch.testing.assert_close(torch.func.grad(lambda x: loss(x, target))(y.detach()), grad)


def test_a_target_that_learns_gets_its_gradient():
    loss = MultiResolutionSTFT(SIZES)
    y, target = pair()
    target.requires_grad_()
    loss(y, target).backward()
    assert target.grad.abs().max() > 0


def test_a_target_changed_in_place_is_another():
    loss = MultiResolutionSTFT(SIZES)
    y, target = pair()
    before = loss(y, target)
    assert loss(y, target.clone()) == before
    target *= 0.5
    torch.testing.assert_close(loss(y, target), slow(loss)(y, target))
    loss.resolutions = [Resolution(32)]
    torch.testing.assert_close(loss(y, target), slow(loss)(y, target))
    assert loss._kept
    for twin in (copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))):
        assert not twin._kept
        assert twin(y, target) == loss(y, target)


def test_what_is_not_finite_shows():
    loss = MultiResolutionSTFT(SIZES, reduction="none")
    for broken in (float("nan"), float("inf")):
        y, target = pair()
        y[1, 0, 5] = broken
        assert loss(y, target).isfinite().tolist() == [True, False, True]
        target[2, 0, 3] = broken
        assert loss(y, target).isfinite().tolist() == [True, False, False]


def test_threads_share_the_rows():
    loss = MultiResolutionSTFT(SIZES)
    y, target = pair()
    y.requires_grad_()
    found, threads = [], torch.get_num_threads()
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            value = loss(y, target)
            found.append((value.detach(), torch.autograd.grad(value, y)[0]))
    finally:
        torch.set_num_threads(threads)
    for one, many in zip(*found, strict=True):
        torch.testing.assert_close(one, many, rtol=1e-11, atol=1e-14)
