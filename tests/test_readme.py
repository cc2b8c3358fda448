"""The README's Python runs, from top to bottom, its chain file builds, and its links lead somewhere."""

import re
from pathlib import Path

from diffFx_pytorch.presets import load_chain

README = Path(__file__).parents[1] / "README.md"


def test_the_snippets_run_in_order(capsys):
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(blocks) == 5
    names: dict = {}
    for block in blocks:
        exec(compile(block, str(README), "exec"), names)
    said = capsys.readouterr().out
    assert "evens the level 2:1" in said
    assert "eq.peak_1_gain_db" in said
    assert "around 900 Hz" in said
    assert names["blocks"].shape == names["drums"].shape
    assert names["y"].shape == names["x"].shape
    assert names["found"].residual_db < -40


def test_the_chain_file_builds(tmp_path):
    (text,) = re.findall(r"```yaml\n(.*?)```", README.read_text(), re.DOTALL)
    (tmp_path / "chain.yaml").write_text(text)
    chain, _ = load_chain(tmp_path / "chain.yaml").build(44100)
    assert list(chain.steps) == ["eq", "compressor"]


def test_links_lead_somewhere():
    targets = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", README.read_text())
    assert len(targets) > 90
    assert not [target for target in targets if not (README.parent / target).exists()]
