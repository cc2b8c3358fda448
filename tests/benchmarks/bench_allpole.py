"""All-pole recursions beside torchlpc and scipy, on the same data."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from harness import Memory, Scaling, Speed, one_thread

from diffFx_pytorch.recursion import allpole, lfilter

T = 441_000


def coefficients(order: int) -> torch.Tensor:
    """Poles of radius 0.9 spread over the upper half circle, as float32."""
    poles = 0.9 * np.exp(1j * np.linspace(0.1, 2.5, order // 2))
    return torch.tensor(np.poly(np.r_[poles, poles.conj()]).real[1:], dtype=torch.float32)


def signal(batch: int, order: int, time_varying: bool, gradient: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """x (batch, T) and a (batch, N) or (batch, T, N)."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(batch, T, generator=generator)
    a = coefficients(order).repeat(batch, *([T] if time_varying else []), 1)
    return x.requires_grad_(gradient), a.requires_grad_(gradient)


def work(run: Callable[..., torch.Tensor], x: torch.Tensor, a: torch.Tensor) -> Callable[[], None]:
    """Forward, and backward to x and a where they ask for it."""
    if not x.requires_grad:
        return lambda: run(x, a)
    upstream = torch.ones_like(x)

    def both() -> None:
        torch.autograd.grad(run(x, a), (x, a), upstream)

    return both


def ours(batch: int, order: int, time_varying: bool, gradient: bool) -> Callable[[], None]:
    return work(allpole, *signal(batch, order, time_varying, gradient))


def torchlpc(batch: int, order: int, time_varying: bool, gradient: bool) -> Callable[[], None]:
    """Given the time-varying coefficients it asks for; constant ones as a stride-0 view."""
    from torchlpc import sample_wise_lpc

    def run(x: torch.Tensor, a: torch.Tensor) -> torch.Tensor:
        return sample_wise_lpc(x, a if time_varying else a.unsqueeze(1).expand(-1, x.shape[-1], -1))

    return work(run, *signal(batch, order, time_varying, gradient))


def scipy_lfilter(batch: int, order: int) -> Callable[[], None]:
    from scipy.signal import lfilter as peer

    x, a = signal(batch, order, False, False)
    b, full = np.ones(order + 1, np.float32), np.r_[1.0, a[0].numpy()].astype(np.float32)
    return lambda: peer(b, full, x.numpy(), axis=-1)


def our_lfilter(batch: int, order: int) -> Callable[[], None]:
    x, a = signal(batch, order, False, False)
    b, full = torch.ones(order + 1), torch.cat([torch.ones(1), a[0]])
    return lambda: lfilter(x, b, full)


def speed(batch: int, order: int, time_varying: bool, gradient: bool, target: float | None, threads: int = 1) -> Speed:
    passes = "forward + backward" if gradient else "forward"
    name = f"allpole, {'time-varying' if time_varying else 'constant'}, N={order}, B={batch}, {passes}"
    args = (batch, order, time_varying, gradient)
    return Speed(name, lambda: ours(*args), lambda: torchlpc(*args), "torchlpc", target, batch * T, threads)


def two_threads(order: int, time_varying: bool, gradient: bool) -> Speed:
    args = (16, order, time_varying, gradient)
    name = speed(*args, None).name
    return Speed(name, lambda: ours(*args), lambda: one_thread(ours(*args)), "ours, one thread", 1.7, 16 * T, threads=2)


def _lfilter_ours() -> Callable[[], object]:
    return our_lfilter(16, 2)


def _lfilter_scipy() -> Callable[[], object]:
    return scipy_lfilter(16, 2)


SPEED = [
    speed(16, 2, False, False, 8.0),
    speed(16, 2, False, True, 6.0),
    speed(1, 2, False, False, 8.0),
    speed(1, 2, False, True, 5.0),
    speed(16, 2, True, False, 2.5),
    speed(16, 2, True, True, 4.0),
    speed(16, 4, True, False, 3.0),
    speed(16, 4, True, True, 5.0),
    speed(16, 16, True, False, 2.0),
    speed(16, 16, True, True, 5.0),
    Speed("lfilter, constant, N=2, B=16, forward", _lfilter_ours, _lfilter_scipy, "scipy lfilter", None, 16 * T),
    two_threads(2, False, False),
    two_threads(2, False, True),
    two_threads(4, True, False),
    two_threads(4, True, True),
]


def memory(order: int, time_varying: bool, limit: float) -> Memory:
    name = f"allpole, {'time-varying' if time_varying else 'constant'}, N={order}, forward + backward"
    return Memory(name, lambda: ours(16, order, time_varying, True), 16 * T * 4, limit)


MEMORY = [memory(2, False, 4.0), memory(16, False, 4.0), memory(2, True, 6.0), memory(16, True, 20.0)]


def _constant_of_length(samples: int) -> Callable[[], object]:
    x, a = torch.randn(1, samples), coefficients(2).unsqueeze(0)
    return lambda: allpole(x, a)


SCALING = [Scaling("allpole, constant, N=2, forward", _constant_of_length)]
