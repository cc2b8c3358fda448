"""The commands, run as a person runs them."""

import gc
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
from diffFx_pytorch.cli.app import importing
from tests.cli.command import difffx

CHAIN = "version: 1\nchain:\n  - effect: Gain\n    params: {gain_db: -6}\n"
HEAVY = {"torch", "numpy", "numba", "scipy", "soundfile", "soxr", "pyloudnorm", "yaml"}


@pytest.fixture
def place(tmp_path):
    (tmp_path / "chain.yaml").write_text(CHAIN)
    for name in ("in/a.wav", "in/sub/b.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / name, np.full((800, 2), 0.5), 8000, "PCM_24")
    return tmp_path


def test_help_and_version_load_nothing_heavy():
    for arguments in (["--help"], ["render", "--help"], ["--version"]):
        code = (
            "import sys\nfrom diffFx_pytorch.cli import app\n"
            f"try: app({arguments!r}, prog_name='difffx')\nfinally: print(sorted({HEAVY!r} & set(sys.modules)))"
        )
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
        assert result.stdout.splitlines()[-1] == "[]", arguments


@pytest.mark.slow
def test_rendering_imports_nothing_that_is_for_compiling(place):
    """With kernels that are kept; each of these takes a tenth of a second or more."""
    (place / "chain.yaml").write_text("version: 1\nchain:\n  - effect: HighPass\n  - effect: Compressor\n")
    code = (
        "import sys\nfrom pathlib import Path\nfrom diffFx_pytorch.presets import load_chain\n"
        "from diffFx_pytorch.render import render_batch\n"
        f"jobs = [(Path({str(place / 'in/a.wav')!r}), Path({str(place / 'out.wav')!r}))]\n"
        f"done = [*render_batch(load_chain(Path({str(place / 'chain.yaml')!r})).build, jobs, subtype='PCM_16')]\n"
        "assert [outcome.status for outcome in done] == ['done'], done\n"
        "print(sorted({'torch._dynamo', 'sympy', 'scipy.linalg', 'numba.np.linalg'} & set(sys.modules)))"
    )
    for _ in range(2):  # the first may compile
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True)
        if done.stdout == "[]\n":
            break
    assert done.stdout == "[]\n"


def test_what_is_imported_is_not_looked_through_for_garbage():
    try:
        with importing():
            assert not gc.isenabled()
        assert gc.isenabled()
        assert gc.get_freeze_count() > 1000
    finally:
        gc.unfreeze()


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


@pytest.mark.slow
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
    assert sorted(p.name for p in (place / "out").rglob("*") if p.is_file()) == [".difffx-journal", "a.wav", "b.wav"]


def shown_on(drawn):
    """The lines of a terminal after all that was drawn on it: returns, line feeds, cursor up, erased lines."""
    lines, row, column = [""], 0, 0
    for text, control in re.findall(r"([^\r\n\x1b]*)(\r|\n|\x1b\[[?\d;]*[A-Za-z]|$)", drawn):
        lines[row] = lines[row][:column].ljust(column) + text + lines[row][column + len(text) :]
        column += len(text)
        if control == "\r":
            column = 0
        elif control == "\n":
            row += 1
            lines += [""] * (row == len(lines))
        elif control.endswith("A"):
            row -= int(control[2:-1] or 1)
        elif control.endswith("K"):
            lines[row] = ""
    return [line.rstrip() for line in lines if line.strip()]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="no pseudo-terminals")
