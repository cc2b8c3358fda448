"""Choruses, flangers and vibrato as an engineer measures them."""

import math

import numpy as np
import pytest
import torch

from diffFx_pytorch import EffectParam
from diffFx_pytorch.dsp.oscillator import oscillate, phase_ramp
from diffFx_pytorch.processors import (
    Chorus,
    FeedbackFlanger,
    Flanger,
    MultiVoiceChorus,
    StereoChorus,
    StereoFlanger,
    Vibrato,
)

RATE = 44100
CHORUSES = [Chorus, MultiVoiceChorus, StereoChorus]
FLANGERS = [Flanger, FeedbackFlanger, StereoFlanger]


def impulse(samples, channels=1):
    x = torch.zeros(1, channels, samples, dtype=torch.float64)
    x[..., 0] = 1
    return x


def response(y, points=2**16):
    return np.fft.rfftfreq(points, 1 / RATE), np.abs(np.fft.rfft(y.numpy(), points))


@pytest.mark.parametrize("cls", CHORUSES)
def test_a_chorus_that_stands_still_delays(cls):
    x = torch.randn(1, 2, 6000, dtype=torch.float64)
    y = cls(RATE)(x, dsp_params={"delay_ms": 20.0, "depth": 0.0, "mix": 1.0})
    assert torch.allclose(y[..., 882:], x[..., :-882], rtol=0, atol=1e-12)
    assert y[..., :882].abs().max() == 0


@pytest.mark.parametrize("cls", FLANGERS)
def test_notches_are_deep_and_where_they_belong(cls):
    knobs = {"delay_ms": 5.0, "depth": 0.0, "mix": 0.5}
    if cls is not Flanger:
        knobs["feedback"] = 0.0
    # 48 kHz has 5 ms on a whole sample.
    y = cls(48000)(impulse(4800), dsp_params=knobs)[0, 0]
    freq, level = np.fft.rfftfreq(4800, 1 / 48000), 20 * np.log10(np.abs(np.fft.rfft(y.numpy())) + 1e-12)
    for k in range(20):
        assert level[np.argmin(np.abs(freq - (k + 0.5) / 0.005))] < -40
        assert level[np.argmin(np.abs(freq - k / 0.005))] == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize("cls", [FeedbackFlanger, StereoFlanger])
@pytest.mark.parametrize("feedback", [0.9, -0.9])
def test_feedback_rings_with_peaks_at_k_over_the_delay(cls, feedback):
    knobs = {"delay_ms": 2.0, "depth": 0.0, "feedback": feedback, "mix": 1.0}
    y = cls(48000)(impulse(48000), dsp_params=knobs)[0, 0]
    freq, gain = np.fft.rfftfreq(48000, 1 / 48000), np.abs(np.fft.rfft(y.numpy()))
    for k in range(1, 8):
        middle = (k if feedback > 0 else k + 0.5) * 500
        near = np.abs(freq - middle) < 200
        assert freq[near][gain[near].argmax()] == pytest.approx(middle, abs=1.0)
        assert gain[near].max() == pytest.approx(10.0, rel=1e-3)


@pytest.mark.parametrize("cls", [FeedbackFlanger, StereoFlanger])
@pytest.mark.parametrize("feedback", [0.99, -0.99])
def test_feedback_to_the_end_is_stable_while_it_sweeps(cls, feedback):
    x = torch.randn(1, 2, 12 * RATE) * 0.1
    x[..., RATE:] = 0
    knobs = {"delay_ms": 3.0, "depth": 1.0, "rate_hz": 0.7, "feedback": feedback, "mix": 1.0}
    y = cls(RATE)(x, dsp_params=knobs)
    assert y[..., -RATE:].norm() < 0.1 * y[..., RATE : 2 * RATE].norm()


