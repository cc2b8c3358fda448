"""CUDA kernels clamp delays that are out of range, NaN to the least: nothing outside of a line is read or written."""

import math

import pytest
import torch

from tests.cuda.calls import CALLS
from tests.cuda.interpreted import on_triton

pytestmark = [pytest.mark.usefixtures("poisoned_memory", "interpreter")]

NAN = float("nan")
RANGES = {"feedback delay, moving": (1, 1.0, 100.0), "network": (1, 1.0, 58.0), "graph, moving": (2, 2.0, 180.0)}
"""Which input of a call has the delays, and their range."""


def _results(name, value):
    """Outputs and gradients with this value in the fortieth place of moving delays, or the first of others."""
    call, at = CALLS[name], RANGES[name][0]
    leaves = call.inputs(60 if name == "network" else 120)
    leaves[at].view(-1)[40 if leaves[at].shape[-1] > 100 else 0] = value
    leaves = [t.requires_grad_() for t in leaves]
    with on_triton():
        outputs = [y for y in call.run(*leaves) if y.numel()]
        found = torch.autograd.grad(outputs, leaves, [torch.ones_like(y) for y in outputs], materialize_grads=True)
    return [*(y.detach() for y in outputs), *(g for i, g in enumerate(found) if i != at)], found[at]


# A graph whose delay falls to two samples takes the interpreter minutes.
CASES = [(name, bad) for name in RANGES for bad in (NAN, -3.0, 1e9) if name != "graph, moving" or bad > 0]
QUICK = {("feedback delay, moving", 1e9)}
CASES = [pytest.param(*case, marks=[] if case in QUICK else [pytest.mark.slow]) for case in CASES]


@pytest.mark.parametrize(("name", "bad"), CASES)
def test_delays_are_clamped(name, bad):
    _, least, most = RANGES[name]
    found, to_delay = _results(name, bad)
    expected, _ = _results(name, most if bad > least else least)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-12)
    assert to_delay.isfinite().all()


@pytest.mark.slow
@pytest.mark.parametrize(("value", "legal"), [(NAN, 2.0), (-1e6, 2.0), (1e6, 88.0)])
def test_delays_that_are_moved_out_of_range_are_clamped(value, legal):
    call, results = CALLS["network, modulated"], []
    inputs = call.inputs(40)
    delays, offset = inputs[1], inputs[5]
    for moved in (value, legal - float(delays[0, 1].round())):
        offset[0, 1, 30:33] = moved
        with on_triton(), torch.no_grad():
            results.append(call.run(*inputs))
    for ours, theirs in zip(*results, strict=True):
        assert math.isfinite(float(ours.sum()))
        torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-12)
