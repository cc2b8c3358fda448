"""difffx pitch: higher or lower, at its speed."""

import math

import numpy as np
import pytest
import soundfile

from tests.cli.command import difffx

RATE = 16000


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    soundfile.write("in.wav", 0.4 * np.sin(2 * math.pi * 500 * np.arange(RATE) / RATE), RATE, "FLOAT")
    return tmp_path


@pytest.mark.parametrize("semitones", [-12, -0.5, 3, 12])
def test_the_pitch_changes_and_the_length_does_not(place, semitones):
    result = difffx("pitch", "in.wav", "--semitones", semitones, "-o", "out.wav")
    assert result.exit_code == 0, result.stderr
    y, rate = soundfile.read("out.wav")
    assert (rate, len(y)) == (RATE, RATE)
    middle = y[RATE // 4 : 3 * RATE // 4]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 8 * len(middle)))
    heard = spectrum.argmax() * RATE / (8 * len(middle))
    assert 12 * math.log2(heard / 500) == pytest.approx(semitones, abs=0.03)
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.4 / math.sqrt(2), rel=0.05)


def test_no_semitones_leave_the_sound_as_it_is(place):
    assert difffx("pitch", "in.wav", "--semitones", 0, "--subtype", "float").stdout == "wrote in_+0st.wav\n"
    assert np.array_equal(soundfile.read("in_+0st.wav")[0], soundfile.read("in.wav")[0])


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["none.wav", "--semitones", "2"], "none.wav: no such file"),
        (["in.wav", "--semitones", "60"], "semitones must lie in -48 .. 48"),
        (["in.wav", "--semitones", "nan"], "semitones must lie in"),
        (["in.wav", "--semitones", "2", "-o", "in.wav"], "is the input itself"),
        (["in.wav", "--semitones", "2", "--method", "magic"], "method must be one of"),
        (["in.wav"], "Missing option '--semitones'"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(place, arguments, wanted):
    result = difffx("pitch", *arguments)
    assert result.exit_code == 2
    assert wanted in result.stderr
    assert sorted(p.name for p in place.iterdir()) == ["in.wav"]


def test_a_file_without_samples(place):
    soundfile.write("empty.wav", np.zeros((0, 1)), RATE)
    for command, option in (("pitch", "--semitones"), ("stretch", "--rate")):
        assert difffx(command, "empty.wav", option, 2, "-o", f"{command}.wav").exit_code == 0
        assert soundfile.info(f"{command}.wav").frames == 0
