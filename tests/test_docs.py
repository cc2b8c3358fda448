"""The pages of docs/effects are what the code says; `python docs/generate.py` writes them."""

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
_spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
generate = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(generate)


@pytest.mark.parametrize("cls", generate.built_in(), ids=lambda c: c.__name__)
def test_page_is_what_the_code_says(cls):
    page = DOCS / "effects" / f"{cls.__name__}.md"
    assert page.exists(), "run python docs/generate.py"
    assert page.read_text() == generate.page(cls), "run python docs/generate.py"


def test_index_lists_every_effect():
    assert (DOCS / "effects" / "README.md").read_text() == generate.index(), "run python docs/generate.py"


def test_the_readme_has_the_table_of_all_effects():
    readme = (DOCS.parent / "README.md").read_text()
    assert readme == generate.with_table(readme), "run python docs/generate.py"


def test_the_names_that_type_checkers_see_are_those_of_the_code():
    for path, text in generate.stubs().items():
        assert path.read_text() == text, f"{path}: run python docs/generate.py"


@pytest.mark.thorough
@pytest.mark.parametrize("cls", generate.built_in(), ids=lambda c: c.__name__)
def test_plot_is_what_the_code_draws_on_any_machine(cls):
    assert (DOCS / "effects" / f"{cls.__name__}.svg").read_text() == generate.picture(cls), (
        "run python docs/generate.py --plots"
    )


def test_what_tables_say_is_plain_text():
    """It is read in terminals, tooltips and tables too, where markup would stand as it is."""
    for cls in generate.built_in():
        for options in ({}, *cls.variants):
            fx = cls(**options)
            said = {**{k: p.doc for k, p in fx.params.items()}, **{k: o.doc for k, o in cls.options.items()}}
            marked = {name: doc for name, doc in said.items() if "`" in doc}
            assert not marked, cls.__name__


def test_formulas_of_docstrings_stand_in_fences():
    markdown_of = importlib.import_module("site_markup").markdown_of
    text = "One ``knob``:\n\n.. math:: H = \\frac{1}{2}\n\nand :math:`x` by ``y``."
    assert markdown_of(text) == "One `knob`:\n\n```math\nH = \\frac{1}{2}\n```\n\nand $`x`$ by `y`."
    text = "Two:\n\n.. math::\n\n    a\n\n    b\n\nand code:\n\n.. math:: c\n\n    y = fx(x)\n\nSee :func:`~a.b.f`."
    fences = "Two:\n\n```math\na\n\nb\n```\nand code:\n\n```math\nc\n```\n\n    y = fx(x)\n\nSee `f`."
    assert markdown_of(text) == fences


def test_lines_of_formulas_are_lines():
    pytest.importorskip("latex2mathml", reason="comes with the extra docs")
    mathml = importlib.import_module("site_markup").mathml
    drawn = mathml(r"\begin{aligned} m &= a \\ s &= b \end{aligned}", True)
    assert drawn.count("<mtr>") == 2
    assert "<mi>&</mi>" not in drawn
