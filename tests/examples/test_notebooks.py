"""The notebooks hold every effect, are what their scripts write, and run from top to bottom."""

import re
import shutil
import sys
from pathlib import Path

import pytest

from diffFx_pytorch import registry

pytest.importorskip("nbformat")

NOTEBOOKS = Path(__file__).parents[2] / "examples" / "notebooks"
sys.path.insert(0, str(NOTEBOOKS))

import write_families  # noqa: E402
import write_lessons  # noqa: E402

FAMILIES = list(write_families.NAMES.values())
LESSONS = [path.stem for path in write_lessons.SOURCES]
WIDGET = "application/vnd.jupyter.widget-view+json"


def test_every_effect_is_heard():
    text = "".join((NOTEBOOKS / f"{name}.ipynb").read_text() for name in FAMILIES)
    own = [n for n, c in registry.effects().items() if c.__module__.startswith("diffFx_pytorch.")]
    missing = [name for name in own if f"fx = {name}(" not in text]
    assert not missing, "run python examples/notebooks/write_families.py"


def test_they_are_what_their_scripts_write(tmp_path):
    write_families.main(tmp_path)
    write_lessons.main(tmp_path)
    for path in tmp_path.glob("*.ipynb"):
        assert path.read_text() == (NOTEBOOKS / path.name).read_text(), f"{path.name}: run the script that writes it"
    assert {path.stem for path in NOTEBOOKS.glob("*.ipynb")} == {*FAMILIES, *LESSONS, "fdn_design", "phase_retrieval"}


@pytest.mark.parametrize("name", ["fdn_design", "phase_retrieval"])
def test_it_is_what_its_script_writes(name, tmp_path):
    import runpy

    script = shutil.copy(NOTEBOOKS / f"write_{name}.py", tmp_path)
    runpy.run_path(script, run_name="__main__")
    assert (tmp_path / f"{name}.ipynb").read_text() == (NOTEBOOKS / f"{name}.ipynb").read_text()


def outputs(run_notebook, name):
    found = run_notebook(name)
    assert not [o for o in found if o.get("name") == "stderr"], [o for o in found if o.get("name") == "stderr"]
    return found, [o.get("data", {}) for o in found]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.thorough] if i % 3 else []) for i, name in enumerate(FAMILIES)]
)
def test_a_family_runs(name, run_notebook):
    _, shown = outputs(run_notebook, name)
    effects = (NOTEBOOKS / f"{name}.ipynb").read_text().count("listen(fx, ")
    players = [data["text/html"] for data in shown if "<audio" in data.get("text/html", "")]
    assert effects > 0
    assert len(players) == effects
    assert all(page.count("data:audio/ogg") == 3 and "<svg" in page for page in players)
    assert sum(WIDGET in data for data in shown) == effects


def said(found):
    return "".join(o["text"] for o in found if o.get("name") == "stdout")


@pytest.mark.slow
def test_the_first_listen_ends_well(run_notebook):
    found, shown = outputs(run_notebook, "first_listen")
    assert sum("<audio" in data.get("text/html", "") for data in shown) >= 3
    assert sum(WIDGET in data for data in shown) == 2
    assert float(re.search(r"difference: (-?\d+) dB", said(found))[1]) <= -60


@pytest.mark.slow
def test_knobs_move(run_notebook):
    found, shown = outputs(run_notebook, "moving_knobs")
    assert sum("<audio" in data.get("text/html", "") for data in shown) == 4
    assert float(re.search(r"left over: (-?\d+) dB", said(found))[1]) < -30
    assert float(re.search(r"apart by (\S+)", said(found))[1]) < 1e-5


@pytest.mark.slow
def test_a_recording_is_fitted_and_read(run_notebook):
    found, shown = outputs(run_notebook, "fit_a_recording")
    assert sum("<audio" in data.get("text/html", "") for data in shown) == 3
    first, held = map(float, re.findall(r"(-\d+) dB left", said(found)))
    assert first < -30
    assert held < -60
    before, after = map(float, re.search(r"distance ([\d.]+) before, ([\d.]+) after", said(found)).groups())
    assert after < before


@pytest.mark.slow
def test_a_controller_is_trained(run_notebook):
    found, shown = outputs(run_notebook, "neural_controller")
    assert sum("<audio" in data.get("text/html", "") for data in shown) == 1
    before, after = map(float, re.search(r"error ([\d.]+) % -> ([\d.]+) %", said(found)).groups())
    assert after < 0.8 * before


@pytest.mark.slow
def test_four_stems_are_mixed(run_notebook):
    found, shown = outputs(run_notebook, "mix_four_stems")
    assert sum("<audio" in data.get("text/html", "") for data in shown) == 3
    assert said(found).count("dB RMS") >= 4
    rows = [re.split(r"\s+", line.strip()) for line in said(found).splitlines() if "fader.gain_db" in line]
    assert all(abs(float(true) - float(got)) < 1.5 for _, true, got in rows)
