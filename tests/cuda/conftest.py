"""What the tests of CUDA kernels need: Triton, which no other test does."""

import importlib

import pytest
import torch

from tests.cuda.interpreted import scan_in_steps

L = 256
SMALL = {
    "recursion.cuda.first_order": {"CHUNK": L, "STATES": 2},
    "recursion.cuda.attack_release": {"CHUNK": L, "STATES": 2},
    "recursion.cuda.loop_overshoot": {"CHUNK": L},
    "dsp.cuda.gain_rows": {"STRETCH": L},
    "recursion.cuda.running_max": {"CHUNK": L},
    "recursion.cuda.backlash": {"CHUNK": L},
    "recursion.cuda.plays": {"CHUNK": 4 * L},
    "recursion.cuda.feedback_delay": {"CHUNK": 64},
    "recursion.cuda.chunks": {"SECTIONS": L},
    "recursion.cuda.sections": {"STATES": 2},
    "recursion.cuda.cascade": {"TILE": 4, "SPLIT": 2, "DEPTH": 4},
    "recursion.cuda.feedback_network": {"TILE": (512, 512, 512, 512)},
    "lti.cuda.solve": {"NUMBERS": {torch.complex64: 8192, torch.complex128: 8192}},
}


@pytest.fixture
def interpreter(monkeypatch):
    """Short chunks, so that a few hundred samples are many."""
    interpreter = importlib.import_module("triton.runtime.interpreter")
    monkeypatch.setattr(interpreter.ScanOps, "generic_scan", scan_in_steps)
    for name, constants in SMALL.items():
        module = importlib.import_module(f"diffFx_pytorch.{name}")
        for constant, value in constants.items():
            monkeypatch.setattr(module, constant, value)


@pytest.fixture(autouse=True)
def _triton():
    pytest.importorskip("triton", reason="Triton is not installed: pip install 'diffFx-pytorch[triton]'")


@pytest.fixture(autouse=True)
def _interpreter(request):
    """Whether kernels are interpreted or compiled is decided when Triton is imported, in tests/conftest.py."""
    if "interpreter" in request.fixturenames and request.config.getoption("--device") != "cpu":
        pytest.skip("with --device cuda kernels are compiled, and the interpreter is off")
