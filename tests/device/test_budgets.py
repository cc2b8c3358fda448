"""What the recursions' equations may cost a device without kernels, in launches, waits and memory."""

import torch

from diffFx_pytorch.recursion import running_max
from tests.device.dispatched import both_ways

B, T = 16, 65536


def test_running_max():
    x = torch.rand(B, T)
    _, both = both_ways(lambda x: running_max(x, 220), x)
    assert both.launches <= 40
    assert both.waits == 0
    assert both.peak <= 12 * x.nbytes
