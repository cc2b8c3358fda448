"""Training as it is done at scale: several processes, activations computed anew, sounds laid out in any way."""

import os

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch.utils.checkpoint import checkpoint

from diffFx_pytorch.processors import BasicDelay, Compressor, ParametricEqualizer
from diffFx_pytorch.routing import Chain
from tests.device.pretended import DEVICE, DeviceTensor, PretendedDevice, moved


class Network(torch.nn.Module):
    """Turns the knobs of a chain by what it hears."""

    def __init__(self):
        super().__init__()
        self.chain = Chain(eq=ParametricEqualizer(8000), comp=Compressor(8000))
        self.layer = torch.nn.Linear(2, len(self.chain.param_names))

    def forward(self, x):
        return self.chain(x, norm_params=torch.sigmoid(self.layer(x.square().mean(-1))))


def _network():
    torch.manual_seed(1)
    return Network()


def _sound():
    return 0.3 * torch.randn(4, 2, 400, generator=torch.Generator().manual_seed(2))


def _one_of_two(rank, folder):
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    net = torch.nn.parallel.DistributedDataParallel(_network())
    net(_sound()[2 * rank : 2 * rank + 2]).square().mean().backward()
    if rank == 0:
        torch.save([p.grad for p in net.module.parameters()], f"{folder}/gradients")
    dist.barrier()
    # Taken down in order, torch may wait for ever: the thread of a group that is deleted wants the lock that the one
    # who deletes it holds.
    os._exit(0)


@pytest.mark.slow
@pytest.mark.skipif(not dist.is_available(), reason="this torch has no torch.distributed")
def test_two_processes_have_the_gradients_of_one(tmp_path):
    both = mp.spawn(_one_of_two, (str(tmp_path),), nprocs=2, join=False)
    try:
        assert both is not None
        assert both.join(timeout=300) or both.join(timeout=300), "two processes did not end"
    finally:
        for process in both.processes:
            process.kill()
    net = _network()
    net(_sound()).square().mean().backward()
    for theirs, p in zip(torch.load(tmp_path / "gradients"), net.parameters(), strict=True):
        torch.testing.assert_close(theirs, p.grad, rtol=1e-4, atol=1e-8)


def test_activations_computed_anew_give_the_same_gradients():
    found = []
    for run in (lambda net, x: net(x), lambda net, x: checkpoint(net, x, use_reentrant=False)):
        net, x = _network(), _sound().requires_grad_()
        run(net, x).square().mean().backward()
        found.append([x.grad, *(p.grad for p in net.parameters())])
    for a, b in zip(*found, strict=True):
        assert torch.equal(a, b)


@pytest.mark.slow
def test_knobs_of_the_cpu_move_to_the_sound():
    fx = Compressor(8000)
    x, flat = _sound(), torch.rand(4, len(fx.param_names), requires_grad=True)
    knobs = dict(zip(fx.param_names, fx.map_parameters(flat).detach().unbind(-1), strict=True))
    expected = fx(x, norm_params=flat)
    with PretendedDevice() as device:
        there = moved(fx)
        y = there(DeviceTensor(x), norm_params=flat)
        y.square().sum().backward()
        assert flat.grad is not None
        assert flat.grad.device.type == "cpu"
        other = there(DeviceTensor(x), dsp_params=knobs)
        moving = there(DeviceTensor(x), dsp_params={"threshold_db": torch.linspace(-40, 0, 5).expand(4, 5)})
    assert not device.mixed
    assert moving.device.type == DEVICE
    for found in (y, other):
        torch.testing.assert_close(found.host.detach(), expected.detach(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("effect", [BasicDelay, Compressor, ParametricEqualizer])
@pytest.mark.parametrize(
    "layout", [lambda x: x.mT.contiguous().mT, lambda x: x[:1].expand(4, -1, -1), lambda x: x[..., ::2]]
)
def test_views_on_a_device(layout, effect):
    fx = effect(8000)
    with PretendedDevice() as device:
        x = layout(DeviceTensor(_sound())).requires_grad_()
        y = moved(fx)(x)
        y.square().sum().backward()
    assert not device.mixed
    torch.testing.assert_close(y.host.detach(), fx(layout(_sound())), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("effect", [BasicDelay, Compressor, ParametricEqualizer])
def test_half_precision_on_a_device(effect, dtype):
    """Computed in float32, and rounded once."""
    fx, x = effect(8000), _sound().to(dtype)
    with PretendedDevice() as device:
        leaf = DeviceTensor(x.clone()).requires_grad_()
        y = moved(fx)(leaf)
        y.square().sum().backward()
    assert not device.mixed
    assert leaf.grad is not None
    assert y.dtype == leaf.grad.dtype == dtype
    torch.testing.assert_close(y.host.detach(), fx(x), rtol=2 * torch.finfo(dtype).eps, atol=1e-6)


def test_sound_and_sidechain_on_two_devices_are_refused():
    with pytest.raises((RuntimeError, ValueError), match="device"):
        Compressor(8000)(_sound(), sidechain=_sound().to("meta"))


def test_sound_and_module_on_two_devices_are_refused():
    fx = Compressor(8000)
    fx.trainable()
    with pytest.raises(RuntimeError, match="meta"):
        fx.to("meta")(_sound())


@pytest.mark.slow
@pytest.mark.thorough
def test_a_training_step_compiled_to_be_recorded():
    """Without a device there is no graph to record; what torch makes of the step is the same."""
    fx, x, flat = Chain(low=ParametricEqualizer(8000), comp=Compressor(8000)), _sound(), torch.rand(4, 1)
    flat = flat.expand(-1, len(fx.param_names)).clone().requires_grad_()

    def step(x, flat):
        return fx(x, norm_params=flat).square().mean()

    found = []
    for run in (step, torch.compile(step, mode="reduce-overhead")):
        found.append(torch.autograd.grad(run(x, flat), flat)[0])
    torch.testing.assert_close(found[1], found[0], rtol=1e-4, atol=1e-7)


def test_indices_are_of_64_bits():
    """Shapes only: a line of more than 2^31 samples."""
    from diffFx_pytorch.recursion.ops.feedback_delay import feedback_delay_operator

    x, one = torch.empty(2, 2**31 + 5, device="meta"), torch.ones(1, 1, device="meta", dtype=torch.float64)
    tail = torch.zeros(3, device="meta", dtype=torch.float64)
    v, line, _ = feedback_delay_operator(x, one, one, None, None, None, tail, "linear", False, 9.0)
    assert v.shape == x.shape
    assert line.shape[-1] > 2**31
