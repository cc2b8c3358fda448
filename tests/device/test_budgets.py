"""What the recursions' equations may cost a device without kernels, in launches, waits and memory."""

import pytest
import torch

from diffFx_pytorch.dsp.biquad import peak
from diffFx_pytorch.recursion import allpole, attack_release, one_pole, running_max, sos_to_svf, sosfilt, svfilt
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
    assert forward.launches <= 800
    assert both.launches <= 1600
    assert both.waits <= 3
    assert both.peak <= 30 * x.nbytes


def assert_within(call, inputs, launches, memory):
    """Launches forward and both ways, no wait, and memory both ways in units of the first input."""
    forward, both = both_ways(call, *inputs)
    assert forward.launches <= launches[0]
    assert both.launches <= launches[1]
    assert both.waits == 0
    assert both.peak <= memory * inputs[0].nbytes


@pytest.mark.parametrize("call", [sosfilt, svfilt])
@pytest.mark.parametrize("own", [False, True], ids=["shared", "a row"])
def test_constant_sections(call, own):
    sos = peak(torch.tensor([80.0, 200.0, 600.0, 1800.0, 5000.0, 12000.0]).double(), 1.0, 3.0, 48000)
    coef = sos_to_svf(sos) if call is svfilt else sos
    assert_within(call, [torch.randn(B, T), coef.expand(B, -1, -1).clone() if own else coef], (120, 400), 8)


@pytest.mark.parametrize("call", [allpole, one_pole])
@pytest.mark.parametrize("own", [False, True], ids=["shared", "a row"])
def test_constant_all_pole(call, own):
    a = torch.tensor(0.99 if call is one_pole else [-1.98, 0.99], dtype=torch.float64)
    memory = 9 if call is one_pole else 8  # whose input is scaled first
    assert_within(call, [torch.randn(B, T), a.expand(B, *a.shape).clone() if own else a], (120, 400), memory)
