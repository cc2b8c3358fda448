"""The commands, run as a person runs them."""

import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile

from diffFx_pytorch import __version__, registry
from tests.cli.command import difffx

CHAIN = "version: 1\nchain:\n  - effect: Gain\n    params: {gain_db: -6}\n"
HEAVY = {"torch", "numpy", "numba", "scipy", "soundfile", "soxr", "pyloudnorm", "yaml"}


@pytest.fixture
def place(tmp_path):
    (tmp_path / "chain.yaml").write_text(CHAIN)
    for name in ("in/a.wav", "in/sub/b.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / name, np.full((800, 2), 0.5), 8000)
    return tmp_path


def test_help_and_version_load_nothing_heavy():
    for arguments in (["--help"], ["render", "--help"], ["--version"]):
        code = (
            "import sys\nfrom diffFx_pytorch.cli import app\n"
            f"try: app({arguments!r}, prog_name='difffx')\nfinally: print(sorted({HEAVY!r} & set(sys.modules)))"
        )
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
        assert result.stdout.splitlines()[-1] == "[]", arguments


def test_version():
    assert difffx("--version").stdout == f"difffx {__version__}\n"


def test_rendering_a_folder(place):
    result = difffx("render", place / "chain.yaml", place / "in", "-o", place / "out")
    assert result.exit_code == 0
    assert sorted(result.stdout.splitlines()) == [f"wrote {place / 'out' / name}" for name in ("a.wav", "sub/b.wav")]
    assert "2 files: 2 done" in result.stderr
    y, rate = soundfile.read(place / "out" / "sub" / "b.wav")
    assert rate == 8000
    assert np.allclose(y, 0.5 * 10 ** (-6 / 20), atol=1e-6)


def test_rendering_one_file_quietly(place):
    result = difffx("render", place / "chain.yaml", place / "in" / "a.wav", "-o", place / "x.flac", "--quiet")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    assert soundfile.info(place / "x.flac").frames == 800


@pytest.mark.skipif(os.name == "nt", reason="no pseudo-terminals")
def test_a_bad_file_among_good_ones_before_a_terminal_and_a_pipe(place):
    import pty

    (place / "in" / "bad.wav").write_bytes(b"RIFF and no more")
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "diffFx_pytorch.cli", "render", "chain.yaml", "in", "-o", "out"]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "200"}
    run = subprocess.Popen(command, cwd=place, env=environment, stdout=subprocess.PIPE, stderr=follower, text=True)
    lines, _ = run.communicate(timeout=300)
    os.close(follower)
    drawn = b""
    while chunk := _read(leader):
        drawn += chunk
    os.close(leader)
    shown = drawn.decode()
    assert run.returncode == 1
    assert sorted(lines.splitlines()) == ["wrote out/a.wav", "wrote out/sub/b.wav"]
    assert "failed in/bad.wav: cannot be read as a sound file" in shown
    assert "3 files: 2 done, 1 failed" in shown
    assert "Traceback" not in shown
    assert "100%" in shown, "no bar"
    assert sorted(p.name for p in (place / "out").rglob("*") if p.is_file()) == ["a.wav", "b.wav"]


def _read(descriptor):
    try:
        return os.read(descriptor, 65536)
    except OSError:
        return b""


def test_a_bad_file_without_a_terminal(place):
    (place / "in" / "bad.wav").write_bytes(b"RIFF and no more")
    result = difffx("render", place / "chain.yaml", place / "in", "-o", place / "out")
    assert result.exit_code == 1
    assert f"failed {place / 'in' / 'bad.wav'}: cannot be read as a sound file" in result.stderr
    assert "3 files: 2 done, 1 failed" in result.stderr
    assert "100%" not in result.stderr


def test_every_option_of_render(place):
    result = difffx(
        *("render", place / "chain.yaml", place / "in" / "a.wav", place / "in" / "sub", "-o", place / "out"),
        *("--format", "flac", "--subtype", "pcm_16", "--sample-rate", "16000", "--tail", "0", "--block", "0.01"),
        *("--jobs", "2", "--lufs", "-20"),
    )
    assert result.exit_code == 0, result.stderr
    info = soundfile.info(place / "out" / "b.flac")
    assert (info.samplerate, info.subtype, info.frames) == (16000, "PCM_16", 1600)
    assert "too quiet or too short" in result.stderr
    again = difffx("render", place / "chain.yaml", place / "in", "-o", place / "out", "-f", "flac", "--skip-existing")
    assert f"skipped {place / 'out' / 'a.flac'}" in again.stdout


