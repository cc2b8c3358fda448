"""The one-pole smoother against its loop, and what a sound engineer would expect of it."""

import pytest
import torch

from diffFx_pytorch.recursion.ops.one_pole import one_pole
from tests.recursion.reference import allpole as reference


@pytest.mark.parametrize("time_varying", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex128])
def test_matches_the_loop(dtype, time_varying):
    wide = torch.complex128 if dtype.is_complex else torch.float64
    x = torch.randn(2, 3, 40, dtype=dtype)
    coef = torch.rand(3, 40) if time_varying else torch.rand(3)
    coef = (coef.expand(1, 3, 40) if time_varying else coef).to(dtype)
    zi = torch.randn(2, 1, dtype=wide)
    inputs = [v.clone().requires_grad_() for v in (x, coef, zi)]
    given = [v.detach().to(wide).requires_grad_() for v in inputs]
    y, zf = one_pole(*inputs, return_zf=True)
    y_true, zf_true = reference.one_pole(given[0], given[1], given[2].expand(2, 3), time_varying)
    assert zf.shape == (2, 3)
    tolerance = {"rtol": 1e-4, "atol": 1e-5} if dtype == torch.float32 else {"rtol": 1e-10, "atol": 1e-10}
    torch.testing.assert_close(y.to(wide), y_true, **tolerance)
    torch.testing.assert_close(zf, zf_true, **tolerance)
    grads = torch.autograd.grad(y.abs().square().sum() + zf.abs().sum(), inputs)
    expected = torch.autograd.grad(y_true.abs().square().sum() + zf_true.abs().sum(), given)
    for name, got, want in zip(("x", "coef", "zi"), grads, expected, strict=True):
        torch.testing.assert_close(got.to(wide), want, **tolerance, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("time_varying", [False, True])
def test_coefficients_of_exactly_zero_and_one(time_varying):
    x = torch.randn(50)
    for value, expected in ((0.0, x), (1.0, torch.full((50,), 0.25))):
        coef = torch.full((50,) if time_varying else (), value, requires_grad=True)
        y = one_pole(x, coef, torch.tensor(0.25))
        torch.testing.assert_close(y, expected)
        assert torch.autograd.grad(y.sum(), coef)[0].isfinite().all()


def test_a_step_rises_by_its_time_constant():
    fs, tau = 48_000, 0.01
    coef = torch.exp(torch.tensor(-1.0 / (tau * fs), dtype=torch.float64))
    y = one_pole(torch.ones(fs), coef)
    assert abs(y[int(tau * fs) - 1] - (1 - 1 / torch.e)) < 1e-6
    assert abs(y[-1] - 1.0) < 1e-6


def test_a_constant_signal_stays_and_silence_ends():
    coef = torch.tensor(0.999)
    torch.testing.assert_close(one_pole(torch.full((3, 500), 0.7), coef, torch.tensor(0.7)), torch.full((3, 500), 0.7))
    tail = one_pole(torch.zeros(300_000), coef, torch.tensor(1.0))
    assert not ((tail != 0) & (tail.abs() < 1e-37)).any()
    assert tail[-1] == 0


@pytest.mark.parametrize("time_varying", [False, True])
def test_blocks_derivatives_and_transforms(time_varying):
    x = torch.randn(2, 60, dtype=torch.float64)
    coef = torch.rand(2, 60, dtype=torch.float64) if time_varying else torch.rand(2, dtype=torch.float64)
    whole = one_pole(x, coef)
    first, state = one_pole(x[:, :23], coef[:, :23] if time_varying else coef, return_zf=True)
    rest = one_pole(x[:, 23:], coef[:, 23:] if time_varying else coef, state)
    torch.testing.assert_close(torch.cat([first, rest], -1), whole)
    short = [v[..., :6].clone().requires_grad_() for v in (x, coef)]
    torch.autograd.gradcheck(one_pole, short, check_forward_ad=True)
    torch.autograd.gradgradcheck(one_pole, short)
    torch.testing.assert_close(torch.func.vmap(one_pole)(x, coef), whole)
    torch.testing.assert_close(torch.compile(one_pole, fullgraph=True, backend="aot_eager")(x, coef), whole)
