"""An effect written by a stranger, from the page that tells how, gets every test of the contract."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_effect_of_contributing_gets_the_contract(tmp_path):
    page = (ROOT / "CONTRIBUTING.md").read_text()
    source = next(b for b in re.findall(r"```python\n(.*?)```", page, re.S) if "class Fuzz" in b)
    assert len([line for line in source.splitlines() if line.strip()]) <= 20
    (tmp_path / "fuzz.py").write_text(source)
    command = [
        sys.executable,
        "-m",
        "pytest",
        str(ROOT / "tests/contract"),
        "-q",
        "-k",
        "Fuzz and not slow",
        "--no-header",
    ]
    done = subprocess.run(
        [*command, "--effects", str(tmp_path / "fuzz.py"), "-p", "no:cacheprovider", "-n0"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 60

    wrong = source.replace("neutral = {", "neutral = {} or {").replace("x * (1 - mix)", "0.9 * x * (1 - mix)")
    assert wrong != source
    (tmp_path / "fuzz.py").write_text(wrong)
    done = subprocess.run(
        [*command, "-k", "Fuzz and neutral", "--effects", str(tmp_path / "fuzz.py"), "-p", "no:cacheprovider", "-n0"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, "a broken effect must fail"
