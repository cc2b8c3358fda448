"""difffx invert: a magnitude spectrogram in a NumPy file becomes a sound."""

import math
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import torch

from diffFx_pytorch.spectrogram import STFT, spectral_convergence
from tests.cli.command import difffx

RATE = 8000
STFT256 = STFT(256, 64)


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    t = torch.arange(RATE // 2) / RATE
    voice = sum(torch.sin(2 * math.pi * 150 * k * (t + 0.2 * t**2)) / k for k in range(1, 12))
    x = 0.15 * voice * (1.05 - torch.cos(8 * math.pi * t))
    np.save("mono.npy", STFT256.magnitude(x).numpy())
    np.save("stereo.npy", STFT256.magnitude(torch.stack((x, x.flip(0)))).numpy())
    return tmp_path


def test_a_magnitude_becomes_a_sound(place):
    result = difffx("invert", "mono.npy", "-o", "out.wav", "--sample-rate", RATE, "--subtype", "float")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("wrote out.wav (-")
    y, rate = soundfile.read(place / "out.wav", dtype="float32")
    assert (rate, len(y)) == (RATE, 3968)
    reached = spectral_convergence(STFT256.magnitude(torch.from_numpy(y)), torch.from_numpy(np.load("mono.npy")))
    assert reached < -25
    assert f"({reached:.1f} dB from the magnitude)" in result.stdout


def test_every_option(place):
    result = difffx(
        *("invert", "stereo.npy", "-o", "out.flac", "--sample-rate", RATE, "--n-fft", 256, "--hop", 64),
        *("--method", "fast_griffin_lim", "--n-iter", 5, "--init", "random", "--seed", 3, "--samples", 4000),
        *("--subtype", "pcm_16", "--quiet"),
    )
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    info = soundfile.info(place / "out.flac")
    assert (info.channels, info.frames, info.subtype) == (2, 4000, "PCM_16")


def test_the_seed_is_the_sound(place):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        arguments = ("--init", "random", "--n-iter", 2, "--seed", seed)
        assert difffx("invert", "mono.npy", "-o", f"{name}.wav", *arguments).exit_code == 0
    a, b, c = ((place / f"{name}.wav").read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_integers_and_half_precision_are_numbers(place):
    A = np.load("mono.npy")
    np.save("half.npy", A.astype(np.float16))
    np.save("whole.npy", np.round(A).astype(np.int32))
    for name in ("half", "whole"):
        assert difffx("invert", f"{name}.npy", "-o", f"{name}.wav", "--n-iter", 2).exit_code == 0


def test_clipping_is_said(place):
    np.save("loud.npy", 100 * np.load("mono.npy"))
    result = difffx("invert", "loud.npy", "-o", "out.wav", "--n-iter", 2)
    assert result.exit_code == 0
    assert "is clipped in PCM_24" in result.stderr


@pytest.mark.parametrize(
    ("array", "arguments", "wanted"),
    [
        (None, [], "x.npy: no such file"),
        (b"no array", [], "x.npy: cannot be read as an array of NumPy"),
        (np.ones(129), [], "must be (bins, frames)"),
        (np.ones((129, 0)), [], "must be (bins, frames)"),
        (np.array([["a"]]), [], "must be numbers"),
        (np.array([{}]), [], "cannot be read as an array of NumPy"),
        (np.ones((129, 9)) + 1j, [], "must be real"),
        (-np.ones((129, 9)), [], "negative"),
        (np.full((129, 9), np.nan), [], "NaN"),
        (np.ones((129, 9)), ["--n-fft", "512"], "n_fft=256 or 257 would fit"),
        (np.ones((129, 9)), ["--hop", "256"], "overlap-add"),
        (np.ones((129, 9)), ["--method", "magic"], "method must be"),
        (np.ones((129, 9)), ["--init", "magic"], "init must be"),
        (np.ones((129, 9)), ["--samples", "100000"], "length=100000"),
        (np.ones((129, 9)), ["--n-iter", "-1"], "--n-iter"),
        (np.ones((129, 9)), ["--subtype", "magic"], "takes no subtype"),
        (np.ones((129, 9)), ["--maxiter", "5"], "No such option"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(place, array, arguments, wanted):
    if isinstance(array, bytes):
        (place / "x.npy").write_bytes(array)
    elif array is not None:
        np.save("x.npy", array, allow_pickle=True)
    result = difffx("invert", "x.npy", "-o", "out.wav", *arguments)
    assert result.exit_code == 2
    assert wanted in result.stderr
    assert not (place / "out.wav").exists()


def test_several_arrays_are_refused(place):
    np.savez("x.npz", a=np.ones(3))
    assert "holds several arrays" in difffx("invert", "x.npz", "-o", "out.wav").stderr


def test_help_loads_nothing_heavy():
    for command in ("invert", "stretch", "pitch"):
        code = (
            "import sys\nfrom diffFx_pytorch.cli import app\n"
            f"try: app([{command!r}, '--help'], prog_name='difffx')\n"
            "finally: print(sorted({'torch', 'numpy', 'numba', 'soundfile', 'soxr'} & set(sys.modules)))"
        )
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
        assert result.stdout.splitlines()[-1] == "[]"
