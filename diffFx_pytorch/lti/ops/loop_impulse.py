"""The impulse response of a loop of whole delays and a matrix, computed in time, as an operator."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from diffFx_pytorch.kernels.operator import Kernel, define
from diffFx_pytorch.kernels.precision import where_float64_is
from diffFx_pytorch.kernels.rows import as_rows, batch_shape_of, indexed_rows
from diffFx_pytorch.kernels.threads import run_rows

_INPUTS = {"matrix": 2, "delays": 1, "b": 2, "c": 2}


def loop_impulse_eagerly(matrix: Tensor, delays: Tensor, b: Tensor, c: Tensor, samples: int) -> Tensor:
    """Responses (..., O, I, samples), in blocks of the shortest delay."""
    batch = batch_shape_of(*zip((matrix, delays, b, c), _INPUTS.values(), strict=True))
    N, inputs = b.shape[-2:]
    block = _shortest(delays, samples)
    A, m = matrix.unsqueeze(-3), delays.unsqueeze(-2).expand(*batch, inputs, N).unsqueeze(-1)
    x = b.mT.expand(*batch, inputs, N).unsqueeze(-1)
    while x.shape[-1] < samples:
        start = x.shape[-1]
        x = torch.cat([x, A @ _delayed(x, m, torch.arange(start, min(start + block, samples), device=x.device))], -1)
    s = _delayed(x, m, torch.arange(samples, device=x.device))
    return (c.unsqueeze(-3) @ s).transpose(-3, -2)


def _delayed(x: Tensor, delays: Tensor, times: Tensor) -> Tensor:
    """The outputs (..., T) of delays (..., 1) at the given times, 0 before the first sample of x."""
    t = times - delays
    return torch.where(t >= 0, x.gather(-1, t.clamp_min(0)), 0.0)


def _shortest(delays: Tensor, none: int) -> int:
    """The shortest delay; ``none`` where there are no delays."""
    least = int(delays.min()) if delays.numel() else none
    if least < 1:
        raise ValueError(f"a loop needs delays of at least 1 sample, got {least}")
    return least


def _forward(batch_shape: tuple[int, ...], inputs: Any, outputs: Any, samples: int) -> None:
    from ..cpu import loop_impulse as cpu

    _shortest(inputs.delays, samples)
    rows = (inputs.matrix.flatten(-2), 1), (inputs.delays, 1), (inputs.b, 2), (inputs.c, 2)
    read = (indexed_rows(t, core, batch_shape) for t, core in rows)
    count = math.prod(batch_shape) * inputs.b.shape[-1]
    run_rows(cpu.loop_rows, count, 1, *read, as_rows(outputs.x, 3), as_rows(outputs.h, 3))


def _backward(
    batch_shape: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any, samples: int
) -> list[Tensor | None]:
    from ..cpu import loop_impulse as cpu

    (N, columns), outputs = inputs.b.shape[-2:], inputs.c.shape[-2]
    count = math.prod(batch_shape) * columns
    to_matrix, to_b, to_c = (torch.empty(count, n, dtype=torch.float64) for n in (N * N, N, outputs * N))
    rows = (grads.h, 3), (inputs.matrix.flatten(-2), 1), (inputs.delays, 1), (inputs.c, 2)
    read = (indexed_rows(t, core, batch_shape) for t, core in rows)
    write = (as_rows(t) for t in (to_matrix, to_b, to_c))
    run_rows(cpu.loop_adjoint_rows, count, 1, *read, as_rows(saved.x, 3), *write)
    return [
        to_matrix.view(*batch_shape, columns, N, N).sum(-3),
        None,
        to_b.view(*batch_shape, columns, N).mT,
        to_c.view(*batch_shape, columns, outputs, N).sum(-3),
    ]


_loop_impulse = define(
    "lti_loop_impulse",
    _INPUTS,
    {"h": lambda matrix, delays, b, c, samples: ((c.shape[-2], b.shape[-1], samples), b.dtype)},
    loop_impulse_eagerly,
    Kernel(_forward, _backward, {"x": lambda matrix, delays, b, c, samples: ((*b.mT.shape[-2:], samples), b.dtype)}),
    settings={"samples": int},
    waits=True,
)


@where_float64_is
def loop_impulse(
    matrix: Tensor, delays: Tensor, b: Tensor, c: Tensor, samples: int, gains: Tensor | None = None
) -> Tensor:
    r"""Return the impulse response of a loop of whole delays and a constant matrix, by its own recursion in time.

    .. math:: h[t] = C s[t], \quad s_j[t] = g_j x_j[t - m_j], \quad x[t] = A s[t] + B \delta[t]

    No transform, hence no aliasing: the first ``samples`` of the response are exact, however long it rings. Its
    transform is that of ``closed_loop`` less what rings on after ``samples``, in a small part of the time of a solve at
    every frequency. The samples of a vector are computed together, or where the shortest delay is shorter, as many as
    that has.

    Args:
        matrix: A, (..., N, N), float32 or float64; gradient.
        delays: m, whole samples, (..., N), an integer type, at least 1.
        b: B, (..., N, I), of the matrix's type; gradient.
        c: C, (..., O, N); gradient.
        samples: length T.
        gains: g, (..., N), None for ones; gradient.

    Returns:
        h, (..., O, I, T). Batch dimensions broadcast.

    Raises:
        TypeError: tensors of other types.
        ValueError: shapes that do not fit, a delay below 1, or samples below 1.

    References:
        J.-M. Jot and A. Chaigne, "Digital delay networks for designing artificial reverberators", AES 90th Convention,
        1991, section 1.
    """
    if delays.is_floating_point() or delays.is_complex() or delays.dtype == torch.bool:
        raise TypeError(f"loop_impulse: delays must be whole numbers of an integer type, got {delays.dtype}")
    for name, t in (("matrix", matrix), ("b", b), ("c", c)):
        if t.dtype not in (torch.float32, torch.float64) or t.dtype != matrix.dtype:
            raise TypeError(f"loop_impulse: {name} must be float32 or float64 like the others, got {t.dtype}")
    N = matrix.shape[-1]
    if matrix.shape[-2:] != (N, N) or delays.shape[-1:] != (N,) or b.shape[-2:-1] != (N,) or c.shape[-1:] != (N,):
        raise ValueError(
            "loop_impulse: matrix must be (..., N, N), delays (..., N), b (..., N, I), c (..., O, N); got "
            f"{tuple(matrix.shape)}, {tuple(delays.shape)}, {tuple(b.shape)}, {tuple(c.shape)}"
        )
    if samples < 1:
        raise ValueError(f"loop_impulse: samples must be at least 1, got {samples}")
    if gains is not None:
        matrix, c = matrix * gains.unsqueeze(-2), c * gains.unsqueeze(-2)
    return _loop_impulse(matrix, delays.long(), b, c, samples)
