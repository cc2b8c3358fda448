"""Filters whose knobs move: control points every 32 and every 8 samples beside every sample, in float64."""

import math

import pytest
import torch

from diffFx_pytorch.processors import ParametricEqualizer

RATE = T = 44100
TIME = torch.arange(T, dtype=torch.float64) / RATE
SOUNDS = {
    "noise": 0.1 * torch.randn(1, 1, T, generator=torch.Generator().manual_seed(0), dtype=torch.float64),
    "sine": 0.5 * torch.sin(2 * math.pi * 1000 * TIME)[None, None],
}
GAINS = {k * 0.01: (-12.0 if k % 2 else 12.0) for k in range(100)}
MOVES = {
    "sweep in 50 ms": {"peak_1_freq_hz": {0.1: 100.0, 0.15: 10000.0}, "peak_1_gain_db": 12.0},
    "sweep in 50 ms, narrow": {"peak_1_freq_hz": {0.1: 100.0, 0.15: 10000.0}, "peak_1_gain_db": 12.0, "peak_1_q": 10.0},
    "LFO, every sample": {"peak_1_freq_hz": 1000 * 2 ** (0.5 * torch.sin(2 * math.pi * 20 * TIME))[None]}
    | {"peak_1_gain_db": 12.0, "peak_1_q": 4.0},
    "24 dB in 10 ms": {"peak_1_gain_db": GAINS, "peak_1_freq_hz": 1000.0},
    "24 dB in 10 ms, low shelf": {"low_shelf_gain_db": GAINS, "low_shelf_freq_hz": 1000.0},
    "24 dB in 10 ms, high shelf": {"high_shelf_gain_db": GAINS, "high_shelf_freq_hz": 1000.0},
}


def _db(part, whole):
    return 20 * math.log10(float(part.norm() / whole.norm()))


@pytest.mark.parametrize("design", ["matched", "bilinear"])
@pytest.mark.parametrize("move", MOVES)
def test_control_points_beside_every_sample(move, design):
    for name, x in SOUNDS.items():
        exact = ParametricEqualizer(RATE, design=design, control_period=1)(x, dsp_params=MOVES[move])
        for period, most in ((32, -80.0), (8, -100.0)):
            error = ParametricEqualizer(RATE, design=design, control_period=period)(x, dsp_params=MOVES[move]) - exact
            assert _db(error, exact) < most, (name, period)
            if name == "sine":
                # A zipper is heard at the rate of the control points; at the sine itself it is its level that moves.
                window = torch.hann_window(T, dtype=torch.float64)
                lines = torch.fft.rfft(error[0, 0] * window).abs() * 2 / window.sum()
                assert 20 * math.log10(float(lines.max())) < -90
                assert 20 * math.log10(float(lines[2000:].max())) < -100


def test_what_is_compared_moves():
    """A filter that stands at the first point is far off, so the comparison hears the motion."""
    for move, knobs in MOVES.items():
        x, y = SOUNDS["noise"], ParametricEqualizer(RATE)(SOUNDS["noise"], dsp_params=knobs)
        still = {n: next(iter(v.values())) if isinstance(v, dict) else v for n, v in knobs.items()}
        still = {n: v[0, 0] if isinstance(v, torch.Tensor) else v for n, v in still.items()}
        assert _db(ParametricEqualizer(RATE)(x, dsp_params=still) - y, y) > -40, move
