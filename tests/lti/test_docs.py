"""The Python of docs/lti.md runs from top to bottom, and what the page says of it holds."""

import re
from pathlib import Path

import pytest
import torch

from diffFx_pytorch import fit, lti

PAGE = Path(__file__).parents[2] / "docs" / "lti.md"
FROM_FLAMO = PAGE.parent / "coming_from" / "flamo.md"


@pytest.fixture(scope="module")
def ran():
    torch.manual_seed(0)
    names: dict = {}
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) == 6
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    return names


@pytest.mark.slow
def test_the_snippets_give_what_their_comments_say(ran):
    assert ran["level"].shape == (1, 1, 2)
    assert ran["h"].shape == (1, 1, 48000)
    assert ran["y"].shape == (8, 1, 20000)
    assert ran["anywhere"].shape == (1, 1, 2)
    assert ran["H"].shape == (32, 1, 1, 2049)
    assert ran["wet"].shape == (32, 1, 2000)
    assert len(ran["pole"]) == 61
    assert ran["radius"] < 1
    assert ran["history"].train[-1] < ran["history"].train[0]
    assert ran["folded"].norm() < 2e-5 * ran["exact"].norm()  # the last of the decays, 100 dB


def test_the_diagram_is_the_one_printed(ran):
    drawn = "\n".join(f"    {line}" for line in str(ran["network"]).splitlines())
    assert drawn in PAGE.read_text()


def test_every_name_on_our_side_of_the_table_exists():
    rows = [line.split("|")[2] for line in FROM_FLAMO.read_text().splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`(?:fit\.)?([A-Za-z_]+)", row)}
    words = {"out", "diagonal", "integer", "unit", "map", "parameters", "alias_decay_db", "inverse", "state_dict"}
    known = set(lti.__all__) | set(fit.__all__) | set(dir(lti.System)) | set(dir(lti.Gain)) | words
    from diffFx_pytorch.lti.matrices import KINDS

    assert len(named) > 30
    assert named <= known | set(KINDS), named - known - set(KINDS)
