"""The pages of docs/coming_from: what they say of equal numbers is so, wherever the other library is installed.

A page begins with a block ``python setup``. Each section then has a block ``python theirs``, which leaves ``theirs``,
and a block ``python``, which leaves ``ours``. A section that says "Equal to 1e-5" compares them (relative to the
largest value); one that says "Differs" shows that they do.
"""

import contextlib
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from diffFx_pytorch import Processor, processors, routing
from diffFx_pytorch.processors.eq.tone_stack import CIRCUITS
from tests.flamo_peer import stand_ins

PAGES = sorted((Path(__file__).parents[1] / "docs" / "coming_from").glob("*.md"))
_BLOCK = re.compile(r"```python([^\n]*)\n(.*?)```", re.S)


def _sections():
    for page in PAGES:
        head, *sections = re.split(r"^## ", page.read_text(), flags=re.M)
        setup = [code for kind, code in _BLOCK.findall(head) if kind.strip() == "setup"]
        for section in sections:
            if "```python" in section:
                yield pytest.param(setup, section, id=f"{page.stem}: {section.splitlines()[0]}")


def _run(code, names):
    try:
        exec(compile(code, "<page>", "exec"), names)
    except (ImportError, OSError) as error:  # torchaudio's wheel does not load beside a CPU build
        module = re.match(r"\s*(?:from|import) (\w+)", code).group(1)
        if "diffFx_pytorch" in code or module == "diffFx_pytorch":
            raise
        pytest.skip(f"{module} is not installed: {error}")


def _array(value):
    return value.detach().double().numpy() if isinstance(value, torch.Tensor) else np.asarray(value, dtype=np.float64)


@pytest.mark.parametrize(("setup", "section"), _sections())
def test_the_section_holds(setup, section):
    blocks = _BLOCK.findall(section)
    assert [kind.strip() for kind, _ in blocks] == ["theirs", ""], "a section has two blocks, theirs and ours"
    torch.manual_seed(0)
    names = {}
    peer = stand_ins() if "from flamo" in section else contextlib.nullcontext()
    with warnings.catch_warnings(), peer:
        warnings.simplefilter("ignore")
        for code in (*setup, *(code for _, code in blocks)):
            _run(code, names)
    ours, theirs = _array(names["ours"]).squeeze(), _array(names["theirs"]).squeeze()
    assert ours.shape == theirs.shape
    apart = np.abs(ours - theirs).max() / np.abs(theirs).max()
    if equal := re.search(r"Equal to ([\d.e-]+\d)", section):
        assert apart < float(equal.group(1))
    else:
        assert "Differs" in section, "say 'Equal to 1e-5' or 'Differs'"
        assert apart > 1e-6


@pytest.mark.parametrize(
    "page", [p for p in PAGES if _BLOCK.findall(p.read_text().split("\n## ")[0])], ids=lambda p: p.stem
)
def test_what_stands_before_the_sections_runs(page):
    names = {}
    for _, code in _BLOCK.findall(page.read_text().split("\n## ")[0]):
        _run(code, names)


def test_every_page_is_in_the_index():
    index = (PAGES[0].parent / "README.md").read_text()
    for page in PAGES:
        assert page.name == "README.md" or f"({page.name})" in index


def _constructions():
    """Of the right column of the tables of the first library's page."""
    page = (PAGES[0].parent / "diffFx-pytorch.md").read_text()
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| ") and " | " in line]
    for row in rows:
        yield from re.findall(r"`([A-Z]\w*\([^`]*\))`", row[1])
        yield from (
            f"ToneStack(preset={name!r})"
            for name in re.findall(r"`([a-z]+_[a-z0-9_]+|engl)`", row[1])
            if name in CIRCUITS
        )


def test_what_the_page_of_the_first_library_builds_can_be_built():
    names = {**vars(processors), **vars(routing)}
    found = list(_constructions())
    assert len(found) > 70
    for call in found:
        assert isinstance(eval(call, dict(names)), Processor), call
    presets = {call.split("'")[1] for call in found if call.startswith("ToneStack(preset='")}
    assert presets == set(CIRCUITS)


def test_an_exponential_knee_by_the_number_of_the_first_library():
    """Its k = e^W, and ours, at a width of 8 ln 2 / k, are one curve (the knob begins at 0, and ends at 40 dB)."""
    W, x = 1.3, torch.full((1, 1, 44100), 10 ** (-18.5 / 20), dtype=torch.float64)
    fx = processors.Compressor(44100, knee_shape="exponential")
    knobs = {"threshold_db": -20.0, "ratio": 4.0, "knee_db": 8 * np.log(2) * np.exp(-W), "attack_ms": 1.0}
    gain = 20 * np.log10(float(fx(x, dsp_params=knobs)[..., -1] / x[..., -1]))
    k = np.exp(W)
    assert gain == pytest.approx((1 / 4 - 1) * np.log1p(np.exp(k * (-18.5 + 20))) / k, abs=1e-6)
