"""A recursion written by a stranger, from the page that tells how, passes everything; a broken one does not."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WRONG = [
    ("carry = g * c", "carry = gy[row, t] * c"),
    ("1 - y[row, t] ** 2", "1 - y[row, t]"),
    ("+ c * state", "- c * state"),
]


def run(folder):
    command = [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", str(folder / "test_soft_pole.py")]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{folder}"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def written(tmp_path):
    page = (ROOT / "CONTRIBUTING.md").read_text()
    recursion, test = (b for b in re.findall(r"```python\n(.*?)```", page, re.S) if "soft_pole" in b)
    (tmp_path / "soft_pole.py").write_text(recursion)
    (tmp_path / "test_soft_pole.py").write_text(test)
    return tmp_path


@pytest.mark.slow
def test_the_recursion_of_contributing_passes_its_test(written):
    done = run(written)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "1 passed" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(("right", "wrong"), WRONG)
def test_a_broken_one_fails(written, right, wrong):
    source = (written / "soft_pole.py").read_text()
    assert right in source
    (written / "soft_pole.py").write_text(source.replace(right, wrong))
    done = run(written)
    assert done.returncode == 1, done.stdout[-2000:]