@pytest.mark.parametrize("cls", [*CHORUSES, *FLANGERS])
def test_nothing_comes_early_and_appended_silence_changes_nothing(cls):
    x = torch.randn(1, 2, 4000, dtype=torch.float64)
    x[..., :1000] = 0
    fx, knobs = cls(RATE), {"depth": 1.0, "mix": 1.0, "rate_hz": 5.0}
    short = fx(x, dsp_params=knobs)
    longer = fx(torch.nn.functional.pad(x, (0, 5000)), dsp_params=knobs)
    assert torch.allclose(longer[..., :4000], short, rtol=0, atol=1e-12)
    assert short[..., :1000].abs().max() == 0


def test_a_swept_delay_is_where_the_oscillator_puts_it():
    """A tone read at n - d[n] is the tone with that phase, whatever the sweep."""
    hertz, samples = 500.0, RATE
    n = torch.arange(samples, dtype=torch.float64)
    x = torch.sin(2 * math.pi * hertz * n / RATE)[None, None]
    knobs = {"rate_hz": 2.0, "depth": 0.4, "delay_ms": 10.0, "mix": 1.0}
    y = Chorus(RATE)(x, dsp_params=knobs)[0, 0]
    d = 1 + 440 * (1 + 0.4 * torch.sin(2 * math.pi * 2.0 * n / RATE))
    expected = torch.sin(2 * math.pi * hertz * (n - d) / RATE)
    assert (y - expected)[1000:].abs().max() < 1e-5


def test_the_oscillator_keeps_its_rate_over_a_minute_and_its_phase_across_blocks():
    rate_hz, samples = 0.83, 60 * RATE
    phase, _ = phase_ramp(torch.full((1, 1, 1), rate_hz), RATE, samples)
    wave = oscillate(phase)[0, 0]
    rises = ((wave[:-1] < 0) & (wave[1:] >= 0)).nonzero()[:, 0].double()
    measured = (len(rises) - 1) / float(rises[-1] - rises[0]) * RATE
    assert measured == pytest.approx(rate_hz, rel=1e-4)
    x = torch.randn(1, 1, 20000, dtype=torch.float64)
    fx = Chorus(RATE)
    play = fx.stream(dsp_params={"rate_hz": 7.3, "depth": 0.5})
    blocks = torch.cat([play(b) for b in x.split([1, 511, 7000, 3, 12485], -1)], -1)
    assert torch.allclose(blocks, fx(x, dsp_params={"rate_hz": 7.3, "depth": 0.5}), rtol=0, atol=1e-10)


def test_voices_are_the_mean_of_sweeps_spread_over_a_turn():
    x = torch.randn(1, 2, 3000, dtype=torch.float64)
    knobs = {"rate_hz": 3.0, "depth": 0.6, "delay_ms": 12.3, "mix": 1.0}
    y = MultiVoiceChorus(RATE, num_voices=2)(x, dsp_params=knobs)
    sides = StereoChorus(RATE)(x[:, :1], dsp_params={**knobs, "phase_deg": 180.0})
    assert torch.allclose(y[:, 0], sides.mean(1), rtol=0, atol=1e-9)


@pytest.mark.parametrize("cls", [StereoChorus, StereoFlanger])
def test_the_angle_parts_the_sides(cls):
    x = torch.randn(1, 1, 5000, dtype=torch.float64)
    same = cls(RATE)(x, dsp_params={"phase_deg": 0.0, "rate_hz": 2.0})
    apart = cls(RATE)(x, dsp_params={"phase_deg": 180.0, "rate_hz": 2.0})
    assert torch.equal(same[:, 0], same[:, 1])
    assert torch.equal(same[:, 0], apart[:, 0])
    assert (apart[:, 0] - apart[:, 1]).norm() > 0.1 * apart.norm()


