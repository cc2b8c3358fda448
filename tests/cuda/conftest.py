"""What the tests of CUDA kernels need: Triton, which no other test does."""

import pytest


@pytest.fixture(autouse=True)
def _triton():
    pytest.importorskip("triton", reason="Triton is not installed: pip install 'diffFx-pytorch[triton]'")


@pytest.fixture(autouse=True)
def _interpreter(request):
    """Whether kernels are interpreted or compiled is decided when Triton is imported, in tests/conftest.py."""
    if "interpreter" in request.fixturenames and request.config.getoption("--device") != "cpu":
        pytest.skip("with --device cuda kernels are compiled, and the interpreter is off")
