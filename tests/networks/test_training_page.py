"""The Python on docs/training.md runs as it stands."""

import re
from pathlib import Path

import pytest
import soundfile
import torch

PAGE = Path(__file__).parents[2] / "docs" / "training.md"


def test_the_page_runs(tmp_path, monkeypatch):
    (tmp_path / "recordings").mkdir()
    soundfile.write(tmp_path / "recordings" / "noise.wav", 0.1 * torch.randn(44100).numpy(), 44100)
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)
    assert len(blocks) == 2
    names = {"x": 0.1 * torch.randn(2, 1, 8192)}
    for block in blocks:
        few = block.replace("seconds=3.0", "seconds=0.1, items=4").replace("num_workers=2", "num_workers=0")
        exec(few, names)  # the page says what is run
    assert names["y"].shape == names["x"].shape
    assert names["batch"]["wet"].shape == (4, 1, 4410)


@pytest.mark.parametrize("name", ["train_controller", "style_transfer", "pedal"])
def test_the_examples_are_there(name):
    assert f"examples/{name}.py" in PAGE.read_text()
    assert "--smoke" in (PAGE.parents[1] / "examples" / f"{name}.py").read_text()
