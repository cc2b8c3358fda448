"""Tilt equaliser as an engineer measures it."""

import math

import pytest
import torch

from diffFx_pytorch.processors import TiltEqualizer

RATE = 48000


def gain_db(fx, hertz, **knobs):
    x = torch.zeros(1, 1, 1 << 15, dtype=torch.float64)
    x[..., 0] = 1
    t = torch.arange(x.shape[-1], dtype=torch.float64) / RATE
    return 20 * math.log10(abs((fx(x, **knobs)[0, 0] * torch.exp(-2j * math.pi * hertz * t)).sum()))


@pytest.mark.parametrize("tilt", [-12.0, -3.0, 6.0])
def test_one_end_goes_up_as_the_other_goes_down_and_the_pivot_stays(tilt):
    fx = TiltEqualizer(RATE, tilt_db=tilt, pivot_hz=800.0)
    assert gain_db(fx, 800.0) == pytest.approx(0.0, abs=1e-9)
    assert gain_db(fx, 10.0) == pytest.approx(-tilt, abs=0.1)
    assert gain_db(fx, 23000.0) == pytest.approx(tilt, abs=0.1)
    analogue = 10 * math.log10((1 + (10 ** (tilt / 20) * 2) ** 2) / (4 + 10 ** (tilt / 10)))
    assert gain_db(fx, 1600.0) == pytest.approx(analogue, abs=0.05)
