"""All-pole recursions beside torchlpc and scipy: one row of the table for each case.

``CASES`` is a list of (name, make_ours, make_peer, target_ratio); the two ``make_*`` return callables of no argument
that do the same work on the same data. ``SAMPLES`` counts the samples of each case, for nanoseconds a sample.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from diffFx_pytorch.recursion.ops.allpole import allpole
from diffFx_pytorch.recursion.ops.lfilter import lfilter

T = 441_000


def coefficients(order: int) -> torch.Tensor:
    """Poles of radius 0.9 spread over the upper half circle, as float32."""
    poles = 0.9 * np.exp(1j * np.linspace(0.1, 2.5, order // 2))
    return torch.tensor(np.poly(np.r_[poles, poles.conj()]).real[1:], dtype=torch.float32)


def signal(batch: int, order: int, moving: bool, gradient: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """x (batch, T) and a (batch, N) or (batch, T, N)."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(batch, T, generator=generator)
    a = coefficients(order).repeat(batch, *([T] if moving else []), 1)
    return x.requires_grad_(gradient), a.requires_grad_(gradient)


def work(run: Callable[..., torch.Tensor], x: torch.Tensor, a: torch.Tensor) -> Callable[[], None]:
    """Forward, and backward to x and a where they ask for it."""
    if not x.requires_grad:
        return lambda: run(x, a)
    upstream = torch.ones_like(x)

    def both() -> None:
        torch.autograd.grad(run(x, a), (x, a), upstream)

    return both


def ours(batch: int, order: int, moving: bool, gradient: bool) -> Callable[[], None]:
    return work(allpole, *signal(batch, order, moving, gradient))


def torchlpc(batch: int, order: int, moving: bool, gradient: bool) -> Callable[[], None]:
    """Given the moving coefficients it asks for; constant ones as a stride-0 view."""
    from torchlpc import sample_wise_lpc

    def run(x: torch.Tensor, a: torch.Tensor) -> torch.Tensor:
        return sample_wise_lpc(x, a if moving else a.unsqueeze(1).expand(-1, x.shape[-1], -1))

    return work(run, *signal(batch, order, moving, gradient))


def scipy_lfilter(batch: int, order: int) -> Callable[[], None]:
    from scipy.signal import lfilter as peer

    x, a = signal(batch, order, False, False)
    b, full = np.ones(order + 1, np.float32), np.r_[1.0, a[0].numpy()].astype(np.float32)
    return lambda: peer(b, full, x.numpy(), axis=-1)


def our_lfilter(batch: int, order: int) -> Callable[[], None]:
    x, a = signal(batch, order, False, False)
    b, full = torch.ones(order + 1), torch.cat([torch.ones(1), a[0]])
    return lambda: lfilter(x, b, full)


def case(batch: int, order: int, moving: bool, gradient: bool, target: float) -> tuple:
    name = f"allpole {'moving' if moving else 'constant'} N={order} B={batch} {'fwd+bwd' if gradient else 'fwd'}"
    args = (batch, order, moving, gradient)
    return name, lambda: ours(*args), lambda: torchlpc(*args), target


CASES = [
    case(16, 2, False, False, 8.0),
    case(16, 2, False, True, 6.0),
    case(1, 2, False, False, 8.0),
    case(1, 2, False, True, 5.0),
    case(16, 2, True, False, 2.5),
    case(16, 2, True, True, 4.0),
    case(16, 4, True, False, 3.0),
    case(16, 4, True, True, 5.0),
    case(16, 16, True, False, 2.0),
    case(16, 16, True, True, 5.0),
    ("lfilter constant N=2 B=16 fwd", lambda: our_lfilter(16, 2), lambda: scipy_lfilter(16, 2), 1.0),
]

SAMPLES = {name: T * int(name.split("B=")[1].split()[0]) for name, *_ in CASES}
