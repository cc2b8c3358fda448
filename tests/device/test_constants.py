"""What a device needs of the CPU is copied there once: constants, and the places of control points."""

import torch

from diffFx_pytorch.kernels.constants import constant, made_once, on_device
from diffFx_pytorch.processors import Compressor, LowPass
from diffFx_pytorch.routing import Chain
from tests.device import pretended
from tests.device.pretended import DEVICE, DeviceTensor, PretendedDevice, moved


def test_constants_are_kept_by_value_dtype_and_device():
    a = constant((1.0, 2.0), torch.float64, "cpu")
    assert constant((1.0, 2.0), torch.float64, None) is a
    assert constant((1.0, 2.0), torch.float32, "cpu").dtype == torch.float32
    assert constant((1.0, 3.0), torch.float64, "cpu").tolist() == [1.0, 3.0]
    with PretendedDevice():
        there = constant((1.0, 2.0), torch.float64, torch.device(DEVICE))
        assert isinstance(there, DeviceTensor)
        assert constant((1.0, 2.0), torch.float64, torch.device(DEVICE)) is there
        places = torch.tensor([0, 7, 9])
        assert on_device(places, torch.device(DEVICE)) is on_device(places.clone(), torch.device(DEVICE))


def test_constants_made_by_inference_or_transforms_serve_gradients():
    with torch.inference_mode():
        constant((4.5,), torch.float64, None)
    x = torch.ones(1, dtype=torch.float64, requires_grad=True)
    (x * constant((4.5,), torch.float64, None)).square().sum().backward()
    assert x.grad is not None
    assert x.grad.item() == 2 * 4.5**2
    grad = torch.func.grad(lambda x: (x * constant((5.5,), torch.float64, None)).sum())
    assert grad(x.detach()).item() == 5.5
    assert not torch._C._functorch.is_functorch_wrapped_tensor(constant((5.5,), torch.float64, None))


def test_compiling_records_constants():
    def f(x):
        return x * made_once(_squares, 3, dtype=x.dtype, device=x.device)

    x = torch.ones(3)
    torch.testing.assert_close(torch.compile(f, fullgraph=True, backend="eager")(x), f(x))


def _squares(n):
    return [i * i for i in range(n)]


def test_calls_and_blocks_after_the_first_copy_nothing(monkeypatch):
    monkeypatch.setattr(pretended, "_KEPT", "-")  # constants too are counted
    fx = moved(Chain(low=LowPass(8000), comp=Compressor(8000)))
    with PretendedDevice() as device:
        knobs = {
            "low.freq_hz": DeviceTensor(torch.tensor([[0.2, 0.8, 0.5]])),
            "comp.ratio": DeviceTensor(torch.rand(1)),
        }
        play, x = fx.stream(norm_params=knobs, total=512), DeviceTensor(torch.randn(1, 2, 128))
        for call, before in ((lambda: fx(x, norm_params=knobs), 1), (lambda: play(x), 2)):  # block 2 has a corner
            for _ in range(before):
                call()
            device.copies.clear()
            call()
            assert not device.copies
