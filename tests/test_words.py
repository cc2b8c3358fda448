"""What a person wrote of the effects: all have words and three recipes, which are legal and are heard."""

import importlib.util
import re
import shlex
from pathlib import Path

import pytest
import torch
import yaml

from diffFx_pytorch.presets import load_chain

DOCS = Path(__file__).parents[1] / "docs"
_spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
generate = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(generate)
EFFECTS = generate.built_in()

import site_pages  # noqa: E402, generate put docs on the path
import site_sounds  # noqa: E402
import site_words  # noqa: E402


def test_every_effect_has_words_and_nothing_else_has():
    assert sorted(site_words.words()) == sorted(cls.__name__ for cls in EFFECTS)


@pytest.mark.parametrize("cls", EFFECTS, ids=lambda c: c.__name__)
def test_words_are_for_a_musician(cls):
    told = site_words.words()[cls.__name__]
    assert len(told.about.split()) >= 18
    assert len({recipe.purpose for recipe in told.recipes}) == len(told.recipes) == 3
    assert all(len(recipe.why.split()) >= 4 for recipe in told.recipes)
    body, sources = site_pages.references(cls.about)
    assert told.equations or "math::" in body, "equations in print"
    indented = re.findall(r"(?:^    .*\n?(?:\n(?=    ))?)+", re.sub(r"\.\. math::.*(\n .*)*", "", body), re.MULTILINE)
    assert not told.blocks or len(told.blocks) == len(indented)
    page = generate.page(cls)
    assert not any(formula in page.partition("## How it works")[0] for formula in ("x[n]", "^2"))
    assert all(source.endswith((".", ")")) or source[-1].isalnum() for source in sources), sources


@pytest.mark.parametrize("cls", EFFECTS, ids=lambda c: c.__name__)
def test_recipes_are_legal_and_heard(cls):
    """The players of the site play these: the sound after each differs, by level or by more than level."""
    for recipe in site_words.words()[cls.__name__].recipes:
        x = site_sounds.sound(recipe.sound, 1.2)
        y = site_sounds.after(cls, recipe, 1.2)
        assert y.isfinite().all()
        if recipe.matched:
            y = y * (x * y).sum() / y.square().sum().clamp(min=1e-9)
        change, level = ((v.square().mean(1).unfold(-1, 2048, 2048).mean(-1) + 1e-12) for v in (y - x, x))
        whole = 10 * torch.log10(change.sum() / level.sum())
        # A gate acts where it is quiet: there a change counts beside what is there.
        local = 10 * torch.log10(change / level)[level > 1e-6]
        assert whole > -36 or (local > -20).float().mean() > 0.1, f"{recipe.purpose}: {whole:.1f} dB"


@pytest.mark.parametrize("cls", EFFECTS, ids=lambda c: c.__name__)
def test_snippets_say_the_same(cls, tmp_path, monkeypatch):
    page = generate.page(cls)
    recipe = site_words.words()[cls.__name__].recipes[0]
    python, chain, command = (
        re.search(rf"```{kind}\n(.*?)```", page, re.DOTALL)[1] for kind in ("python", "yaml", "sh")
    )
    names = {"x": torch.zeros(1, 2, 0)}
    exec(python, names)
    (tmp_path / "chain.yaml").write_text(chain)
    built, _ = load_chain(tmp_path / "chain.yaml").build(44100)
    step = next(iter(built.steps.values()))
    words = shlex.split(command)
    given = dict(word.split("=", 1) for word in words if "=" in word)
    assert words[:3] == ["difffx", "apply", cls.__name__]
    for knob, value in recipe.settings.items():
        assert float(names["fx"].settings[knob]) == pytest.approx(value)
        assert float(given[knob]) == pytest.approx(value)
    for option, value in recipe.options.items():
        assert getattr(names["fx"], option) == getattr(step, option)
        assert yaml.safe_load(given[option]) == value


def test_no_public_name_is_undocumented():
    pytest.importorskip("lightning", reason="the extra train is not installed")
    from site_api import API, api_page, undocumented

    assert not undocumented()
    assert "::: diffFx_pytorch.recursion" in api_page(*API["recursion"])
