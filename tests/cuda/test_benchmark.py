"""The benchmark of devices says in one sentence that there is none, and its rows run."""

import contextlib
import time

import pytest
import torch

from tests.benchmarks import gpu, gpu_rows
from tests.cuda.interpreted import on_triton


def test_without_a_device_it_says_so(capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu.main() == 0
    assert capsys.readouterr().out.splitlines() == ["There is no CUDA device here, so nothing was measured."]


class Event:
    """What stands for an event of a device."""

    def __init__(self, enable_timing=False):
        assert enable_timing

    def record(self):
        self.at = time.perf_counter()

    def elapsed_time(self, later):
        return 1e3 * (later.at - self.at)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(gpu, "SECONDS", 0.0)
    monkeypatch.setattr(gpu_rows, "SHRINK", 256)


@pytest.fixture
def device(monkeypatch):
    """A device whose tensors are on the CPU."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "A card")
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)


def _one_in(step):
    """All rows, of which one in so many runs without --all-cases."""
    return [pytest.param(row, marks=[pytest.mark.thorough] if i % step else []) for i, row in enumerate(gpu.ROWS)]


def check(row):
    cells = gpu.measured(row, "cpu", events=True)
    assert len(cells) == len(gpu.HEADINGS)
    assert "Error" not in gpu.table([cells])


@pytest.mark.slow
@pytest.mark.parametrize("row", _one_in(8), ids=lambda row: row.name)
@pytest.mark.filterwarnings("ignore::UserWarning")  # of the profiler, that there is no device
def test_rows_run(row, small, device):
    check(row)


@pytest.mark.thorough
@pytest.mark.parametrize("row", gpu.ROWS, ids=lambda row: row.name)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_rows_run_on_kernels(row, small, device, interpreter):
    with on_triton() if row.whole is None else contextlib.nullcontext():
        check(row)


def test_the_table_comes_last_and_says_what_failed(small, device, monkeypatch, capsys):
    def measured(row):
        assert row is not gpu.ROWS[1], "it is the second"
        return [row.name, *["1"] * (len(gpu.HEADINGS) - 1)]

    monkeypatch.setattr(gpu, "measured", measured)
    assert gpu.main() == 0
    card, headings, *rows = capsys.readouterr().out.splitlines()
    assert card.startswith("A card")
    assert headings.split() == " ".join(gpu.HEADINGS).split()
    assert len(rows) == len(gpu.ROWS)
    assert rows[1].endswith("AssertionError: it is the second")
    monkeypatch.setattr(gpu, "MOST_SECONDS", -1.0)
    assert gpu.main() == 0
    assert capsys.readouterr().out.count("left out") == len(gpu.ROWS) * (len(gpu.HEADINGS) - 1)


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.parametrize("row", gpu.ROWS, ids=lambda row: row.name)
def test_rows_run_whole(row, device, monkeypatch):
    monkeypatch.setattr(gpu, "SECONDS", 0.0)
    check(row)
