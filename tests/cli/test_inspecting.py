"""Files are looked at: info, measure, compare, doctor."""

import json

import numpy as np
import pytest
import soundfile

from diffFx_pytorch.render import compare_files
from tests.cli.command import difffx

RATE = 16000


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x = 0.2 * np.random.default_rng(0).uniform(-1, 1, (3 * RATE, 2))
    with soundfile.SoundFile("a.wav", "w", RATE, 2, "PCM_16") as file:
        file.title = "Song"
        file.write(x)
    return x


def test_info(place):
    text = difffx("info", "a.wav").stdout
    for line in ("format             WAV", "subtype            PCM_16", "seconds            3.000 s", "title  "):
        assert line in text
    facts = json.loads(difffx("info", "a.wav", "--json").stdout)
    assert (facts["sample_rate"], facts["frames"], facts["title"]) == (RATE, 3 * RATE, "Song")


def test_measure_goes_on_past_a_bad_file(place):
    (open("bad.wav", "wb")).close()
    soundfile.write("zero.wav", np.zeros(RATE), RATE)
    result = difffx("measure", ".", "--json")
    found = {r["file"]: r for r in map(json.loads, result.stdout.splitlines())}
    assert result.exit_code == 1
    assert "failed bad.wav: is empty" in result.stderr
    assert found["bad.wav"] == {"file": "bad.wav", "error": "is empty"}
    assert found["a.wav"]["rms_db"] == pytest.approx(20 * np.log10(np.sqrt(np.mean(place**2))), abs=0.01)
    assert found["zero.wav"]["lufs"] is None
    assert "integrated" in difffx("measure", "a.wav", "--from", "0:01").stdout
    assert difffx("measure", "*.mp3").exit_code == 3
    assert difffx("measure", "none.wav").exit_code == 2


def test_measure_reads_the_meters_of_a_chain(place):
    steps = ["{effect: Meter, name: before}", "{effect: Gain, params: {gain_db: -6}}", "{effect: Meter, name: after}"]
    with open("chain.yaml", "w") as file:
        file.write("version: 1\nchain:\n" + "".join(f"  - {step}\n" for step in steps))
    result = difffx("measure", "a.wav", "--through", "chain.yaml", "--json")
    found, alone = json.loads(result.stdout), json.loads(difffx("measure", "a.wav", "--json").stdout)
    assert found["before.lufs"] == pytest.approx(alone["lufs"], abs=0.01)
    assert found["after.lufs"] == pytest.approx(alone["lufs"] - 6, abs=0.01)
    assert max(found["before.true_peak_db"]) == pytest.approx(alone["true_peak_db"], abs=1e-3)
    assert "after integrated" in difffx("measure", "a.wav", "--through", "chain.yaml").stdout


@pytest.mark.parametrize("late", [0, 777, -5000])
@pytest.mark.parametrize("gain", [1.0, -0.25])
def test_compare_finds_offset_and_gain(place, late, gain):
    x = gain * place
    y = np.concatenate([np.zeros((late, 2)), x]) if late >= 0 else x[-late:]
    soundfile.write("b.wav", y, RATE, "FLOAT")
    soundfile.write("a.wav", place, RATE, "FLOAT")
    found = compare_files("a.wav", "b.wav")
    assert found.offset_samples == late
    assert found.inverted == (gain < 0)
    assert found.gain_db == pytest.approx(-20 * np.log10(abs(gain)), abs=1e-4)
    assert found.matched_residual_db < -120
    assert found.residual_db < -120 or found.residual_db == pytest.approx(20 * np.log10(1 - gain), abs=0.01)
    level = 10 * np.log10(np.mean(place**2))
    for bands, db in ((found.a_db, level), (found.b_db, level + 20 * np.log10(abs(gain)))):
        assert 10 * np.log10(np.sum(10 ** (np.array(bands) / 10))) == pytest.approx(db, abs=0.5)


def test_compare_across_rates_and_channels(place):
    t = np.arange(RATE * 2) / RATE
    chirp = 0.5 * np.sin(2 * np.pi * (100 * t + 400 * t * t))
    soundfile.write("a.wav", chirp, RATE, "FLOAT")
    soundfile.write("b.wav", np.stack([chirp, chirp], 1)[::2], RATE // 2, "FLOAT")
    found = compare_files("a.wav", "b.wav")
    assert found.offset_samples == 0
    assert found.residual_db < -30


def test_compare_says_it_and_makes_a_page(place, tmp_path):
    soundfile.write("b & c.wav", np.concatenate([np.zeros((160, 2)), place]), RATE, "PCM_24")
    result = difffx("compare", "a.wav", "b & c.wav", "--page", "page.html")
    assert result.exit_code == 0, result.stderr
    assert "B begins 0.010000 s (160 samples) after A" in result.stdout
    assert "wrote page.html" in result.stdout
    page = (tmp_path / "page.html").read_text()
    assert page.count("<audio") == 2
    assert "b &amp; c.wav" in page
    assert json.loads(difffx("compare", "a.wav", "a.wav", "--json").stdout)["residual_db"] is None
    soundfile.write("none.wav", np.zeros((0, 2)), RATE)
    assert "has no samples to compare" in difffx("compare", "a.wav", "none.wav").stderr


@pytest.mark.slow
def test_doctor(monkeypatch, tmp_path):
    result = difffx("doctor", "--json")
    found = json.loads(result.stdout)
    assert (result.exit_code, found["wrong"]) == (0, [])
    assert {"torch", "libsndfile"} <= found["versions"].keys()
    assert {"wav", "flac", "ogg", "opus", "mp3"} <= found["rendering"].keys()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DIFFFX_CACHE", str(tmp_path / "file"))
    result = difffx("doctor")
    assert result.exit_code == 1
    assert "wrong: kernels: " in result.stderr
