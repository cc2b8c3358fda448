"""The Python of the pages runs, page by page from top to bottom, and every page has its place on the site."""

import re
from pathlib import Path

import pytest
import yaml

from diffFx_pytorch.presets import load_chain

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(page for folder in ("start", "concepts", "guides") for page in (DOCS / folder).glob("*.md"))


def _blocks(page: Path, kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", page.read_text(), re.DOTALL)


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
