"""The attack/release smoother against the loop on paper, and what dynamics processors rely on."""

import numpy as np
import pytest
import torch

from diffFx_pytorch.recursion import attack_release
from diffFx_pytorch.recursion.fallback.attack_release import attack_release_levels
from diffFx_pytorch.recursion.ops.attack_release import _attack_release
from tests.recursion.reference.attack_release import attack_release as reference

SHAPES = {  # x lead, attack, release; "T" stands for the number of samples
    "one row": ((), (), ()),
    "few rows": ((3,), (), (3,)),
    "twenty rows": ((20,), (20,), ()),
    "channels share": ((9, 2), (9, 1), (9, 1, "T")),
    "all move": ((18,), (18, "T"), (1, "T")),
    "coefficients have more rows": ((1,), (5,), (5, "T")),
}


pytestmark = pytest.mark.usefixtures("poisoned_memory")


def rand(*shape, dtype=torch.float64, seed=0):
    return torch.rand(shape, dtype=dtype, generator=torch.Generator().manual_seed(seed + sum(shape)))


def inputs(name, T, dtype):
    lead, attack, release = SHAPES[name]
    sized = [tuple(T if n == "T" else n for n in shape) for shape in (attack, release)]
    x = torch.randn((*lead, T), dtype=torch.float64, generator=torch.Generator().manual_seed(T)).abs()
    tensors = [x, rand(*sized[0], seed=1) * 0.9, 0.5 + rand(*sized[1], seed=2) * 0.5, rand(*lead, seed=3)]
    return [t.to(dtype).requires_grad_() for t in tensors]


def expected(x, a, r, zi):
    a, r = (c if c.ndim == x.ndim else c.unsqueeze(-1) for c in (a, r))
    return reference(x.double(), a.double(), r.double(), zi.double())


@pytest.mark.parametrize("T", [1, 7, 256, 600])
@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_output_state_and_each_gradient_match_the_loop(name, T, dtype):
    tensors = inputs(name, T, dtype)
    y, zf = attack_release(*tensors, return_zf=True)
    y_ref, zf_ref = expected(*tensors)
    assert y.dtype == dtype
    assert zf.dtype == torch.float64
    tol = 1e-12 if dtype == torch.float64 else 2e-6
    torch.testing.assert_close(y.double(), y_ref, rtol=tol, atol=tol)
    torch.testing.assert_close(zf, zf_ref, rtol=1e-12, atol=1e-12)
    weight = torch.randn(y.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(9)).to(dtype)
    grads = torch.autograd.grad((y * weight).sum() + zf.sum(), tensors)
    grads_ref = torch.autograd.grad((y_ref * weight).sum() + zf_ref.sum(), tensors)
    for label, grad, ref in zip(("x", "attack", "release", "zi"), grads, grads_ref, strict=True):
        assert grad.dtype == dtype
        error = (grad - ref).abs().max() / ref.abs().max().clamp(min=1e-3)
        assert error < (1e-10 if dtype == torch.float64 else 1e-4), label


@pytest.mark.parametrize("name", ["one row", "channels share", "all move"])
def test_plain_torch_path_matches_the_kernel(name):
    tensors = [t.detach() for t in inputs(name, 1500, torch.float64)]
    x, a, r, zi = tensors
    a, r = (c if c.ndim == x.ndim else c.unsqueeze(-1) for c in (a, r))
    y, zf = attack_release(*tensors, return_zf=True)
    torch.testing.assert_close(attack_release_levels(x, a, r, zi[..., None]), y)
    leaves = [t.requires_grad_() for t in (x, a, r, zi)]
    y, zf = attack_release(*leaves, return_zf=True)
    weight = torch.randn_like(y)
    ones = torch.ones(*y.shape[:-1], 1, dtype=torch.float64)
    grads = torch.autograd.grad((y * weight).sum() + zf.sum(), leaves)
    given = [t.detach() for t in (x, a, r, zi[..., None])]
    eager = _attack_release._backward_eager(weight, ones, *given, y.detach(), torch.zeros(0), [True] * 4)
    for grad, other in zip(grads, eager, strict=True):
        torch.testing.assert_close(grad.reshape(other.shape), other, rtol=1e-8, atol=1e-8)


