"""Every file of the effects defines one, or is used by one: a file that nothing finds is an effect nobody has."""

import ast
from pathlib import Path

from diffFx_pytorch import processors, registry

PACKAGE = Path(processors.__file__).parents[1]


def _imported(path, package):
    """Dotted names that a file imports, and those of what it takes from them, from the package's parent on."""
    here = path.relative_to(package.parent).with_suffix("").parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            base = ".".join((*(here[: len(here) - node.level] if node.level else ()), *filter(None, [node.module])))
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def unused(package, folder, defining):
    """Modules of ``folder`` that define no effect and that no file of the package imports."""
    imported = {name for path in package.rglob("*.py") for name in _imported(path, package)}
    modules = {
        ".".join(path.relative_to(package.parent).with_suffix("").parts)
        for path in (package / folder).rglob("*.py")
        if path.name != "__init__.py"
    }
    return modules - imported - defining


def test_every_file_defines_an_effect_or_is_imported():
    defining = {cls.__module__ for cls in registry.effects().values()}
    stray = unused(PACKAGE, "processors", defining)
    assert not stray, f"{sorted(stray)} define no effect, and nothing imports them: register an effect or delete them"


def test_a_stray_file_is_found(tmp_path):
    folder = tmp_path / "package" / "processors"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "effect.py").write_text("from .shared import gain\nfrom . import curve\n")
    for name in ("shared", "curve", "forgotten"):
        (folder / f"{name}.py").write_text("gain = 1\n")
    assert unused(tmp_path / "package", "processors", {"package.processors.effect"}) == {"package.processors.forgotten"}
