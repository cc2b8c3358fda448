import math

import pytest
import torch

from diffFx_pytorch.processors.modulation import AutoPan
from diffFx_pytorch.processors.spatial import StereoPanning


def test_power_is_kept_while_it_moves():
    y = AutoPan(8000)(torch.ones(1, 1, 16000, dtype=torch.float64))
    assert torch.allclose(y.square().sum(1), torch.ones(1, 16000, dtype=torch.float64))


def test_it_is_a_pan_knob_that_is_turned():
    rate, samples = 8000, 4000
    x = torch.randn(1, 2, samples, dtype=torch.float64)
    knobs = {"rate_hz": 3.0, "depth": 0.8, "phase_deg": 40.0}
    turned = 0.8 * torch.sin(2 * math.pi * (3.0 * torch.arange(samples, dtype=torch.float64) / rate + 40 / 360))
    expected = StereoPanning(rate)(x, dsp_params={"pan": turned[None]})
    assert torch.allclose(AutoPan(rate)(x, dsp_params=knobs), expected, rtol=0, atol=1e-12)


def test_it_starts_in_the_centre_and_goes_right_first():
    y = AutoPan(8000)(torch.ones(1, 1, 8000, dtype=torch.float64), dsp_params={"rate_hz": 1.0})[0]
    assert y[:, 0].tolist() == pytest.approx([math.sqrt(0.5)] * 2)
    assert y[:, 2000].tolist() == pytest.approx([0, 1], abs=1e-9)
    assert y[:, 6000].tolist() == pytest.approx([1, 0], abs=1e-9)


def test_rate_holds_over_a_minute_of_blocks():
    rate, hertz = 1000, 0.7
    play = AutoPan(rate, law="linear").stream(dsp_params={"rate_hz": hertz})
    y = torch.cat([play(b) for b in torch.ones(1, 1, 60 * rate).split(777, -1)], -1)[0].double()
    position = y[1] - y[0]
    rising = ((position[1:] >= 0) & (position[:-1] < 0)).nonzero().flatten()
    crossing = rising - position[rising] / (position[rising + 1] - position[rising])
    assert (len(crossing) - 1) / float(crossing[-1] - crossing[0]) * rate == pytest.approx(hertz, rel=1e-4)


def test_refusals():
    with pytest.raises(ValueError, match="AutoPan: x must have 1 or 2 channels, got 3"):
        AutoPan()(torch.zeros(1, 3, 10))
