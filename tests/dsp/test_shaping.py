"""Antiderivative antialiasing: the mean of the function over each step, with its digits and gradients kept."""

import pytest
import torch

from diffFx_pytorch.dsp import shapes
from diffFx_pytorch.dsp.shapes import TANH
from diffFx_pytorch.dsp.shaping import Shape, shape_antialiased

CUBE = Shape(lambda u: u - u**3 / 3, lambda u: (u.square() / 2, -(u**4) / 12))


SLOPES = [torch.tensor(s, dtype=torch.float64) for s in (0.7, 0.0, 1.5, 0.2)]
ALL = {
    **{name: shape for name, shape in vars(shapes).items() if isinstance(shape, Shape)},
    "rectified": shapes.rectified(torch.tensor(0.8, dtype=torch.float64)),
    "asymmetric tanh": shapes.asymmetric_tanh(torch.tensor(0.5, dtype=torch.float64)),
    "from slopes": shapes.from_slopes(SLOPES[:2], SLOPES[2:], 0.7),
}


def mean_by_quadrature(f, u, before):
    """Midpoint rule over many points of each step, in float64."""
    line = torch.cat((before, u), -1).double()
    s = (torch.arange(4000, dtype=torch.float64) + 0.5) / 4000
    return f(line[..., :-1, None] + s * line.diff(dim=-1)[..., None]).mean(-1)


def steps():
    """Samples whose steps are 0, tiny, small, middling and large, at small and large values, both ways."""
    up = torch.tensor([0.0, 1e-14, 1e-9, 1e-5, 1e-3, 0.05, 0.09999, 0.10001, 0.5, 3.0, 30.0], dtype=torch.float64)
    values = []
    for start in (0.0, 0.3, -2.0, 15.0):
        for step in torch.cat((up, -up)).tolist():
            values += [start, start + step]
    return torch.tensor(values, dtype=torch.float64)[None]


@pytest.mark.parametrize("shape", [TANH, CUBE], ids=["tanh", "cube"])
def test_is_the_mean_of_the_function_over_the_step(shape):
    u = steps().clamp(-3, 3) if shape is CUBE else steps()
    before = torch.zeros(1, 1, dtype=torch.float64)
    expected = mean_by_quadrature(shape.f, u, before)
    scale = expected.abs().clamp_min(1.0)
    assert ((shape_antialiased(shape, u, before) - expected).abs() / scale).max() < 2e-5  # the rule's own error
    single = shape_antialiased(shape, u.float(), before.float()).double()
    exact = shape_antialiased(shape, u.float().double(), before)
    assert ((single - exact).abs() / scale).max() < 2e-5 if shape is CUBE else 2e-6


@pytest.mark.parametrize("name", ALL)
def test_every_antiderivative_is_that_of_its_function(name):
    u = steps()
    before = torch.zeros(1, 1, dtype=torch.float64)
    expected = mean_by_quadrature(ALL[name].f, u, before)
    assert ((shape_antialiased(ALL[name], u, before) - expected).abs() / expected.abs().clamp_min(1.0)).max() < 2e-5
    fine = u.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(shape_antialiased(ALL[name], fine, before).sum(), fine)
    fine = u.clone().requires_grad_()
    (numeric,) = torch.autograd.grad(mean_by_quadrature(ALL[name].f, fine, before).sum(), fine)
    # Half way along a corner the midpoint rule is off by half a step of its own.
    assert (gradient - numeric).abs().max() < 1e-3


@pytest.mark.parametrize("name", ALL)
def test_shapes_begin_at_0_with_slope_1_and_are_odd_if_they_say_so(name):
    shape, u = ALL[name], torch.linspace(-7, 7, 29, dtype=torch.float64)
    zero = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    assert shape.f(zero).item() == 0
    assert torch.autograd.grad(shape.f(zero), zero)[0].item() == pytest.approx(1.0, abs=1e-12)
    assert torch.allclose(shape.f(-u), -shape.f(u), rtol=0, atol=1e-15) == shape.odd
    assert torch.allclose(shape.odd_part(-u), -shape.odd_part(u), rtol=0, atol=1e-15)
    total = sum(term for term in shape.antiderivative(zero))
    assert torch.autograd.grad(total.sum(), zero)[0].item() == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("name", ALL)
def test_the_even_part_at_once_is_that_of_f(name):
    shape = ALL[name]
    u = torch.linspace(-7, 7, 29, dtype=torch.float64, requires_grad=True)
    given = shape.and_even_part(u), (shape.f(u), 0.5 * (shape.f(u) + shape.f(-u)))
    for fast, plain in zip(*given, strict=True):
        assert torch.allclose(fast, plain, rtol=0, atol=1e-14)
        slopes = [torch.autograd.grad(y.sum(), u, retain_graph=True)[0] for y in (fast, plain)]
        assert torch.allclose(*slopes, rtol=0, atol=1e-13)


def test_no_step_is_f_itself():
    u = torch.linspace(-4, 4, 33, dtype=torch.float64)[:, None].expand(33, 5)
    assert torch.allclose(shape_antialiased(TANH, u, u[:, :1]), u.tanh(), rtol=0, atol=1e-15)


def test_both_ways_of_averaging_agree_where_they_meet():
    u = torch.linspace(-5, 5, 2001, dtype=torch.float64)[None]
    a = shape_antialiased(Shape(TANH.f, TANH.antiderivative, near=0.0), u + 0.1, u[..., :1])
    pairs = torch.stack((u[0], u[0] + 0.1), -1)
    quotient = shape_antialiased(Shape(TANH.f, TANH.antiderivative, near=0.0), pairs, pairs[:, :1] + 1.0)[:, 1]
    points = shape_antialiased(Shape(TANH.f, TANH.antiderivative, near=1.0), pairs, pairs[:, :1] + 1.0)[:, 1]
    assert torch.isfinite(a).all()
    assert (quotient - points).abs().max() < 1e-9


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_are_right_for_steps_of_any_size(dtype):
    u = steps().to(dtype).requires_grad_()
    before = torch.zeros(1, 1, dtype=dtype)
    (gradient,) = torch.autograd.grad(shape_antialiased(TANH, u, before).sum(), u)
    assert torch.isfinite(gradient).all()
    fine = u.detach().double().requires_grad_()
    mean = mean_by_quadrature(torch.tanh, fine, before)
    (expected,) = torch.autograd.grad(mean.sum(), fine)
    assert (gradient.double() - expected).abs().max() < 5e-5


def test_finite_differences():
    u = torch.cumsum(torch.tensor([[0.3, 0.0, 1e-8, 1e-4, 0.02, 0.3, 2.0, -2.0, -1e-6]], dtype=torch.float64), -1)
    before = torch.tensor([[0.3]], dtype=torch.float64)
    # A closed form for short steps: log cosh(m + d) - log cosh(m - d) = 2 atanh(tanh m tanh d).
    line = torch.cat((before, u), -1)
    m, d = (line[..., 1:] + line[..., :-1]) / 2, line.diff(dim=-1) / 2
    closed = torch.atanh(m.tanh() * d.tanh()) / d
    short = (d != 0) & (d.abs() < 0.2)
    assert torch.allclose(shape_antialiased(TANH, u, before)[short], closed[short], rtol=1e-9)
    inputs = (u.requires_grad_(), before.requires_grad_())
    assert torch.autograd.gradcheck(lambda u, b: shape_antialiased(TANH, u, b), inputs, eps=1e-5, atol=1e-7)
