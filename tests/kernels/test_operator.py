"""A made-up recursion through one declaration: derivatives, transforms and edges, by kernel and by equation."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from diffFx_pytorch.kernels import Kernel, define, forget, row_kernel


def _forward(start, stop, x, x_row, c, c_row, zi, zi_row, gain, threshold, y, zf):
    for r in range(start, stop):
        state = zi[zi_row[r], 0]
        for t in range(y.shape[1]):
            state = x[x_row[r], t] + c[c_row[r], 0] * state + gain * state * state
            if abs(state) < threshold:
                state = 0.0
            y[r, t] = state
        zf[r, 0] = state


def _backward(start, stop, gy, gzf, x, x_row, c, c_row, zi, zi_row, y, gain, threshold, gx, gc, gzi):
    for r in range(start, stop):
        total, slope = gzf[r, 0], 0.0
        for t in range(y.shape[1] - 1, -1, -1):
            before = y[r, t - 1] if t else zi[zi_row[r], 0]
            total += gy[r, t]
            gx[r, t] = total
            slope += total * before
            total *= c[c_row[r], 0] + 2 * gain * before
        gc[r, 0], gzi[r, 0] = slope, total


def _equation(x, c, zi, gain):
    state, found = zi[..., 0], []
    for t in range(x.shape[-1]):
        state = x[..., t] + c[..., 0] * state + gain * state * state
        found.append(state)
    shape = torch.broadcast_shapes(x.shape[:-1], c.shape[:-1], zi.shape[:-1])
    y = torch.stack([s.expand(shape) for s in found], -1) if found else x.expand(*shape, 0)
    return y, state.unsqueeze(-1)


def declare(name, kernel):
    return define(
        name,
        {"x": 1, "c": 1, "zi": 1},
        {"y": lambda x, *_: (x.shape[-1:], x.dtype), "zf": lambda x, c, zi, _: ((1,), zi.dtype)},
        _equation,
        kernel,
        settings={"gain": float},
        saves={"x": (), "c": (), "zi": (), "y": ()},
    )


by_kernel = declare("made_up", row_kernel(_forward, _backward))
by_equation = declare("made_up_eager", None)
both = pytest.mark.parametrize("operator", [by_kernel, by_equation], ids=["kernel", "equation"])


def given(T=5, shapes=((3, 2), (2,), (3, 1)), dtype=torch.float64):
    x, c, zi = (torch.randn(*s, n, dtype=dtype) * 0.3 for s, n in zip(shapes, (T, 1, 1), strict=True))
    return [t.requires_grad_() for t in (x, c, zi)]


@pytest.fixture(autouse=True)
def _poisoned(monkeypatch):
    """Memory that nobody wrote to is NaN."""
    monkeypatch.setattr(torch.utils.deterministic, "fill_uninitialized_memory", True)
    torch.use_deterministic_algorithms(True, warn_only=True)
    yield
    torch.use_deterministic_algorithms(False)


def test_the_kernel_computes_the_equation():
    args = given()
    weights = [torch.randn(3, 2, 5), torch.randn(3, 2, 1)]
    results = []
    for operator in (by_kernel, by_equation):
        y, zf = operator(*args, 0.1)
        results.append((y, zf, *torch.autograd.grad((y * weights[0]).sum() + (zf * weights[1]).sum(), args)))
    for a, b in zip(*results, strict=True):
        assert a.shape == b.shape
        torch.testing.assert_close(a, b)


@both
def test_derivatives_of_every_order_in_both_modes(operator):
    args = given(3)

    def call(*args):
        return operator(*args, 0.1)

    assert torch.autograd.gradcheck(call, args, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(call, args, check_fwd_over_rev=True)
    x, c, zi = (t.detach() for t in args)

    def loss(c):
        y, zf = operator(x, c, zi, 0.1)
        return (y**3).sum() + zf.sum()

    direction = torch.randn_like(c)
    slope, curve = torch.func.jvp(torch.func.grad(loss), (c,), (direction,))
    near = torch.func.grad(loss)
    torch.testing.assert_close(slope, near(c))
    finite = (near(c + 1e-6 * direction) - near(c - 1e-6 * direction)) / 2e-6
    torch.testing.assert_close(curve, finite, rtol=1e-6, atol=1e-7)
    third = torch.func.grad(lambda c: torch.func.grad(lambda c: torch.func.grad(loss)(c).sum())(c).sum())(c)
    assert third.isfinite().all()


@both
@pytest.mark.parametrize("dims", [(0, 0, 0), (0, None, None), (None, 1, None), (1, None, 2), (2, 0, None)])
def test_vmap_and_gradients_under_it_are_a_loop(operator, dims):
    args = []
    for t, d in zip(given(4, ((3,), (3,), (1, 3))), dims, strict=True):
        t = t.detach()
        args.append(t if d is None else torch.stack([t, 2 * t, -t], d))

    def loss(*args):
        y, zf = operator(*args, 0.1)
        return (y**2).sum() + zf.sum()

    for function in (lambda *a: operator(*a, 0.1), torch.func.grad(loss, (0, 1, 2))):
        found = torch.func.vmap(function, dims)(*args)
        for i in range(3):
            one = function(*(t if d is None else t.select(d, i) for t, d in zip(args, dims, strict=True)))
            for f, o in zip(found, one, strict=True):
                torch.testing.assert_close(f[i], o)


@both
def test_opcheck(operator):
    for T, shapes in ((4, ((3, 2), (2,), (3, 1))), (4, ((), (), ())), (0, ((2,), (2,), (2,))), (4, ((0,), (1,), (0,)))):
        torch.library.opcheck(operator._op.overload, (*given(T, shapes), 0.1))
    args = [t.detach() for t in given(4, ((2,), (2,), (2,)))]
    y, zf = operator(*args, 0.1)
    if operator is by_kernel:  # opcheck looks into storages, which tensors inside torch.func do not have
        torch.library.opcheck(operator._op_backward.overload, (y, zf, *args, y, 0.1, [True, False, True]))


@both
def test_compile_without_a_break(operator):
    args = given(6)

    def step(*args):
        y, zf = operator(*args, 0.1)
        return (y.sin().sum() + zf.sum()) * 2

    compiled = torch.compile(step, fullgraph=True, backend="aot_eager")
    wanted = torch.autograd.grad(step(*args), args)
    for a, b in zip(torch.autograd.grad(compiled(*args), args), wanted, strict=True):
        torch.testing.assert_close(a, b)


@both
def test_nothing_to_compute(operator):
    y, zf = operator(*given(0), 0.1)
    assert y.shape == (3, 2, 0)
    assert zf.shape == (3, 2, 1)
    args = given(0, ((2,), (1,), (1,)))
    y, zf = operator(*args, 0.1)
    torch.testing.assert_close(zf, args[2].expand(2, 1))
    _, to_c, to_zi = torch.autograd.grad(zf.sum(), args, allow_unused=True)
    assert float(to_zi) == 2.0
    assert float(to_c) == 0.0
    y, zf = operator(*given(3, ((0,), (1,), (1,))), 0.1)
    assert y.shape == (0, 3)
    for g, t in zip(
        torch.autograd.grad(y.sum() + zf.sum(), args := given(3, ((0,), (1,), (1,))), allow_unused=True),
        args,
        strict=True,
    ):
        assert g is None or g.shape == t.shape


def test_only_what_is_asked_for_is_computed():
    asked = []

    def backward(batch_shape, grads, inputs, saved, needs, gain):
        asked.append(tuple(needs))
        found = row_kernel(_forward, _backward).backward(batch_shape, grads, inputs, saved, needs, gain)
        return [g if need else None for g, need in zip(found, needs, strict=True)]

    operator = declare("made_up_asked", Kernel(row_kernel(_forward).forward, backward))
    x, c, zi = given()
    y, _ = operator(x.detach(), c, zi.detach(), 0.1)
    y.sum().backward()
    assert asked == [(False, True, False)]
    assert c.grad is not None
    assert operator(x.detach(), c.detach(), zi.detach(), 0.1)[0].requires_grad is False


def test_checkpoints_are_kept_only_for_a_gradient():
    kept, from_where = [], []

    def forward(batch_shape, inputs, outputs, gain):
        kept.append(outputs.levels.shape)
        row_kernel(_forward).forward(batch_shape, inputs, outputs[:2], gain)
        if outputs.levels.numel():
            outputs.levels.copy_(outputs.y)

    def backward(batch_shape, grads, inputs, saved, needs, gain):
        from_where.append(saved.levels.shape)
        return row_kernel(_forward, _backward).backward(batch_shape, grads, inputs, (saved.levels,), needs, gain)

    operator = define(
        "made_up_kept",
        {"x": 1, "c": 1, "zi": 1},
        {"y": lambda x, *_: (x.shape[-1:], x.dtype), "zf": lambda x, c, zi, _: ((1,), zi.dtype)},
        _equation,
        Kernel(forward, backward, {"levels": lambda x, *_: (x.shape[-1:], x.dtype)}),
        settings={"gain": float},
        saves={"x": (), "c": (), "zi": (), "levels": ("c", "zi")},
    )
    args = given()
    operator(*(t.detach() for t in args), 0.1)
    operator(args[0], *(t.detach() for t in args[1:]), 0.1)
    assert kept == [(3, 2, 0)] * 2
    y, zf = operator(*args, 0.1)
    assert kept[-1] == (3, 2, 5)
    found = torch.autograd.grad(y.sum() + zf.sum(), args)
    assert from_where == [(3, 2, 5)]
    y, zf = by_equation(*args, 0.1)
    for a, b in zip(found, torch.autograd.grad(y.sum() + zf.sum(), args), strict=True):
        torch.testing.assert_close(a, b)
    torch.library.opcheck(operator._op.overload, (*args, 0.1, False))
    torch.library.opcheck(operator._op.overload, (*args, 0.1, True))
    assert torch.autograd.gradgradcheck(lambda *a: operator(*a, 0.1), args)


def test_what_the_gradient_does_not_read_is_not_kept_alive():
    operator = define(
        "made_up_sum",
        {"x": 1, "c": 1},
        {"y": lambda x, _: (x.shape[-1:], x.dtype)},
        lambda x, c: x * 2 + c,
        Kernel(
            lambda _, inputs, outputs: outputs.y.copy_(inputs.x * 2 + inputs.c),
            lambda _, grads, inputs, saved, needs: [grads.y * 2, grads.y.sum(-1, keepdim=True)],
        ),
        saves={},
        adjoint=lambda _, grads, inputs, saved, needs: [grads.y * 2, grads.y.sum(-1, keepdim=True)],
    )
    x, c = torch.randn(3, 4, dtype=torch.float64, requires_grad=True), torch.randn(1, dtype=torch.float64)
    c.requires_grad_()
    y = operator(x, c)
    assert y.grad_fn.saved_tensors == ()
    to_x, to_c = torch.autograd.grad(y.sum(), (x, c))
    assert (to_x == 2).all()
    assert float(to_c) == 12.0
    assert torch.autograd.gradcheck(operator, (x, c), check_batched_grad=True)


def test_a_name_that_is_taken_is_refused_until_it_is_given_back():
    declare("made_up_twice", None)
    with pytest.raises(ValueError, match=r"'made_up_twice' is defined already; choose another name"):
        define("made_up_twice", {"x": 1}, {"y": lambda x: (x.shape[-1:], x.dtype)}, lambda x: 2 * x)
    assert (declare("made_up_other", None)(*given(), 0.1)[0]).isfinite().all()
    forget("made_up_twice")
    operator = define("made_up_twice", {"x": 1}, {"y": lambda x: (x.shape[-1:], x.dtype)}, lambda x: 2 * x)
    x = torch.ones(3, requires_grad=True)
    operator(x).sum().backward()
    assert (x.grad == 2).all()


def test_another_device_is_one_line():
    operator = declare("made_up_elsewhere", row_kernel(_forward, _backward))
    ran = []

    def elsewhere(batch_shape, inputs, outputs, gain):
        ran.append("meta")

    operator.register(device="meta", kernel=Kernel(elsewhere))
    y, _ = operator(*(t.to("meta") for t in given()), 0.1)
    assert y.device.type == "meta"
    assert ran == ["meta"]
    operator.register("cpu", Kernel(lambda _, inputs, outputs, gain: [o.fill_(7.0) for o in outputs]))
    assert (operator(*given(), 0.1)[0] == 7).all()


def test_states_that_have_decayed_are_set_to_zero():
    x = torch.tensor([1.0, *[0.0] * 99])
    y, zf = by_kernel(x, torch.tensor([0.3]), torch.zeros(1), 0.0)
    assert float(zf) == 0.0
    assert (np.abs(y.numpy()[y.numpy() != 0]) > 1e-30).all()


def test_complex_tensors_and_their_gradients():
    """By the equation alone: a real and a complex input, a setting that is a dtype, points that broadcast."""
    operator = define(
        "made_up_complex",
        {"z": 1, "level?": 1},
        {"y": lambda z, level, dtype: (z.shape[-1:], dtype)},
        lambda z, level, dtype: (z * z if level is None else z * z.exp() * level).to(dtype),
        settings={"dtype": torch.dtype},
    )
    z = torch.randn(2, 3, dtype=torch.complex128, requires_grad=True)
    level = torch.randn(4, 1, 1, dtype=torch.float64, requires_grad=True)

    def call(z, level):
        return operator(z, level, torch.complex128)

    torch.autograd.gradcheck(call, (z, level), check_forward_ad=True, check_batched_grad=True)
    torch.autograd.gradgradcheck(call, (z, level), check_fwd_over_rev=True)
    torch.autograd.gradgradcheck(lambda z: call(z, None), (z,), check_fwd_over_rev=True)
    assert operator(z, level, torch.complex64).dtype == torch.complex64
    found = torch.func.vmap(torch.func.grad(lambda z, level: call(z, level).abs().square().sum()), (0, None))(z, level)
    (expected,) = torch.autograd.grad(call(z, level).abs().square().sum(), z)
    torch.testing.assert_close(found, expected)
    torch.library.opcheck(operator._op.overload, (z, level, torch.complex128))


def test_lazy_conjugates_are_taken_in_the_first_run_of_a_compiled_graph():
    """There torch leaves out the key that resolves them."""

    def equation(x):
        X = torch.fft.fft(x)
        return (X * X.roll(1, -1).conj()).imag

    operator = define("made_up_conjugate", {"x": 1}, {"y": lambda x: (x.shape[-1:], x.dtype)}, equation)
    x = torch.randn(8)
    y = torch.compile(lambda x: operator(2 * x), fullgraph=True, backend="aot_eager")(x)
    torch.testing.assert_close(y, operator(2 * x))


@pytest.mark.slow
def test_running_and_differentiating_imports_neither_dynamo_nor_sympy():
    """Each takes about as long to import as a kernel to compile."""
    program = """
import sys
from tests.kernels.test_operator import by_kernel, given
y, zf = by_kernel(*given(), 0.1)
(y.sum() + zf.sum()).backward()
print(sorted({"torch._dynamo", "sympy"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
