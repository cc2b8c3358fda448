"""A send whose return makes way for the sound, as it shows on a meter."""

import math

import numpy as np
import pytest
import torch

from diffFx_pytorch.presets import dump_chain, load_chain
from diffFx_pytorch.processors import BasicDelay, FDNReverb, Limiter
from diffFx_pytorch.routing import Ducked, Send

RATE = 8000
ECHO = {"basic_delay.delay_ms": 500.0, "basic_delay.mix": 1.0}


def echoes(x, **knobs):
    """What a delay of half a second returns."""
    fx = Ducked(BasicDelay(RATE))
    return (fx(x, dsp_params={**ECHO, "send_db": 0.0, **knobs}) - x)[0, 0]


def test_the_return_is_down_while_the_sound_is_there_and_comes_back_in_its_time():
    """A steady tone for a second: its echo begins at 0.5 s, and is alone from 1 s on."""
    t = torch.arange(2 * RATE, dtype=torch.float64) / RATE
    x = (torch.sin(2 * math.pi * 500 * t) * (t < 1))[None, None]
    y = echoes(x, duck_db=12.0, threshold_db=-30.0, attack_ms=5.0, release_ms=100.0)
    level = 20 * np.log10(y.unfold(0, 80, 80).square().mean(-1).mul(2).sqrt().numpy() + 1e-9)  # of 10 ms
    assert level[60:100] == pytest.approx(-12.0, abs=0.05)
    # The peak is held for 10 ms; then what is left of the 12 dB falls by 1 / e in each 100 ms.
    assert level[111] == pytest.approx(-12 * math.exp(-1.05), abs=0.15)
    assert level[131] == pytest.approx(-12 * math.exp(-3.05), abs=0.15)


def test_it_is_one_sample_after_another():
    """Peaks of 10 ms, a ramp of 12 dB, one coefficient up and one down."""
    generator = np.random.default_rng(0)
    x = generator.standard_normal((2, 3000)) * np.repeat(10 ** generator.uniform(-3, 0, 10), 300)
    knobs = {"send_db": -3.0, "duck_db": 20.0, "threshold_db": -25.0, "attack_ms": 3.0, "release_ms": 40.0}
    fx = Ducked(BasicDelay(RATE))
    y = fx(torch.from_numpy(x)[None], dsp_params={"basic_delay.delay_ms": 20.0, "basic_delay.mix": 1.0, **knobs})[0]
    z, expected = 0.0, np.zeros_like(x)
    for n in range(3000):
        peak = np.abs(x[:, max(0, n - 79) : n + 1]).max()
        wanted = min(max((20 * math.log10(max(peak, 1e-10)) + 25) / 12, 0), 1)
        c = math.exp(-1000 / (RATE * (3.0 if wanted > z else 40.0)))
        z = c * z + (1 - c) * wanted
        echo = x[:, n - 160] if n >= 160 else 0.0
        expected[:, n] = x[:, n] + 10 ** ((-3 - 20 * z) / 20) * echo
    assert np.abs(y.numpy() - expected).max() < 1e-9


def test_below_the_threshold_and_without_ducking_it_is_a_send():
    x = 0.001 * torch.randn(1, 2, 4000, dtype=torch.float64)
    send = Send(BasicDelay(RATE))(x, dsp_params={**ECHO, "send_db": 0.0})
    assert torch.allclose(Ducked(BasicDelay(RATE))(x, dsp_params={**ECHO, "send_db": 0.0}), send, atol=1e-12)
    loud = Ducked(BasicDelay(RATE))(1000 * x, dsp_params={**ECHO, "send_db": 0.0, "duck_db": 0.0})
    assert torch.allclose(loud, 1000 * send, atol=1e-9)


def test_latency_of_the_effect_is_made_good_for_sound_and_level():
    """A look-ahead of 5 ms that limits nothing: echo and level come as late as the sound."""
    x = torch.zeros(1, 1, 600, dtype=torch.float64)
    x[..., 100:] = 0.1
    fx = Ducked(Limiter(RATE, lookahead_ms=5.0), send_db=0.0, attack_ms=0.1, duck_db=6.0, threshold_db=-60.0)
    y = fx(x)[0, 0]
    late = fx.latency_samples
    assert late == 40
    assert y[: 100 + late].abs().max() == 0
    assert float(y[100 + late + 20]) == pytest.approx(0.1 * (1 + 10 ** (-6 / 20)), rel=1e-3)


def test_in_a_chain_file_and_as_a_sentence():
    text = "version: 1\nchain:\n  - ducked: {effect: FDNReverb, params: {mix: 1}}\n    params: {duck_db: 12}\n"
    chain, _ = load_chain(text).build(RATE)
    ducked = chain[0]
    assert isinstance(ducked, Ducked)
    assert ducked.settings["duck_db"] == 12
    assert "ducked" in dump_chain(chain)
    same = Ducked(FDNReverb(RATE, mix=1), duck_db=12)
    x = 0.1 * torch.randn(1, 2, 3000)
    assert torch.equal(chain(x), same(x))
    assert same.explain().startswith("sent at -6 dB, beside the input, 12 dB lower while that is above -36 dB:")
