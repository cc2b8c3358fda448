"""The examples run as a person would run them."""

import subprocess
import sys
from pathlib import Path

import pytest

RECIPES = (
    "train_controller.py",
    "match_equalizer.py",
    "fit_room.py",
    "mix_stems.py",
    "wah.py",
    "style_transfer.py",
    "pedal.py",
)
EXAMPLES = Path(__file__).parents[2] / "examples"


def run(script, *arguments, seconds=600):
    return subprocess.run(
        [sys.executable, EXAMPLES / script, *map(str, arguments)], capture_output=True, text=True, timeout=seconds
    )


def test_the_notebook_is_committed_without_outputs():
    nbformat = pytest.importorskip("nbformat")
    for path in (EXAMPLES / "notebooks").glob("*.ipynb"):
        notebook = nbformat.read(path, 4)
        nbformat.validate(notebook)
        for cell in notebook.cells:
            assert not cell.get("outputs"), path
            assert cell.get("execution_count") is None, path


@pytest.mark.slow
def test_the_controller_runs():
    done = run("train_controller.py", "--quick")
    assert done.returncode == 0, done.stderr
    assert "comp.ratio" in done.stdout


@pytest.mark.slow
def test_speech_goes_through_a_moving_filter_and_a_vocoder_learns(tmp_path):
    done = run("speech_lpc.py", "--smoke", "-o", tmp_path)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.split("resynthesis: ")[1].split(" dB")[0]) < -120
    before, after = (float(done.stdout.split(mark)[0].split()[-1]) for mark in (" by the book", " after"))
    assert after < before
    assert {p.name for p in tmp_path.iterdir()} == {"speech.wav", "residual.wav", "by_the_book.wav", "trained.wav"}


@pytest.mark.thorough
def test_the_controller_halves_its_error():
    done = run("train_controller.py")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.thorough
@pytest.mark.parametrize("script", RECIPES)
def test_a_recipe_beats_its_baseline_in_small(script):
    done = run(script, "--smoke")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_a_chain_is_fitted_to_files(tmp_path):
    import soundfile

    from diffFx_pytorch.report.demo import demo_clip

    for name, gain in {"dry": 1.0, "wet": 0.5}.items():
        soundfile.write(tmp_path / f"{name}.wav", gain * demo_clip(16000, 0.6)[0, :1].T.numpy(), 16000)
    done = run("fit_chain.py", tmp_path / "dry.wav", tmp_path / "wet.wav", "--quick")
    assert done.returncode == 0, done.stderr
    assert "tremolo.rate_hz" in done.stdout
    assert run("fit_chain.py", tmp_path / "dry.wav").returncode == 2


@pytest.mark.thorough
def test_the_settings_of_a_chain_are_found():
    done = run("fit_chain.py")
    assert done.returncode == 0, done.stdout + done.stderr
