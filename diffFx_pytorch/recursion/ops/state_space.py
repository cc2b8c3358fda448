"""Linear state space: a recursion of vectors with matrices, constant or time-varying."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from diffFx_pytorch.kernels import define, row_kernel
from diffFx_pytorch.kernels.cuda import triton_kernel
from diffFx_pytorch.kernels.precision import where_float64_is

from ..checks import broadcast_batch, check_signal, coefficients, initial_state
from ..cpu.state_space import backward, forward
from .allpole import all_pole


def _equation(u: Tensor, A: Tensor, zi: Tensor) -> tuple[Tensor, Tensor]:
    """Doubling: after n rounds each state knows the 2^n inputs before it."""
    u, A, samples = u.to(zi.dtype), A.to(zi.dtype), u.shape[-2]
    if samples == 0:
        return u + zi[..., None, :], zi + 0 * A.sum((-3, -2)) + 0 * u.sum(-2)
    first = (A[..., 0, :, :] @ zi.unsqueeze(-1)).squeeze(-1)
    s = torch.cat([u[..., :1, :] + first[..., None, :], (u[..., 1:, :] + 0 * first[..., None, :])], -2)
    A = A if A.shape[-3] == 1 else A.expand(*A.shape[:-3], samples, *A.shape[-2:])
    reach = 1
    while reach < samples:
        late = A if A.shape[-3] == 1 else A[..., reach:, :, :]
        s = torch.cat([s[..., :reach, :], s[..., reach:, :] + _apply(late, s[..., :-reach, :])], -2)
        A = A @ A if A.shape[-3] == 1 else torch.cat([A[..., :reach, :, :], late @ A[..., :-reach, :, :]], -3)
        reach *= 2
    return s, s[..., -1, :]


def _apply(matrices: Tensor, vectors: Tensor) -> Tensor:
    return (matrices @ vectors.unsqueeze(-1)).squeeze(-1)


_state_space = define(
    "state_space",
    inputs={"u": 2, "A": 3, "zi": 1},
    outputs={"s": lambda u, A, zi: (u.shape[-2:], u.dtype), "zf": lambda u, A, zi: (zi.shape[-1:], zi.dtype)},
    equation=_equation,
    kernel=row_kernel(forward, backward),
    saves={"u": (), "A": (), "zi": (), "s": ()},
)
_state_space.register(device="cuda", kernel=triton_kernel("diffFx_pytorch.recursion.cuda.state_space"))


@where_float64_is
def linear_recursion(
    u: Tensor,
    A: Tensor,
    zi: Tensor | None = None,
    return_zf: bool = False,
    *,
    diagonal: bool = False,
    time_varying: bool | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    r"""The recursion of a vector.

    .. math:: s[t] = A[t]\, s[t-1] + u[t]

    Differentiable to any order in all three, in forward mode too. Computed in float64 whatever u is; made for small
    matrices (to about 8 x 8, larger ones work).

    Args:
        u: (..., T, N) float32 or float64; with ``diagonal`` complex too.
        A: (..., N, N) constant or (..., T, N, N) time-varying, in u's dtype or float64. With ``diagonal`` only the
            diagonal, (..., N) or (..., T, N): N first-order recursions, which cost less.
        zi: (..., N) the state before the first sample; None is 0.
        return_zf: also return the last state, to go on from.
        diagonal: whether A is given by its diagonal.
        time_varying: None takes A as time-varying where it has one axis more than u (as many, with ``diagonal``), and
            as constant where it has fewer; True or False overrides that.

    Returns:
        s (..., T, N) in u's dtype and, if asked for, zf (..., N) in float64 (complex128).

    Raises:
        TypeError: no tensors, integers, or dtypes that do not go together.
        ValueError: shapes that do not go together.

    Examples:
        >>> linear_recursion(torch.ones(3, 2), torch.tensor([[0.0, -1.0], [1.0, 0.0]]))
        tensor([[1., 1.],
                [0., 2.],
                [-1., 1.]])
    """
    check_signal("linear_recursion", u, allow_complex=diagonal)
    if u.dim() < 2:
        raise ValueError(f"linear_recursion: u must be (..., T, N), got {tuple(u.shape)}: use u.unsqueeze(-1).")
    size = u.shape[-1]
    core = f"{size}" if diagonal else f"{size}, {size}"
    matrices = coefficients("linear_recursion", "A", A, u[..., 0], core, time_varying)
    start = initial_state("linear_recursion", zi, u[..., 0], (size,), "(..., N)")
    broadcast_batch("linear_recursion", u=(u, 2), A=(matrices, 2 if diagonal else 3), zi=(start, 1))
    if diagonal:
        s, zf = all_pole(u.mT, -matrices.mT.unsqueeze(-1), start.unsqueeze(-1))
        s, zf = s.mT, zf.squeeze(-1)
    else:
        s, zf = _state_space(u, matrices, start)
    return (s, zf) if return_zf else s


@where_float64_is
def state_space(
    x: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    zi: Tensor | None = None,
    return_zf: bool = False,
    *,
    time_varying: bool | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    r"""A linear system of I inputs, O outputs and N states, as ``scipy.signal.dlsim`` simulates it.

    .. math:: y[t] = C s[t] + D x[t], \quad s[t+1] = A s[t] + B x[t]

    Args:
        x: (..., T, I) float32 or float64.
        A: (..., N, N) constant or (..., T, N, N) time-varying, each in x's dtype or float64; A[t] and B[t] lead from
            s[t] to s[t+1].
        B: (..., N, I) or (..., T, N, I).
        C: (..., O, N) or (..., T, O, N).
        D: (..., O, I) or (..., T, O, I); None is 0.
        zi: (..., N) s[0]; None is 0.
        return_zf: also return s[T], to go on from.
        time_varying: None decides for each matrix: time-varying where it has one axis more than x; True or False
            overrides that for all.

    Returns:
        y (..., T, O) in x's dtype and, if asked for, the state (..., N) in float64.

    Raises:
        TypeError: no tensors, integers, or dtypes that do not go together.
        ValueError: shapes that do not go together.
    """
    check_signal("state_space", x)
    if x.dim() < 2:
        raise ValueError(f"state_space: x must be (..., T, I), got {tuple(x.shape)}: use x.unsqueeze(-1).")
    given: dict[str, Any] = {"A": A, "B": B, "C": C, **({} if D is None else {"D": D})}
    m = {
        name: coefficients("state_space", name, v, x[..., 0], "rows, columns", time_varying)
        for name, v in given.items()
    }
    size, wide = m["A"].shape[-1], x.double()
    legal = {
        "A": (size, size),
        "B": (size, x.shape[-1]),
        "C": (m["C"].shape[-2], size),
        "D": (m["C"].shape[-2], x.shape[-1]),
    }
    for name, value in m.items():
        if tuple(value.shape[-2:]) != legal[name]:
            raise ValueError(
                f"state_space: {name} has shape {tuple(given[name].shape)}; with A {tuple(A.shape)}, C "
                f"{tuple(C.shape)} and x {tuple(x.shape)} its last two axes must be {legal[name][0]}, {legal[name][1]}."
            )
    start = initial_state("state_space", zi, x[..., 0], (size,), "(..., N)")
    broadcast_batch("state_space", x=(x, 2), zi=(start, 1), **{name: (v, 3) for name, v in m.items()})
    after, zf = _state_space(_apply(m["B"].double(), wide), m["A"].double(), start)
    first = start.unsqueeze(-2)
    if x.shape[-2]:
        first = first.expand(*after.shape[:-2], 1, size)
    states = torch.cat((first, after), -2)[..., :-1, :] if x.shape[-2] else after
    y = _apply(m["C"].double(), states)
    if D is not None:
        y = y + _apply(m["D"].double(), wide)
    y = y.to(x.dtype)
    return (y, zf) if return_zf else y
