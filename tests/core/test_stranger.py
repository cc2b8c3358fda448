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
        "Fuzz and not slow and not compile and not export",
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


@pytest.mark.slow
@pytest.mark.parametrize("source", ["import a_module_that_is_not_there\n", "raise SystemExit('no licence')\n"])
def test_a_broken_plug_in_stops_nothing(tmp_path, source):
    done = _with_plug_in(tmp_path, source, ["-m", "diffFx_pytorch.cli", "list"])
    assert done.returncode == 0, done.stderr
    assert "Compressor" in done.stdout
    assert done.stderr.count("the effects of the plug-in 'strange_effects' of strange are left out") == 1


BROKEN = """
from diffFx_pytorch import EffectParam, Processor

class Broken(Processor):
    params = {"a": EffectParam(0.0, 1.0)}

    def prepare(self):
        raise RuntimeError("no licence")

    def process(self, x, state, *, a):
        return x, state
"""


@pytest.mark.slow
def test_an_effect_that_cannot_be_built_is_named_and_stops_no_other(tmp_path):
    code = (
        "import warnings; from diffFx_pytorch.presets.schema import chain_schema\n"
        "from tests.cli.command import difffx\n"
        "with warnings.catch_warnings(record=True) as told: known = chain_schema()['definitions']\n"
        "assert 'Gain.params' in known and 'Broken.params' not in known\n"
        "assert 'leaves Broken out: Broken cannot be built: RuntimeError: no licence' in str(told[-1].message)\n"
        "for words in (['describe', 'Broken'], ['apply', 'Broken', 'x.wav', '-o', 'y.wav']):\n"
        "    said = difffx(*words)\n"
        "    assert said.exit_code == 2 and 'Broken cannot be built: RuntimeError: no licence' in said.stderr\n"
    )
    done = _with_plug_in(tmp_path, BROKEN, ["-c", code])
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_sound_plug_in_is_listed(tmp_path):
    page = (ROOT / "CONTRIBUTING.md").read_text()
    source = next(b for b in re.findall(r"```python\n(.*?)```", page, re.S) if "class Fuzz" in b)
    done = _with_plug_in(tmp_path, source, ["-m", "diffFx_pytorch.cli", "list"])
    assert "Fuzz" in done.stdout