def test_vibrato_bends_the_pitch_by_what_it_says():
    hertz, rate_hz, depth = 1000.0, 5.0, 0.5
    n = torch.arange(RATE, dtype=torch.float64)
    x = torch.sin(2 * math.pi * hertz * n / RATE)[None, None]
    fx = Vibrato(RATE)
    y = fx(x, dsp_params={"rate_hz": rate_hz, "depth": depth})[0, 0]
    reach = depth * 0.0025 * RATE
    d = fx.latency_samples + reach * (1 - torch.cos(2 * math.pi * rate_hz * n / RATE))
    assert (y - torch.sin(2 * math.pi * hertz * (n - d) / RATE))[500:].abs().max() < 1e-4
    cents = fx.curve(**fx.knobs(x, dsp_params={"rate_hz": rate_hz, "depth": depth})).y
    assert float(cents.max()) == pytest.approx(1200 * math.log2(1 + 2 * math.pi * rate_hz * depth * 0.0025), abs=0.5)


@pytest.mark.parametrize("cls", [Chorus, Flanger, FeedbackFlanger])
def test_channels_go_alone(cls):
    x = torch.randn(1, 5, 2000, dtype=torch.float64)
    assert torch.allclose(cls(RATE)(x), torch.cat([cls(RATE)(c) for c in x.split(1, 1)], 1), atol=1e-12)


@pytest.mark.parametrize("cls", [*CHORUSES, *FLANGERS])
def test_construction_is_checked(cls):
    for options, pattern in (
        ({"param_range": {"delay_ms": EffectParam(0.0, 10.0, curve="linear")}}, "one sample or longer: from 0.02"),
        ({"param_range": {"delay_ms": EffectParam(0.02, 10.0)}}, "one sample or longer"),
    ):
        with pytest.raises(ValueError, match=f"{cls.__name__}: .*{pattern}"):
            cls(RATE, **options)


@pytest.mark.parametrize("cls", [StereoChorus, StereoFlanger])
def test_stereo_effects_refuse_surround(cls):
    with pytest.raises(ValueError, match="1 or 2 channels, got 6"):
        cls(RATE)(torch.zeros(1, 6, 10))


@pytest.mark.parametrize("cls", [MultiVoiceChorus, StereoChorus])
def test_every_voice_has_a_level_and_a_place(cls):
    fx = cls(RATE, num_voices=3, voice_knobs=True)
    off = {f"voice_{i}_gain_db": -60.0 for i in (1, 2, 3)} | {"depth": 0.5, "mix": 1.0}
    x = torch.randn(1, 1, 4000, dtype=torch.float64)
    y = fx(x, dsp_params={**off, "voice_2_gain_db": 0.0, "voice_2_pan": -1.0})
    assert y[:, 1].norm() < 3e-3 * y[:, 0].norm()
    y = fx(x, dsp_params={**off, "voice_2_gain_db": 0.0, "voice_2_pan": 1.0})
    assert y[:, 0].norm() < 3e-3 * y[:, 1].norm()


@pytest.mark.parametrize("cls", [MultiVoiceChorus, StereoChorus])
def test_voices_in_the_centre_at_their_level_are_those_without_knobs(cls):
    x = torch.randn(2, 2, 4000, dtype=torch.float64)
    centred = {f"voice_{i}_pan": 0.0 for i in (1, 2, 3)}
    y = cls(RATE, num_voices=3, voice_knobs=True)(x, dsp_params=centred)
    assert torch.allclose(y, cls(RATE, num_voices=3)(x), rtol=0, atol=1e-12)


def test_each_side_has_the_mean_of_its_voices():
    x, knobs = torch.randn(1, 1, 3000, dtype=torch.float64), {"rate_hz": 3.0, "depth": 0.6, "mix": 1.0}
    y = StereoChorus(RATE, num_voices=4)(x, dsp_params={**knobs, "phase_deg": 90.0})
    mono = MultiVoiceChorus(RATE, num_voices=4)(x, dsp_params=knobs)
    assert torch.allclose(y, mono.expand(-1, 2, -1), rtol=0, atol=1e-9), "a quarter turn brings each to the next"
