"""The notebooks of the families hold every effect, and run."""

import runpy
import shutil
from pathlib import Path

import pytest

from diffFx_pytorch import registry

NOTEBOOKS = Path(__file__).parents[2] / "examples" / "notebooks"
OTHERS = ("first_listen", "phase_retrieval", "fdn_design")
FAMILIES = sorted(p.stem for p in NOTEBOOKS.glob("*.ipynb") if p.stem not in OTHERS)


def test_every_effect_is_heard():
    text = "".join((NOTEBOOKS / f"{name}.ipynb").read_text() for name in FAMILIES)
    own = [n for n, c in registry.effects().items() if c.__module__.startswith("diffFx_pytorch.")]
    missing = [name for name in own if f"fx = {name}(RATE)" not in text]
    assert not missing, "run python examples/notebooks/write_families.py"


@pytest.mark.parametrize("name", ["fdn_design", "phase_retrieval"])
def test_it_is_what_its_script_writes(name, tmp_path, monkeypatch):
    pytest.importorskip("nbformat")
    monkeypatch.syspath_prepend(NOTEBOOKS)
    script = shutil.copy(NOTEBOOKS / f"write_{name}.py", tmp_path)
    runpy.run_path(script, run_name="__main__")
    assert (tmp_path / f"{name}.ipynb").read_text() == (NOTEBOOKS / f"{name}.ipynb").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_runs(name, run_notebook):
    shown = [set(output.get("data", {})) for output in run_notebook(name)]
    effects = (NOTEBOOKS / f"{name}.ipynb").read_text().count('listen(fx, settings)"')
    assert effects > 0
    assert sum("image/png" in data for data in shown) == effects
    assert sum("application/vnd.jupyter.widget-view+json" in data for data in shown) == effects
