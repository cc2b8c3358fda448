"""Compiled kernels on disk: not older than what they inline, and written by one process at a time."""

import functools
import importlib
import os
import pkgutil
import shutil
import subprocess
import sys
from pathlib import Path

from numba.core.dispatcher import Dispatcher

import diffFx_pytorch.recursion.cpu as cpu


def test_an_index_older_than_a_source_is_deleted(tmp_path):
    folder = tmp_path / "cpu"
    (folder / "__pycache__").mkdir(parents=True)
    shutil.copy(Path(cpu.__file__), folder / "__init__.py")
    (folder / "lanes.py").touch()
    for name, age in (("old.nbi", 100), ("old.1.nbc", 100), ("new.nbi", -100)):
        index = folder / "__pycache__" / name
        index.touch()
        then = (folder / "lanes.py").stat().st_mtime - age
        os.utime(index, (then, then))
    subprocess.run([sys.executable, "-c", "import cpu"], cwd=tmp_path, check=True)
    assert not list((folder / "__pycache__").glob("old.*"))
    assert (folder / "__pycache__" / "new.nbi").exists()


def test_every_kernel_is_written_by_one_process_at_a_time():
    kernels = [
        value
        for found in pkgutil.iter_modules(cpu.__path__)
        for value in vars(importlib.import_module(f"{cpu.__name__}.{found.name}")).values()
        if isinstance(value, Dispatcher) and hasattr(value._cache, "_cache_file")
    ]
    assert len(kernels) > 20
    assert all(isinstance(kernel._cache._cache_file.save, functools.partial) for kernel in kernels)
