"""The closed loop at every point: kernel and equation against the obvious loop, by name, in every shape."""

import itertools

import pytest
import torch

from diffFx_pytorch.lti.ops import closed_loop, delay_response, solve
from diffFx_pytorch.lti.ops.closed_loop import closed_loop_eagerly
from tests.lti import reference

TOLERANCE = {torch.complex64: 5e-5, torch.complex128: 1e-11}
NAMES = ("y", "grad left", "grad matrix", "grad right", "grad rhs")


pytestmark = pytest.mark.usefixtures("poisoned_memory")


def system(N, K, M, dtype, batch=(), complex_matrix=False, gain=0.8):
    """Delays on both sides of a scaled unitary matrix, and right-hand sides."""
    kind = torch.complex128 if complex_matrix else torch.float64
    matrix = gain * torch.linalg.qr(torch.randn(*batch, N, N, dtype=kind))[0]
    left, right = (
        delay_response(torch.randint(1, 500, (*batch, N)), 2 * M, 3.0, torch.complex128)[..., :M] for _ in range(2)
    )
    rhs = torch.randn(*batch, N, K, M, dtype=dtype)
    return [left.to(dtype), matrix.to(dtype if complex_matrix else dtype.to_real()), right.to(dtype), rhs]


def widened(t):
    return t.detach().to(torch.complex128 if t.is_complex() else torch.float64).requires_grad_()


def error(got, expected):
    assert got.shape == expected.shape
    return ((got - expected).abs().max() / expected.abs().max().clamp_min(1e-9)).item()


def gradients(function, given, grad):
    """The solution and all gradients, None where an input is."""
    y = function(*given)
    present = [t for t in given if t is not None]
    found = iter(torch.autograd.grad(y, present, grad))
    return [y.detach(), *(None if t is None else next(found) for t in given)]


@pytest.mark.parametrize("complex_matrix", [False, True])
@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
@pytest.mark.parametrize(("N", "K", "M"), [(1, 1, 1), (3, 2, 21), (16, 1, 20), (4, 1, 1100)])
def test_matches_reference(N, K, M, dtype, complex_matrix):
    given = [t.requires_grad_() for t in system(N, K, M, dtype, complex_matrix=complex_matrix)]
    grad = torch.randn(N, K, M, dtype=dtype)
    got = gradients(closed_loop, given, grad)
    expected = gradients(reference.closed_loop, [widened(t) for t in given], grad.to(torch.complex128))
    for name, a, b, like in zip(NAMES, got, expected, (given[3], *given), strict=True):
        assert a.dtype == like.dtype, name
        assert error(a, b) < TOLERANCE[dtype], name
    for name, a, b in zip(NAMES, gradients(closed_loop_eagerly, given, grad), expected, strict=True):
        assert error(a, b) < TOLERANCE[dtype], f"{name} by the equation"


@pytest.mark.parametrize("complex_matrix", [False, True])
@pytest.mark.parametrize(("has_left", "has_right"), [(True, False), (False, True), (False, False)])
def test_absent_diagonals_are_ones(has_left, has_right, complex_matrix):
    left, matrix, right, rhs = system(5, 2, 19, torch.complex128, complex_matrix=complex_matrix)
    given = [left if has_left else None, matrix, right if has_right else None, rhs]
    ones = torch.ones_like(left)
    full = [left if has_left else ones, matrix, right if has_right else ones, rhs]
    given, full = ([None if t is None else t.clone().requires_grad_() for t in ts] for ts in (given, full))
    grad = torch.randn_like(rhs)
    found, expected = gradients(closed_loop, given, grad), gradients(closed_loop, full, grad)
    for name, a, b in zip(NAMES, found, expected, strict=True):
        assert a is None or error(a, b) < 1e-12, name


BATCHES = [
    ((2,), (2,), (2,), (2,)),
    ((), (2,), (), ()),
    ((2, 1), (3,), (), (2, 3)),
    ((), (), (), (4,)),
    ((3, 1), (), (1,), (3, 5)),
]


