"""`difffx fit`: settings from two recordings, as a chain file."""

import base64
import io
import re

import numpy as np
import pytest
import soundfile
import soxr

from diffFx_pytorch.presets import load_chain
from tests.cli.command import difffx

CHAIN = ("-e", "TanH", "-e", "Gain")


@pytest.fixture
def recordings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    numbers = np.random.default_rng(0)
    x = numbers.uniform(-0.5, 0.5, 8000) * np.exp(-6 * (np.arange(8000) / 8000 % 0.25))
    soundfile.write("dry.wav", x, 8000, "FLOAT")
    assert difffx("apply", "TanH", "dry.wav", "-o", "wet.wav", "drive_db=9", "-q").exit_code == 0
    return tmp_path


def test_a_chain_file_is_written_that_sounds_like_it(recordings):
    run = difffx(
        "fit", "--dry", "dry.wav", "--wet", "wet.wav", "-e", "TanH", "-o", "found.yaml", "--freeze", "tanh.mix"
    )
    assert run.exit_code == 0, run.output
    assert run.stdout.startswith("residual -")
    assert "wrote found.yaml" in run.stdout
    _, settings = load_chain("found.yaml").build(8000)
    assert settings["tanh.drive_db"] == pytest.approx(9.0, abs=0.05)
    assert difffx("render", "found.yaml", "dry.wav", "-o", "again.wav", "-q").exit_code == 0
    np.testing.assert_allclose(soundfile.read("again.wav")[0], soundfile.read("wet.wav")[0], atol=1e-3)
    again = difffx("fit", "--dry", "dry.wav", "--wet", "wet.wav", "-e", "TanH", "-o", "found.yaml")
    assert again.exit_code == 2
    assert "--overwrite" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "name a chain file with -c, effects with -e, or what to choose from with --from"),
        (("-e", "TanH", "--freeze", "tanh.drive"), "did you mean"),
        (("-e", "TanH", "--wet", "nan.wav"), "nan.wav: holds NaN or infinity at 0.125 s"),
        (("-e", "TanH", "--wet", "short.wav"), "has 100 samples; a fit needs 256 or more"),
        (("-e", "TanH", "--from", "eq"), "name a chain file with -c"),
        (("--from", "eq,compresor"), "did you mean 'Compressor'"),
        (("-e", "TanH", "--like", "dry.wav"), "name the sound after the effects with --wet"),
        (("-e", "TanH", "--each"), "--each is for folders of pairs"),
        (("-e", "TanH", "--wet", "silent.wav"), "the wet recording is silent"),
        (("-e", "TanH", "--wet", "none.wav"), "none.wav"),
        (("-c", "moving.yaml"), "moves; a fit looks for settings that stand still"),
    ],
)
def test_what_is_wrong_is_said(recordings, arguments, said):
    soundfile.write("nan.wav", np.where(np.arange(8000) == 1000, np.nan, 0.5), 8000, "FLOAT")
    soundfile.write("short.wav", np.ones(100) / 2, 8000)
    soundfile.write("silent.wav", np.zeros(8000), 8000)
    (recordings / "moving.yaml").write_text("version: 1\nchain:\n  - {effect: Gain, params: {gain_db: {0: 0, 1: 6}}}\n")
    run = difffx("fit", "--dry", "dry.wav", "--wet", "wet.wav", "-o", "found.yaml", *arguments)
    assert run.exit_code == 2, run.output
    assert said in run.stderr
    assert "Traceback" not in run.output
    assert not (recordings / "found.yaml").exists()


def test_what_explains_nothing_fails(recordings):
    soundfile.write("other.wav", np.random.default_rng(1).uniform(-0.5, 0.5, 8000), 8000)
    run = difffx("fit", "--dry", "dry.wav", "--wet", "other.wav", "-e", "Gain", "-o", "found.yaml", "--seconds", "2")
    assert run.exit_code == 1
    assert "% of the change" in run.stdout


def test_a_page_is_one_file_that_works_offline(recordings):
    run = difffx(
        "fit", "--dry", "dry.wav", "--wet", "wet.wav", "-e", "TanH", "-o", "found.yaml", "--report", "fit.html"
    )
    assert run.exit_code == 0, run.output
    assert "wrote fit.html" in run.stdout
    page = (recordings / "fit.html").read_text()
    assert "{{" not in page
    assert not re.search(r"""(src|href)=(?!["']data:)|url\(|https?:""", page)
    assert page.count("data:audio/ogg;base64,") == 4
    for heading in ("What it does", "Waveform", "Change of the spectrum", "Change of the level", "Error by step"):
        assert f"<h2>{heading}</h2>" in page
    assert "99.9" in page
    sound = base64.b64decode(re.findall(r"data:audio/ogg;base64,([^\"]+)", page)[2])
    heard, rate = soundfile.read(io.BytesIO(sound))
    wet, _ = soundfile.read("wet.wav")
    assert rate == 8000
    assert np.sum((heard - wet) ** 2) < 0.08 * np.sum(wet**2)  # noise, which the player compresses worst


