"""Derivatives of the all-pole recursion: first, second, forward mode, and torch's function transforms."""

import pytest
import torch

from diffFx_pytorch.recursion.ops.allpole import all_pole, allpole

MOVING = pytest.mark.parametrize("time_varying", [False, True])


def arguments(time_varying, dtype=torch.float64, samples=5, order=3):
    """x (3, 1, T), a (2, ...), zi (3, 2, N): every one of them is broadcast somewhere."""
    x = torch.randn(3, 1, samples, dtype=dtype)
    a = 0.3 * torch.randn(2, *([samples] if time_varying else []), order, dtype=dtype)
    return x, a, torch.randn(3, 2, order, dtype=torch.complex128 if dtype.is_complex else torch.float64)


@pytest.mark.parametrize(
    ("dtype", "time_varying"),
    [
        (torch.float64, False),
        (torch.float64, True),
        pytest.param(torch.complex128, False, marks=pytest.mark.slow),
        (torch.complex128, True),
    ],
)
def test_first_second_and_forward_derivatives(dtype, time_varying):
    inputs = [v.requires_grad_() for v in arguments(time_varying, dtype)]

    def run(x, a, zi):
        return allpole(x, a, zi, return_zf=True, time_varying=time_varying)

    torch.autograd.gradcheck(run, inputs, check_forward_ad=True)
    torch.autograd.gradgradcheck(run, inputs)


@MOVING
def test_derivatives_without_a_state_and_shorter_than_the_order(time_varying):
    x, a, _ = (v.requires_grad_() for v in arguments(time_varying, samples=2, order=4))

    def run(x, a):
        return allpole(x, a, return_zf=True, time_varying=time_varying)

    torch.autograd.gradcheck(run, (x, a), check_forward_ad=True)
    torch.autograd.gradgradcheck(run, (x, a))


@MOVING
@pytest.mark.parametrize("wanted", range(3))
def test_each_gradient_alone(wanted, time_varying):
    inputs = arguments(time_varying)
    full = [v.clone().requires_grad_() for v in inputs]
    expected = torch.autograd.grad(allpole(*full, time_varying=time_varying).square().sum(), full)[wanted]
    one = [v.clone().requires_grad_(i == wanted) for i, v in enumerate(inputs)]
    got = torch.autograd.grad(allpole(*one, time_varying=time_varying).square().sum(), one[wanted])[0]
    torch.testing.assert_close(got, expected)


@MOVING
def test_third_derivative(time_varying):
    x, a, _ = arguments(time_varying, samples=4, order=2)
    a.requires_grad_()
    direction = torch.randn_like(a)

    def second(v):
        g = torch.autograd.grad(allpole(x, v, time_varying=time_varying).pow(3).sum(), v, create_graph=True)[0]
        return torch.autograd.grad((g * direction).sum(), v, create_graph=True)[0]

    torch.autograd.gradcheck(second, a)


@pytest.mark.slow
@MOVING
def test_operators_follow_the_rules(time_varying):
    x, a, zi = arguments(time_varying, torch.float32)
    x, a = x.requires_grad_(), a.requires_grad_()
    a = a if time_varying else a.unsqueeze(-2)
    y, zf = all_pole(x, a, zi)
    torch.library.opcheck(all_pole._op.overload, (x, a, zi))
    given = (torch.randn_like(y), zf.detach(), x, a, zi)
    torch.library.opcheck(all_pole._op_backward.overload, (*given, y.detach(), [True] * 3))
    torch.library.opcheck(all_pole._op_backward.overload, (*given, None, [True, False, True]))


@MOVING
def test_torch_func(time_varying):
    x, a = (
        torch.randn(3, 8, dtype=torch.float64),
        0.3 * torch.randn(3, *([8] if time_varying else []), 2, dtype=torch.float64),
    )

    def loss(x, a):
        return allpole(x, a, time_varying=time_varying).square().sum()

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
    batched = torch.func.vmap(lambda row: allpole(row, a[0], time_varying=time_varying), in_dims=1, out_dims=1)(
        x.T.contiguous()
    )
    torch.testing.assert_close(batched.T, allpole(x, a[0], time_varying=time_varying))
    forward = torch.func.jacfwd(lambda v: allpole(x, v, time_varying=time_varying))(a)
    torch.testing.assert_close(forward, torch.func.jacrev(lambda v: allpole(x, v, time_varying=time_varying))(a))
    hessian = torch.func.hessian(lambda v: loss(x, v))(a)
    torch.testing.assert_close(hessian, torch.autograd.functional.hessian(lambda v: loss(x, v), a))


@MOVING
def test_compile_and_export(time_varying):
    x, a = torch.randn(3, 8), 0.3 * torch.randn(3, *([8] if time_varying else []), 2)

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
def test_gradients_of_float32_audio(time_varying):
    """Within 1e-4 of float64's, coefficients designed in float64."""
    samples, order = 3000, 2
    x = torch.randn(2, samples, dtype=torch.float64).float()
    w = torch.tensor([0.01, 1.0], dtype=torch.float64)
    a = torch.stack([-2 * 0.995 * w.cos(), torch.full((2,), 0.995**2, dtype=torch.float64)], dim=-1)
    if time_varying:
        a = a.unsqueeze(1) * (1.0 - 0.002 * torch.rand(1, samples, 1, dtype=torch.float64))
    zi = torch.randn(2, order, dtype=torch.float64)
    upstream = torch.randn(2, samples)
    grads = []
    for dtype in (torch.float32, torch.float64):
        inputs = [x.to(dtype).requires_grad_(), a.clone().requires_grad_(), zi.clone().requires_grad_()]
        grads.append(torch.autograd.grad(allpole(*inputs, time_varying=time_varying), inputs, upstream.to(dtype)))
    for name, single, double in zip(("x", "a", "zi"), *grads, strict=True):
        assert (single - double).norm() < 1e-4 * double.norm(), name
