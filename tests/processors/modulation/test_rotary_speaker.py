"""A rotary speaker and a string ensemble as one measures them with microphones."""

import math

import numpy as np
import pytest
import scipy.signal
import torch

from diffFx_pytorch import EffectParam
from diffFx_pytorch.processors import Ensemble, RotarySpeaker

RATE = 44100


def tone(hertz, seconds):
    return torch.sin(2 * math.pi * hertz * torch.arange(int(seconds * RATE), dtype=torch.float64) / RATE)[None]


def level_and_pitch(y):
    """Envelope and frequency over time of a tone, without the ends, which are faded."""
    analytic = scipy.signal.hilbert(y.numpy() * (window := scipy.signal.windows.tukey(len(y), 0.15)))
    frequency = np.diff(np.unwrap(np.angle(analytic))) * RATE / (2 * math.pi)
    return (np.abs(analytic) / np.maximum(window, 0.1))[4000:-4000], frequency[4000:-4000]


def rate_of(level):
    """Frequency of the strongest line of an envelope."""
    spectrum = np.abs(np.fft.rfft((level - level.mean()) * np.hanning(len(level)), 2**19))
    return np.argmax(spectrum) * RATE / 2**19


@pytest.mark.parametrize(("hertz", "ratio"), [(8000.0, 1.0), (500.0, 0.8)])
def test_the_pitch_goes_as_far_as_the_speed_of_the_source_over_that_of_sound(hertz, ratio):
    """Doppler: whatever the distance, the nearest to 1 +- v / c is met where the source comes straight at one."""
    knobs = {"rate_hz": 6.0, "drum_ratio": 0.8, "directivity": 0.0, "radius_m": 0.2, "distance_m": 3.0}
    knobs["crossover_hz"] = 800.0 if ratio == 1 else 3000.0
    _, pitch = level_and_pitch(RotarySpeaker(RATE)(tone(hertz, 2.0), **knobs)[0])
    swing = 2 * math.pi * 6.0 * ratio * 0.2 / 343
    assert pitch.max() / hertz - 1 == pytest.approx(swing, rel=0.02)
    assert 1 - pitch.min() / hertz == pytest.approx(swing, rel=0.02)


def test_horn_and_drum_turn_at_their_own_rates():
    fx = RotarySpeaker(RATE, rate_hz=5.0, drum_ratio=0.6)
    for hertz, rate in ((3000.0, 5.0), (80.0, 3.0)):
        level, _ = level_and_pitch(fx(tone(hertz, 3.0))[0])
        assert rate_of(level) == pytest.approx(rate, rel=0.02)


def test_the_rotors_pass_the_microphones_one_after_the_other_against_each_other():
    """At the front first; then, at 90 degrees between the two, the horn a quarter turn later on the other side."""
    fx = RotarySpeaker(RATE, rate_hz=2.0, drum_ratio=1.0, angle_deg=90.0)
    for hertz, first in ((3000.0, 0), (60.0, 1)):
        y = fx(tone(hertz, 1.5))
        levels = [level_and_pitch(c)[0][: RATE // 2] for c in (y[first], y[1 - first])]
        peaks = [(np.argmax(level) + 4000) / RATE * 2.0 % 1 for level in levels]
        assert peaks[0] == pytest.approx(0.125, abs=0.02)
        assert peaks[1] == pytest.approx(0.875, abs=0.02)


def test_turned_away_it_is_quieter_and_the_treble_most():
    """Far away and at one microphone, the level behind is 1 - s / 2 of that before, and above 2 kHz 1 - s."""
    knobs = {"rate_hz": 1.0, "directivity": 0.6, "distance_m": 4.0, "radius_m": 0.05, "angle_deg": 0.0}
    pole = math.exp(-2 * math.pi * 2000 / RATE)
    for hertz in (100.0, 4000.0, 9000.0):
        dull = (1 - pole) / (1 - pole * np.exp(-2j * math.pi * hertz / RATE))
        least = 0.7 if hertz < 800 else abs(0.7 * dull + 0.4 * (1 - dull))
        level, _ = level_and_pitch(RotarySpeaker(RATE, drum_ratio=1.0)(tone(hertz, 2.0), **knobs)[0])
        assert level.min() / level.max() == pytest.approx(least * (4 - 0.05) / (4 + 0.05), rel=0.03)


@pytest.mark.parametrize(("inertia_s", "behind"), [(0.2, (1.0, 4.0)), (0, (0.0, 0.0))])
def test_rotors_are_heavy_and_the_drum_is_four_times_as_heavy(inertia_s, behind):
    """The turns that a rotor is behind after a step of its speed are the step times its time constant."""
    fx, one, samples = RotarySpeaker(8000, inertia_s=inertia_s), torch.ones(1, 1, 1).double(), 80000
    _, rotors = fx._turned(one, one, 10, None)
    wave, _ = fx._turned(6 * one, one, samples, rotors)
    turns = np.unwrap(np.arctan2(wave[0, 2:].numpy(), wave[0, :2].numpy())) / (2 * math.pi)
    late = 6.0 * (samples - 1) / 8000 - (turns[:, -1] - turns[:, 0])
    assert late == pytest.approx(behind, rel=0.01, abs=1e-6)


def test_a_microphone_stays_outside_the_circle():
    with pytest.raises(ValueError, match=r"RotarySpeaker: distance_m begins at 0\.2; it must begin above"):
        RotarySpeaker(RATE, param_range={"distance_m": EffectParam(0.2, 4.0)})


def test_a_section_wavers_at_both_rates_and_its_mean_stands_still():
    """The three pitches are the tone's times 1 - d'; their mean is the tone's."""
    x, knobs = tone(2000.0, 3.0), {"slow_ms": 1.0, "fast_ms": 0.2, "slow_hz": 0.7, "fast_hz": 5.0}
    fx = Ensemble(RATE)
    swing = 2 * math.pi * (0.7 * 1.0 + 5.0 * 0.2) / 1000
    curve = fx.curve(**fx.knobs(x[None], dsp_params=knobs))
    steepest = (curve.y.diff() / curve.x.diff()).abs().max() / 1000
    assert float(steepest) == pytest.approx(swing, rel=0.03)
    slow, _ = fx._waves(torch.full((1, 1, 1), 0.7).double(), 10 * RATE, None)
    assert slow.sum(1).abs().max() < 1e-12
    assert slow[0].square().mean(-1).tolist() == pytest.approx([0.5] * 3, abs=1e-4)


def test_a_section_is_as_loud_as_the_sound_and_as_wide_as_it_says():
    noise = np.random.default_rng(0).standard_normal((1, 1, 2 * RATE))
    x = torch.from_numpy(
        scipy.signal.sosfilt(scipy.signal.butter(4, [500, 8000], "band", fs=RATE, output="sos"), noise)
    )
    for width in (0.0, 1.0):
        y = Ensemble(RATE)(x, width=width)
        assert float(y.square().mean() / x.square().mean()) == pytest.approx(1.0, abs=0.08)
        assert (float((y[:, 0] - y[:, 1]).norm() / y.norm()) < 1e-6) == (width == 0.0)