@pytest.mark.parametrize("batches", BATCHES)
def test_batch_dimensions_broadcast(batches):
    """The last two have dimensions of the right-hand side alone, which become columns."""
    parts = [system(3, 2, 11, torch.complex128, batch)[k] for k, batch in enumerate(batches)]
    parts = [t.requires_grad_() for t in parts]
    left, matrix, right, rhs = parts
    S = torch.eye(3).unsqueeze(-1) - left.unsqueeze(-2) * matrix.unsqueeze(-1) * right.unsqueeze(-3)
    expected = solve(S, rhs)
    y = closed_loop(*parts)
    assert error(y.detach(), expected.detach()) < 1e-12
    grad = torch.randn_like(y)
    for name, a, b in zip(
        NAMES[1:], torch.autograd.grad(y, parts, grad), torch.autograd.grad(expected, parts, grad), strict=True
    ):
        assert error(a, b) < 1e-12, name


@pytest.mark.parametrize("constant", [(0,), (3,), (0, 2), (0, 2, 3)])
def test_what_does_not_depend_on_frequency_has_one_point(constant):
    given = system(3, 2, 700, torch.complex128)
    given = [t[..., :1] if k in constant else t for k, t in enumerate(given)]
    points = 1 if set(constant) == {0, 2, 3} else 700
    wide = [t.expand(*t.shape[:-1], points) if k != 1 else t for k, t in enumerate(given)]
    grad = torch.randn(3, 2, points, dtype=torch.complex128)
    given = [t.clone().requires_grad_() for t in given]
    got = gradients(closed_loop, given, grad)
    expected = gradients(closed_loop, [t.clone().requires_grad_() for t in wide], grad)
    for name, a, b, like in zip(NAMES, got, expected, (grad, *given), strict=True):
        assert error(a, b.sum_to_size(like.shape)) < 1e-12, name


def test_float32_follows_float64_through_a_nearly_lossless_loop_of_long_delays():
    """The matrix's gradient is a sum over 48001 points of either sign."""
    N, nfft = 6, 96000
    m = torch.tensor([887, 911, 941, 1699, 1951, 2053]) * 40
    matrix = 0.9999 * torch.linalg.qr(torch.randn(N, N, dtype=torch.float64))[0]
    rhs = torch.randn(N, 1, 1, dtype=torch.complex128)
    results = []
    for real in (torch.float32, torch.float64):
        dtype = torch.complex64 if real == torch.float32 else torch.complex128
        A = matrix.to(real).requires_grad_()
        y = closed_loop(delay_response(m, nfft, 30.0, dtype), A, None, rhs.to(dtype))
        results.append((y.detach(), torch.autograd.grad(y.abs().square().mean(), A)[0]))
    for a, b in zip(*results, strict=True):
        assert (a - b).norm() / b.norm() < 1e-5


def test_a_pole_is_not_finite_and_leaves_its_neighbours_alone():
    angle = ((torch.arange(40) - 20) / 20).double().repeat(2, 1)
    left = torch.polar(torch.ones_like(angle), angle)
    matrix = torch.eye(2, dtype=torch.float64)  # poles where left is 1: at point 20
    y = closed_loop(left, matrix, None, torch.ones(2, 1, 1, dtype=torch.complex128))
    assert (~y.isfinite()).all(0).all(0).nonzero().flatten().tolist() == [20]
    others = torch.arange(40) != 20
    assert error(y[:, 0, others], 1 / (1 - left[:, others])) < 1e-13


@pytest.mark.parametrize(("batch", "M"), [((0,), 5), ((), 0), ((2,), 0)])
def test_empty(batch, M):
    given = [torch.ones(*batch, 2, M, dtype=torch.complex64), torch.ones(*batch, 2, 2), None]
    given += [torch.ones(*batch, 2, 1, M, dtype=torch.complex64)]
    given = [None if t is None else t.requires_grad_() for t in given]
    y = closed_loop(*given)
    assert y.shape == given[3].shape
    grads = gradients(closed_loop, given, torch.ones_like(y))[1:]
    assert [g.shape for g in grads if g is not None] == [t.shape for t in given if t is not None]
    assert not grads[1].any()


