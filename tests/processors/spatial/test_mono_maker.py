import math

import pytest
import torch

from diffFx_pytorch.processors.spatial import MonoMaker

RATE = 44100


def _responses(freq_hz, *at_hz, left=1.0, right=0.0):
    """Complex response of each side at each frequency to an impulse on them."""
    x = torch.zeros(1, 2, RATE, dtype=torch.float64)
    x[0, :, 0] = torch.tensor([left, right])
    y = MonoMaker(RATE)(x, dsp_params={"freq_hz": freq_hz})[0]
    n = torch.arange(RATE, dtype=torch.float64)
    turns = torch.tensor(at_hz, dtype=torch.float64)[:, None] / RATE * n
    return (y.to(torch.complex128) @ torch.exp(-2j * math.pi * turns).T).T


def _db(h):
    return 20 * h.abs().log10()


@pytest.mark.parametrize("freq_hz", [60.0, 120.0, 400.0])
def test_the_mono_sum_is_flat(freq_hz):
    at = torch.logspace(math.log10(20), math.log10(20000), 40).tolist()
    h = _responses(freq_hz, *at)
    assert _db(h.sum(1)).abs().max() < 1e-6
    assert _db(_responses(freq_hz, *at, left=1.0, right=1.0)[:, 0]).abs().max() < 1e-6, "mono passes at its level"


def test_bass_is_mono_and_the_rest_stays_where_it_was():
    low, at, high = _responses(120.0, 15.0, 120.0, 2000.0)
    assert _db(low).tolist() == pytest.approx([-6.02, -6.02], abs=0.02), "half the left goes to each side"
    assert _db(high)[0] == pytest.approx(0.0, abs=0.01)
    assert _db(high)[1] < -80
    assert _db(at).tolist() == pytest.approx([20 * math.log10(0.75), 20 * math.log10(0.25)], abs=1e-3)


@pytest.mark.parametrize("freq_hz", [80.0, 250.0])
def test_the_side_falls_by_24_db_an_octave(freq_hz):
    h = _responses(freq_hz, freq_hz, freq_hz / 4, freq_hz / 8, left=1.0, right=-1.0)[:, 0]
    assert _db(h)[0] == pytest.approx(-6.02, abs=0.01)
    assert _db(h)[1] - _db(h)[2] == pytest.approx(24.0, abs=0.2)


def test_mono_is_refused_with_the_cure():
    with pytest.raises(ValueError, match="MonoMaker: x must have 2 channels, got 1; make mono stereo"):
        MonoMaker()(torch.zeros(1, 1, 10))