def test_float32_keeps_its_state_in_float64():
    x = torch.rand(2, 200_000, generator=torch.Generator().manual_seed(0))
    slow = torch.tensor(0.999999, dtype=torch.float64)
    y = attack_release(x, slow, slow)
    ref = attack_release(x.double(), slow, slow)
    assert 20 * torch.log10((y - ref).norm() / ref.norm()) < -120


@pytest.mark.parametrize("rows", [1, 2, 16, 19])
def test_blocks_of_any_size_equal_the_whole(rows):
    x = rand(rows, 1000, dtype=torch.float32)
    whole, zf = attack_release(x, 0.1, 0.99, return_zf=True)
    state, parts = None, []
    for block in torch.split(x, [1, 1, 5, 255, 256, 257, 225], dim=-1):
        y, state = attack_release(block, 0.1, 0.99, state, return_zf=True)
        parts.append(y)
    assert torch.equal(torch.cat(parts, -1), whole)
    assert torch.equal(state, zf)


def test_constant_coefficients_given_as_moving_ones():
    x = rand(17, 700)
    a, r = rand(17, seed=4), rand(17, seed=5)
    time_varying = [c[:, None].expand(17, 700) for c in (a, r)]
    torch.testing.assert_close(attack_release(x, *time_varying), attack_release(x, a, r), rtol=1e-14, atol=1e-14)


def test_strided_input_is_read_right():
    x = rand(300, 20).T
    assert torch.equal(attack_release(x, 0.2, 0.8), attack_release(x.contiguous(), 0.2, 0.8))


def test_coefficient_zero_follows_and_one_holds():
    x = rand(18, 400)
    assert torch.equal(attack_release(x, 0.0, 0.0), x)
    assert torch.equal(attack_release(x, 1.0, 1.0, zi=torch.full((18,), 0.25, dtype=torch.float64)), x * 0 + 0.25)
    assert torch.equal(attack_release(x, 0.0, 1.0), torch.cummax(x, -1).values)


