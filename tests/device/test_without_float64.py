"""Effects and operators on a device that has no float64, as Apple's GPUs: what a float64 device gives."""

import copy
import math

import pytest
import torch

from diffFx_pytorch import registry
from diffFx_pytorch.kernels import precision
from diffFx_pytorch.processors import Compressor, LowPass
from diffFx_pytorch.routing import Chain
from tests.device.pretended import DEVICE, DeviceTensor, PretendedDevice
from tests.device.test_operators import CALLS


@pytest.fixture
def device(monkeypatch):
    monkeypatch.setattr(precision, "WITHOUT_FLOAT64", {DEVICE})
    with PretendedDevice(float64=False) as device:
        yield device


def there(fx):
    return copy.deepcopy(fx)._apply(lambda t: DeviceTensor(t.detach()))


def _wide(t):
    return t.to(torch.complex128 if t.is_complex() else torch.float64)


def decibels(ours, theirs):
    return 20 * math.log10(float((_wide(ours) - _wide(theirs)).norm() / theirs.norm().clamp_min(1e-30)) + 1e-30)


def test_the_device_refuses_float64(device):
    with pytest.raises(TypeError, match="no float64"):
        DeviceTensor(torch.zeros(3)).double()


EFFECTS = [pytest.param(n, marks=[pytest.mark.slow] * (i % 4 > 0)) for i, n in enumerate(sorted(registry.effects()))]


@pytest.mark.parametrize("name", EFFECTS)
def test_every_effect_runs(device, name):
    cls = registry.effects()[name]
    fx = cls(sample_rate=8000, **dict(cls.variants[0]))
    x = 0.3 * torch.randn(1, max(fx.channels or (2,)), 400)
    knobs = torch.full((1, len(fx.param_names)), 0.4)
    leaf, flat = DeviceTensor(x.clone()).requires_grad_(), DeviceTensor(knobs.clone()).requires_grad_()
    y = there(fx)(leaf, norm_params=flat)
    assert isinstance(y, DeviceTensor)
    exact = fx(x.double(), norm_params=knobs.double())
    # What a long delay in float32 is off is the knob's.
    assert decibels(y.host.detach(), exact) < max(-100, decibels(fx(x, norm_params=knobs), exact) + 0.1)
    if y.requires_grad:
        gradients = torch.autograd.grad(y.square().sum(), (leaf, flat), materialize_grads=True)
        assert all(isinstance(g, DeviceTensor) for g in gradients)


def test_a_stream_and_settings_that_learn(device):
    fx = Chain(low=LowPass(8000), comp=Compressor(8000))
    fx.trainable()
    x = torch.randn(1, 2, 256)
    play = there(fx).stream()
    blocks = [play(DeviceTensor(x[..., n : n + 128].clone())) for n in (0, 128)]
    y = torch.cat([b.host for b in blocks], -1)
    torch.testing.assert_close(y, fx(x), rtol=1e-5, atol=1e-6)


# A whole effect recorded as an operator has its sound on the CPU by then.
@pytest.mark.parametrize("name", [name for name in CALLS if name != "spectral_whole"])
def test_every_operator_runs(device, name):
    kinds = {torch.float64: torch.float32, torch.complex128: torch.complex64}

    def run(to):
        y = CALLS[name](to)
        return y[0] if isinstance(y, tuple) else y

    ours = run(lambda t: DeviceTensor(t.to(kinds.get(t.dtype, t.dtype))))
    ours = ours.host if isinstance(ours, DeviceTensor) else ours  # what is in float64 stays on the CPU
    assert decibels(ours.detach(), run(torch.clone).detach()) < -100
