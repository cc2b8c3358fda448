"""The contract is able to fail: effects broken on purpose, each caught by the tests it names."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BROKEN = Path(__file__).with_name("broken_effects.py")


@pytest.mark.slow
def test_every_broken_effect_is_caught():
    # In a process of its own: a class that is defined is in the registry, and these must stay out of it.
    named = re.findall(r'^class (Broken\w+)\(.*?caught_by = "([\w ]+)"', BROKEN.read_text(), re.S | re.M)
    expected = {(effect, test) for effect, tests in named for test in tests.split()}
    assert len(named) > 19
    only = f"Broken and ({' or '.join(sorted({test for _, test in expected}))})"
    command = [sys.executable, "-m", "pytest", str(ROOT / "tests/contract"), "--effects", str(BROKEN), "-k", only]
    done = subprocess.run(
        [*command, "-q", "--tb=no", "-p", "no:cacheprovider", "-n0"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    caught = {(effect, test) for test, effect in re.findall(r"FAILED \S+::(\w+)\[\S*?(Broken\w+)", done.stdout)}
    assert not expected - caught, done.stdout[-2000:]
