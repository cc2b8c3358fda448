"""The programs in examples/lti run, with few steps, and say what they should."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "examples" / "lti"
FEW = {
    "colourless_fdn": ["--steps", "3", "--nfft", "8000"],
    "scattering_fdn": ["--steps", "3", "--nfft", "8000"],
    "fdn": ["--steps", "2", "--seconds", "0.5"],
    "loss_profile": ["--steps", "5"],
}
PLAIN = {"velvet_noise", "chaining", "series", "recursion", "shell", "anti_aliasing", "probe"}


def _run(name, arguments, monkeypatch, capsys):
    monkeypatch.setattr(sys, "path", [str(FOLDER), *sys.path])
    spec = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(arguments)
    return capsys.readouterr().out


@pytest.mark.parametrize("name", sorted(p.stem for p in FOLDER.glob("*.py")))
def test_the_program_runs(name, monkeypatch, capsys):
    arguments = [] if name in PLAIN else FEW.get(name, ["--steps", "3"])
    assert "nan" not in _run(name, arguments, monkeypatch, capsys).lower()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "pattern", "limit"),
    [
        ("siso", r"at the end (\S+)", 0.3),
        ("mimo", r"tap: (\S+)", 1e-2),
        ("biquad", r"-> (\S+)", 1e-4),
        ("svf", r"-> (\S+)", 1e-3),
        ("geq", r"gain: (\S+) dB", 0.5),
    ],
)
def test_it_learns_what_it_says(name, pattern, limit, monkeypatch, capsys):
    assert float(re.search(pattern, _run(name, [], monkeypatch, capsys))[1]) < limit
