"""What the recursions' equations may cost a device without kernels, in launches, waits and memory."""

import torch

from diffFx_pytorch.recursion import attack_release, running_max
from tests.device.dispatched import both_ways

B, T = 16, 65536


def test_running_max():
    x = torch.rand(B, T)
    _, both = both_ways(lambda x: running_max(x, 220), x)
    assert both.launches <= 40
    assert both.waits == 0
    assert both.peak <= 12 * x.nbytes


def test_attack_release():
    x = torch.randn(B, T, generator=torch.Generator().manual_seed(0)).abs().clamp_min(1e-5).log()
    x += 3 * torch.sin(torch.arange(T) / 3000)  # loud and soft
    attack, release = torch.tensor([0.95, 0.9995], dtype=torch.float64)
    forward, both = both_ways(attack_release, x, attack, release)
    assert (forward.launches, both.launches) <= (800, 1600)
    assert both.waits <= 3
    assert both.peak <= 30 * x.nbytes