@pytest.mark.slow
@pytest.mark.parametrize("complex_matrix", [False, True])
def test_derivatives(complex_matrix):
    given = system(2, 2, 2, torch.complex128, (), complex_matrix)
    for absent in ((), (0,), (2,)):
        present = tuple(t.requires_grad_() for k, t in enumerate(given) if k not in absent)

        def loop(*tensors, absent=absent):
            rest = iter(tensors)
            return closed_loop(*(None if k in absent else next(rest) for k in range(4)))

        torch.autograd.gradcheck(loop, present, check_forward_ad=True, check_batched_grad=not absent)
        torch.autograd.gradgradcheck(loop, present)


@pytest.mark.parametrize("needs", list(itertools.product([False, True], repeat=4))[1:])
def test_any_choice_of_gradients(needs):
    given = system(3, 1, 20, torch.complex128)
    grad = torch.randn_like(given[3])
    expected = gradients(closed_loop, [t.clone().requires_grad_() for t in given], grad)[1:]
    given = [t.clone().requires_grad_(n) for t, n in zip(given, needs, strict=True)]
    y = closed_loop(*given)
    found = torch.autograd.grad(y, [t for t in given if t.requires_grad], grad)
    for a, b in zip(found, [e for e, n in zip(expected, needs, strict=True) if n], strict=True):
        assert torch.equal(a, b)


def test_torch_library_and_transforms():
    given = system(3, 2, 20, torch.complex128, (4,))
    left, matrix, right, rhs = given
    op = torch.ops.diffFx.lti_closed_loop
    torch.library.opcheck(op, [t.clone().requires_grad_() for t in given])
    torch.library.opcheck(op, (None, matrix.clone().requires_grad_(), right, rhs))
    torch.library.opcheck(torch.ops.diffFx.lti_closed_loop_backward, (rhs, *given, rhs, [True, False, True, True]))
    expected = closed_loop(*given)
    assert torch.equal(torch.vmap(closed_loop)(*given), expected)
    one_loop = torch.vmap(closed_loop, (None, None, None, 0))(left[0], matrix[0], right[0], rhs)
    assert torch.equal(one_loop, closed_loop(left[0], matrix[0], right[0], rhs))

    def loss(A, left, right, b):
        return closed_loop(left, A, right, b).abs().square().sum()

    per_item = torch.vmap(torch.func.grad(loss))(matrix, left, right, rhs)
    A = matrix.clone().requires_grad_()
    (whole,) = torch.autograd.grad(loss(A, left, right, rhs), A)
    assert error(per_item, whole) < 1e-12
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    A = matrix.clone().requires_grad_()
    assert error(torch.autograd.grad(compiled(A, left, right, rhs), A)[0], whole) < 1e-12


def test_threads_and_layout_give_the_same():
    left, matrix, right, rhs = system(4, 2, 2000, torch.complex64)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = closed_loop(left, matrix, right, rhs)
        torch.set_num_threads(3)
        assert torch.equal(closed_loop(left, matrix, right, rhs), alone)
    finally:
        torch.set_num_threads(threads)
    turned = (left.T.contiguous().T, matrix.T.contiguous().T, right.conj().clone().conj(), rhs.mT.contiguous().mT)
    assert torch.equal(closed_loop(*turned), alone)


def test_what_does_not_fit_is_refused():
    left, matrix, right, rhs = system(3, 1, 8, torch.complex64)
    with pytest.raises(ValueError, match=r"left \(4, 8\)"):
        closed_loop(left[[0, 0, 1, 2]], matrix, right, rhs)
    with pytest.raises(ValueError, match=r"matrix \(3, 2\)"):
        closed_loop(left, matrix[:, :2], right, rhs)
    with pytest.raises(ValueError, match="points"):
        closed_loop(left, matrix, right[:, :5], rhs)
    with pytest.raises(ValueError, match="batch"):
        closed_loop(left.expand(2, 3, 8), matrix.expand(5, 3, 3), right, rhs)
    with pytest.raises(TypeError, match="rhs must be complex"):
        closed_loop(left, matrix, right, rhs.real)
