"""Where CUDA kernels do not run, the equation does, and one notice says why."""

import importlib
import importlib.util
import warnings
from types import SimpleNamespace
from unittest import mock

import pytest
import torch

from diffFx_pytorch.kernels import cuda
from diffFx_pytorch.kernels.cuda import shared_rows, usable
from diffFx_pytorch.recursion import allpole
from tests.cuda.interpreted import on_triton


@pytest.fixture
def device():
    """A device by name: nothing is put on it."""
    usable.cache_clear()
    yield torch.device("cuda", 0)
    usable.cache_clear()


@pytest.mark.parametrize(
    ("capability", "hip", "installed", "says"),
    [
        ((9, 0), None, True, ""),
        ((7, 5), None, True, ""),
        ((7, 0), None, True, "compute capability 7.0 and the Triton kernels need 7.5"),
        ((9, 0), "6.2", True, "ROCm"),
        ((9, 0), None, False, "pip install triton"),
    ],
)
def test_says_once_why_not(device, monkeypatch, capability, hip, installed, says):
    monkeypatch.setattr(torch.version, "hip", hip)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object() if installed else None)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert usable(device) == usable(device) == (not says)
    assert len(told) == bool(says)
    assert all(says in str(w.message) for w in told)


@pytest.mark.parametrize("declines", ["device", "inputs"])
def test_the_equation_serves_what_is_declined(declines):
    x, a = torch.randn(2, 20), torch.tensor([-0.5, 0.1] if declines == "inputs" else [-0.5])
    expected = [t.requires_grad_() for t in (x.clone(), a.clone())]
    allpole(*expected).square().sum().backward()
    with on_triton(), mock.patch.object(cuda, "usable", return_value=declines == "inputs"):
        allpole(x.requires_grad_(), a.requires_grad_()).square().sum().backward()
    assert torch.allclose(x.grad, expected[0].grad)
    assert torch.allclose(a.grad, expected[1].grad)


_LONG, _ONE = torch.empty(1, 2**31, device="meta"), torch.empty(1, 1, 1, device="meta")
_ROWS = torch.empty(2**12, 2**20, device="meta")
OF_KERNELS = {
    "allpole": {"a": torch.empty(1, 1, device="meta")},
    "attack_release": {},
    "backlash": {},
    "cascade": {"zi": torch.empty(2, 2, device="meta")},
    "sections": {"coef": _ONE},
    "svf_points": {},
    "feedback_delay": {"feedback": _ONE, "settings": ("linear", False, 10.0)},
    "feedback_network": {"past": torch.empty(8, 10, device="meta"), "settings": (1,)},
    "loop_overshoot": {"knobs": _ONE},
    "plays": {"knobs": _ONE, "zi": torch.empty(1, 4, device="meta")},
    "delay_graph": {"settings": ([0] * 6, [100], 1, 1)},
    "running_max": {"settings": (9,)},
    "allpass_loop": {"coef": _ONE, "zi": torch.empty(4, 2, device="meta")},
    "state_space": {"A": _ONE, "zi": torch.empty(1, device="meta")},
}


@pytest.mark.parametrize("name", OF_KERNELS)
def test_rows_that_32_bits_do_not_count_are_left_to_the_equation(name):
    serves = importlib.import_module(f"diffFx_pytorch.recursion.cuda.{name}").serves
    others = dict(OF_KERNELS[name])
    settings = others.pop("settings", ())
    assert serves(SimpleNamespace(x=_ROWS, level=_ROWS, u=_ROWS[..., None], **others), *settings)
    assert not serves(SimpleNamespace(x=_LONG, level=_LONG, u=_LONG[..., None], **others), *settings)


@pytest.mark.parametrize(
    ("own", "repeats"),
    [((), 0), ((1,), 0), ((4,), 0), ((3, 1), 0), ((1, 4), 0), ((2, 1, 1), 0), ((2, 3, 4), 0), ((2, 1, 4), 3)],
)
def test_rows_that_others_share_are_found_and_not_repeated(own, repeats):
    t = torch.arange(float(torch.Size(own).numel() * 5)).reshape(*own, 5)
    rows = shared_rows(t, 1, (2, 3, 4))
    expected = t.expand(2, 3, 4, 5).reshape(24, 5)
    assert torch.equal(torch.stack([rows.base[r // rows.each % rows.count] for r in range(24)]), expected)
    assert len(rows.base) == torch.Size(own).numel() * max(repeats, 1)