@pytest.mark.slow
def test_what_was_done_to_a_pair_is_said(recordings):
    wet, _ = soundfile.read("wet.wav")
    soundfile.write("fast.wav", soxr.resample(wet, 8000, 12000), 12000, "FLOAT")
    soundfile.write("stereo.wav", np.stack([wet, wet], 1), 8000, "FLOAT")
    run = difffx("fit", "--dry", "dry.wav", "--wet", "fast.wav", "-e", "TanH", "-o", "a.yaml", "--seconds", "3")
    assert "fast.wav was resampled from 12000 to 8000 Hz" in run.stdout
    run = difffx("fit", "--dry", "dry.wav", "--wet", "stereo.wav", "-e", "TanH", "-o", "b.yaml")
    assert run.exit_code == 0, run.output
    assert "dry.wav is mono: it was taken for each of the 2 channels of stereo.wav" in run.stdout
    run = difffx("fit", "--dry", "wet.wav", "--wet", "wet.wav", "-e", "Gain", "-o", "c.yaml", "--seconds", "1")
    assert "the two recordings are equal: nothing was done to the dry one" in run.stdout


@pytest.mark.slow
def test_folders_are_pairs_by_name(recordings):
    x, _ = soundfile.read("dry.wav")
    for folder in ("dry", "wet"):
        (recordings / folder).mkdir()
    for name, gain in {"a": 0.5, "b": 0.5, "c": 0.25, "d": 0.5}.items():
        soundfile.write(f"dry/{name}.wav", x, 8000, "FLOAT")
        soundfile.write(f"wet/{name}.flac", gain * x, 8000)
    soundfile.write("wet/alone.wav", x, 8000)
    soundfile.write("wet/d.flac", 0 * x, 8000)
    arguments = ("fit", "--dry", "dry", "--wet", "wet", "-e", "Gain", "--seconds", "4")
    run = difffx(*arguments, "-o", "each", "--each", "--report", "pages")
    assert run.exit_code == 1, run.output
    assert "wet/alone.wav: has no partner" in run.stderr
    assert "failed d: the wet recording is silent" in run.stderr
    found = {n: load_chain(f"each/{n}.yaml").build(8000)[1]["gain.gain_db"] for n in "abc"}
    assert found == pytest.approx({"a": -6.02, "b": -6.02, "c": -12.04}, abs=0.02)
    assert (recordings / "pages" / "c.html").exists()
    (recordings / "dry" / "c.wav").unlink()
    run = difffx(*arguments, "-o", "all.yaml")
    assert run.exit_code == 1, "one pair is broken"
    assert load_chain("all.yaml").build(8000)[1]["gain.gain_db"] == pytest.approx(-6.02, abs=0.02)
    assert "Found from 2 pairs" in load_chain("all.yaml").about


@pytest.mark.slow
def test_a_chain_file_says_what_may_move(recordings):
    (recordings / "chain.yaml").write_text(
        "version: 1\nchain:\n  - {effect: TanH, params: {mix: 0.9}}\n  - {effect: Gain}\n"
        "fit:\n  tanh.mix: fixed\n  tanh.drive_db: [2, 7]\n  gain.gain_db: tanh.output_db\n  tanh.bias: 0.1\n"
    )
    run = difffx(
        "fit", "--dry", "dry.wav", "--wet", "wet.wav", "-c", "chain.yaml", "-o", "found.yaml", "--seconds", "2"
    )
    assert run.exit_code == 0, run.output
    file = load_chain("found.yaml")
    chain, settings = file.build(8000)
    assert settings["tanh.mix"] == pytest.approx(0.9)
    assert settings["tanh.bias"] == pytest.approx(0.1)
    assert 2 <= settings["tanh.drive_db"] <= 7
    assert settings["gain.gain_db"] == pytest.approx(settings["tanh.output_db"], abs=1e-4)
    kept = {"tanh.drive_db": (2.0, 7.0), "gain.gain_db": "tanh.output_db", "tanh.bias": 0.1}
    assert file.limits(chain) == {"tanh.mix": pytest.approx(0.9), **kept}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("tanh.drive: 3", "did you mean 'tanh.drive_db'"),
        ("tanh.drive_db: [7, 2]", "nothing lies between 7 and 2"),
        ("tanh.drive_db: 1000", "must lie in"),
        ("tanh.drive_db: loose", "must be 'fixed', a number, [lowest, highest] or the name of another knob"),
        ("tanh.drive_db: {a: 1}", "must be 'fixed'"),
    ],
)
def test_a_fit_block_that_is_wrong_is_refused_at_its_place(line, said):
    with pytest.raises(ValueError, match=r"chain:4:\d+: ") as error:
        load_chain(f"version: 1\nchain: [{{effect: TanH}}]\nfit:\n  {line}\n")
    assert said in str(error.value)


def test_a_reference_without_its_dry_twin(recordings):
    wet, _ = soundfile.read("wet.wav")
    soundfile.write("reference.wav", 0.3 * np.roll(wet, 3000), 8000, "FLOAT")
    run = difffx(
        "fit", "--dry", "dry.wav", "--like", "reference.wav", "-e", "TanH", "-o", "found.yaml",
        "--seconds", "4", "--report", "like.html",
    )  # fmt: skip
    assert run.exit_code == 0, run.output
    lines = {line.split("  ")[0]: line for line in run.stdout.splitlines()}
    _, after, goal = (float(n) for n in lines["loudness"].split()[1:4])
    assert after == pytest.approx(goal, abs=1.0)
    assert "decay" in lines
    assert "width and balance were not matched" in run.stdout
    assert "data:audio/ogg" in (recordings / "like.html").read_text()


def test_ctrl_c_before_anything_was_found(recordings, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("diffFx_pytorch.fit.search.AutomaticSearch.run", interrupted)
    run = difffx("fit", "--dry", "dry.wav", "--wet", "wet.wav", "-e", "TanH", "-o", "found.yaml")
    assert run.exit_code == 130
    assert "stopped before anything was found" in run.stderr
    assert not (recordings / "found.yaml").exists()
