"""Operators past torch's dispatcher: where they may go there, and that it comes to the same."""

import pytest
import torch
from torch.autograd import forward_ad
from torch.utils._python_dispatch import TorchDispatchMode

from diffFx_pytorch.kernels.transforms import runs_eagerly
from diffFx_pytorch.recursion import allpole, attack_release, feedback_delay, running_max, sosfilt

SOS = torch.tensor([[1.0, 0.2, 0.1, 1.1, -1.6, 0.7], [0.5, 0.1, 0.0, 1.0, -0.3, 0.2]], dtype=torch.float64)
CALLS = {
    "sosfilt": lambda x: sosfilt(x, SOS, return_zf=True),
    "attack_release": lambda x: attack_release(x, 0.5, 0.9, return_zf=True),
    "allpole": lambda x: allpole(x, SOS[0, 4:] / SOS[0, 3], return_zf=True),
    "feedback_delay": lambda x: feedback_delay(x, torch.tensor(30.25, dtype=torch.float64), 0.5),
    "running_max": lambda x: running_max(x, 9, return_zf=True),
}


class Count(TorchDispatchMode):
    """The names of this library's operators that go by."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.namespace == "diffFx":
            self.names.append(func.__name__)
        return func(*args, **(kwargs or {}))


def _flat(found):
    return (found,) if isinstance(found, torch.Tensor) else found


@pytest.mark.parametrize("name", CALLS)
def test_the_direct_path_gives_the_same_bits_and_modes_take_the_other(name):
    x = torch.randn(2, 3, 500, generator=torch.Generator().manual_seed(0))
    direct = _flat(CALLS[name](x))
    with Count() as count:
        dispatched = _flat(CALLS[name](x))
    assert count.names
    assert all(torch.equal(a, b) for a, b in zip(direct, dispatched, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(direct, _flat(CALLS[name](x.requires_grad_())), strict=True))


@pytest.mark.parametrize("name", CALLS)
def test_gradients_of_the_direct_path_are_the_dispatched_ones(name):
    x = torch.randn(2, 3, 500, generator=torch.Generator().manual_seed(0), requires_grad=True)
    weights = [torch.randn_like(y) for y in _flat(CALLS[name](x))]
    (direct,) = torch.autograd.grad(_flat(CALLS[name](x)), x, weights)
    with Count() as count:
        (dispatched,) = torch.autograd.grad(_flat(CALLS[name](x)), x, weights)
    assert any("backward" in operator for operator in count.names) or name == "running_max"
    assert torch.equal(direct, dispatched)


class Own(torch.Tensor):
    """A subclass that changes nothing."""


def test_plain_tensors_of_the_cpu_run_eagerly():
    x = torch.ones(3)
    assert runs_eagerly((x, None, 1.0, torch.nn.Parameter(x), x.double(), x.to(torch.complex64), x[1:], x.expand(2, 3)))
    with torch.inference_mode():
        assert runs_eagerly((torch.ones(3), x))


@pytest.mark.parametrize(
    "tensor",
    [
        torch.ones(3).as_subclass(Own),
        torch.ones(3, dtype=torch.complex64).conj(),
        torch.ones(3, dtype=torch.complex64).conj().imag,
        torch.ones(3, device="meta"),
        torch.ones(3).to_sparse(),
        torch._to_functional_tensor(torch.ones(3)),
    ],
    ids=["subclass", "conjugate", "negative", "device", "sparse", "functional"],
)
def test_no_other_tensor_does(tensor):
    assert not runs_eagerly((torch.ones(3), tensor))


def test_nothing_does_where_somebody_watches():
    x, seen = torch.ones(3), []

    def look(t):
        seen.append(runs_eagerly((t,)))
        return t * 2

    torch.func.vmap(look)(x[None])
    torch.func.grad(lambda t: look(t).sum())(x)
    torch.jit.trace(look, x, check_trace=False)
    with Count():
        look(x)
    with torch.device("meta"):
        look(x)
    with torch.autograd.profiler.profile():
        look(x)
    with forward_ad.dual_level():
        look(x)
    with torch._subclasses.FakeTensorMode() as mode:
        look(mode.from_tensor(x))
    assert len(seen) == 8
    assert not any(seen)
