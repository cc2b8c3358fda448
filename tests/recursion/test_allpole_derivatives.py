"""Derivatives of the all-pole recursion: first, second, forward mode, and torch's function transforms."""

import pytest
import torch

from diffFx_pytorch.recursion.ops.allpole import _allpole, _allpole_backward, allpole

MOVING = pytest.mark.parametrize("moving", [False, True])


def arguments(moving, dtype=torch.float64, samples=5, order=3):
    """x (3, 1, T), a (2, ...), zi (3, 2, N): every one of them is broadcast somewhere."""
    x = torch.randn(3, 1, samples, dtype=dtype)
    a = 0.3 * torch.randn(2, *([samples] if moving else []), order, dtype=dtype)
    return x, a, torch.randn(3, 2, order, dtype=torch.complex128 if dtype.is_complex else torch.float64)


@pytest.mark.parametrize(
    ("dtype", "moving"),
    [
        (torch.float64, False),
        (torch.float64, True),
        pytest.param(torch.complex128, False, marks=pytest.mark.slow),
        (torch.complex128, True),
    ],
)
def test_first_second_and_forward_derivatives(dtype, moving):
    inputs = [v.requires_grad_() for v in arguments(moving, dtype)]

    def run(x, a, zi):
        return allpole(x, a, zi, return_zf=True, moving=moving)

    torch.autograd.gradcheck(run, inputs, check_forward_ad=True)
    torch.autograd.gradgradcheck(run, inputs)


@MOVING
def test_derivatives_without_a_state_and_shorter_than_the_order(moving):
    x, a, _ = (v.requires_grad_() for v in arguments(moving, samples=2, order=4))

    def run(x, a):
        return allpole(x, a, return_zf=True, moving=moving)

    torch.autograd.gradcheck(run, (x, a), check_forward_ad=True)
    torch.autograd.gradgradcheck(run, (x, a))


@MOVING
@pytest.mark.parametrize("wanted", range(3))
def test_each_gradient_alone(wanted, moving):
    inputs = arguments(moving)
    full = [v.clone().requires_grad_() for v in inputs]
    expected = torch.autograd.grad(allpole(*full, moving=moving).square().sum(), full)[wanted]
    one = [v.clone().requires_grad_(i == wanted) for i, v in enumerate(inputs)]
    got = torch.autograd.grad(allpole(*one, moving=moving).square().sum(), one[wanted])[0]
    torch.testing.assert_close(got, expected)


@MOVING
def test_third_derivative(moving):
    x, a, _ = arguments(moving, samples=4, order=2)
    a.requires_grad_()
    direction = torch.randn_like(a)

    def second(v):
        g = torch.autograd.grad(allpole(x, v, moving=moving).pow(3).sum(), v, create_graph=True)[0]
        return torch.autograd.grad((g * direction).sum(), v, create_graph=True)[0]

    torch.autograd.gradcheck(second, a)


@MOVING
def test_operators_follow_the_rules(moving):
    x, a, zi = arguments(moving, torch.float32)
    x, a = x.requires_grad_(), a.requires_grad_()
    y, zf = _allpole(x, a, zi, moving)
    torch.library.opcheck(_allpole, (x, a, zi, moving))
    if not moving:
        torch.library.opcheck(_allpole, (x, a, None, moving))
    grad_y = torch.randn_like(y)
    torch.library.opcheck(_allpole_backward, (grad_y, zf.detach(), y.detach(), a, zi, moving))
    if not moving:
        torch.library.opcheck(_allpole_backward, (grad_y, zf.detach(), None, a, None, moving))


@MOVING
def test_torch_func(moving):
    x, a = (
        torch.randn(3, 8, dtype=torch.float64),
        0.3 * torch.randn(3, *([8] if moving else []), 2, dtype=torch.float64),
    )

    def loss(x, a):
        return allpole(x, a, moving=moving).square().sum()

    grads = torch.func.grad(loss, (0, 1))(x, a)
    x_leaf, a_leaf = x.clone().requires_grad_(), a.clone().requires_grad_()
    for got, expected in zip(grads, torch.autograd.grad(loss(x_leaf, a_leaf), (x_leaf, a_leaf)), strict=True):
        torch.testing.assert_close(got, expected)
    each = torch.func.vmap(torch.func.grad(loss, (0, 1)))(x, a)
    for got, expected in zip(each, grads, strict=True):  # rows do not touch each other
        torch.testing.assert_close(got, expected)
    shared = torch.func.vmap(torch.func.grad(loss, 1), in_dims=(0, None))(x, a[0])
    alone = torch.stack([torch.func.grad(loss, 1)(row, a[0]) for row in x])
    torch.testing.assert_close(shared, alone)
    batched = torch.func.vmap(lambda row: allpole(row, a[0], moving=moving), in_dims=1, out_dims=1)(x.T.contiguous())
    torch.testing.assert_close(batched.T, allpole(x, a[0], moving=moving))
    forward = torch.func.jacfwd(lambda v: allpole(x, v, moving=moving))(a)
    torch.testing.assert_close(forward, torch.func.jacrev(lambda v: allpole(x, v, moving=moving))(a))
    hessian = torch.func.hessian(lambda v: loss(x, v))(a)
    torch.testing.assert_close(hessian, torch.autograd.functional.hessian(lambda v: loss(x, v), a))


@MOVING
def test_compile_and_export(moving):
    x, a = torch.randn(3, 8), 0.3 * torch.randn(3, *([8] if moving else []), 2)

    class Filter(torch.nn.Module):
        def forward(self, x, a):
            return allpole(x, a, return_zf=True)

    compiled = torch.compile(Filter(), fullgraph=True, backend="aot_eager")
    results = []
    for run in (compiled, Filter()):
        x_leaf, a_leaf = x.clone().requires_grad_(), a.clone().requires_grad_()
        y, zf = run(x_leaf, a_leaf)
        results.append((y, zf, *torch.autograd.grad(y.square().sum() + zf.sum(), (x_leaf, a_leaf))))
    for got, expected in zip(*results, strict=True):
        torch.testing.assert_close(got, expected)
    exported = torch.export.export(Filter(), (x, a)).module()
    torch.testing.assert_close(exported(x, a), Filter()(x, a))


@MOVING
def test_gradients_of_float32_audio(moving):
    """Within 1e-4 of float64's, coefficients designed in float64."""
    samples, order = 3000, 2
    x = torch.randn(2, samples, dtype=torch.float64).float()
    w = torch.tensor([0.01, 1.0], dtype=torch.float64)
    a = torch.stack([-2 * 0.995 * w.cos(), torch.full((2,), 0.995**2, dtype=torch.float64)], dim=-1)
    if moving:
        a = a.unsqueeze(1) * (1.0 - 0.002 * torch.rand(1, samples, 1, dtype=torch.float64))
    zi = torch.randn(2, order, dtype=torch.float64)
    upstream = torch.randn(2, samples)
    grads = []
    for dtype in (torch.float32, torch.float64):
        inputs = [x.to(dtype).requires_grad_(), a.clone().requires_grad_(), zi.clone().requires_grad_()]
        grads.append(torch.autograd.grad(allpole(*inputs, moving=moving), inputs, upstream.to(dtype)))
    for name, single, double in zip(("x", "a", "zi"), *grads, strict=True):
        assert (single - double).norm() < 1e-4 * double.norm(), name
