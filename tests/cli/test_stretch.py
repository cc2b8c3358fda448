"""difffx stretch: faster or slower, at its pitch."""

import math

import numpy as np
import pytest
import soundfile

from tests.cli.command import difffx

RATE = 16000


def _pitch(x):
    spectrum = np.abs(np.fft.rfft(x[len(x) // 4 : 3 * len(x) // 4] * np.hanning(len(x[len(x) // 4 : 3 * len(x) // 4]))))
    return spectrum.argmax() * RATE / len(x[len(x) // 4 : 3 * len(x) // 4])


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    t = np.arange(RATE) / RATE
    tone = 0.4 * np.sin(2 * math.pi * 440 * t)
    soundfile.write("in.wav", np.stack((tone, 0.5 * tone), -1), RATE, "FLOAT")
    return tmp_path


@pytest.mark.parametrize("method", ["locked", "gradient"])
@pytest.mark.parametrize("rate", [0.5, 1.25])
def test_the_length_changes_and_the_pitch_does_not(place, rate, method):
    result = difffx("stretch", "in.wav", "--rate", rate, "-o", "out.wav", "--n-fft", 1024, "--method", method)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "wrote out.wav\n"
    y, got = soundfile.read("out.wav")
    assert (got, y.shape) == (RATE, (math.ceil(RATE / rate), 2))
    assert _pitch(y[:, 0]) == pytest.approx(440, abs=3)
    assert np.allclose(y[:, 1], 0.5 * y[:, 0], atol=1e-4)


def test_without_an_output_it_lies_beside_the_input(place):
    assert difffx("stretch", "in.wav", "--rate", "1.25").stdout == "wrote in_x1.25.wav\n"
    assert soundfile.info("in_x1.25.wav").frames == 12800


def test_quiet_says_nothing(place):
    result = difffx("stretch", "in.wav", "--rate", 2, "-q", "--subtype", "pcm_16")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    assert soundfile.info("in_x2.wav").subtype == "PCM_16"


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["none.wav", "--rate", "2"], "none.wav: no such file"),
        (["text.wav", "--rate", "2"], "cannot be read as a sound file"),
        (["in.wav", "--rate", "0"], "rate must be positive"),
        (["in.wav", "--rate", "nan"], "rate must be positive"),
        (["in.wav", "--rate", "2", "-o", "in.wav"], "is the input itself"),
        (["in.wav", "--rate", "2", "-o", "out.docx"], "cannot write '.docx'"),
        (["in.wav", "--rate", "2", "--n-fft", "1023"], "n_fft must be an even integer"),
        (["in.wav", "--rate", "2", "--method", "magic"], "method must be one of"),
        (["in.wav"], "Missing option '--rate'"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(place, arguments, wanted):
    (place / "text.wav").write_text("no sound")
    before = sorted(p.name for p in place.iterdir())
    result = difffx("stretch", *arguments)
    assert result.exit_code == 2
    assert wanted in result.stderr
    assert sorted(p.name for p in place.iterdir()) == before
