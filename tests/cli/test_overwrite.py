"""No command replaces a file that is there, unless told to."""

import numpy as np
import pytest
import soundfile

from tests.cli.command import difffx

SESSION = "version: 1\nsample_rate: 8000\ntracks: {a: {file: in.wav}}\n"
WRITES = {
    "render": (["render", "-e", "Gain", "in.wav", "-o", "out.wav", "-j", 1], "out.wav"),
    "apply": (["apply", "Gain", "in.wav", "-o", "out.wav", "-j", 1], "out.wav"),
    "stretch": (["stretch", "in.wav", "--rate", 2], "in_x2.wav"),
    "pitch": (["pitch", "in.wav", "--semitones", 1], "in_+1st.wav"),
    "invert": (["invert", "in.npy", "-o", "out.wav", "--n-iter", 0], "out.wav"),
    "mix": (["mix", "in.yaml", "-o", "out.wav"], "out.wav"),
    "stem": (["mix", "in.yaml", "-o", "out.wav", "--stems", "stems"], "stems/a.wav"),
    "compare": (["compare", "in.wav", "in.wav", "--page", "out.html"], "out.html"),
    "convert": (["preset", "convert", "tape", "-o", "out.yaml"], "out.yaml"),
    "schema": (["schema", "-o", "out.json"], "out.json"),
    "demo": (["demo", "-o", ".", "--seconds", 0.5, "--sample-rate", 8000], "chain.yaml"),
}


@pytest.mark.parametrize(("arguments", "target"), WRITES.values(), ids=WRITES)
def test_a_file_is_replaced_only_when_told_to(tmp_path, monkeypatch, arguments, target):
    monkeypatch.chdir(tmp_path)
    soundfile.write("in.wav", 0.1 * np.sin(np.arange(4000)), 8000)
    np.save("in.npy", np.ones((17, 20), np.float32))
    (tmp_path / "in.yaml").write_text(SESSION)
    target = tmp_path / target
    target.parent.mkdir(exist_ok=True)
    target.write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    result = difffx(*arguments)
    assert (result.exit_code, target.read_text()) == (2, "mine"), result.output
    assert f"{target.relative_to(tmp_path)}: is there already; give --overwrite" in result.stderr
    assert sorted(tmp_path.rglob("*")) == before
    assert difffx(*arguments, "--overwrite").exit_code == 0
    assert target.read_bytes() != b"mine"
