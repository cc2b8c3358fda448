"""The passive equaliser beside its whole network, and as an engineer uses it."""

import math

import numpy as np
import pytest
import torch

from diffFx_pytorch.processors import PassiveEqualizer
from diffFx_pytorch.processors.eq.passive_equalizer import _apart

REST = dict.fromkeys(("low_boost", "low_cut", "high_boost", "high_cut"), 0.0)


def gain_db(rate=44100, **knobs):
    fx = PassiveEqualizer(rate)
    freqs, response = fx.response(fx.knobs(torch.zeros(1, 1, 1).double(), dsp_params={**REST, **knobs}))
    return freqs.numpy(), 20 * np.log10(np.abs(response.numpy()))


def network_db(freqs, lb=0.0, lc=0.0, lf=60.0, hb=0.0, bw=0.5, hf=8000.0, hc=0.0, cf=10000.0):
    """Every part of the schematic at once, without losses in the capacitors, by Ohm and Kirchhoff."""
    s, nothing = 2j * math.pi * freqs, 1e-9

    def beside(a, b):
        return a * b / (a + b)

    w = 2 * math.pi * hf
    tank = s * math.sqrt(12e6) / w + 390 + 3900 * bw + math.sqrt(12e6) * w / s
    top = 12e3 * (1 - hb) + beside(12e3 * hb + nothing, tank)
    cut = 1e3 * (1 - hc) + beside(1e3 * hc + nothing, 91 + cf / (1.35e-3 * s))
    low = beside(110e3 * lc + nothing, 30 * lf / (33.6e-6 * s)) + 11e3
    boost = beside(8.2e3 * lb + nothing, lf / (33.6e-6 * s))
    heard = (boost + 10e3 * cut / (cut + low)) / (top + beside(cut, low) + boost)
    return 20 * np.log10(np.abs(heard) * 15.5)


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_whole_network_where_the_rate_bends_nothing(seed):
    lb, lc, hb, hc, bw = np.random.default_rng(seed).random(5)
    freqs, ours = gain_db(
        768000, high_freq_hz=8000.0, low_boost=lb, low_cut=lc, high_boost=hb, high_cut=hc, bandwidth=bw
    )
    theirs = network_db(freqs, lb, lc, hb=hb, hc=hc, bw=bw)
    assert np.abs(ours - theirs).max() < 0.7
    assert np.ptp(theirs) > 5.0


def test_the_pots_reach_what_the_panel_promises():
    """13.5 dB of low boost, 17.5 of low cut, 18 of high boost, 16 of high cut, and some more."""
    for knob, promised in (("low_boost", 13.5), ("low_cut", -17.5), ("high_boost", 18.0), ("high_cut", -16.0)):
        _, gain = gain_db(96000, bandwidth=0.0, **{knob: 1.0})
        assert 0.0 < gain[np.abs(gain).argmax()] / promised - 1 < 0.2, knob


def test_boost_and_cut_of_the_lows_do_not_cancel():
    """The trick it is known for: weight below, a dip above, at one setting of the switch."""
    freqs, gain = gain_db(low_boost=0.7, low_cut=0.7)
    assert gain[freqs < 30].min() > 6.0
    assert gain[(freqs > 200) & (freqs < 1500)].min() < -3.0
    assert np.abs(gain[(freqs > 6000)]).max() < 0.5


def test_the_bell_stands_where_its_knob_says_up_to_16_khz():
    for hertz in (3000.0, 8000.0, 16000.0):
        freqs, gain = gain_db(high_boost=0.8, bandwidth=0.0, high_freq_hz=hertz)
        assert freqs[gain.argmax()] == pytest.approx(hertz, rel=0.02)


def test_the_root_that_stands_apart_is_found():
    roots = torch.tensor([[1.0, 2.0, 9.0], [1.0, 8.0, 9.0], [1e-5, 1.0, 50.0], [3.0, 3.01, 3.5]]).double()
    p, q, r = roots.unbind(-1)
    found = _apart(p + q + r, p * q + q * r + r * p, p * q * r)
    assert torch.allclose(found, torch.tensor([9.0, 1.0, 50.0, 3.5]).double(), rtol=1e-6)
    # (s + 4)(s^2 + 0.1 s + 1)
    assert _apart(*torch.tensor([4.1, 1.4, 4.0]).double()) == pytest.approx(4.0)