@pytest.mark.parametrize("attack", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("release", [0.0, 0.9, 1.0])
def test_silence_first_and_settled_levels_have_finite_gradients(attack, release):
    x = torch.cat([torch.zeros(50), torch.ones(50), torch.zeros(50)]).requires_grad_()
    a, r = (torch.tensor(c, requires_grad=True) for c in (attack, release))
    attack_release(x, a, r).sum().backward()
    for t in (x, a, r):
        assert torch.isfinite(t.grad).all()


def test_a_tie_takes_the_release_branch():
    x = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    attack_release(x, 0.25, 0.75).sum().backward()
    assert x.grad.item() == 0.25


def test_one_time_constant_reaches_one_minus_one_over_e():
    tau = 441
    c = float(np.exp(-1 / tau))
    assert abs(attack_release(torch.ones(tau, dtype=torch.float64), c, 0.0)[-1] - (1 - np.exp(-1))) < 1e-12


def test_nan_stays_in_its_row():
    x = rand(17, 300)
    x[3, 100] = float("nan")
    y = attack_release(x, 0.1, 0.9)
    assert torch.isnan(y[3, 100])
    keep = [i for i in range(17) if i != 3]
    assert torch.isfinite(y[keep]).all()


def test_decaying_tail_ends_in_true_zero():
    y = attack_release(torch.cat([torch.ones(1), torch.zeros(200_000)]), 0.0, 0.99)
    assert y[-1] == 0
    assert not ((y != 0) & (y.abs() < torch.finfo(torch.float32).tiny)).any()


@pytest.mark.parametrize("shape", [(0, 10), (3, 0), (0, 0), (0,)])
def test_empty(shape):
    x = torch.zeros(shape, requires_grad=True)
    a = torch.tensor(0.5, requires_grad=True)
    y, zf = attack_release(x, a, 0.9, zi=torch.ones(shape[:-1]), return_zf=True)
    assert y.shape == shape
    assert torch.equal(zf, torch.ones(shape[:-1], dtype=torch.float64))
    (y.sum() + zf.sum()).backward()
    assert a.grad == 0


def small():
    x = rand(2, 9).requires_grad_()
    a, r = (rand(2, seed=1) * 0.8).requires_grad_(), rand(1, 9, seed=2).requires_grad_()
    return x, a, r, rand(2, seed=3).requires_grad_()


def test_gradcheck_to_second_order_and_forward_mode():
    def both(x, a, r, zi):
        return attack_release(x, a, r, zi, return_zf=True)

    assert torch.autograd.gradcheck(both, small(), check_forward_ad=True)
    assert torch.autograd.gradgradcheck(both, small())


def test_opcheck():
    x, a, r, zi = small()
    torch.library.opcheck(_attack_release._op.overload, (x, a[:, None], r, zi[:, None], True))


def test_function_transforms():
    x, a, r, _ = (t.detach() for t in small())

    def loss(x, a):
        return attack_release(x, a, r[0]).square().sum()

    grads = torch.func.vmap(torch.func.grad(loss, argnums=(0, 1)))(x, a)
    for i in range(2):
        single = torch.func.grad(loss, argnums=(0, 1))(x[i], a[i])
        torch.testing.assert_close(grads[0][i], single[0])
        torch.testing.assert_close(grads[1][i], single[1])
    _, tangent = torch.func.jvp(loss, (x[0], a[0]), (torch.ones_like(x[0]), torch.ones_like(a[0])))
    torch.testing.assert_close(tangent, single_sum(torch.func.grad(loss, argnums=(0, 1))(x[0], a[0])))
    hessian = torch.func.hessian(lambda a: loss(x[0], a))(a[0])
    torch.testing.assert_close(hessian, torch.autograd.functional.hessian(lambda a: loss(x[0], a), a[0]))
    only_second = torch.func.vmap(lambda x, a: attack_release(x, a, 0.9), in_dims=(None, 0))(x, a)
    torch.testing.assert_close(only_second[1], attack_release(x, a[1], 0.9))


def single_sum(grads):
    return sum(g.sum() for g in grads)


@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
def test_compiles_whole(backend):
    x, a, r, _ = small()

    def both(x, a, r):
        return attack_release(x, a, r, return_zf=True)

    y, zf = torch.compile(both, fullgraph=True, backend=backend)(x, a, r)
    torch.testing.assert_close(y, attack_release(x, a, r))
    grads = torch.autograd.grad(y.sum() + zf.sum(), (x, a))
    y, zf = attack_release(x, a, r, return_zf=True)
    for grad, other in zip(grads, torch.autograd.grad(y.sum() + zf.sum(), (x, a)), strict=True):
        torch.testing.assert_close(grad, other)


@pytest.mark.parametrize("rows", [16, 30, 70])
def test_threads_and_rows_side_by_side_do_not_change_the_result(rows):
    x = rand(rows, 3000, dtype=torch.float32).requires_grad_()
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 4):
            torch.set_num_threads(threads)
            y = attack_release(x, 0.1, 0.99)
            results.append((y, *torch.autograd.grad(y.square().sum(), x)))
    finally:
        torch.set_num_threads(before)
    for one, four in zip(*results, strict=True):
        assert torch.equal(one, four)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((np.zeros(4), 0.1, 0.9), TypeError, "torch.Tensor"),
        ((torch.zeros(4, dtype=torch.int16), 0.1, 0.9), TypeError, "float32"),
        ((torch.zeros(()), 0.1, 0.9), ValueError, "time"),
        ((torch.zeros(4), np.zeros(4), 0.9), TypeError, "attack"),
        ((torch.zeros(4), "fast", 0.9), TypeError, "attack"),
        ((torch.zeros(4), 0.1, 1.5), ValueError, "release"),
        ((torch.zeros(4), torch.tensor(1), 0.9), TypeError, "attack"),
        ((torch.zeros(4, dtype=torch.float64), torch.tensor(0.1), 0.9), TypeError, "attack"),
        ((torch.zeros(2, 4), torch.zeros(2, 5), 0.9), ValueError, "attack"),
        ((torch.zeros(2, 4), torch.zeros(3), 0.9), ValueError, "broadcast"),
        ((torch.zeros(2, 4), torch.zeros(1, 2, 4), 0.9), ValueError, "attack"),
        ((torch.zeros(2, 4), 0.1, 0.9, torch.zeros(2, 1)), ValueError, "zi"),
        ((torch.zeros(2, 4), 0.1, 0.9, torch.zeros(3)), ValueError, "zi"),
    ],
)
def test_bad_input_is_refused_with_the_name_and_the_cure(arguments, error, words):
    with pytest.raises(error, match=words):
        attack_release(*arguments)
