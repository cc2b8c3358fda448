"""What editors and type checkers see of an effect."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

RIGHT = """
import numpy as np
import torch
from diffFx_pytorch import Chain, Compressor, ParametricEqualizer
from diffFx_pytorch.processors import BitCrusher
from diffFx_pytorch.recursion import lfilter
from diffFx_pytorch.routing import DryWet

comp = Compressor(44100, detector="rms", threshold_db=-24, ratio=4)
eq = ParametricEqualizer(num_peaks=5, peak_5_gain_db=3)
x = torch.zeros(1, 2, 100)
comp.threshold_db = -30
comp.ratio = torch.tensor([2.0, 4.0])
comp(x, dsp_params={"threshold_db": -24, "ratio": [2, 4]}, knee_db=3)
comp(x, norm_params=torch.rand(1, 7))
values: dict[str, float] = {"ratio": 2.0}
comp(x, dsp_params=values)
eq(x, peak_5_gain_db=3)
louder = comp.ratio + 1
chain = Chain([eq, comp])
chain.comp.ratio = 3
reveal_type(comp)
reveal_type(BitCrusher(8000, bits=4))
reveal_type(comp(x))
reveal_type(comp(np.zeros((2, 100))))
reveal_type(comp.run(x)[0])
reveal_type(comp.trainable("ratio"))
reveal_type(chain[0])
reveal_type(chain(x))
reveal_type(DryWet(comp)(x))
reveal_type(lfilter(x, x, x))
reveal_type(lfilter(x, x, x, return_zf=True))
"""
SEEN = [
    "Compressor", "BitCrusher", "Tensor", "ndarray", "Tensor", "Compressor", "Processor", "Tensor", "Tensor", "Tensor",
    "tuple",
]  # fmt: skip
WRONG = {
    "Compressor(44100, treshold_db=-24)": "treshold_db",
    'Compressor(44100, detector="mean")': "detector",
    "comp(x, treshold_db=-24)": "treshold_db",
    'comp(x, {"ratio": 2})': "positional",
    'comp.ratio = "loud"': "loud",
    "comp.treshold_db = -24": "__setattr__",
    "lfilter(x, x, x, state=x)": "No overloads",
}


@pytest.mark.slow
def test_a_checker_sees_effects_sounds_and_knobs(tmp_path):
    pytest.importorskip("pyright")
    lines = RIGHT.strip().splitlines()
    file = tmp_path / "user.py"
    file.write_text("\n".join([*lines, *WRONG]) + "\n")
    (tmp_path / "pyrightconfig.json").write_text(json.dumps({"extraPaths": [str(Path(__file__).parents[1])]}))
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "--outputjson", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    if not done.stdout.startswith("{"):
        pytest.skip("pyright does not run here")
    found = json.loads(done.stdout)["generalDiagnostics"]
    seen = [f["message"].split(' is "')[1].rstrip('"').split("[")[0] for f in found if f["severity"] == "information"]
    assert seen == SEEN
    errors = {f["range"]["start"]["line"]: f["message"] for f in found if f["severity"] == "error"}
    assert list(errors) == list(range(len(lines), len(lines) + len(WRONG))), errors
    for message, word in zip(errors.values(), WRONG.values(), strict=True):
        assert word in message
