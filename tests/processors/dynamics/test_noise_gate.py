"""What an engineer expects of a gate."""

import math

import numpy as np
import pytest
import torch

from diffFx_pytorch.processors.dynamics import NoiseGate

RATE = 44100
FAST = {"attack_ms": 0.05, "release_ms": 5.0, "hold_ms": 0.0}
PEAK = round(0.01 * RATE)  # a peak counts for 10 ms


def sine(level_db, freq_hz=1000.0, seconds=0.5):
    n = torch.arange(int(seconds * RATE), dtype=torch.float64)
    return 10 ** (level_db / 20) * torch.sin(2 * math.pi * freq_hz * n / RATE)[None, None]


def steps(*levels_db, seconds=0.3):
    return torch.cat([torch.full((int(seconds * RATE),), 10 ** (v / 20), dtype=torch.float64) for v in levels_db])


def gain_of_key(key, **knobs):
    key = key[None, None]
    return 20 * torch.log10(NoiseGate(RATE)(torch.ones_like(key), dsp_params=knobs, sidechain=key))[0, 0].numpy()


@pytest.mark.parametrize("freq", [50.0, 100.0, 440.0])
def test_a_steady_tone_over_threshold_passes_at_the_fastest_settings(freq):
    x = sine(-6.0, freq)
    knobs = {**FAST, "hysteresis_db": 0.0, "threshold_db": -40.0, "range_db": 96.0}
    y, after = NoiseGate(RATE)(x, dsp_params=knobs), slice(RATE // 20, None)
    assert torch.allclose(y[..., after], x[..., after], rtol=1e-9, atol=0)


@pytest.mark.parametrize("threshold", [-10.0, -50.0, -90.0])
def test_under_the_threshold_the_range_is_taken_away(threshold):
    x = sine(threshold - 4.0)
    y = NoiseGate(RATE)(x, dsp_params={**FAST, "threshold_db": threshold, "range_db": 40.0})
    assert torch.allclose(y, 0.01 * x)
    x = sine(threshold + 0.2 if threshold < -1 else 0.0)
    y = NoiseGate(RATE)(x, dsp_params={**FAST, "threshold_db": threshold, "range_db": 40.0})
    assert torch.allclose(y[..., RATE // 4 :], x[..., RATE // 4 :], rtol=1e-6)


def test_it_opens_at_the_threshold_and_shuts_below_it_by_the_hysteresis():
    # Shut, not yet, open, still, still at T - H, shut.
    levels = (-60.0, -40.2 - 3.0, -39.8, -44.0, -45.9, -46.1 - 3.0)
    gain = gain_of_key(steps(*levels), **FAST, threshold_db=-40.0, hysteresis_db=6.0, range_db=50.0)
    ends = gain.reshape(len(levels), -1)[:, -1]
    assert ends == pytest.approx([-50, -50, 0, 0, 0, -50], abs=0.01)


def test_hysteresis_stops_chatter():
    x = sine(-40.0, 200.0) * (1 + 0.2 * sine(0.0, 7.0))

    def switches(hysteresis):
        y = NoiseGate(RATE)(x, dsp_params={**FAST, "threshold_db": -40.0, "hysteresis_db": hysteresis})
        loud = (y.abs() > 0.5 * x.abs())[0, 0, x[0, 0].abs() > 1e-4]
        return int((loud[1:] != loud[:-1]).sum())

    assert switches(0.0) >= 6
    assert switches(6.0) <= 1


@pytest.mark.parametrize("hold_ms", [0.0, 30.0, 250.0])
def test_it_stays_open_for_the_hold_time(hold_ms):
    gain = gain_of_key(steps(-10.0, -80.0, seconds=0.5), **{**FAST, "hold_ms": hold_ms}, threshold_db=-40.0)
    after = gain[RATE // 2 :]
    closes = int((after < -0.5).nonzero()[0][0])
    assert closes == pytest.approx(PEAK + hold_ms * RATE / 1000, abs=10)


@pytest.mark.parametrize(("phase", "time_ms"), [("attack_ms", 0.5), ("attack_ms", 20.0), ("release_ms", 60.0)])
def test_times_are_the_63_percent_of_a_step(phase, time_ms):
    opening = phase == "attack_ms"
    key = steps(-80.0, -10.0, seconds=1) if opening else steps(-10.0, -80.0, seconds=1)
    gain = gain_of_key(key, **{**FAST, phase: time_ms}, threshold_db=-40.0, range_db=30.0)
    gain = gain[RATE - 1 + (0 if opening else PEAK - 1) :]
    covered = np.abs(gain - gain[0]) / 30.0
    assert covered[-1] == pytest.approx(1.0, abs=1e-3)
    assert np.interp(1 - 1 / math.e, covered, np.arange(covered.size)) == pytest.approx(time_ms * RATE / 1000, rel=0.03)


def test_look_ahead_opens_before_the_sound():
    x = torch.cat((torch.zeros(RATE // 4, dtype=torch.float64), steps(-6.0)))[None, None]
    for late, least in ((0.0, 0.1), (5.0, 0.99)):
        fx = NoiseGate(RATE, lookahead_ms=late)
        y = fx(x, dsp_params={"attack_ms": 0.5, "range_db": 60.0})
        first = float(y[0, 0, RATE // 4 + fx.latency_samples] / x[0, 0, -1])
        assert (first > least) == (late > 0)


def test_hold_and_hysteresis_have_exact_gradients():
    n = torch.arange(8000, dtype=torch.float64)
    key = (10 ** (-(n / 8000) * 4) * torch.sin(n))[None, None]
    values = {"threshold_db": -30.0, "hysteresis_db": 6.3, "hold_ms": 5.7}
    knobs = {k: torch.tensor([v], dtype=torch.float64, requires_grad=True) for k, v in values.items()}

    def loss(**moved):
        return NoiseGate(RATE)(key, dsp_params={**knobs, **moved, "release_ms": 20.0})[..., 2000:].abs().log().mean()

    for name, gradient in zip(knobs, torch.autograd.grad(loss(), list(knobs.values())), strict=True):
        numeric = (loss(**{name: knobs[name] + 1e-6}) - loss(**{name: knobs[name] - 1e-6})) / 2e-6
        assert gradient.item() == pytest.approx(numeric.item(), rel=1e-5)
        assert gradient.item() != 0


def test_makeup_is_heard_open_and_shut():
    for level in (-10.0, -70.0):
        x = sine(level)
        plain, louder = (NoiseGate(RATE)(x, dsp_params={"makeup_db": gain}) for gain in (0.0, -5.0))
        assert torch.allclose(louder, 10 ** (-5 / 20) * plain, rtol=1e-12)