def test_finished_files_leave_no_bars_on_the_screen(place):
    import pty

    (place / "in" / "bad.wav").write_bytes(b"RIFF and no more")
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "diffFx_pytorch.cli", "apply", "Gain", "in", "-o", "out", "gain_db=9", "-j", "1"]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "200"}
    run = subprocess.Popen(command, cwd=place, env=environment, stdout=follower, stderr=follower)
    os.close(follower)
    drawn = b""
    while chunk := _read(leader):
        drawn += chunk
    os.close(leader)
    assert run.wait(timeout=300) == 1
    assert "100%" in drawn.decode(), "no bar"
    assert shown_on(drawn.decode()) == [
        "warning out/a.wav: peaks at +3.0 dBFS and is clipped in PCM_24; lower the level, or write FLOAT",
        "wrote out/a.wav",
        "failed in/bad.wav: cannot be read as a sound file: Format not recognised.",
        "warning out/sub/b.wav: peaks at +3.0 dBFS and is clipped in PCM_24; lower the level, or write FLOAT",
        "wrote out/sub/b.wav",
        "3 files: 2 done, 1 failed",
    ]


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
        (
            ["in/a.wav", "in", "-o", "out"],
            "difffx: in/a.wav: is a sound file; name a chain file first, or give effects with -e",
        ),
        (["chain.yaml", "none.wav", "-o", "out"], "difffx: none.wav: no such file or folder"),
        (["chain.yaml", "in", "-o", "in"], "would overwrite an input"),
        (["chain.yaml", "in", "-o", "out", "-f", "docx"], "difffx: cannot write '.docx'"),
        (["chain.yaml", "in", "-o", "out", "-f", "flac", "--subtype", "float"], "takes no subtype 'FLOAT'"),
        (["chain.yaml", "in"], "Missing option '--out'"),
        (["chain.yaml", "-o", "out"], "no input: name sound files"),
        (["-e", "Gane", "in", "-o", "out"], "unknown effect 'Gane'; did you mean 'Gain'?"),
        (["-e", "Gain:gain_bd=-6", "in", "-o", "out"], "params of Gain: unknown parameter 'gain_bd'; did you mean"),
        (["-e", "Compressor:ratio=4000", "in", "-o", "out"], "difffx: Compressor: ratio must lie in 1 .. "),
        (["-e", "Gain:gain_db", "in", "-o", "out"], "'gain_db' is no setting; write knob=value"),
        (["chain.yaml", "in", "-o", "out", "--tail", "-1"], "--tail"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_written(place, monkeypatch, arguments, wanted):
    monkeypatch.chdir(place)
    result = difffx("render", *arguments)
    assert result.exit_code == 2
    assert wanted in result.stderr
    assert not (place / "out").exists()


def test_one_effect_without_a_chain_file(place, monkeypatch):
    monkeypatch.chdir(place)
    result = difffx("apply", "Gain", "in/a.wav", "-o", "x.wav", "gain_db=-6")
    assert (result.exit_code, result.stdout) == (0, "wrote x.wav\n")
    assert np.allclose(soundfile.read("x.wav")[0], 0.5 * 10 ** (-6 / 20), atol=1e-6)
    result = difffx(
        "apply", "Tremolo", "shape=square", "in", "rate_hz=[1, 8]", "-o", "out", "-f", "flac", "--tail", "0"
    )
    assert result.exit_code == 0, result.stderr
    assert sorted(p.name for p in (place / "out").rglob("*.flac")) == ["a.flac", "b.flac"]


def test_effects_on_the_command_line_are_a_chain(place, monkeypatch):
    monkeypatch.chdir(place)
    steps = ("-e", "Gain:gain_db=-6", "-e", "Tremolo:depth=0,shape=square", "-e", "Gain:gain_db=1.2e1")
    result = difffx("render", *steps, "in/a.wav", "-o", "x.wav", "--subtype", "float")
    assert result.exit_code == 0, result.stderr
    assert np.allclose(soundfile.read("x.wav")[0], 0.5 * 10 ** (6 / 20), atol=1e-5)


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["Compresor", "a.wav"], "unknown effect 'Compresor'; did you mean 'Compressor'?"),
        (["Compressor", "in/a.wav", "treshold_db=-3"], "unknown parameter 'treshold_db'; did you mean 'threshold_db'?"),
        (["Compressor", "in/a.wav", "lookahed_ms=3"], "unknown option 'lookahed_ms'; did you mean 'lookahead_ms'?"),
        (["Compressor", "ratio=2"], "no input: name sound files"),
        (["Tremolo", "in/a.wav", "shape=squar"], "difffx: Tremolo: shape must be 'sine', 'triangle' or 'square'"),
        (["ConvolutionReverb", "in/a.wav", "ir=none.wav"], "ConvolutionReverb: none.wav: no such file"),
    ],
)
def test_what_is_wrong_with_one_effect_is_said(place, monkeypatch, words, wanted):
    monkeypatch.chdir(place)
    result = difffx("apply", *words, "-o", "out")
    assert result.exit_code == 2
    assert wanted in result.stderr


