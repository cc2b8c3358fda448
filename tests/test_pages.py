"""The snippets of the pages run, page by page from top to bottom, and every page has its place on the site.

Older pages take names and files for granted, ``dry``, ``song.yaml``: ``GIVEN`` makes them, small, in all one process.
"""

import functools
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import yaml

from diffFx_pytorch import fit
from diffFx_pytorch.mix import load_session
from diffFx_pytorch.presets import load_chain

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(page for folder in ("start", "concepts", "guides") for page in (DOCS / folder).glob("*.md"))
GIVEN = {
    "fitting": """
from diffFx_pytorch.processors import Compressor
from diffFx_pytorch.report.demo import demo_clip
dry = other = demo_clip(44100, 0.6)[:, :1]
wet = 0.5 * dry
""",
    "live": "",
    "lti": "",
    "mixing": "",
    "phase_retrieval": "",
    "rendering": """
import torch
from diffFx_pytorch.presets import load_chain
x = 0.1 * torch.randn(1, 1, 4800)
found = {"eq.low_shelf_gain_db": torch.zeros(1)}
""",
    "training": "import torch\nx = 0.1 * torch.randn(1, 1, 22050)",
}
"""What the snippets of the other pages stand on, by page."""

OTHERS = [
    pytest.param(DOCS / f"{name}.md", id=name, marks=() if name in ("mixing", "phase_retrieval") else pytest.mark.slow)
    for name in GIVEN
]
SESSIONS = {"mixing"}
"""Pages whose YAML is a mix."""

FILES = (
    "drums.wav",
    "bass.wav",
    "verse.flac",
    "chorus.flac",
    "kick.wav",
    "in.wav",
    "recordings/a.wav",
    "recordings/b.wav",
)


@pytest.fixture
def files(tmp_path, monkeypatch):
    """The working folder, with the files that pages name."""
    monkeypatch.chdir(tmp_path)
    sound = 0.1 * np.random.default_rng(0).standard_normal((35 * 4000, 2))
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        soundfile.write(
            tmp_path / name, sound if name == "verse.flac" else sound[:8000], 4000 if "fl" in name else 44100
        )
    for name, text in {
        "parts/room.yaml": "version: 1\nchain: [{effect: PlateReverb}]\n",
        "chains/drums.yaml": "version: 1\nchain: [{effect: Compressor}]\n",
        "chain.yaml": "version: 1\nchain: [{effect: ParametricEqualizer, name: eq}]\n",
        "song.yaml": "version: 1\ntracks: {drums: {file: drums.wav}, bass: {file: bass.wav, pan: 0.2}}\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def _blocks(page: Path, kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", page.read_text(), re.DOTALL)


@pytest.mark.parametrize("page", OTHERS)
def test_the_snippets_of_older_pages_run_in_order(page, files, monkeypatch):
    monkeypatch.setattr(fit, "fit_structure", functools.partial(fit.fit_structure, time_budget_s=5))
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="eager"))  # C++ takes minutes
    names: dict = {}
    for block in (GIVEN[page.stem], *_blocks(page, "python")):
        exec(compile(block, str(page), "exec"), names)


@pytest.mark.parametrize("page", [DOCS / f"{name}.md" for name in GIVEN], ids=lambda p: p.stem)
def test_the_yaml_of_older_pages_builds(page, files):
    for text in _blocks(page, "yaml"):
        if "vst3" in text:
            continue  # a plugin that nobody has
        (files / "page.yaml").write_text(text)
        if page.stem in SESSIONS:
            load_session(files / "page.yaml").mixer()
        else:
            load_chain(files / "page.yaml").build(44100)


def test_no_page_with_python_is_left_out():
    told = {"README.md", *(f"{name}.md" for name in GIVEN)}
    assert {page.name for page in DOCS.glob("*.md") if "```python" in page.read_text()} <= told


def test_commands_of_the_pages_have_these_names_and_flags():
    """Each ``difffx`` of a page: the command is there, and takes the flags."""
    from typer.main import get_command

    from diffFx_pytorch.cli import app

    known, wrong = get_command(app).commands, []
    pages = [*DOCS.glob("*.md"), *PAGES, ROOT / "README.md", *(DOCS / "coming_from").glob("*.md")]
    for page in pages:
        text = re.sub(r"\\\n\s*", "", page.read_text())  # a command may go on in the next line
        lines = re.findall(r"^(?:    )?(difffx .*)$", text, re.MULTILINE) + re.findall(r"`(difffx [^`]*)`", text)
        for line in lines:
            words = shlex.split(line.partition(" # ")[0].replace("...", ""))[1:]
            if not words or not re.fullmatch(r"[a-z]+", words[0]):
                continue
            command = known.get(words[0])
            if command is None:
                wrong.append(f"{page.name}: {line}")
                continue
            inner = getattr(command, "commands", {}).get(words[1]) if len(words) > 1 else None
            flags = {f for param in (inner or command).params for f in (*param.opts, *param.secondary_opts)} | {
                "--help"
            }
            given = {word.partition("=")[0] for word in words[1:] if re.match(r"--?[a-z]", word)}
            wrong += [f"{page.name}: {line} ({flag})" for flag in given - flags]
    assert not wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_the_snippets_of_a_page_run_in_order(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for block in _blocks(page, "python"):
        exec(compile(block, str(page), "exec"), names)
    if page.stem == "first_network":
        assert sum(names["losses"][-10:]) < 0.85 * sum(names["losses"][:10])
    if page.stem == "first_fit":
        assert names["found"].residual_db < -40
        assert "900" in capsys.readouterr().out


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_the_chain_files_of_a_page_build(page, tmp_path):
    for text in _blocks(page, "yaml"):
        (tmp_path / "chain.yaml").write_text(text)
        load_chain(tmp_path / "chain.yaml").build(44100)


def test_every_page_has_its_place_on_the_site():
    """A page that is added stands in the navigation; effects, notebooks and reference find theirs by themselves."""
    text = re.sub(r"!!python\S*|!ENV", "", (ROOT / "mkdocs.yml").read_text())
    placed = set(re.findall(r"[\w/.-]+\.md", str(yaml.safe_load(text)["nav"])))
    pages = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md") if page.parent.name != "effects"}
    assert pages <= placed, f"not in the nav of mkdocs.yml: {sorted(pages - placed)}"
