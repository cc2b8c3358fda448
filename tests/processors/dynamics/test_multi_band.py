"""Dynamics in bands: flat where nothing happens, and each band by its own level."""

import math

import pytest
import torch

from diffFx_pytorch import EffectParam
from diffFx_pytorch.processors.dynamics import (
    Limiter,
    MultiBandCompressor,
    MultiBandExpander,
    MultiBandLimiter,
    MultiBandNoiseGate,
    MultiBandTransientShaper,
)

RATE = 44100
TIGHT = {"threshold_db": -30.0, "knee_db": 0.0, "attack_ms": 0.3, "release_ms": 500.0}
ALL = (MultiBandCompressor, MultiBandExpander, MultiBandLimiter, MultiBandNoiseGate, MultiBandTransientShaper)


def tone(level_db, freq_hz, seconds=0.5):
    n = torch.arange(int(seconds * RATE), dtype=torch.float64)
    return 10 ** (level_db / 20) * torch.sin(2 * math.pi * freq_hz * n / RATE)[None, None]


def level_of(y, freq_hz):
    last = y[0, 0, -RATE // 10 :]
    n = torch.arange(last.shape[-1], dtype=torch.float64)
    spun = last * torch.exp(-2j * math.pi * freq_hz * n / RATE)
    return float(20 * torch.log10(2 * spun.mean().abs()))


@pytest.mark.parametrize("cls", ALL)
@pytest.mark.parametrize("crossovers", [(200.0, 2000.0), (1000.0, 1200.0), (1200.0, 1000.0)])
def test_neutral_is_flat_for_any_crossovers(cls, crossovers):
    fx = cls(RATE)
    impulse = torch.zeros(1, 1, 2**15, dtype=torch.float64)
    impulse[..., 0] = 0.5
    knobs = {f"crossover_{i + 1}_hz": f for i, f in enumerate(crossovers)}
    y = fx(impulse, dsp_params={**fx.neutral, **knobs})
    level = 20 * torch.log10(2 * torch.fft.rfft(y[0, 0]).abs())
    assert level.abs().max() < 0.05


def test_the_compressor_turns_down_the_loud_band_alone():
    x = tone(-10.0, 60.0) + tone(-40.0, 8000.0)
    knobs = {f"band_{k}.{n}": v for k in (1, 2, 3) for n, v in TIGHT.items()}
    y = MultiBandCompressor(RATE)(x, dsp_params=knobs)
    assert level_of(y, 60.0) == pytest.approx(-25.0, abs=1.0)
    assert level_of(y, 8000.0) == pytest.approx(-40.0, abs=0.1)


@pytest.mark.parametrize("cls", [MultiBandExpander, MultiBandNoiseGate])
def test_expander_and_gate_shut_the_quiet_band_alone(cls):
    x = tone(-10.0, 60.0) + tone(-60.0, 8000.0)
    knobs = {f"band_{k}.threshold_db": -40.0 for k in (1, 2, 3)}
    if cls is MultiBandExpander:
        knobs |= {f"band_{k}.ratio": 2.0 for k in (1, 2, 3)}
    y = cls(RATE)(x, dsp_params={**knobs, **{f"band_{k}.range_db": 20.0 for k in (1, 2, 3)}})
    assert level_of(y, 60.0) == pytest.approx(-10.0, abs=0.1)
    assert level_of(y, 8000.0) == pytest.approx(-80.0, abs=0.1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("true_peak", [False, True])
def test_the_output_of_the_limiter_holds_too(dtype, true_peak):
    x = torch.randn(2, 2, RATE // 2, dtype=dtype)
    x = torch.cat((x, torch.sign(torch.sin(torch.arange(RATE // 2) * 0.02)).expand_as(x).to(dtype)), -1)
    x = x / x.abs().max() * 10 ** (24 / 20)
    knobs = {f"band_{k}.ceiling_db": 0.0 for k in (1, 2, 3)}
    y = MultiBandLimiter(RATE, true_peak=true_peak)(x, dsp_params={**knobs, "ceiling_db": -1.0})
    assert float(y.double().abs().max()) <= 10 ** (-1 / 20)
    if not true_peak:
        assert float(y.abs().max()) > 0.99 * 10 ** (-1 / 20)


def test_the_latency_is_that_of_both_limiters():
    assert MultiBandLimiter(RATE).latency_samples == 2 * Limiter(RATE).latency_samples


@pytest.mark.parametrize("cls", ALL)
def test_what_is_refused_is_refused_in_its_own_name(cls):
    name = cls.__name__
    with pytest.raises(ValueError, match=f"^{name}: num_bands must be a whole number in 2 .. 16, got 1"):
        cls(num_bands=1)
    with pytest.raises(ValueError, match=f"^{name}: sample_rate must be positive"):
        cls(sample_rate=0)
    with pytest.raises(ValueError, match=f"^{name}: .*did you mean 'crossover_"):
        cls(param_range={"crossover_9_hz": EffectParam(1.0, 2.0)})
