"""Closed loops, delays and sections at 48001 points beside what torch alone makes of them."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from harness import Memory, Speed

from diffFx_pytorch.lti.ops import closed_loop, delay_response, loop_impulse, sos_response

NFFT = 96_000
POINTS = NFFT // 2 + 1
Call = Callable[[], object]


def loop(N: int, dtype: torch.dtype) -> list[torch.Tensor]:
    """Delays (N, M), an orthogonal matrix and an input vector (N, 1, M)."""
    generator = torch.Generator().manual_seed(0)
    m = torch.randint(500, 2500, (N,), generator=generator)
    A = 0.999 * torch.linalg.qr(torch.randn(N, N, generator=generator, dtype=torch.float64))[0]
    real = torch.float32 if dtype == torch.complex64 else torch.float64
    b = torch.randn(N, 1, POINTS, generator=generator, dtype=dtype)
    return [delay_response(m, NFFT, dtype=dtype), A.to(real), b]


def dense(D: torch.Tensor, A: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """The same by torch.linalg.solve, matrices (M, N, N)."""
    S = torch.eye(len(A), dtype=D.dtype) - D.T.unsqueeze(-1) * A
    return torch.linalg.solve(S, b.movedim(-1, 0))


def ours(D: torch.Tensor, A: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return closed_loop(D, A, None, b)


def work(solve: Callable[..., torch.Tensor], N: int, dtype: torch.dtype, gradient: bool) -> Call:
    D, A, b = loop(N, dtype)
    if not gradient:
        return lambda: solve(D, A, b)
    A, b = A.requires_grad_(), b.requires_grad_()
    grad = torch.ones_like(solve(D, A, b))
    return lambda: torch.autograd.grad(solve(D, A, b), (A, b), grad)


def speed(N: int, dtype: torch.dtype, gradient: bool, target: float) -> Speed:
    passes = "forward + backward" if gradient else "forward"
    name = f"closed loop, N={N}, {str(dtype).removeprefix('torch.')}, {passes}"
    make = (N, dtype, gradient)
    return Speed(name, lambda: work(ours, *make), lambda: work(dense, *make), "torch.linalg.solve", target, N * POINTS)


def sections(fast: bool) -> Call:
    """Ten sections in each of sixteen lines, forward and backward."""
    sos = torch.randn(16, 10, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 0.1
    sos[..., [0, 3]] += 1.0
    sos.requires_grad_()
    angle = torch.arange(POINTS, dtype=torch.float64) * (-2 * math.pi / NFFT)
    w = torch.polar(torch.ones_like(angle), angle)

    def plain() -> torch.Tensor:
        s = sos.unsqueeze(-1)
        b = s[..., 0, :] + w * (s[..., 1, :] + w * s[..., 2, :])
        a = s[..., 3, :] + w * (s[..., 4, :] + w * s[..., 5, :])
        return (b / a).prod(-2)

    run = (lambda: sos_response(sos, NFFT, dtype=torch.complex128)) if fast else plain
    grad = torch.ones(16, POINTS, dtype=torch.complex128)
    return lambda: torch.autograd.grad(run(), sos, grad)


def impulse(N: int) -> Call:
    """Impulse response of the loop in time, forward and backward."""
    _, A, b = loop(N, torch.complex64)
    m = torch.randint(500, 2500, (N,), generator=torch.Generator().manual_seed(0))
    A, b, c = A.requires_grad_(), b[..., 0].real.clone().requires_grad_(), b[..., 1].real.mT.clone().requires_grad_()
    grad = torch.ones(1, 1, NFFT)
    return lambda: torch.autograd.grad(loop_impulse(A, m, b, c, NFFT), (A, b, c), grad)


def _impulse_row(N: int) -> Speed:
    peer = (dense, N, torch.complex64, True)
    return Speed(
        f"loop in time, N={N}, forward + backward",
        lambda: impulse(N),
        lambda: work(*peer),
        "torch.linalg.solve",
        None,
        N * POINTS,
    )


SPEED = [
    speed(6, torch.complex64, False, 8.0),
    speed(8, torch.complex64, False, 4.0),
    speed(16, torch.complex64, False, 7.0),
    speed(6, torch.complex64, True, 8.0),
    speed(16, torch.complex64, True, 7.0),
    speed(16, torch.complex128, True, 7.0),
    Speed(
        "sections, 16 x 10, forward + backward",
        lambda: sections(True),
        lambda: sections(False),
        "plain torch",
        10.0,
        16 * POINTS,
    ),
    _impulse_row(6),
    _impulse_row(16),
]

# Forward and backward hold y, its gradient and z beside the inputs, never a matrix a point (16 times as much each).
MEMORY = [
    Memory(
        "closed loop, N=16, complex64, forward + backward",
        lambda: work(ours, 16, torch.complex64, True),
        16 * POINTS * 8,
        5.0,
    )
]