def completion(line):
    """What the shell sets when a tab is pressed at the end of a line."""
    return {
        "_DIFFFX_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split(" ")) - 1),
    }


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("difffx des", ["describe"]),
        ("difffx describe Compr", ["Compressor"]),
        ("difffx apply StereoW", ["StereoWidener"]),
        ("difffx apply Compressor in.wav thr", ["threshold_db="]),
        ("difffx apply Compressor in.wav detector=r", ["detector=rms"]),
        ("difffx render -e Trem", ["Tremolo"]),
        ("difffx render -e Tremolo:depth=1,ra", ["Tremolo:depth=1,rate_hz="]),
    ],
)
def test_a_shell_completes_names_and_knobs(line, wanted):
    assert difffx(env=completion(line)).stdout.split() == wanted


@pytest.mark.slow
def test_the_program_completes():
    command = [sys.executable, "-c", "from diffFx_pytorch.cli import main; main()"]
    environment = {**os.environ, **completion("difffx describe Compr")}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert run.stdout.split() == ["Compressor"]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="names are text")
def test_a_name_that_is_no_text_is_printed_as_it_is(place):
    name = os.fsdecode(b"caf\xe9.wav")
    (place / "in" / "a.wav").rename(place / name)
    (place / os.fsdecode(b"bad\xe9.wav")).write_bytes(b"RIFF and no more")
    command = [
        sys.executable,
        "-m",
        "diffFx_pytorch.cli",
        "apply",
        "Gain",
        name,
        os.fsdecode(b"bad\xe9.wav"),
        "-o",
        "out",
    ]
    run = subprocess.run(command, cwd=place, capture_output=True, timeout=120)
    assert run.stdout == b"wrote out/caf\xe9.wav\n"
    assert b"failed bad\xe9.wav: cannot be read as a sound file" in run.stderr
    assert sorted(os.listdir(place / "out")) == [".difffx-journal", name]


def test_errors_in_the_chain_file_have_their_place(place, monkeypatch):
    monkeypatch.chdir(place)
    (place / "chain.yaml").write_text(CHAIN.replace("gain_db", "gain_bd"))
    result = difffx("render", "chain.yaml", "in", "-o", "out")
    assert result.exit_code == 2
    assert result.stderr == (
        "difffx: chain.yaml:4:14: params of Gain: unknown parameter 'gain_bd'; did you mean 'gain_db'? known: gain_db\n"
    )


@pytest.mark.slow
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
    assert [path.name for path in (place / "out").iterdir()] == [".difffx-journal"]


def test_list_names_every_effect_by_family():
    result = difffx("list")
    assert result.exit_code == 0
    for name, cls in registry.effects().items():
        row = re.search(rf"^  {name} +([A-Za-z].*)$", result.stdout, re.M)
        assert row, name
        assert not re.search(r"[=^|`]|\w\[", row[1]), row[1]
        assert re.search(rf"^{registry.family(cls)}$", result.stdout, re.M)
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_list_is_as_wide_as_it_is_told(monkeypatch):
    monkeypatch.setenv("COLUMNS", "50")
    assert max(map(len, difffx("list").stdout.splitlines()[:-2])) <= 50


@pytest.mark.slow
def test_describe_shows_every_knob_of_every_effect():
    for name, cls in registry.effects().items():
        result = difffx("describe", name)
        assert result.exit_code == 0
        for knob, param in cls().params.items():
            row = next(line for line in result.stdout.splitlines() if line.startswith(f"{knob}  "))
            for value in (param.min_val, param.max_val, param.default):
                assert f"{value:g}" in row


def test_describe_shows_options_and_a_chain_file_that_can_be_read(tmp_path):
    text = difffx("describe", "Tremolo").stdout
    assert re.search(r"^shape +'sine' +'sine', 'triangle' or\s+Waveform of the", text, re.M)
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


@pytest.mark.slow
def test_only_who_resamples_loads_the_resampler():
    """Its extension complains at exit where a thread still holds it; a demo, a render at one rate, a fit need none."""
    needed = "diffFx_pytorch.render, diffFx_pytorch.fit, diffFx_pytorch.report.page"
    code = f"import sys, {needed}; print('soxr' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "False\n"
