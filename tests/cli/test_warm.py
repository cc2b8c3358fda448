"""`difffx warm` compiles ahead, says where, and leaves nothing to compile; a cold kernel says what takes so long."""

import os
import pkgutil
import subprocess
import sys
from importlib import import_module
from types import CodeType, FunctionType

import pytest
from numba.core.dispatcher import Dispatcher

import diffFx_pytorch
from diffFx_pytorch.cli import warming


def run(cache, program):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "DIFFFX_CACHE": str(cache)}
    return subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)


WARM = """
from diffFx_pytorch.cli import app, warming
from diffFx_pytorch.kernels import njit

@njit(cache=True)
def double(x):
    return x + x

warming.tasks = lambda: iter([("double", lambda: double(1)), ("double", lambda: double(1.5))])
app(["warm"])
"""


@pytest.mark.slow
def test_after_it_nothing_compiles(tmp_path):
    first, second = (run(tmp_path, WARM).stdout for _ in range(2))
    assert first.startswith("compiled 2 kernels in ")
    assert str(tmp_path) in first
    assert second.startswith("compiled 0 kernels in ")


def test_where_nothing_can_be_kept_it_fails(tmp_path):
    (tmp_path / "file").touch()
    done = run(tmp_path / "file" / "below", WARM)
    assert done.returncode == 1
    assert "nothing could be kept" in done.stderr


def names_within(code):
    """Names that the functions within a function refer to, and those that it hands them."""
    nested = [part for part in code.co_consts if isinstance(part, CodeType)]
    handed = {*code.co_names} if nested else set()
    return handed.union(*({*part.co_names, *part.co_freevars} | names_within(part) for part in nested))


def entries():
    """The kernels of the package that are called from Python, by module and name."""
    kernels, inner = {}, set()
    for module in pkgutil.walk_packages(diffFx_pytorch.__path__, "diffFx_pytorch."):
        if ".cpu." not in module.name:
            continue
        for name, value in vars(import_module(module.name)).items():
            if isinstance(value, FunctionType):
                inner |= names_within(value.__code__)  # of an overload, or what makes kernels
            elif isinstance(value, Dispatcher) and value.__module__ == module.name:
                kernels[module.name, name] = value
                inner |= {*value.py_func.__code__.co_names, *names_within(value.py_func.__code__)}
    # A function that kernels inline comes with them from the folder and is not compiled by itself.
    return {name: kernel for name, kernel in kernels.items() if name[1] not in inner}


@pytest.mark.slow
def test_it_calls_every_kernel_of_the_package():
    kernels = entries()
    assert len(kernels) > 30
    steps = list(warming.tasks())
    for i, (_, run) in enumerate(steps):  # float32 first; in float64 most are the same
        if i >= len(steps) // 2 and all(kernel.overloads for kernel in kernels.values()):
            break
        run()
    assert not [name for name, kernel in kernels.items() if not kernel.overloads]


COLD = """
import sys
sys.stderr.isatty = lambda: {terminal}
from diffFx_pytorch.kernels import compiling, njit
compiling.notice.patience = 0.0

@njit(cache=True)
def double(x):
    return x + x

double(1), double(1.5), double(2j)
"""


@pytest.mark.slow
def test_a_terminal_hears_once_why_a_cold_kernel_takes_long(tmp_path):
    assert run(tmp_path, COLD.format(terminal=True)).stderr.count("compiling, once") == 1
    assert run(tmp_path, COLD.format(terminal=True)).stderr == ""  # warm by now
    assert run(tmp_path / "other", COLD.format(terminal=False)).stderr == ""
