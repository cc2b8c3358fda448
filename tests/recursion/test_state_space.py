"""State space against scipy, against the loop, and diagonal against dense."""

import numpy as np
import pytest
import torch
from scipy import signal

from diffFx_pytorch.recursion import linear_recursion, state_space
from diffFx_pytorch.recursion.ops.state_space import _state_space
from tests.kernels.operator_contract import check_operator


def noise(*shape):
    return torch.from_numpy(np.random.default_rng(sum(shape)).standard_normal(shape))


def loop(u, A, zi):
    s, states = zi, []
    for t in range(u.shape[-2]):
        matrix = A[..., t, :, :] if A.dim() > 2 and A.shape[-3] == u.shape[-2] else A
        s = (matrix @ s.unsqueeze(-1)).squeeze(-1) + u[..., t, :]
        states.append(s)
    return torch.stack(states, -2)


@pytest.mark.slow
@pytest.mark.parametrize("moves", [False, True])
def test_the_operator(moves):
    u, A, zi = noise(2, 5, 3), 0.4 * noise(5 if moves else 1, 3, 3), noise(3)
    check_operator(_state_space, u, A, zi)


@pytest.mark.parametrize("order", [1, 2, 3, 8, 11])
@pytest.mark.parametrize("moves", [False, True])
def test_it_is_the_loop(moves, order):
    u, A, zi = noise(2, 40, order), noise(40, order, order) / order, noise(2, order)
    A = A if moves else A[0]
    s, zf = linear_recursion(u, A, zi, return_zf=True, time_varying=moves)
    torch.testing.assert_close(s, loop(u, A, zi))
    torch.testing.assert_close(zf, s[:, -1])
    head, state = linear_recursion(u[:, :7], A[:7] if moves else A, zi, return_zf=True, time_varying=moves)
    tail = linear_recursion(u[:, 7:], A[7:] if moves else A, state, time_varying=moves)
    assert torch.equal(torch.cat((head, tail), 1), s)
    single = linear_recursion(u.float(), A, zi, time_varying=moves)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), s, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("moves", [False, True])
def test_a_diagonal_is_a_dense_matrix(moves):
    u, a, zi = noise(2, 30, 4), torch.tanh(noise(30, 4)), noise(2, 4)
    a = a if moves else a[0]
    found = linear_recursion(u, a, zi, return_zf=True, diagonal=True, time_varying=moves)
    dense = linear_recursion(u, torch.diag_embed(a), zi, return_zf=True, time_varying=moves)
    for f, d in zip(found, dense, strict=True):
        torch.testing.assert_close(f, d)
    z = torch.polar(torch.tensor([0.9, 0.5]), torch.tensor([0.3, 2.0])).to(torch.complex128)
    modes = linear_recursion(torch.complex(u, -u)[..., :2], z, diagonal=True)
    torch.testing.assert_close(modes[:, 1], modes[:, 0] * z + torch.complex(u, -u)[:, 1, :2])


def test_systems_are_scipys():
    A, B, C, D = (m.numpy() for m in (noise(4, 4) / 4, noise(4, 2), noise(3, 4), noise(3, 2)))
    x, zi = noise(25, 2), noise(4)
    _, y, states = signal.dlsim((A, B, C, D, 1), x.numpy(), x0=zi.numpy())
    found, zf = state_space(x, *map(torch.from_numpy, (A, B, C, D)), zi, return_zf=True)
    np.testing.assert_allclose(found, y, atol=1e-12)
    np.testing.assert_allclose(zf, A @ states[-1] + B @ x[-1].numpy(), atol=1e-12)
    y, zf = state_space(x[:0], *map(torch.from_numpy, (A, B, C, D)), zi, return_zf=True)
    assert y.shape == (0, 3)
    assert torch.equal(zf, zi)


def test_gradients_of_a_moving_system():
    A, B, C = noise(1, 6, 3, 3) / 4, noise(3, 2), noise(2, 6, 1, 3)
    leaves = [t.requires_grad_() for t in (noise(2, 6, 2), A, B, C, noise(1, 2), noise(3))]
    assert torch.autograd.gradcheck(lambda *v: state_space(*v), leaves)


def test_refusals_say_what_fits():
    A, x = torch.eye(2), torch.zeros(5, 1)
    with pytest.raises(ValueError, match=r"B has shape \(2, 3\); .* must be 2, 1"):
        state_space(x, A, torch.zeros(2, 3), torch.zeros(1, 2))
    with pytest.raises(ValueError, match=r"A must be \(\.\.\., 1, 1\)"):
        linear_recursion(x, A)
    with pytest.raises(ValueError, match=r"use u.unsqueeze"):
        linear_recursion(x[:, 0], A)
