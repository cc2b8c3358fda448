"""The notebook on phase retrieval runs, and shows what it says."""

import re
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parents[2] / "examples" / "notebooks" / "phase_retrieval.ipynb"


@pytest.mark.slow
def test_the_notebook_runs(monkeypatch):
    monkeypatch.delenv("MPLBACKEND", raising=False)  # plots go into the notebook
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    for package in ("ipykernel", "matplotlib"):
        pytest.importorskip(package)
    notebook = nbformat.read(NOTEBOOK, 4)
    client = nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(NOTEBOOK.parent)}}
    )
    client.execute()
    outputs = [output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", [])]
    players = [data["text/html"] for data in outputs if "<audio" in data.get("text/html", "")]
    assert len(players) == 2 + 2 * 3 + 2 * 4 + 2 + 1
    assert sum("image/png" in data for data in outputs) == 2
    tables = [data["text/markdown"] for data in outputs if "text/markdown" in data]
    assert len(tables) == 2
    methods = {row[0]: [float(v) for v in row[1:3]] for row in _rows(tables[0])}
    assert {"spsi", "pghi", "rtisi_la", "auto", "griffin_lim", "admm", "lbfgs"} <= set(methods)
    for material in (0, 1):
        assert methods["auto"][material] == min(levels[material] for levels in methods.values())
        assert methods["pghi"][material] < methods["spsi"][material]
    starts = {row[0]: [float(v) for v in row[1:3]] for row in _rows(tables[1])}
    assert all(a < b for a, b in zip(starts["pghi"], starts["random"], strict=True))


def _rows(table):
    return [re.split(r"\s*\|\s*", line.strip("| ")) for line in table.splitlines()[2:]]
