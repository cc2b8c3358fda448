import math

import pytest
import torch

from diffFx_pytorch.dsp.oscillator import SHAPES
from diffFx_pytorch.processors.modulation import RingModulator


def _levels_db(y, *hertz):
    amplitude = torch.fft.rfft(y[0, 0].double()).abs() / (y.shape[-1] / 2)
    return [float(20 * amplitude[h].clamp_min(1e-12).log10()) for h in hertz]


def test_a_tone_becomes_sum_and_difference():
    n = torch.arange(44100)
    tone = torch.sin(2 * math.pi * 1000 * n / 44100)[None, None].double()
    y = RingModulator()(tone, dsp_params={"freq_hz": 300.0})
    low, high, carrier, itself = _levels_db(y, 700, 1300, 300, 1000)
    assert low == pytest.approx(-6.02, abs=0.01)
    assert high == pytest.approx(-6.02, abs=0.01)
    assert max(carrier, itself) < -120
    assert _levels_db(RingModulator()(tone, dsp_params={"freq_hz": 300.0, "mix": 0.5}), 1000)[0] == pytest.approx(
        -6.02, abs=0.01
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_frequency_holds_over_a_minute_of_blocks(shape):
    rate, hertz = 8000, 1234.5
    play = RingModulator(rate, shape=shape).stream(dsp_params={"freq_hz": hertz})
    x = torch.ones(1, 1, 60 * rate)
    y = torch.cat([play(b) for b in x.split(4097, -1)], -1)[0, 0].double()
    spectrum = torch.fft.rfft(y * torch.hann_window(len(y), periodic=False, dtype=torch.float64)).abs()
    assert int(spectrum.argmax()) / 60 == pytest.approx(hertz, rel=1e-4)


@pytest.mark.parametrize("shape", SHAPES)
def test_gradient_to_the_frequency(shape):
    x = torch.randn(1, 1, 400, dtype=torch.float64)
    hertz = torch.tensor(37.31, dtype=torch.float64, requires_grad=True)

    def loss(f):
        return (RingModulator(8000, shape=shape)(x, dsp_params={"freq_hz": f}) * x).sum()

    (gradient,) = torch.autograd.grad(loss(hertz), hertz)
    with torch.no_grad():
        numeric = (loss(hertz + 1e-6) - loss(hertz - 1e-6)) / 2e-6
    assert gradient == pytest.approx(float(numeric), rel=1e-4)
