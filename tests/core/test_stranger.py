"""An effect written by a stranger, from the page that tells how, gets every test of the contract."""

import os
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


def _with_plug_in(tmp_path, source, command):
    """A command run where a package is installed whose entry point names a module of that source."""
    (tmp_path / "strange_effects.py").write_text(source)
    info = tmp_path / "strange-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: strange\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[diffFx_pytorch.effects]\nstrange = strange_effects\n")
    path = os.pathsep.join((str(ROOT), str(tmp_path), os.environ.get("PYTHONPATH", "")))
    return subprocess.run(
        [sys.executable, *command], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("source", ["import a_module_that_is_not_there\n", "raise SystemExit('no licence')\n"])
def test_a_broken_plug_in_stops_nothing(tmp_path, source):
    done = _with_plug_in(tmp_path, source, ["-m", "diffFx_pytorch.cli", "list"])
    assert done.returncode == 0, done.stderr
    assert "Compressor" in done.stdout
    assert done.stderr.count("the effects of the plug-in 'strange_effects' of strange are left out") == 1


def test_a_sound_plug_in_is_listed(tmp_path):
    page = (ROOT / "CONTRIBUTING.md").read_text()
    source = next(b for b in re.findall(r"```python\n(.*?)```", page, re.S) if "class Fuzz" in b)
    done = _with_plug_in(tmp_path, source, ["-m", "diffFx_pytorch.cli", "list"])
    assert "Fuzz" in done.stdout
