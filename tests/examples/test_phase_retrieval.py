"""The notebook on phase retrieval runs, and shows what it says."""

import re

import pytest


@pytest.mark.slow
def test_the_notebook_runs(run_notebook):
    outputs = [output.get("data", {}) for output in run_notebook("phase_retrieval")]
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
