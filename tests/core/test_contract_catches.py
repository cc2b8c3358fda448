"""The contract is able to fail: effects broken on purpose, each caught by the test it names."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BROKEN = Path(__file__).with_name("broken_effects.py")


def test_every_broken_effect_is_caught():
    # In a process of its own: a class that is defined is in the registry, and these must stay out of it.
    expected = dict(re.findall(r'^class (Broken\w+)\(.*?caught_by = "(\w+)"', BROKEN.read_text(), re.S | re.M))
    assert len(expected) > 12
    only = f"Broken and ({' or '.join(sorted(set(expected.values())))})"
    command = [sys.executable, "-m", "pytest", str(ROOT / "tests/contract"), "--effects", str(BROKEN), "-k", only]
    done = subprocess.run(
        [*command, "-q", "--tb=no", "-p", "no:cacheprovider", "-n0"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    caught = {(effect, test) for test, effect in re.findall(r"FAILED \S+::(\w+)\[\S*?(Broken\w+)", done.stdout)}
    missed = {effect: test for effect, test in expected.items() if (effect, test) not in caught}
    assert not missed, done.stdout[-2000:]
