"""What the pictures say is what the effect does: levels, phases, notches, echoes."""

import re

import pytest
import torch

from diffFx_pytorch.dsp.room_analysis import echo_density
from diffFx_pytorch.processors import (
    DeClick,
    FeedbackDelay,
    LinearPhaseEqualizer,
    LowPass,
    MultiBandCompressor,
    Notch,
    ParametricEqualizer,
    ThroughZeroFlanger,
)
from diffFx_pytorch.views import svg_of


def test_linear_phase_is_drawn_whole():
    magnitude, phase = LinearPhaseEqualizer(44100, low_shelf_gain_db=6, low_shelf_freq_hz=400).views()
    line = magnitude.lines[-1]
    assert float(line.y[0]) == pytest.approx(6, abs=0.1)
    assert float(line.y[-1]) == pytest.approx(0, abs=0.1)
    assert phase.lines[0].y.abs().max() < 1e-6


def test_a_notch_is_drawn_at_its_depth():
    magnitude = Notch(44100, freq_hz=1234, q=90).views()[0]
    assert magnitude.lines[-1].y.min() < -30


@pytest.mark.parametrize("fx", [LowPass(44100, freq_hz=200), MultiBandCompressor(44100)], ids=["filter", "curve"])
def test_what_falls_out_of_the_picture_leaves_it(fx):
    view = fx.views()[0]
    floor = view.spans()[1][0]
    falling = [line.y for line in view.lines if line.role != "guide" and float(line.y.min()) < floor]
    assert falling
    assert all(int(((y - floor).abs() < 0.1).sum()) < 5 for y in falling)


def test_echoes_behind_filters_are_echoes():
    (view,) = FeedbackDelay(44100, delay_ms=450, feedback=0.65, lowpass_hz=2500, highpass_hz=250).views()
    assert view.name == "echoes"
    assert view.lines[0].x[1:4].tolist() == pytest.approx([0.45, 0.9, 1.35], abs=0.002)


def test_what_rounding_leaves_is_not_dense():
    h = torch.full((4000,), 1e-9, dtype=torch.float64)
    h[0] = 1
    assert echo_density(h, 8000)[20:].max() == 0


def test_before_and_after_the_zero_a_flanger_is_alike():
    fx = ThroughZeroFlanger(16000, rate_hz=0.5, delay_ms=2, mix=0.5)
    image = fx.views()[1].image
    quarter = image.levels.shape[1] // 4
    first, second = image.levels[:, :quarter], image.levels[:, quarter : 2 * quarter]
    assert (first.mean(1) - second.mean(1)).abs().max() < 2


def test_names_of_bands_do_not_lie_on_each_other():
    knobs = {"peak_2_freq_hz": 3000, "peak_3_freq_hz": 4000, "high_shelf_freq_hz": 5000}
    text = svg_of(ParametricEqualizer(44100, **knobs).views())
    found = re.findall(r'class="p-halo" x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]+)', text)
    boxes = [(float(x), float(y), 3 * len(name)) for x, y, name in found]
    assert len(boxes) == 5
    for i, (x, y, half) in enumerate(boxes):
        assert not any(abs(x - u) < half + w and abs(y - v) < 9 for u, v, w in boxes[:i])


def test_a_threshold_over_something_else_is_no_level():
    """DeClick's threshold is over an error: the sound that is drawn stays at its level."""
    level = DeClick(44100).views()[1]
    assert max(float(line.y.max()) for line in level.lines) < 3
