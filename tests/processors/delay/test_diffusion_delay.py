"""A diffusion delay as one measures it: clouds about the times of the echoes, as loud as they at every frequency."""

import numpy as np
import pytest
import torch

from diffFx_pytorch.processors import DiffusionDelay, FeedbackDelay

RATE = 8000
OPEN = {"lowpass_hz": 0.49 * RATE, "highpass_hz": 20.0}


def _click(seconds):
    x = torch.zeros(1, 1, int(seconds * RATE), dtype=torch.float64)
    x[..., 0] = 1.0
    return x


def test_without_diffusion_it_is_a_feedback_delay():
    x = torch.randn(2, 2, RATE, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    knobs = {"delay_ms": 150.0, "feedback": -0.7, "lowpass_hz": 1500.0, "highpass_hz": 200.0, "mix": 0.4}
    assert (DiffusionDelay(RATE)(x, diffusion=0.0, **knobs) - FeedbackDelay(RATE)(x, **knobs)).abs().max() < 1e-12


def test_a_delay_that_steps_is_faded_as_in_a_feedback_delay():
    """What is in the all-passes, 480 samples, still comes out before the new time is heard."""
    x = torch.randn(1, 2, RATE, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    heard = []
    for fx, later in ((DiffusionDelay(RATE, diffusion=0.0), 0), (FeedbackDelay(RATE), 480)):
        state, blocks = None, []
        for ms, block in zip((100.0, 160.0, 90.0), x.split((3000 + later, 2500, 2500 - later), -1), strict=True):
            y, state = fx.run(block, state, dsp_params={"feedback": 0.8, "mix": 1.0, "delay_ms": ms, **OPEN})
            blocks.append(y)
        heard.append(torch.cat(blocks, -1))
    assert (heard[0] - heard[1]).abs().max() < 1e-12


@pytest.mark.parametrize("diffusion", [0.4, 1.0])
def test_an_echo_lies_about_its_time_and_each_is_as_much_wider(diffusion):
    """The k-th echo has the energy g^(2k - 2), its mean time is k d, and its spread k times that of the first.

    An all-pass has the mean square time of the mean square of its group delay, and k of them have k times that delay.
    """
    x, knobs = _click(8), {"delay_ms": 700.0, "diffusion": diffusion, "mix": 1.0, **OPEN}
    fx = DiffusionDelay(RATE)
    heard = {g: fx(x, feedback=g, **knobs)[0, 0].numpy() for g in (0.0, 0.5, -0.5)}
    first = heard[0.0]
    # Echoes of odd and even number, whose signs go apart where the feedback is turned round.
    second = (heard[0.5] - heard[-0.5]) / 2
    time = np.arange(len(first)) / RATE
    mean = (first**2 @ time) / (first**2).sum()
    spread = np.sqrt((first**2 @ (time - mean) ** 2) / (first**2).sum())
    assert (first**2).sum() == pytest.approx(1.0, abs=1e-9)
    assert mean == pytest.approx(0.7, abs=1e-9)
    late = 2 * 0.7
    second = second * (np.abs(time - late) < 0.65)
    energy = (second**2).sum()
    assert energy == pytest.approx(0.25, rel=1e-3)
    assert (second**2 @ time) / energy == pytest.approx(late, abs=1e-3)
    assert np.sqrt((second**2 @ (time - late) ** 2) / energy) == pytest.approx(2 * spread, rel=0.02)


def test_it_has_the_response_of_all_passes_in_a_loop():
    """Against the closed form of the loop, with filters, at every frequency."""
    g, c, low, high = 0.6, 0.7 * 0.8, 1200.0, 150.0
    y = DiffusionDelay(RATE)(
        _click(16), delay_ms=100.0, feedback=g, diffusion=0.8, lowpass_hz=low, highpass_hz=high, mix=1.0
    )
    z = np.exp(2j * np.pi * np.fft.rfftfreq(y.shape[-1]))
    lengths = [round(0.06 * RATE * part / 905) for part in (142, 107, 379, 277)]
    E = z ** -(800 - sum(lengths))
    for N in lengths:
        E = E * (z**-N - c) / (1 - c * z**-N)
    pole = np.exp(-2 * np.pi * low / RATE) * (1 - (low / (0.49 * RATE)) ** 4)
    below = 1 - (1 - np.exp(-2 * np.pi * high / RATE)) * (1 - (20 / high) ** 4)
    F = (1 - pole) / (1 - pole / z) * (1 - (1 - below) / (1 - below / z))
    assert np.abs(np.fft.rfft(y[0, 0].numpy()) - E / (1 - g * F * E)).max() < 1e-6


def test_a_large_cloud_fits_into_a_short_delay():
    fx = DiffusionDelay(RATE, tempo_bpm=1000.0, size_ms=500, feedback=0.0, mix=1.0, **OPEN)
    y = fx(_click(1), delay_beats=0.25, diffusion=0.5)[0, 0]
    assert y.square().sum() == pytest.approx(1.0, abs=1e-3)
    assert float(y[:4].abs().max()) == 0
