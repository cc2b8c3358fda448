"""The notebook on the design of feedback delay networks runs, and shows what it says."""

import re

import pytest


@pytest.mark.slow
def test_the_notebook_runs(run_notebook):
    outputs = run_notebook("fdn_design")
    assert not [o for o in outputs if o.get("name") == "stderr"]
    shown = [o.get("data", {}) for o in outputs]
    assert "[mixing: Matrix hadamard]" in next(o["text"] for o in outputs if o.get("name") == "stdout")
    players = [data["text/html"] for data in shown if "<audio" in data.get("text/html", "")]
    assert len(players) == 3 + 4 + 1 + 2
    assert sum("image/png" in data for data in shown) == 8
    assert sum("application/vnd.jupyter.widget-view+json" in data for data in shown) == 1
    (table,) = [data["text/markdown"] for data in shown if "text/markdown" in data]
    decay, double, single = zip(
        *[[float(v) for v in re.findall(r"[-\d.e]+", row)] for row in table.splitlines()[2:]], strict=True
    )
    assert decay == (0, 30, 60, 100)
    for error, alias_decay_db in zip(double, decay, strict=True):
        assert error == pytest.approx(double[0] * 10 ** (-alias_decay_db / 20), rel=0.1)
    assert single[2] < single[1] < single[0]
    before, after = (float(re.search(r"flatness ([\d.]+)", p)[1]) for p in players[-2:])
    assert after > before
