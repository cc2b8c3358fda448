"""All-passes in a loop, as a device without kernels runs them, against the kernels."""

import pytest
import torch

from diffFx_pytorch.recursion.fallback import moving_loop
from diffFx_pytorch.recursion.ops.allpass_loop import allpass_loop
from tests.device.dispatched import both_ways
from tests.device.test_recursions import assert_equations_are_the_kernels, noise


def loop(stages):
    def call(x, zi, b, g, *outer):
        more = {"outer": outer[0]} if outer else {}
        return allpass_loop(x, b, g, stages, zi=zi, return_zf=True, time_varying=b.dim() == x.dim(), **more)

    return call


@pytest.mark.parametrize("second_order", [False, True])
@pytest.mark.parametrize("moving", [False, True])
@pytest.mark.parametrize("samples", [0, 1, 31, 32, 64, 65, 200])
@pytest.mark.parametrize("shared", [False, True])
def test_allpass_loop(samples, shared, moving, second_order, monkeypatch):
    monkeypatch.setattr(moving_loop, "HELD", 3 * 36)
    rows = (2, 1) if shared else (2, 3)
    shape = (*rows, samples) if moving else rows
    knobs = [0.9 * noise(*shape, seed=n).tanh() for n in range(2 + second_order)]
    zi = noise(3, 5 if second_order else 3, 2)
    for dtype, limit in ((torch.float32, -110), (torch.float64, -230)):
        given = [noise(2, 3, samples).to(dtype), zi, *knobs]
        assert_equations_are_the_kernels(loop(4), given, limit)


def test_a_loop_that_is_hard():
    """Near 0 Hz and near howling."""
    knobs = [torch.tensor(v, dtype=torch.float64) for v in (0.999, 0.995)]
    assert_equations_are_the_kernels(loop(6), [noise(2, 6000).float(), noise(2, 4, 2), *knobs], -100)


@pytest.mark.parametrize("second_order", [False, True])
def test_a_moving_loop_that_is_hard(second_order):
    """Near 0 Hz, near howling, and swept from there within a few samples."""
    swing = torch.sin(torch.arange(6000) / 40).double()
    knobs = [0.999 * swing, 0.95 + 0.045 * swing, 0.99 * swing.flip(-1)][: 2 + second_order]
    x, zi = noise(2, 6000).float(), noise(2, 7 if second_order else 4, 2)
    assert_equations_are_the_kernels(loop(6), [x, zi, *(k.expand(2, -1) for k in knobs)], -110)


def test_budget():
    x, b, g = torch.randn(4, 16384), torch.full((4,), 0.8).double(), torch.full((4,), 0.5).double()
    forward, both = both_ways(lambda x, b, g: allpass_loop(x, b, g, 6), x, b, g)
    assert forward.launches <= 120
    assert both.launches <= 430
    assert both.waits == 0
    assert both.peak <= 8 * x.nbytes


@pytest.mark.slow
def test_budget_of_moving_ones():
    x, b, g = torch.randn(4, 16384), torch.full((4, 16384), 0.8).double(), torch.full((4, 16384), 0.5).double()
    forward, both = both_ways(lambda x, b, g: allpass_loop(x, b, g, 6), x, b, g)
    assert forward.launches <= 400
    assert both.launches <= 1250
    assert both.waits == 0
    assert forward.peak <= 36 * x.nbytes
    assert both.peak <= 41 * x.nbytes
