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


def test_every_page_is_in_the_index():
    index = (PAGES[0].parent / "README.md").read_text()
    for page in PAGES:
        assert page.name == "README.md" or f"({page.name})" in index
