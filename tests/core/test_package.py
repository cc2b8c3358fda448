"""What a stranger types first works, and nothing heavy is imported before it is asked for."""

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest


def _run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.slow
def test_an_engine_is_an_attribute_of_the_package():
    engines = ["diffFx_pytorch.recursion", "diffFx_pytorch.lti", "diffFx_pytorch.spectrogram"]
    printed = ", ".join(f"{engine}.__name__" for engine in engines)
    assert _run(f"import diffFx_pytorch; print({printed})").split() == engines


@pytest.mark.slow
def test_effects_and_the_knob_are_imported_from_the_top_and_from_processors():
    code = (
        "from diffFx_pytorch import Compressor, EffectParam\n"
        "from diffFx_pytorch import processors\n"
        "from diffFx_pytorch.processors.dynamics import Compressor as third\n"
        "print(Compressor is processors.Compressor is third, EffectParam is processors.EffectParam)"
    )
    assert _run(code) == "True True"


def test_the_package_alone_waits_for_nothing_heavy():
    code = "import sys, diffFx_pytorch; print([m for m in ('torch', 'numba', 'numpy') if m in sys.modules])"
    assert _run(code) == "[]"


def test_an_unknown_name_is_an_attribute_error():
    import diffFx_pytorch

    with pytest.raises(AttributeError, match="Compresor"):
        diffFx_pytorch.Compresor  # noqa: B018


ROOT = Path(__file__).parents[2]


def test_version_and_changelog_agree():
    import diffFx_pytorch

    assert importlib.metadata.version("diffFx-pytorch") == diffFx_pytorch.__version__
    newest = re.search("^## (\\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest[1].rstrip(",") == diffFx_pytorch.__version__


def test_nobody_is_told_to_install_the_other_package_of_this_name():
    """The benchmarks compare with it, and say so."""
    told = re.compile(r"pip install[^\n]*\bdiffFx[-_]pytorch", re.IGNORECASE)
    files = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *ROOT.glob("docs/**/*.md")]
    for folder, ending in (
        ("diffFx_pytorch", "py"),
        ("examples", "py"),
        ("examples", "ipynb"),
        ("diffFx_pytorch", "html"),
    ):
        files += (ROOT / folder).rglob(f"*.{ending}")
    assert not [str(path) for path in files if told.search(path.read_text(errors="replace"))]


def test_an_extra_for_users_holds_what_the_package_imports():
    """Oracles of tests and peers of benchmarks are no extras of their own; others import a kernel and TensorBoard."""
    table = (ROOT / "pyproject.toml").read_text().split("[project.optional-dependencies]")[1].split("\n[")[0]
    extras = dict(re.findall(r"^(\w+) = \[(.*?)\]", table, re.MULTILINE | re.DOTALL))
    code = "".join(path.read_text() for path in (ROOT / "diffFx_pytorch").rglob("*.py"))
    for extra in extras.keys() - {"test", "bench", "dev", "docs"}:
        for package in re.findall(r'"([\w-]+)', extras[extra]):
            used = re.search(rf'(import|from) {package}\b|"{package}"', code)
            assert used or package in ("ipykernel", "tensorboard"), f"{extra}: {package}"
