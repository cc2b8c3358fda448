"""What the recursions' equations may cost a device without kernels, in launches, waits and memory."""

import pytest
import torch

from diffFx_pytorch.dsp.biquad import low_pass, peak
from diffFx_pytorch.recursion import (
    allpole,
    attack_release,
    feedback_delay,
    feedback_network,
    lfilter,
    loop_overshoot,
    one_pole,
    running_max,
    sos_to_svf,
    sosfilt,
    svfilt,
)
from tests.device.dispatched import both_ways

B, T = 16, 65536


def test_running_max():
    x = torch.rand(B, T)
    _, both = both_ways(lambda x: running_max(x, 220), x)
    assert both.launches <= 40
    assert both.waits == 0
    assert both.peak <= 12 * x.nbytes


@pytest.mark.slow
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


@pytest.mark.parametrize("own", [False, True], ids=["shared", "a row"])
def test_lfilter(own):
    given = [torch.tensor(t, dtype=torch.float64) for t in ([0.2, 0.3, 0.1], [1, -1.98, 0.99])]
    given = [t.expand(B, -1).clone() if own else t for t in given]
    assert_within(lfilter, [torch.randn(B, T), *given], (120, 400), 17)  # what its zeros make is kept in float64


ROWS = 4  # of delays, whose costs a row are the same for any


def _both_ways_of(delay, samples=T, **filters):
    inputs = [torch.randn(ROWS, samples), delay, torch.full((ROWS,), 0.5, dtype=torch.float64)]
    names = [name for name in filters if name != "saturation"]
    inputs += [torch.full((ROWS,), filters.pop(name), dtype=torch.float64) for name in names]

    def call(x, d, g, *coefficients):
        return feedback_delay(x, d, g, **dict(zip(names, coefficients, strict=True)), **filters)

    forward, both = both_ways(call, *inputs)
    assert samples < T or both.peak <= 30 * inputs[0].nbytes
    return forward, both


STILL = torch.full((ROWS,), 441.3, dtype=torch.float64)
IN_THE_LOOP = {"lowpass": 0.3, "highpass": 0.99, "saturation": "tanh"}


@pytest.mark.slow
def test_feedback_delay_that_stands_still():
    forward, both = _both_ways_of(STILL)
    assert forward.launches <= 4 * T / 441
    assert both.launches <= 12 * T / 441


@pytest.mark.slow
def test_filters_in_the_loop():
    forward, both = _both_ways_of(STILL, **IN_THE_LOOP)
    assert forward.launches <= 6 * T / 441
    assert both.launches <= 12 * T / 441
    _, both = _both_ways_of(STILL, lowpass=0.3)
    assert both.launches <= 8 * T / 441


@pytest.mark.slow
def test_feedback_delay_that_moves_is_slow_only_where_it_is_short():
    samples = T // 4
    delay = torch.full((ROWS, samples), 441.3)
    both = _both_ways_of(delay, samples)[1]
    assert both.launches <= 12 * samples / 441 + 100  # the least and the last weights of ten moving taps
    delay[3, 5000:5100] = 10.5
    dipped = _both_ways_of(delay, samples)[1]
    assert dipped.launches - both.launches <= 12 * (100 / 5 + 2)


@pytest.mark.slow
def test_feedback_delay_that_moves():
    delay = (441.3 + 50 * torch.sin(torch.arange(T) / 3000)).expand(ROWS, T).contiguous()
    assert _both_ways_of(delay)[1].launches <= 8 * T / 441
    forward, both = _both_ways_of(delay, **IN_THE_LOOP)
    assert forward.launches <= 7 * T / 441
    assert both.launches <= 16 * T / 441


def _network(absorption, memory=30):
    matrix = torch.linalg.qr(torch.randn(8, 8, dtype=torch.float64))[0].expand(ROWS, 8, 8).contiguous()
    delays = torch.tensor([1051.0, 1123, 1291, 1447, 1571, 1699, 1831, 1979], dtype=torch.float64)
    ends = torch.ones(8, 1, dtype=torch.float64), torch.ones(1, 8, dtype=torch.float64)
    x = torch.randn(ROWS, 1, T)
    sections = [] if absorption is None else [absorption]

    def call(x, matrix, *sections):
        return feedback_network(x, delays, matrix, *ends, *sections, longest=2000)

    forward, both = both_ways(call, x, matrix, *sections)
    assert forward.peak <= (memory - 10) * x.nbytes
    assert both.peak <= memory * x.nbytes
    return forward, both


@pytest.mark.slow
def test_network():
    forward, both = _network(None)
    assert forward.launches <= 3 * T / 1051
    assert both.launches <= 7 * T / 1051
    for shape, memory in (((8, 1, 6), 30), ((ROWS, 8, 1, 6), 36)):
        forward, both = _network(torch.tensor([0.9, 0, 0, 1, -0.1, 0]).double().expand(shape).contiguous(), memory)
        assert forward.launches <= 6 * T / 1051
        assert both.launches <= 15 * T / 1051


def swept():
    """A low-pass that moves at every sample, (B, T, 1, 6)."""
    time = torch.arange(T, dtype=torch.float64) / 48000
    return low_pass(1000 * 2 ** torch.sin(30 * time), 5.0, 48000)[:, None].expand(B, -1, -1, -1)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("call", [sosfilt, svfilt])
def test_moving_sections(call, dtype):
    sos = swept()
    coef = sos_to_svf(sos) if call is svfilt else sos
    assert_within(call, [torch.randn(B, T), coef.to(dtype).contiguous()], (400, 1200), 30)


@pytest.mark.slow
def test_control_points():
    at = torch.arange(0, T + 1, 32)
    svf = sos_to_svf(swept()[:, ::32])
    points = torch.cat([svf, svf[:, -1:]], 1)
    assert_within(lambda x, svf: svfilt(x, svf, at=at), [torch.randn(B, T), points], (400, 1200), 30)


@pytest.mark.slow
def test_moving_all_pole():
    sos = swept()[..., 0, :]
    assert_within(allpole, [torch.randn(B, T), (sos[..., 4:] / sos[..., 3:4]).contiguous()], (400, 1200), 30)


@pytest.mark.slow
def test_loop_overshoot():
    level = 20 * torch.randn(B, T, generator=torch.Generator().manual_seed(0)).abs().clamp_min(1e-5).log10()
    level += 20 + 20 * torch.sin(torch.arange(T) / 3000)  # loud and soft, dB over the threshold
    knobs = [torch.tensor(value, dtype=torch.float64) for value in (6.0, 3.0, 0.95, 0.9995)]
    forward, both = both_ways(loop_overshoot, level, *knobs)
    assert forward.launches <= 1100
    assert both.launches <= 1300
    assert both.waits <= 3
    assert both.peak <= 30 * level.nbytes
