"""Physics of the harmonizer: intervals, levels, places, times."""

import math

import pytest
import torch

from diffFx_pytorch.processors import Harmonizer, PitchShift

RATE = 22050
SECONDS = 0.6


def tone(hertz):
    return 0.5 * (2 * math.pi * hertz / RATE * torch.arange(int(SECONDS * RATE), dtype=torch.float64)).sin()


def level(y, hertz):
    part = y[3000:-3000]
    window = torch.hann_window(len(part), dtype=part.dtype)
    turn = torch.exp(-2j * math.pi * hertz / RATE * torch.arange(len(part)))
    return 20 * math.log10(abs(complex((part * window * turn).sum())) / float(window.sum()) * 2 + 1e-9)


def test_voices_are_at_their_intervals_levels_and_places():
    knobs = {"voice_1_semitones": 7.0, "voice_1_gain_db": -6.0, "voice_1_pan": -1.0}
    knobs |= {"voice_2_semitones": -5.0, "voice_2_gain_db": -12.0, "voice_2_pan": 1.0}
    left, right = Harmonizer(RATE, formants="move", mix=1.0, **knobs)(tone(440))
    fifth, below = 440 * 2 ** (7 / 12), 440 * 2 ** (-5 / 12)
    # A side has sqrt(2) of what a voice in the centre gives each.
    assert level(left, fifth) == pytest.approx(20 * math.log10(0.5) - 6 + 3.01, abs=0.2)
    assert level(right, below) == pytest.approx(20 * math.log10(0.5) - 12 + 3.01, abs=0.2)
    assert level(left, below) < -70
    assert level(right, fifth) < -70


def test_a_voice_is_that_of_the_pitch_shift_and_late_by_its_time():
    x = tone(300) + 0.3 * tone(900)
    knobs = {"voice_1_semitones": 4.0, "voice_1_gain_db": 0.0, "voice_1_pan": 0.0, "voice_1_delay_ms": 20.0}
    y = Harmonizer(RATE, num_voices=1, mix=1.0, **knobs)(x)
    shifted = PitchShift(RATE, formants="keep")(x[None], semitones=4.0)[0]
    assert torch.allclose(y[0, 441:], shifted[:-441], atol=1e-9)
    assert torch.equal(y[0], y[1])


def test_a_mono_sound_is_taken_for_both_sides():
    x = tone(440)
    fx = Harmonizer(RATE)
    assert torch.allclose(fx(x), fx(torch.stack((x, x))), atol=1e-12)
