"""A batch as tasks of Ray: the same files, whatever dies, and a journal that both engines read."""

import os
import signal
import sys

import numpy as np
import pytest
import soundfile

from diffFx_pytorch.presets import chain_digest
from diffFx_pytorch.presets.chain_file import load_chain
from diffFx_pytorch.render import Journal, render_batch
from tests.cli.command import difffx

CHAIN = "version: 1\nchain: [{effect: Gain, params: {gain_db: -6}}]\n"


@pytest.fixture(scope="module")
def cluster():
    ray = pytest.importorskip("ray")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield ray
    ray.shutdown()


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    for i in range(6):
        soundfile.write(f"in/{i}.wav", np.full((800 + i, 2), 0.5), 8000)
    (tmp_path / "in/5.wav").write_text("no sound")
    return tmp_path


class Deadly:
    """A chain whose process dies the first time, and always for a rate of 16 kHz."""

    def __init__(self, place):
        self.mark = place / "died"

    def __call__(self, rate):
        if rate == 16000 or not self.mark.exists():
            self.mark.write_text("")
            os.kill(os.getpid(), signal.SIGKILL)
        return load_chain(CHAIN).build(rate)


@pytest.mark.slow
def test_the_same_files_and_a_journal_for_both_engines(cluster, place):
    common = ["-e", "Gain:gain_db=-6", "in", "--lufs", "-20", "--album"]
    result = difffx("render", *common, "-o", "rayed", "--engine", "ray")
    assert result.exit_code == 1, result.output
    assert "6 files: 5 done, 1 failed" in result.stderr
    assert result.stderr.count("failed in/5.wav: cannot be read as a sound file") == 1
    assert difffx("render", *common, "-o", "here", "-j", 1).exit_code == 1
    for i in range(5):
        assert (place / f"rayed/{i}.wav").read_bytes() == (place / f"here/{i}.wav").read_bytes()
    (place / "in/5.wav").unlink()
    (place / "rayed/3.wav").unlink()
    assert "5 files: 1 done, 4 unchanged" in difffx("render", *common, "-o", "rayed", "-j", 1, "--resume").stderr
    (place / "here/2.wav").unlink()
    again = difffx("render", *common, "-o", "here", "--engine", "ray", "--resume").stderr
    assert "5 files: 1 done, 4 unchanged" in again


@pytest.mark.slow
def test_what_a_killed_worker_was_at_is_done_again(cluster, place):
    soundfile.write("in/bad.wav", np.zeros(100), 16000)
    sources = [place / "in" / name for name in ("0.wav", "1.wav", "bad.wav", "2.wav")]
    (place / "out").mkdir()
    (place / "out/.difffx-1-dead.part").write_text("of a worker that was killed")
    journal = Journal(place / "out", chain_digest(load_chain(CHAIN)))
    jobs = [(source, place / "out" / source.name) for source in sources]
    found = {o.source.name: o for o in render_batch(Deadly(place), jobs, engine="ray", workers=2, journal=journal)}
    assert {name: o.status for name, o in found.items()} == {
        "0.wav": "done", "1.wav": "done", "2.wav": "done", "bad.wav": "failed"
    }  # fmt: skip
    assert found["bad.wav"].error.startswith("ended its process, 3 times")
    assert not list(place.rglob("*.part"))
    assert Journal(place / "out", journal.chain).record(jobs[0][1])["output"] == found["0.wav"].target_hash


def test_what_is_wrong_with_the_engine_is_said(place, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    common = ["render", "-e", "Gain", "in/0.wav", "-o", "out"]
    for more, words in (
        (["--engine", "ray"], "the engine ray needs Ray: pip install ray"),
        (["--engine", "rya"], "engine must be processes or ray, got 'rya'"),
        (["--ray-address", "auto"], "--ray-address is for --engine ray"),
    ):
        result = difffx(*common, *more)
        assert (result.exit_code, words in result.stderr) == (2, True), result.stderr
