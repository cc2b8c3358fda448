"""The benchmark of devices says in one sentence that there is none, and its rows run."""

import pytest
import torch

from tests.benchmarks import gpu


def test_without_a_device_it_says_so(capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu.main() == 0
    assert capsys.readouterr().out.splitlines() == ["There is no CUDA device here, so nothing was measured."]


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.parametrize("row", gpu.ROWS, ids=lambda row: row.name)
def test_rows_run(row, monkeypatch):
    monkeypatch.setattr(gpu, "SECONDS", 0.0)
    cells = gpu.measured(row, "cpu")
    assert len(cells) == len(gpu.HEADINGS)
    assert "Error" not in gpu.table([cells])
