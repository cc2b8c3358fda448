"""Compiled kernels do not outlive a change in a neighbour they inline."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import diffFx_pytorch.recursion.cpu as cpu


def test_an_index_older_than_a_source_is_deleted(tmp_path):
    folder = tmp_path / "cpu"
    (folder / "__pycache__").mkdir(parents=True)
    shutil.copy(Path(cpu.__file__), folder / "__init__.py")
    (folder / "lanes.py").touch()
    for name, age in (("old.nbi", 100), ("new.nbi", -100)):
        index = folder / "__pycache__" / name
        index.touch()
        then = (folder / "lanes.py").stat().st_mtime - age
        os.utime(index, (then, then))
    subprocess.run([sys.executable, "-c", "import cpu"], cwd=tmp_path, check=True)
    assert not (folder / "__pycache__" / "old.nbi").exists()
    assert (folder / "__pycache__" / "new.nbi").exists()
