"""The de-reverb: late sound goes, early sound stays."""

import math

import pytest
import torch

from diffFx_pytorch.dsp.convolution import convolve
from diffFx_pytorch.processors import DeReverb

RATE = 16000


def heard(x, **knobs):
    fx = DeReverb(RATE)
    late = fx.latency_samples
    return fx(torch.nn.functional.pad(x, (0, late)), dsp_params=knobs)[..., late:]


def db(y, x):
    return float(20 * torch.log10(y.norm() / x.norm()))


def dry():
    """Bursts of noise, 0.1 s each in 0.8 s."""
    noise = torch.randn(1, 1, 4 * RATE, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return noise * ((torch.arange(4 * RATE) / RATE) % 0.8 < 0.1)


def room(decay_s):
    n = torch.arange(int(decay_s * RATE), dtype=torch.float64) / RATE
    h = torch.randn(len(n), dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    h = 0.05 * h * torch.exp(-3 * math.log(10) * n / decay_s)
    return torch.cat((torch.ones(1, dtype=torch.float64), h[1:]))


def part(x, start, stop):
    """What lies so many seconds after each burst began."""
    t = (torch.arange(x.shape[-1]) / RATE) % 0.8
    return x[..., (t >= start) & (t < stop)]


@pytest.mark.parametrize("decay_s", [0.5, 1.2])
def test_the_room_goes_and_the_sound_stays(decay_s):
    wet = convolve(dry(), room(decay_s))
    y = heard(wet, decay_s=decay_s)
    assert db(part(y, 0.25, 0.8), part(wet, 0.25, 0.8)) < -6.5
    assert db(part(y, 0.0, 0.05), part(wet, 0.0, 0.05)) == pytest.approx(0.0, abs=1.0)


def test_a_longer_decay_takes_more():
    wet = convolve(dry(), room(0.8))
    levels = [db(part(heard(wet, decay_s=d), 0.3, 0.8), wet) for d in (0.2, 0.5, 0.8, 2.0)]
    assert levels == sorted(levels, reverse=True)
    assert levels[0] - levels[-1] > 6


def test_no_band_falls_by_more_than_the_reduction():
    wet = convolve(dry(), room(1.0))
    y = heard(wet, decay_s=8.0, reduction_db=6.0)
    assert db(part(y, 0.3, 0.8), part(wet, 0.3, 0.8)) == pytest.approx(-5.7, abs=0.4)


def test_dry_sound_with_pauses_passes():
    x = dry()
    assert abs(db(heard(x, decay_s=0.3), x)) < 0.7


def test_a_held_note_loses_less_where_there_is_less_room():
    x = torch.sin(2 * math.pi * 500 * torch.arange(2 * RATE, dtype=torch.float64) / RATE)[None, None]
    lost = [db(heard(x, room_db=r)[..., RATE:], x[..., RATE:]) for r in (-30.0, -20.0, -12.0, -1.0)]
    assert lost == sorted(lost, reverse=True)
    assert lost[0] > -1.5
    assert lost[-1] < -6
