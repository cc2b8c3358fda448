"""A layer may import those below it, never one above; no file imports another that imports it in turn."""

import ast
import functools
import graphlib
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "diffFx_pytorch"

LAYERS = (
    {"kernels"},
    {"dsp", "files"},
    {"recursion", "lti", "spectrogram"},
    {"params", "options", "notices", "explaining", "automation", "control", "curve", "lines", "plan", "views"}
    | {"knobs", "settings", "sound", "stream", "processor"},
    {"processors", "routing", "hosted", "registry"},
    {"render", "fit", "networks", "presets", "report", "mix"},
    {"cli", "studio", "live"},
)
HEIGHT = {name: height for height, layer in enumerate(LAYERS) for name in layer}
ENGINES = {"recursion", "lti", "spectrogram"}


def _part(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@functools.cache
def _tree(path):
    return ast.parse(path.read_text())


def _names(path):
    """Dotted names, as tuples, that a file imports at its top, inside a function or for type checkers."""
    here = path.relative_to(PACKAGE.parent).with_suffix("").parts
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level] if node.level else ()
            module = (*base, *node.module.split(".")) if node.module else base
            yield from ((*module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)


def _imports(path):
    """Parts of the package that a file imports."""
    return [n[1] for n in _names(path) if len(n) > 1 and n[0] == PACKAGE.name and n[1] in HEIGHT]


def _files(path):
    """Files of the package that a file imports: a module, or the module or package that a name is defined in."""
    for name in _names(path):
        for parts in (name, name[:-1]):
            where = PACKAGE.parent.joinpath(*parts)
            found = [f for f in (where.with_suffix(".py"), where / "__init__.py") if parts and f.is_file()]
            if found and found[0] != path:
                yield found[0]
                break


def test_no_import_circle():
    graph = {path: set(_files(path)) for path in PACKAGE.rglob("*.py")}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        circle = " imports ".join(str(path.relative_to(PACKAGE)) for path in reversed(error.args[1]))
        raise AssertionError(circle) from None


def test_every_part_has_a_layer():
    parts = {_part(p) for p in PACKAGE.rglob("*.py")} - {"__init__", "__main__"}
    assert parts <= set(HEIGHT), f"no layer for {sorted(parts - set(HEIGHT))}"


def test_nothing_imports_upwards():
    upwards = [
        f"{path.relative_to(PACKAGE)} imports {other}"
        for path in PACKAGE.rglob("*.py")
        if _part(path) in HEIGHT
        for other in _imports(path)
        if HEIGHT[other] > HEIGHT[_part(path)] or ({_part(path), other} <= ENGINES and other != _part(path))
    ]
    assert not upwards


def test_what_is_optional_is_never_imported_at_the_top_of_a_file():
    for path in PACKAGE.rglob("*.py"):
        for node in _tree(path).body:
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                text = ast.unparse(node)
                assert not any(
                    name in text for name in ("pedalboard", "torchaudio", "matplotlib", "mutagen", "sounddevice")
                ), path