def test_clipping_is_said(place):
    (place / "chain.yaml").write_text(CHAIN.replace("-6", "12"))
    result = difffx("render", place / "chain.yaml", place / "in" / "a.wav", "-o", place / "out")
    assert result.exit_code == 0
    assert f"warning {place / 'out' / 'a.wav'}: peaks at +6.0 dBFS and is clipped in PCM_24" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["none.yaml", "in", "-o", "out"], "difffx: none.yaml: No such file"),
        (["in/a.wav", "in", "-o", "out"], "difffx: in/a.wav: is no text file"),
        (["chain.yaml", "none.wav", "-o", "out"], "difffx: none.wav: no such file or folder"),
        (["chain.yaml", "in", "-o", "in"], "would overwrite an input"),
        (["chain.yaml", "in", "-o", "out", "-f", "docx"], "difffx: cannot write '.docx'"),
        (["chain.yaml", "in", "-o", "out", "-f", "flac", "--subtype", "float"], "takes no subtype 'FLOAT'"),
        (["chain.yaml", "in"], "Missing option '--out'"),
        (["chain.yaml", "in", "-o", "out", "--tail", "-1"], "--tail"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_written(place, monkeypatch, arguments, wanted):
    monkeypatch.chdir(place)
    result = difffx("render", *arguments)
    assert result.exit_code == 2
    assert wanted in result.stderr
    assert not (place / "out").exists()


def test_errors_in_the_chain_file_have_their_place(place, monkeypatch):
    monkeypatch.chdir(place)
    (place / "chain.yaml").write_text(CHAIN.replace("gain_db", "gain_bd"))
    result = difffx("render", "chain.yaml", "in", "-o", "out")
    assert result.exit_code == 2
    assert result.stderr == (
        "difffx: chain.yaml:4:14: params of Gain: unknown parameter 'gain_bd'; did you mean 'gain_db'? known: gain_db\n"
    )


@pytest.mark.skipif(os.name == "nt", reason="no signals of this kind")
def test_a_terminated_run_leaves_whole_files_only(place):
    soundfile.write(place / "in" / "long.wav", np.zeros((8000 * 600, 2)), 8000)
    command = [sys.executable, "-m", "diffFx_pytorch.cli", "render", "chain.yaml", "in/long.wav", "-o", "out"]
    run = subprocess.Popen([*command, "--block", "0.001"], cwd=place, stderr=subprocess.PIPE)
    for _ in range(1200):
        if list(place.glob("out/.difffx-*.part")) or run.poll() is not None:
            break
        time.sleep(0.05)
    run.send_signal(signal.SIGTERM)
    run.communicate(timeout=60)
    assert run.returncode == 128 + signal.SIGTERM
    assert list((place / "out").iterdir()) == []


def test_list_names_every_effect_by_family():
    result = difffx("list")
    assert result.exit_code == 0
    for name, cls in registry.effects().items():
        assert re.search(rf"^(\w+)? +{name} ", result.stdout, re.M), name
        assert re.search(rf"^{registry.family(cls)} ", result.stdout, re.M)


def test_describe_shows_every_knob_of_every_effect():
    for name, cls in registry.effects().items():
        result = difffx("describe", name)
        assert result.exit_code == 0
        for knob, param in cls().params.items():
            row = next(line for line in result.stdout.splitlines() if line.startswith(f"{knob} "))
            for value in (param.min_val, param.max_val, param.default):
                assert f"{value:g}" in row


def test_describe_shows_options_and_a_chain_file_that_can_be_read(tmp_path):
    text = difffx("describe", "Tremolo").stdout
    assert re.search(r"^shape +'sine' +'sine', 'triangle' or 'square' +Of the oscillator", text, re.M)
    from diffFx_pytorch.presets import load_chain

    chain, _ = load_chain(text.split("In a chain file:")[1].lstrip()).build(44100)
    assert list(chain.steps) == ["tremolo"]


def test_describe_of_what_is_no_effect():
    result = difffx("describe", "Tremol")
    assert result.exit_code == 2
    assert "difffx: unknown effect 'Tremol'; did you mean 'Tremolo'?" in result.stderr


def test_no_arguments_show_the_help():
    result = difffx()
    assert "render" in result.stdout + result.stderr
