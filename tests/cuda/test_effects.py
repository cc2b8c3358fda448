"""Every effect, with CUDA kernels in Triton's interpreter, gives what it gives on the CPU."""

import pytest
import torch

from diffFx_pytorch import registry
from tests.cuda.interpreted import on_triton

RATE, SAMPLES = 8000, 400
QUICK = {"AutoWah", "Chorus", "Limiter"}
"""Effects that between them have scans, delays, smoothers and a running maximum, in a second or so; the others take
three minutes together."""


def _step(fx):
    channels, seed = max(fx.channels or (2,)), torch.Generator().manual_seed(0)
    x = torch.randn(2, channels, SAMPLES, generator=seed).requires_grad_()
    knobs = 0.2 + 0.6 * torch.rand(2, len(fx.params), generator=seed)
    for i, name in enumerate(fx.param_names):
        if "predelay" in name:  # or nothing would be heard so soon
            knobs[:, i] = 0
    y = fx(x, norm_params=knobs.requires_grad_())
    return y.detach(), *torch.autograd.grad((y * torch.randn(y.shape, generator=seed)).sum(), (x, knobs))


def _cases():
    for name in sorted(registry.effects()):
        yield pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow, pytest.mark.thorough])


@pytest.mark.parametrize("name", _cases())
def test_effects_on_kernels(name, interpreter):
    fx = registry.effects()[name](sample_rate=RATE)
    if not fx.params:
        pytest.skip("it has no knobs")
    with on_triton() as ran:
        found = _step(fx)
    if not ran:
        pytest.skip("it runs no operator that has a kernel")
    for ours, theirs in zip(found, _step(fx), strict=True):
        assert float((ours - theirs).abs().max()) <= 1e-4 * float(theirs.abs().max()) + 1e-9
