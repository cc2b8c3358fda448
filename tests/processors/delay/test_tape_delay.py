"""A tape delay as one measures it: echoes that darken, bend and waver."""

import math

import numpy as np
import pytest
import scipy.signal
import torch

from diffFx_pytorch.processors import TapeDelay

RATE = 16000
STILL = {"wow_percent": 0.0, "flutter_percent": 0.0}
OPEN = {"lowpass_hz": 0.49 * RATE, "highpass_hz": 20.0}


def test_each_pass_is_darker_than_the_one_before():
    """A click comes back; its treble, at 4 kHz, falls by the gain of the low-pass with every echo."""
    x = torch.zeros(1, 1, RATE, dtype=torch.float64)
    x[..., 0] = 1e-4
    knobs = {"delay_ms": 200.0, "feedback": 0.8, "lowpass_hz": 1500.0, "highpass_hz": 20.0, "mix": 1.0, **STILL}
    y = TapeDelay(RATE)(x, **knobs)[0, 0].numpy()
    gains = [np.abs(np.fft.rfft(y[3200 * k : 3200 * (k + 1)]))[round(4000 * 3200 / RATE)] for k in (1, 2, 3)]
    pole = math.exp(-2 * math.pi * 1500 / RATE) * (1 - (1500 / (0.49 * RATE)) ** 4)
    gain = (1 - pole) / abs(1 - pole * np.exp(-2j * math.pi * 4000 / RATE))
    assert gains[1] / gains[0] == pytest.approx(0.8 * gain, rel=0.01)
    assert gains[2] / gains[1] == pytest.approx(0.8 * gain, rel=0.01)
    assert gains[0] == pytest.approx(1e-4 * gain, rel=0.01)


def test_it_bends_what_is_loud_and_only_that():
    """A sine at the ceiling: its first echo is tanh of it, and 40 dB below it is itself."""
    x = torch.sin(2 * math.pi * 400 * torch.arange(4800, dtype=torch.float64) / RATE)[None, None]
    fx = TapeDelay(RATE, delay_ms=100.0, feedback=0.0, mix=1.0, drive_db=12.0, **STILL, **OPEN)
    gain = 10 ** (12 / 20)
    assert (fx(x)[..., 1600:] - torch.tanh(gain * x[..., :-1600]) / gain).abs().max() < 1e-9
    quiet = 1e-3 * x
    assert (fx(quiet)[..., 1600:] - quiet[..., :-1600]).norm() < 1e-5 * quiet.norm()


@pytest.mark.parametrize(("turns", "swing"), [(0.5, 2.0), (1.0, 0.0), (0.25, math.sqrt(2))])
def test_the_wow_of_an_echo_depends_on_the_way_between_the_heads(turns, swing):
    """The pitch swings by p |1 - exp(-j 2 pi f D)|: not at all after a turn, twice after half of one."""
    wow, percent = 2.5, 1.0
    x = 1e-3 * torch.sin(2 * math.pi * 2000 * torch.arange(2 * RATE, dtype=torch.float64) / RATE)[None, None]
    fx = TapeDelay(RATE, feedback=0.0, mix=1.0, wow_hz=wow, wow_percent=percent, flutter_percent=0.0, **OPEN)
    y = fx(x, delay_ms=1000 * turns / wow)[0, 0].numpy()[RATE // 2 :]
    phase = np.unwrap(np.angle(scipy.signal.hilbert(y * scipy.signal.windows.tukey(len(y), 0.2))))
    pitch = np.diff(phase)[RATE // 5 : -RATE // 5] * RATE / (2 * math.pi * 2000) - 1
    assert np.abs(pitch).max() == pytest.approx(swing * percent / 100, abs=0.03 * percent / 100)


def test_it_dies_away_at_the_most_feedback_and_never_runs_away():
    x = torch.zeros(1, 2, 4 * RATE)
    x[..., :800] = 3 * torch.randn(1, 2, 800, generator=torch.Generator().manual_seed(0))
    y = TapeDelay(RATE)(x, delay_ms=50.0, feedback=0.99, drive_db=24.0, mix=1.0, wow_percent=2.0)
    assert y.abs().max() <= 10 ** (-24 / 20) + 1e-6
    assert y[..., -RATE:].norm() < y[..., RATE : 2 * RATE].norm()
