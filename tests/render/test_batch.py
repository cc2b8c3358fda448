"""Many files: where each goes, and on past the bad ones."""

import numpy as np
import pytest
import soundfile

from diffFx_pytorch.presets import load_chain
from diffFx_pytorch.render import plan, render_batch

CHAIN = load_chain("version: 1\nchain:\n  - {effect: Gain, params: {gain_db: -6}}\n")


def write(path, rate=8000, frames=400):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.full((frames, 1), 0.5), rate, "PCM_24")
    return path


@pytest.fixture
def library(tmp_path):
    for name in ("a.wav", "b.flac", "sub/deep/c.wav", "sub/D.WAV", ".hidden.wav", ".cache/e.wav"):
        write(tmp_path / "in" / name)
    (tmp_path / "in" / "notes.txt").write_text("not sound")
    return tmp_path / "in"


def names(jobs, out):
    return [target.relative_to(out).as_posix() for _, target in jobs]


def test_folders_are_mirrored(library, tmp_path):
    out = tmp_path / "out"
    assert names(plan([library], out), out) == ["a.wav", "b.flac", "sub/D.WAV", "sub/deep/c.wav"]


def test_another_format(library, tmp_path):
    out = tmp_path / "out"
    assert names(plan([library / "sub"], out, "flac"), out) == ["D.flac", "deep/c.flac"]
    assert names(plan([library / "sub"], out, ".OGG"), out) == ["D.ogg", "deep/c.ogg"]


def test_one_file_to_a_file_or_a_folder(library, tmp_path):
    assert plan([library / "a.wav"], tmp_path / "x.flac") == [(library / "a.wav", tmp_path / "x.flac")]
    assert plan([library / "a.wav"], tmp_path / "x") == [(library / "a.wav", tmp_path / "x" / "a.wav")]
    (tmp_path / "odd.wav").mkdir()
    assert plan([library / "a.wav"], tmp_path / "odd.wav") == [(library / "a.wav", tmp_path / "odd.wav" / "a.wav")]


def test_outputs_inside_the_input_folder_are_not_inputs(library):
    out = library / "out"
    first = plan([library], out)
    write(out / "a.wav")
    assert plan([library], out) == first


@pytest.mark.parametrize(
    ("inputs", "out", "extension", "wanted"),
    [
        (["in"], "in", None, "would overwrite an input"),
        (["in/a.wav"], "in/a.wav", None, "would overwrite an input"),
        (["in/sub/D.WAV", "in/a.wav"], "in", "wav", "would overwrite an input"),
        (["in", "in/a.wav"], "out", None, "would both become"),
        (["none.wav"], "out", None, "no such file or folder"),
        (["empty"], "out", None, "no sound files in .*empty; formats are .wav, .flac"),
        (["in"], "out", "xyz", "cannot write '.xyz'"),
        (["in/a.wav"], "out.m4a", None, "cannot write .m4a; formats are .wav"),
        (["in/a.wav", "in/b.flac"], "out.wav", None, "is the name of one file"),
        (["in"], "out.wav", None, "is the name of one file"),
    ],
)
def test_plans_that_are_refused(library, tmp_path, inputs, out, extension, wanted):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=wanted):
        plan([tmp_path / name for name in inputs], tmp_path / out, extension)


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_a_bad_file_does_not_stop_the_others(library, tmp_path, workers):
    (library / "bad.wav").write_bytes(b"RIFF no sound at all")
    done = {}
    outcomes = list(
        render_batch(
            CHAIN.build,
            plan([library], tmp_path / "out"),
            workers=workers,
            progress=lambda path, share: done.update({path: done.get(path, 0) + share}),
        )
    )
    by_name = {o.source.name: o for o in outcomes}
    assert {name: o.status for name, o in by_name.items()} == {
        "a.wav": "done",
        "b.flac": "done",
        "bad.wav": "failed",
        "c.wav": "done",
        "D.WAV": "done",
    }
    assert "cannot be read as a sound file" in by_name["bad.wav"].error
    y, _ = soundfile.read(tmp_path / "out" / "sub" / "deep" / "c.wav")
    assert np.allclose(y, 0.5 * 10 ** (-6 / 20), atol=1e-6)
    assert not list((tmp_path / "out").rglob("*.part"))
    assert done[library / "a.wav"] == pytest.approx(1)


def test_the_chain_is_built_once_a_rate(tmp_path):
    for i, rate in enumerate((8000, 16000, 8000, 16000)):
        write(tmp_path / "in" / f"{i}.wav", rate)
    rates = []

    def build(rate):
        rates.append(rate)
        return CHAIN.build(rate)

    assert all(o.status == "done" for o in render_batch(build, plan([tmp_path / "in"], tmp_path / "out")))
    assert sorted(rates) == [8000, 16000]
    rates.clear()
    list(render_batch(build, plan([tmp_path / "in"], tmp_path / "out"), sample_rate=44100))
    assert rates == [44100]
    assert soundfile.info(tmp_path / "out" / "1.wav").samplerate == 44100


def test_going_on_after_a_break(library, tmp_path):
    jobs = plan([library], tmp_path / "out")
    list(render_batch(CHAIN.build, jobs[:2]))
    before = jobs[0][1].stat().st_mtime_ns
    outcomes = list(render_batch(CHAIN.build, jobs, skip_existing=True))
    assert [o.status for o in outcomes] == ["skipped", "skipped", "done", "done"]
    assert jobs[0][1].stat().st_mtime_ns == before


@pytest.mark.parametrize("workers", [0, 2])
def test_stopping_leaves_no_parts(library, tmp_path, workers):
    outcomes = render_batch(CHAIN.build, plan([library], tmp_path / "out"), workers=workers, block_seconds=0.001)
    next(outcomes)
    outcomes.close()
    assert not list((tmp_path / "out").rglob("*.part"))


def test_a_fault_of_the_chain_is_named(library, tmp_path):
    def build(rate):
        raise KeyError("what")

    outcomes = list(render_batch(build, plan([library / "a.wav"], tmp_path / "out")))
    assert outcomes[0].error == "KeyError: 'what'"
