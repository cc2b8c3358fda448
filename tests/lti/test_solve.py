"""The solve at every point: kernel and equation against the obvious loop, by name, in every shape."""

import pytest
import torch

from diffFx_pytorch.lti.ops import solve
from diffFx_pytorch.lti.ops.solve import solve_eagerly
from tests.lti import reference

TOLERANCE = {torch.complex64: 2e-5, torch.complex128: 1e-12}


pytestmark = pytest.mark.usefixtures("poisoned_memory")


def system(N, K, M, dtype, batch=(), spread=0.4):
    """Well-conditioned matrices (a unitary one and something small) and right-hand sides."""
    unitary = torch.linalg.qr(torch.randn(*batch, M, N, N, dtype=torch.complex128))[0]
    matrix = unitary + spread / N * torch.randn(*batch, M, N, N, dtype=torch.complex128)
    return matrix.movedim(-3, -1).to(dtype).contiguous(), torch.randn(*batch, N, K, M, dtype=dtype)


def error(got, expected):
    assert got.shape == expected.shape
    return ((got - expected).abs().max() / expected.abs().max()).item()


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
@pytest.mark.parametrize(("N", "K", "M"), [(1, 1, 1), (2, 3, 17), (5, 1, 40), (16, 2, 9), (4, 1, 1100)])
def test_matches_reference(N, K, M, dtype):
    given = [t.requires_grad_() for t in system(N, K, M, dtype)]
    wide = [t.detach().to(torch.complex128).requires_grad_() for t in given]
    x, x_true, grad = solve(*given), reference.solve(*wide), torch.randn(N, K, M, dtype=dtype)
    grads = torch.autograd.grad(x, given, grad)
    grads_true = torch.autograd.grad(x_true, wide, grad.to(torch.complex128))
    x_eager = solve_eagerly(*(t.detach() for t in given))
    names = ("x", "x by the equation", "grad matrix", "grad rhs")
    for name, a, b in zip(names, (x, x_eager, *grads), (x_true, x_true, *grads_true), strict=True):
        assert a.dtype == dtype
        assert error(a.detach(), b.detach()) < TOLERANCE[dtype], name


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_rows_are_exchanged_where_a_pivot_is_small_or_zero(dtype):
    """Permutations, and a tiny pivot at some points only: without exchange 0 / 0, or every digit lost."""
    N, M = 6, 50
    matrix, rhs = system(N, 2, M, dtype)
    matrix[..., 10:20] = torch.eye(N, dtype=dtype).roll(1, 0).unsqueeze(-1)
    matrix[0, 0, 20:] *= 1e-9
    matrix[:2, :2, 30:40] = torch.tensor([[1e-12, 1.0], [1.0, 1.0]], dtype=dtype).unsqueeze(-1)
    expected = reference.solve(matrix.to(torch.complex128), rhs.to(torch.complex128))
    found = (solve(matrix, rhs) - expected).abs().amax((0, 1)) / expected.abs().amax((0, 1))
    assert found.max() < 10 * TOLERANCE[dtype]


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_neither_overflows_nor_vanishes(scale):
    matrix, rhs = system(4, 1, 20, torch.complex64)
    assert error(solve(matrix * scale, rhs) * scale, solve(matrix, rhs)) < 1e-4


def test_a_singular_point_is_not_a_number_and_leaves_its_neighbours_alone():
    matrix, rhs = system(3, 1, 40, torch.complex128)
    expected = reference.solve(matrix, rhs)
    matrix[..., 7] = 0
    matrix[..., 8] = torch.nan
    for x in (solve(matrix, rhs), solve_eagerly(matrix, rhs)):
        bad = ~x.isfinite().all(0).all(0)
        assert bad.nonzero().flatten().tolist() == [7, 8]
        assert error(x[..., ~bad], expected[..., ~bad]) < 1e-12


def test_batch_dimensions_and_constant_points_broadcast():
    matrix, rhs = system(3, 2, 30, torch.complex128, (2, 1))
    for A, b in (
        (matrix, rhs[0]),
        (matrix[..., :1], rhs),
        (matrix, rhs[..., :1]),
        (matrix[0, 0], rhs.expand(2, 5, -1, -1, -1)),
    ):
        A, b = (t.clone().requires_grad_() for t in (A, b))
        x, x_eager = solve(A, b), solve_eagerly(A, b)
        assert error(x.detach(), x_eager.detach()) < 1e-12
        grad = torch.randn_like(x)
        for a, c in zip(torch.autograd.grad(x, (A, b), grad), torch.autograd.grad(x_eager, (A, b), grad), strict=True):
            assert error(a, c) < 1e-12


@pytest.mark.parametrize(("batch", "M"), [((0,), 5), ((), 0)])
def test_empty(batch, M):
    A = torch.ones(*batch, 2, 2, M, dtype=torch.complex64, requires_grad=True)
    b = torch.ones(*batch, 2, 1, M, dtype=torch.complex64, requires_grad=True)
    x = solve(A, b)
    assert x.shape == b.shape
    assert [g.shape for g in torch.autograd.grad(x.abs().sum(), (A, b))] == [A.shape, b.shape]


def test_derivatives():
    given = tuple(t.requires_grad_() for t in system(3, 1, 2, torch.complex128, (2,)))
    torch.autograd.gradcheck(solve, given, check_forward_ad=True, check_batched_grad=True)
    torch.autograd.gradgradcheck(solve, given)


def test_torch_library_and_transforms():
    matrix, rhs = system(3, 2, 20, torch.complex128, (4,))
    op = torch.ops.diffFx.lti_solve
    torch.library.opcheck(op, (matrix.clone().requires_grad_(), rhs.clone().requires_grad_()))
    torch.library.opcheck(torch.ops.diffFx.lti_solve_backward, (rhs, matrix, rhs, solve(matrix, rhs), [True, True]))
    expected = solve(matrix, rhs)
    assert torch.equal(torch.vmap(solve)(matrix, rhs), expected)
    assert torch.allclose(torch.vmap(solve, (0, None))(matrix, rhs[0]), solve(matrix, rhs[0]))

    def loss(A, b):
        return solve(A, b).abs().square().sum()

    per_item = torch.vmap(torch.func.grad(loss))(matrix, rhs)
    A = matrix.clone().requires_grad_()
    (whole,) = torch.autograd.grad(loss(A, rhs), A)
    assert error(per_item, whole) < 1e-12
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    A = matrix.clone().requires_grad_()
    assert error(torch.autograd.grad(compiled(A, rhs), A)[0], whole) < 1e-12


def test_threads_give_the_same():
    matrix, rhs = system(4, 1, 2000, torch.complex64)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = solve(matrix, rhs)
        torch.set_num_threads(3)
        assert torch.equal(solve(matrix, rhs), alone)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize(
    ("matrix", "rhs", "kind", "words"),
    [
        ((3, 3, 5), (4, 1, 5), ValueError, r"\(3, 3, 5\)"),
        ((3, 2, 5), (3, 1, 5), ValueError, "N, N, M"),
        ((3, 3, 5), (3, 1, 4), ValueError, "broadcast"),
        ((2, 3, 3, 5), (3, 3, 1, 5), ValueError, "batch"),
    ],
)
def test_shapes_that_do_not_fit(matrix, rhs, kind, words):
    with pytest.raises(kind, match=words):
        solve(torch.ones(matrix, dtype=torch.complex64), torch.ones(rhs, dtype=torch.complex64))


def test_real_tensors_are_refused():
    with pytest.raises(TypeError, match="complex64"):
        solve(torch.ones(2, 2, 3), torch.ones(2, 1, 3))
