"""Options and fixtures shared by every test."""

import importlib
import importlib.util
import os
import sys
from pathlib import Path

import pytest
import torch


def pytest_addoption(parser):
    parser.addoption(
        "--effects",
        action="append",
        default=[],
        metavar="MODULE",
        help="a module (dotted name or .py file) whose effects the contract tests run over too; may be repeated",
    )
    parser.addoption(
        "--device",
        default="cpu",
        choices=["cpu", "cuda"],
        help="where the contract tests put effects and signals; cuda also runs the tests marked cuda",
    )
    parser.addoption(
        "--all-cases",
        action="store_true",
        help="run sampled contract tests over every case, and the tests marked thorough",
    )


def pytest_configure(config):
    if config.getoption("--device") == "cpu":
        os.environ.setdefault("TRITON_INTERPRET", "1")  # read when triton is first imported
    if "PYTEST_XDIST_WORKER" in os.environ:
        torch.set_num_threads(1)  # the processes share the cores already
        os.environ["OMP_NUM_THREADS"] = "1"  # nor may the programs and notebooks that tests start take more than one
        os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"  # a pool of processes that threads feed does not like forks
    for module in config.getoption("--effects"):
        if module.endswith(".py"):
            spec = importlib.util.spec_from_file_location(Path(module).stem, module)
            sys.modules[spec.name] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(sys.modules[spec.name])
        else:
            importlib.import_module(module)


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--all-cases"):
        for item in items:
            if item.get_closest_marker("thorough"):
                item.add_marker(pytest.mark.skip(reason="takes minutes; run with --all-cases"))
    if config.getoption("--device") == "cuda" and torch.cuda.is_available():
        return
    reason = "no CUDA device" if config.getoption("--device") == "cuda" else "needs --device cuda"
    for item in items:
        if item.get_closest_marker("cuda"):
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.fixture
def one_thread():
    """One thread for torch's own operations."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def poisoned_memory():
    """Fill torch.empty with NaN, so that memory nobody wrote shows."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture(scope="session")
def audio_folder():
    """Real recordings: $DIFFFX_AUDIO, or ../shared/audio beside the checkout."""
    folder = Path(os.environ.get("DIFFFX_AUDIO") or Path(__file__).parents[2] / "shared" / "audio")
    if not folder.is_dir():
        pytest.skip(f"no recordings at {folder}; set DIFFFX_AUDIO")
    return folder
