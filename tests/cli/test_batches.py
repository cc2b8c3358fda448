"""Batches as a person runs them: which files, what is there already, pipes, reports, signals."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import soundfile

from diffFx_pytorch.cli import main
from tests.cli.command import difffx

GAIN = ("-e", "Gain:gain_db=-6")
forks = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are not forked here")
PROGRAM = [sys.executable, "-m", "diffFx_pytorch.cli"]


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("in/a.wav", "in/b.flac", "in/sub/c.wav", "in/sub/draft_d.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(name, np.full((800, 2), 0.5), 8000)
    return tmp_path


def outputs(folder="out"):
    return sorted(
        os.path.relpath(os.path.join(where, name), folder)
        for where, _, names in os.walk(folder)
        for name in names
        if name != ".difffx-journal"
    )


# ---- which files ----


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["in", "--ext", "flac"], ["b.flac"]),
        (["in", "--ext", "wav", "--exclude", "draft_*"], ["a.wav", "sub/c.wav"]),
        (["in", "--exclude", "sub"], ["a.wav", "b.flac"]),
        (["in", "--exclude", "sub/c.wav", "--exclude", "*.flac"], ["a.wav", "sub/draft_d.wav"]),
        (["in/**/*.wav"], ["a.wav", "sub/c.wav", "sub/draft_d.wav"]),
        (["in/su?/c*"], ["sub/c.wav"]),
        (["in/a.wav", "in/b.flac"], ["a.wav", "b.flac"]),
    ],
)
def test_which_files(place, arguments, wanted):
    assert difffx("render", *GAIN, *arguments, "-o", "out", "-q").exit_code == 0
    assert outputs() == wanted


@pytest.mark.parametrize("separator", [b"\n", b"\0"])
def test_a_list_of_inputs_is_mirrored(place, separator):
    strange = os.fsdecode(b"in/sub/caf\xe9 \xc3\xa9.wav") if os.name == "posix" else "in/sub/e f.wav"
    os.rename("in/sub/c.wav", strange)
    (place / "list").write_bytes(separator.join(os.fsencode(name) for name in ("in/a.wav", strange)))
    assert difffx("render", *GAIN, "--input-list", "list", "-o", "out", "-q").exit_code == 0
    assert outputs() == ["a.wav", strange.removeprefix("in/")]


@pytest.mark.parametrize("arguments", [["in", "--ext", "mp3"], ["in/*.ogg"], ["in", "--exclude", "*"]])
def test_nothing_matched(place, arguments):
    result = difffx("render", *GAIN, *arguments, "-o", "out")
    assert result.exit_code == 3
    assert "no sound files in" in result.stderr


def test_dry_run(place):
    result = difffx("render", *GAIN, "in", "-o", "out", "-f", "ogg", "--dry-run")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == "would write out/a.ogg from in/a.wav"
    assert not (place / "out").exists()


@pytest.mark.skipif(os.name != "posix", reason="names of other kinds")
def test_names_of_every_kind(place):
    names = [
        "with space.wav",
        "new\nline.wav",
        "é漢字.wav",
        "x" * 251 + ".wav",
        os.fsdecode(b"\xff\xfe.wav"),
        "-dash.wav",
    ]
    (place / "strange").mkdir()
    for name in names:
        os.link("in/a.wav", f"strange/{name}")
    result = difffx("render", *GAIN, "strange", "-o", "out", "--json")
    assert result.exit_code == 0, result.stderr
    assert outputs() == sorted(names)
    assert sorted(json.loads(line)["target"] for line in result.stdout.splitlines()) == sorted(
        f"out/{n}" for n in names
    )
    result = difffx("render", *GAIN, "strange", "-o", "out", "--json", "--resume")
    assert result.stdout.count('"status": "unchanged"') == len(names)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_what_is_no_file_is_named(place):
    os.mkfifo("in/pipe.wav")
    os.symlink("gone.wav", "in/link.wav")
    result = difffx("render", *GAIN, "in", "-o", "out")
    assert result.exit_code == 1
    assert "failed in/link.wav: is a broken link to gone.wav" in result.stderr
    assert "failed in/pipe.wav: is no regular file but a pipe" in result.stderr
    assert "6 files: 4 done, 2 failed" in result.stderr


# ---- what is there already ----


def test_outputs_are_replaced_only_when_that_is_asked_for(place):
    (place / "out").mkdir()
    (place / "out" / "a.wav").write_bytes(b"mine")
    for arguments, cure in (([], "--overwrite, --skip-existing or --resume"), (["--resume"], "nothing is known of it")):
        result = difffx("render", *GAIN, "in", "-o", "out", *arguments)
        assert result.exit_code == 2
        assert "out/a.wav: is there already" in result.stderr
        assert cure in result.stderr
        assert outputs() == ["a.wav"]
    assert "skipped out/a.wav" in difffx("render", *GAIN, "in", "-o", "out", "--skip-existing").stdout
    assert (place / "out" / "a.wav").read_bytes() == b"mine"
    assert difffx("render", *GAIN, "in", "-o", "out", "--overwrite").exit_code == 0
    assert soundfile.info("out/a.wav").frames == 800
    result = difffx("render", *GAIN, "in/a.wav", "-o", "x.wav", "--resume")
    assert result.exit_code == 2
    assert "--resume needs an output folder" in result.stderr
    assert "give one of" in difffx("render", *GAIN, "in", "-o", "out", "--overwrite", "--resume").stderr


def test_resume_after_an_edit_of_the_chain(place):
    (place / "c.yaml").write_text("version: 1\nchain: [{effect: Gain, params: {gain_db: -6}}]\n")
    difffx("render", "c.yaml", "in", "-o", "out")
    (place / "out" / "b.flac").unlink()
    assert "4 files: 1 done, 3 unchanged" in difffx("render", "c.yaml", "in", "-o", "out", "--resume").stderr
    (place / "c.yaml").write_text("version: 1\nchain: [{effect: Gain, params: {gain_db: -12}}]\n")
    assert "4 files: 4 done" in difffx("render", "c.yaml", "in", "-o", "out", "--resume").stderr
    assert np.abs(soundfile.read("out/a.wav")[0]).max() == pytest.approx(0.5 * 10 ** (-12 / 20), abs=1e-3)


def test_an_output_folder_that_is_none(place):
    (place / "out").write_text("a file")
    result = difffx("render", *GAIN, "in", "-o", "out")
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert "Not a directory" in result.stderr


# ---- pipes, reports ----


@pytest.mark.slow
def test_standard_input_and_output(place):
    command = [*PROGRAM, "render", *GAIN, "-", "-o", "-", "--format", "flac"]
    run = subprocess.run(command, input=(place / "in" / "b.flac").read_bytes(), capture_output=True, timeout=300)
    assert run.returncode == 0, run.stderr
    (place / "y.flac").write_bytes(run.stdout)
    assert soundfile.read("y.flac")[0] == pytest.approx(np.full((800, 2), 0.5 * 10 ** (-6 / 20)), abs=1e-4)
    assert run.stderr == b""


def test_a_report_for_a_script(place):
    (place / "in" / "bad.wav").write_bytes(b"RIFF and no more")
    soundfile.write("in/a.wav", np.random.default_rng(0).uniform(-0.5, 0.5, 8000), 8000)
    result = difffx("render", *GAIN, "in", "-o", "out", "--json", "--lufs", "-30", "--true-peak", "-3")
    records = {r["source"]: r for r in map(json.loads, result.stdout.splitlines())}
    assert result.exit_code == 1
    assert len(records) == 5
    good, bad, short = records["in/a.wav"], records["in/bad.wav"], records["in/b.flac"]
    assert (good["status"], bad["status"], bad["target_sha256"], bad.get("peak_db")) == (
        *("done", "failed", None, None),
    )
    assert "cannot be read as a sound file" in bad["error"]
    assert good["lufs"] == pytest.approx(-30, abs=0.01)
    assert good["seconds"] == 1
    assert good["peak_db"] <= good["true_peak_db"]
    assert good["times_real_time"] > 0
    assert (short["lufs"], short["gain_db"]) == (None, 0)
    import hashlib

    assert good["target_sha256"] == hashlib.sha256((place / "out" / "a.wav").read_bytes()).hexdigest()
    assert good["source_sha256"] == hashlib.sha256((place / "in" / "a.wav").read_bytes()).hexdigest()


def test_a_line_now_and_then_where_there_is_no_terminal(place, monkeypatch):
    from diffFx_pytorch.cli import batch

    monkeypatch.setattr(batch, "_LOG_SECONDS", 0.0)
    result = difffx("render", *GAIN, "in", "-o", "out", "-j", "1")
    assert "of 4 files, 100 % in" in result.stderr
    assert "of 4 files" not in difffx("render", *GAIN, "in", "-o", "out2", "-q").stderr


def test_levels_and_samples_by_their_options(place):
    soundfile.write("in/a.wav", 0.1 * np.random.default_rng(0).uniform(-1, 1, (16000, 2)), 8000, "PCM_16")
    how = ["--lufs", "-12", "--true-peak", "-6", "--limit", "--from", "0:00.5", "--to", "1.5", "--bit-depth", "24"]
    result = difffx("render", *GAIN, "in/a.wav", "-o", "x.wav", *how, "--dither", "none", "--clip", "error")
    assert result.exit_code == 0, result.stderr
    assert (soundfile.info("x.wav").frames, soundfile.info("x.wav").subtype) == (8000, "PCM_24")
    assert difffx("render", *GAIN, "in", "-o", "out", "--album").stderr.startswith("difffx: --album needs a level")
    assert "is no time" in difffx("render", *GAIN, "in", "-o", "out", "--from", "soon").stderr


# ---- signals ----


@contextlib.contextmanager
def started(place, files=4, hang_up=signal.SIG_DFL):
    """A run over files that take long, in a group of processes of its own, when it has begun to write.

    It is forked, for a program of its own takes seconds to begin. Yields its id, what it prints and what it says.
    """
    for i in range(files):
        soundfile.write(f"in/long{i}.wav", np.zeros((8000 * 120, 1), np.int16), 8000)
    printed, prints = os.pipe()
    said, says = os.pipe()
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        os.dup2(prints, 1)
        os.dup2(says, 2)
        for end in (printed, said, prints, says):
            os.close(end)
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
        sys.argv = ["difffx", "render", *GAIN, "in", "-o", "out", "--block", "0.001", "-j", "2"]
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGHUP, hang_up)  # whoever started the tests may have ignored it
        try:
            main()
        except SystemExit as status:
            sys.stderr.flush()
            os._exit(status.code or 0)
        os._exit(70)
    os.setpgid(child, child)
    os.close(prints)
    os.close(says)
    try:
        for _ in range(1500 if files else 0):
            if len(list(place.glob("out/.difffx-*.part"))) == 2 and outputs()[-2:] == ["a.wav", "b.flac"]:
                break
            time.sleep(0.02)
        yield child, open(printed), open(said)  # noqa: SIM115
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)


def status_of(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@forks
@pytest.mark.parametrize(("name", "status"), [("SIGINT", 130), ("SIGHUP", 129)])
def test_a_signal_to_all_processes_leaves_whole_files(place, name, status):
    with started(place) as (run, _, said):
        os.killpg(run, getattr(signal, name))  # as a terminal does
        text = said.read()
        assert status_of(run) == status, text
    assert "Traceback" not in text
    assert "2 done, 6 left of 8 files; go on with --resume" in text
    assert outputs() == ["a.wav", "b.flac"]


@forks
def test_what_nohup_ignores_stays_ignored(place):
    with started(place, hang_up=signal.SIG_IGN) as (run, _, said):
        os.killpg(run, signal.SIGHUP)
        time.sleep(0.2)
        os.killpg(run, signal.SIGTERM)
        assert status_of(run) == 128 + signal.SIGTERM, said.read()


def test_a_folder_that_does_not_answer_ends_the_search(place, monkeypatch):
    asked, walk = threading.Event(), os.walk

    def hanging(folder, **how):
        if os.path.basename(folder) == "sub":
            asked.wait(60)
        return walk(folder, **how)

    monkeypatch.setattr(os, "walk", hanging)
    result = difffx("render", *GAIN, "in", "-o", "out", "--timeout", "1")
    asked.set()
    assert (result.exit_code, outputs()) == (2, [])
    assert f"{os.path.join('in', 'sub')}: gives no answer for 1 s" in result.stderr


@forks
def test_a_reader_that_goes_away_ends_the_run(place):
    with started(place, files=0) as (run, printed, said):
        printed.close()
        text = said.read()
        assert status_of(run) == 1, text
    assert "Traceback" not in text
    assert not list(place.rglob("*.part"))


@pytest.mark.slow
@pytest.mark.thorough
@forks
def test_killed_at_random_moments_and_resumed(place):
    numbers = np.random.default_rng(0)
    for i in range(100):
        name = f"in/{i:03d}.{('wav', 'flac', 'ogg')[i % 3]}"
        soundfile.write(name, numbers.uniform(-0.5, 0.5, (20000 + 1000 * i, 2)), 44100)
    chain = ("-e", "Compressor", "-e", "SchroederReverb", "-e", "Limiter")
    start = time.monotonic()
    subprocess.run([*PROGRAM, "render", *chain, "in", "-o", "whole", "-j", "2", "-q"], check=True)
    took = time.monotonic() - start
    whole = {name: (place / "whole" / name).read_bytes() for name in outputs("whole")}
    moments = random.Random(0)
    for i in range(20):
        command = [*PROGRAM, "render", *chain, "in", "-o", "out", "-j", "2", "-q", "--resume"]
        run = subprocess.Popen(command, start_new_session=True)
        time.sleep(moments.uniform(0.3, 1.0) * took)
        (os.killpg if i % 2 else os.kill)(run.pid, signal.SIGKILL)
        run.wait()
        if i % 4 == 3:  # what was rendered in between must not only be what the first runs left
            for path in place.glob("out/0*"):
                path.unlink()
    assert subprocess.run(command).returncode == 0
    time.sleep(2)
    assert {name: (place / "out" / name).read_bytes() for name in outputs()} == whole
