"""Power in bands and peaks whose gains move: their kernels are their equations."""

import pytest
import torch

from diffFx_pytorch.recursion import svfilt
from diffFx_pytorch.recursion.ops.bands import band_power, level_parts, moving_peaks
from tests.kernels.operator_contract import check_operator
from tests.without_kernels import without_kernels

pytestmark = pytest.mark.usefixtures("poisoned_memory")


def close(got, expected, tolerance):
    return (got - expected).norm() <= tolerance * expected.norm()


def coefficients(*batch):
    return torch.rand(*batch, 3, dtype=torch.float64) * 0.8 + 0.1


@pytest.mark.slow
def test_the_contract_of_operators():
    coef = coefficients(1, 1, 2)
    check_operator(band_power, torch.randn(2, 1, 4), coef[0], torch.rand(1, 2, 3))
    check_operator(moving_peaks, torch.randn(2, 2, 4), torch.rand(1, 2, 2, 4), coef, torch.randn(1, 2, 2, 2))
    power = torch.rand(2, 2, 2, 4) + 0.1
    check_operator(level_parts, power, torch.tensor([[[-1.0, 0.6], [-0.4, -0.7]]], dtype=torch.float64), 1e-20)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_parts_of_a_reach_beyond_and_below_it_and_of_channels_that_are_equally_loud(dtype):
    power = (10 ** (8 * torch.rand(3, 2, 2, 2000) - 7)).to(dtype)
    power[:, 1, :, ::3] = power[:, 0, :, ::3]
    power[:, :, :, ::7] = 0
    coef = torch.tensor([[-8.0, 0.2], [-3.0, -0.25]], dtype=torch.float64)
    leaves = [power.requires_grad_(), coef.requires_grad_()]
    part = level_parts(*leaves, 1e-20)
    grads = torch.autograd.grad(part, leaves, torch.ones_like(part))
    with without_kernels():
        expected = level_parts(*leaves, 1e-20)
        truths = torch.autograd.grad(expected, leaves, torch.ones_like(part))
    assert ((part == 0).any(), (part == 1).any()) == (True, True)
    for got, true in zip((part, *grads), (expected, *truths), strict=True):
        assert close(got, true, 1e-4 if dtype == torch.float32 else 1e-12)


@pytest.mark.parametrize("T", [1, 63, 64, 65, 300])
@pytest.mark.parametrize("rows", [1, 3, 8, 11])
def test_the_kernels_are_the_equations_over_tiles_and_groups(rows, T):
    x, zi = torch.randn(rows, T, dtype=torch.float64), torch.rand(rows, 3, dtype=torch.float64)
    cases = (
        (band_power, (x, coefficients(rows), zi)),
        (
            moving_peaks,
            (x, torch.rand(1, 3, T, dtype=torch.float64), coefficients(rows, 3), torch.randn(rows, 3, 2).double()),
        ),
    )
    for operator, inputs in cases:
        leaves = [t.clone().requires_grad_() for t in inputs]
        outputs = operator(*leaves)
        along = [torch.randn_like(o) for o in outputs]
        grads = torch.autograd.grad(outputs, leaves, along)
        with without_kernels():
            truths = operator(*leaves)
            expected = torch.autograd.grad(truths, leaves, along)
        for got, true in zip((*outputs, *grads), (*truths, *expected), strict=True):
            assert close(got, true, 1e-11)


@pytest.mark.parametrize("share", [2, 3, 9])
def test_the_gradient_of_what_rows_share_is_the_sum(share):
    x, control = torch.randn(4, 1, 100).double(), torch.rand(4, 1, 2, 100).double()
    coef, zi = coefficients(4, share), torch.rand(4, share, 3).double()
    sounds = torch.randn(4, share, 100).double()
    for operator, inputs in (
        (band_power, (x, coef, zi)),
        (moving_peaks, (sounds, control, coefficients(4, share, 2), torch.randn(4, share, 2, 2).double())),
    ):
        leaves = [t.requires_grad_() for t in inputs]
        outputs = operator(*leaves)
        along = [torch.randn_like(o) for o in outputs]
        grads = torch.autograd.grad(outputs, leaves, along)
        with without_kernels():
            expected = torch.autograd.grad(operator(*leaves), leaves, along)
        for got, true in zip(grads, expected, strict=True):
            assert close(got, true, 1e-12)


def test_a_gain_that_stands_still_is_the_peak_of_a_state_variable_filter():
    x, (g, r, reach) = torch.randn(2, 400, dtype=torch.float64), (0.2, 0.7, -2.5)
    control = torch.ones(1, 400, dtype=torch.float64)
    coef = torch.tensor([[g, r, reach]], dtype=torch.float64)
    y, _ = moving_peaks(x, control, coef, torch.zeros(1, 2, dtype=torch.float64))
    gain = torch.tensor(reach, dtype=torch.float64).exp()
    assert close(y, svfilt(x, torch.stack([torch.tensor([g, r, 1.0, r * gain, 1.0], dtype=torch.float64)])), 1e-13)
