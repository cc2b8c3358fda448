"""The attack/release smoother beside torchcomp's compressor_core: B = 16, T = 441000, float32."""

from __future__ import annotations

from collections.abc import Callable

import torch
from harness import Memory, Scaling, Speed, one_thread

from diffFx_pytorch.recursion import attack_release

B, T = 16, 441_000


def work(run: Callable[..., torch.Tensor], coefficients: tuple[float, float], gradient: bool) -> Callable[[], object]:
    """Forward, or forward and backward to level and coefficients."""
    x = torch.rand(B, T, generator=torch.Generator().manual_seed(0)).requires_grad_(gradient)
    attack, release = (torch.full((B,), c, requires_grad=gradient) for c in coefficients)
    zi = torch.ones(B)
    if not gradient:
        return lambda: run(x, attack, release, zi)
    upstream = torch.ones(B, T)
    return lambda: torch.autograd.grad(run(x, attack, release, zi), (x, attack, release), upstream)


def ours(gradient: bool) -> Callable[[], object]:
    return work(lambda *args: attack_release(*args), (0.95, 0.99), gradient)


def torchcomp(gradient: bool) -> Callable[[], object]:
    from torchcomp.core import compressor_core

    # torchcomp's coefficients are those of the new value: one minus ours. Its branch costs more the less a signal
    # lets it be foretold; with these it is at its usual speed.
    return work(lambda x, attack, release, zi: compressor_core(x, zi, attack, release), (0.05, 0.01), gradient)


def _beside_torchcomp(gradient: bool, target: float) -> Speed:
    name = f"smoother, B={B}, forward{' + backward' if gradient else ''}"
    return Speed(name, lambda: ours(gradient), lambda: torchcomp(gradient), "torchcomp", target, B * T)


def _two_threads(gradient: bool) -> Speed:
    name = f"smoother, B={B}, forward{' + backward' if gradient else ''}"
    peer = "ours, one thread"
    return Speed(name, lambda: ours(gradient), lambda: one_thread(ours(gradient)), peer, 1.7, B * T, threads=2)


SPEED = [_beside_torchcomp(False, 4.0), _beside_torchcomp(True, 3.0), _two_threads(False), _two_threads(True)]

MEMORY = [Memory("smoother, constant coefficients, forward + backward", lambda: ours(True), B * T * 4, 4.0)]


def _of_length(samples: int) -> Callable[[], object]:
    x = torch.rand(1, samples)
    return lambda: attack_release(x, 0.95, 0.99)


SCALING = [Scaling("smoother, one row, forward", _of_length)]
