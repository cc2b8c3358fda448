"""The README's Python runs, from top to bottom."""

import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def test_the_snippets_run_in_order(capsys):
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(blocks) >= 5
    names: dict = {}
    for block in blocks:
        exec(compile(block, str(README), "exec"), names)
    assert "eq.peak_1_gain_db" in capsys.readouterr().out
    assert names["out"].shape == names["x"].shape
    assert names["wet"].shape == (8, 1, 20000)
    assert names["y"].shape == (2, 22050)
