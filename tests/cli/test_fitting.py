"""`difffx fit`: settings from two recordings, as a chain file."""

import numpy as np
import pytest
import soundfile

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
        ((), "name a chain file with -c, or effects with -e"),
        (("-e", "TanH", "--freeze", "tanh.drive"), "did you mean"),
        (("-e", "TanH", "--wet", "slow.wav"), "dry.wav has 8000 Hz and slow.wav 4000 Hz"),
        (("-e", "TanH", "--wet", "silent.wav"), "the wet recording is silent"),
        (("-e", "TanH", "--wet", "none.wav"), "none.wav"),
        (("-c", "moving.yaml"), "moves; a fit looks for settings that stand still"),
    ],
)
def test_what_is_wrong_is_said(recordings, arguments, said):
    soundfile.write("slow.wav", np.ones(4000) / 2, 4000)
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
    assert "% of the wet recording" in run.stdout
