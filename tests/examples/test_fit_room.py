"""The network of examples/fit_room.py decays as the room does, by a measure that the fit does not use."""

import importlib.util
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.signal import butter, sosfilt

PROGRAM = Path(__file__).parents[2] / "examples" / "fit_room.py"
OCTAVES = (125, 250, 500, 1000, 2000, 4000, 8000)


@pytest.fixture(scope="module")
def program():
    spec = importlib.util.spec_from_file_location("fit_room", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def measured(h, rate, centre):
    """T20 behind a Butterworth filter, of energies added over channels, without the noise that the end holds."""
    sos = butter(4, [centre / math.sqrt(2), centre * math.sqrt(2)], "band", fs=rate, output="sos")
    energy = (sosfilt(sos, h) ** 2).sum(0)
    left = np.cumsum((energy - energy[-energy.size // 10 :].mean())[::-1])[::-1].clip(1e-30)
    level = 10 * np.log10(left / left[0] + 1e-30)
    first, last = np.argmax(level < -5), np.argmax(level < -25)
    return -60 / np.polyfit(np.arange(first, last) / rate, level[first:last], 1)[0]


def relief(h, rate):
    """Energy still to come by octave and 10 ms, in dB of what there is of a band: (bands, frames)."""
    frame = rate // 100
    rows = []
    for centre in OCTAVES:
        sos = butter(2, [centre / math.sqrt(2), centre * math.sqrt(2)], "band", fs=rate, output="sos")
        energy = (sosfilt(sos, h) ** 2).mean(0)[: h.shape[-1] // frame * frame].reshape(-1, frame).sum(-1)
        left = np.cumsum(energy[::-1])[::-1]
        rows.append(10 * np.log10(left / left[0] + 1e-30))
    return np.stack(rows)


def fitted(program, room, rate, steps=150):
    room = program.trimmed(room, rate)
    _, history, response = program.fit_room(room, rate, steps)
    return room[None].double().numpy(), response[0].double().numpy(), history


@pytest.mark.slow
def test_runs():
    done = subprocess.run([sys.executable, PROGRAM, "--quick"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "8000 Hz" in done.stdout


@pytest.mark.thorough
def test_finds_the_decay_of_a_room_it_made_up(program):
    room, response, history = fitted(program, program.made_up_room(), 48000)
    times = [[measured(h, 48000, f) for f in OCTAVES] for h in (room, response)]
    np.testing.assert_allclose(times[1], times[0], rtol=0.1)
    np.testing.assert_allclose(times[1], program.MADE_UP_S, rtol=0.2)
    assert history.terms["energy decay relief"][-1] < 0.4 * history.terms["energy decay relief"][0]


@pytest.mark.thorough
@pytest.mark.real_audio
def test_finds_the_decay_of_a_measured_room(program, audio_folder):
    soundfile = pytest.importorskip("soundfile")
    samples, rate = soundfile.read(audio_folder / "room_ir_48k.flac", always_2d=True)
    room, response, _ = fitted(program, torch.from_numpy(samples[:, 0].copy()), rate)
    ours, theirs = (program.decay_times(torch.from_numpy(h), rate) for h in (response, room))
    np.testing.assert_allclose(ours, theirs, rtol=0.02)
    times = [[measured(h, rate, f) for f in OCTAVES] for h in (room, response)]
    # Through other filters the few modes of a small room decay in other times.
    np.testing.assert_allclose(times[1], times[0], rtol=0.12)
    theirs, ours = relief(room, rate), relief(response, rate)
    assert np.abs(ours - theirs)[theirs > -30].mean() < 2.5
