"""A pre-amplifier as it is measured: quiet sound, harmonics, ceilings, and what stands before what."""

import math

import pytest
import torch

from diffFx_pytorch.processors import AmpStage, ToneStack

RATE, PART = 44100, 13230
LOW = {"gain_db": 0.0, "drive_db": 0.0, "master_db": 0.0}


def tone(hertz, amplitude):
    return amplitude * torch.sin(2 * math.pi * hertz / RATE * torch.arange(2 * PART, dtype=torch.float64))


def partial(y, hertz):
    """Level in dB over the last 0.3 s."""
    y = y[-PART:]
    turn = 2 * math.pi * hertz / RATE * torch.arange(len(y), dtype=torch.float64)
    return 20 * math.log10(abs(complex(2 * (y * torch.exp(-1j * turn)).mean())) + 1e-12)


@pytest.mark.parametrize("preset", ["fender_bassman", "vox_ac30"])
def test_quiet_sound_hears_the_gains_and_the_tone_stack(preset):
    pots = {"bass": 0.8, "treble": 0.3}
    fx = AmpStage(RATE, preset=preset, gain_db=6.0, drive_db=12.0, master_db=-3.0, **pots)
    for hertz in (80, 1000, 5000):
        x = tone(hertz, 1e-4)
        wanted = partial(ToneStack(RATE, preset=preset, **pots)(x), hertz) + 15
        assert partial(fx(x), hertz) == pytest.approx(wanted, abs=0.1)


def test_bias_adds_even_harmonics_and_no_direct_current():
    x = tone(200, 0.3)
    even = [partial(AmpStage(RATE, bias=b)(x), 400) for b in (0.0, 0.4)]
    odd = [partial(AmpStage(RATE, bias=b)(x), 600) for b in (0.0, 0.4)]
    assert even[0] < -200 < -60 < even[1]
    assert min(odd) > -60
    assert abs(float(AmpStage(RATE, bias=0.4)(x)[-PART:].mean())) < 1e-5


def test_the_second_valve_bends_the_half_that_the_first_one_leaves():
    """Driven hard, a stage has ceilings at 1 / (1 + t) and -1 / (1 - t); the second is upside down."""
    t = math.tanh(0.5)
    knobs = {**LOW, "bias": 0.5, "bass": 1.0, "mid": 1.0, "treble": 1.0}
    x = tone(1000, 1.0)
    y = AmpStage(RATE, oversampling=1, **{**knobs, "drive_db": 48.0})(x)[-PART:]
    # The DC is gone: it stands evenly above and below, but as far from end to end.
    assert float(y.max() - y.min()) == pytest.approx(1 / (1 + t) + 1 / (1 - t), rel=0.05)
    assert torch.allclose(AmpStage(RATE, bias=0.5)(x), -AmpStage(RATE, bias=-0.5)(-x))


def test_the_tone_stack_shapes_the_harmonics_of_the_first_stage_and_feeds_the_second():
    x = tone(150, 0.5)

    def balance(treble, **knobs):
        y = AmpStage(RATE, **{**LOW, **knobs, "bias": 0.0, "treble": treble})(x)
        return partial(y, 150 * 15) - partial(y, 150)

    first = balance(1.0, gain_db=40.0) - balance(0.0, gain_db=40.0)
    stack = [ToneStack(RATE, treble=v) for v in (1.0, 0.0)]
    high, low = ([partial(s(tone(h, 1e-3)), h) for s in stack] for h in (150 * 15, 150))
    assert first == pytest.approx((high[0] - high[1]) - (low[0] - low[1]), abs=2.0)
    assert abs(balance(1.0, drive_db=48.0) - balance(0.0, drive_db=48.0)) < first / 2


def test_played_live_it_is_late_by_some_samples_only():
    assert AmpStage(RATE, phase="minimum").latency_samples <= 8
    assert AmpStage(RATE).latency_samples == 144
