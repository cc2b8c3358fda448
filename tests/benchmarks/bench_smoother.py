"""The attack/release smoother beside torchcomp's compressor_core: B = 16, T = 441000, float32, one thread."""

import torch

from diffFx_pytorch.recursion import attack_release

B, T = 16, 441_000
SAMPLES = B * T


def signal():
    return torch.rand(B, T, generator=torch.Generator().manual_seed(0))


def make_ours(backward):
    x = signal().requires_grad_(backward)
    attack, release = (torch.full((B,), c, requires_grad=backward) for c in (0.95, 0.99))
    zi = torch.ones(B)
    grad = torch.ones(B, T)

    def forward():
        with torch.no_grad():
            attack_release(x, attack, release, zi)

    def both():
        x.grad = attack.grad = release.grad = None
        attack_release(x, attack, release, zi).backward(grad)

    return both if backward else forward


def make_torchcomp(backward):
    from torchcomp.core import compressor_core

    x = signal().requires_grad_(backward)
    # torchcomp's coefficients are those of the new value: one minus ours. Its branch costs more the less a signal
    # lets it be foretold; with these it is at its usual speed.
    attack, release = (torch.full((B,), c, requires_grad=backward) for c in (0.05, 0.01))
    zi = torch.ones(B)
    grad = torch.ones(B, T)

    def forward():
        with torch.no_grad():
            compressor_core(x, zi, attack, release)

    def both():
        x.grad = attack.grad = release.grad = None
        compressor_core(x, zi, attack, release).backward(grad)

    return both if backward else forward


CASES = [
    ("smoother, forward, against torchcomp", lambda: make_ours(False), lambda: make_torchcomp(False), 4.0),
    ("smoother, forward + backward, against torchcomp", lambda: make_ours(True), lambda: make_torchcomp(True), 3.0),
]
