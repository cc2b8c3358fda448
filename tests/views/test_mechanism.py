"""Pictures are chosen by what an effect claims and does, and show what is true of it."""

import math

import pytest
import torch

from diffFx_pytorch import Chain, EffectParam, Processor, registry
from diffFx_pytorch.processors import (
    Chorus,
    Compressor,
    FeedbackDelay,
    HighPass,
    ParametricEqualizer,
    PingPongDelay,
    SchroederReverb,
    TanH,
    Tremolo,
)
from diffFx_pytorch.processors.utility.gain import Gain
from diffFx_pytorch.views import Subject, mechanism
from diffFx_pytorch.views.subject import hits

FAMILY = {
    "eq": {"filter", "level"},
    "dynamics": {"level"},
    "distortion": {"shape", "other", "filter"},
    "delay": {"echo", "room", "moving", "other"},
    "reverb": {"room", "echo"},
    "modulation": {"moving", "level"},
    "spatial": {"stereo"},
    "spectral": {"level", "other"},
    "utility": {"gain", "filter", "moving", "other"},
}


@pytest.mark.parametrize("cls", registry.effects().values(), ids=lambda cls: cls.__name__)
def test_claims_and_knobs_tell_the_family(cls):
    if not cls.__module__.startswith("diffFx_pytorch."):
        pytest.skip("an effect from outside")
    fx = cls(16000)
    settings, curve = fx._setting(None, None)
    with torch.no_grad():
        kind = mechanism(Subject(fx, settings, curve, torch.device("cpu")))
    assert kind in FAMILY[registry.family(cls)]


def by_name(views):
    return {view.name: view for view in views}


def test_the_magnitude_of_an_equaliser_goes_through_its_bands():
    views = by_name(ParametricEqualizer(48000).views(dsp_params={"peak_2_gain_db": 9.0}))
    marks = {mark.label: mark for mark in views["magnitude"].marks}
    assert marks["peak 2"].x == pytest.approx(1000.0)
    assert marks["peak 2"].y == pytest.approx(9.0, abs=0.05)
    assert marks["low shelf"].y == pytest.approx(0.0, abs=0.3)


def test_the_phase_of_a_high_pass_falls_from_half_a_turn():
    phase = by_name(HighPass(48000).views(dsp_params={"freq_hz": 1000.0}))["phase"].lines[0]
    assert float(phase.y[-1]) == pytest.approx(0.0, abs=8.0)
    assert 120.0 < float(phase.y[0]) < 180.0


def test_the_gain_over_time_of_a_compressor_is_what_it_did():
    fx = Compressor(16000)
    sound = hits(16000)
    views = by_name(fx.views(dsp_params={"threshold_db": -30.0}, x=sound[None]))
    line = views["gain over time"].lines[-1]
    assert float(line.y.min()) < -6.0
    assert float(line.y.max()) < 0.01
    assert [mark.label for mark in views["static curve"].marks] == ["threshold"]


def test_echoes_stand_where_and_as_loud_as_the_knobs_say():
    lines = PingPongDelay(16000).views(dsp_params={"delay_ms": 200.0, "feedback": 0.5, "mix": 0.5})[0].lines
    left, right = lines
    assert left.x[:3].tolist() == pytest.approx([0.0, 200.0 / 1000, 600.0 / 1000], abs=2e-3)
    assert right.x[:3].tolist() == pytest.approx([0.0, 400.0 / 1000, 800.0 / 1000], abs=2e-3)
    assert float(left.y[1] - left.y[2]) == pytest.approx(12.04, abs=0.1)


def test_harmonics_of_an_odd_shape_are_odd():
    stems = by_name(TanH(48000).views(dsp_params={"drive_db": 18.0}))["harmonics"].lines[0]
    found = {round(float(order) + 0.1) for order, level in zip(stems.x, stems.y, strict=True) if level > -90}
    assert {1, 3, 5} <= found
    assert not found & {2, 4, 6}


def test_the_oscillator_of_a_chorus_moves_its_response():
    image = by_name(Chorus(16000).views())["response over time"].image
    assert float(image.levels.std(1).median()) > 1.0
    still = Chorus(16000).views(dsp_params={"depth": 0.0})[-1].image
    assert float(still.levels.std(1).median()) < 0.1


def test_the_decay_of_a_reverb_ends_where_its_tail_does():
    fx = SchroederReverb(16000)
    decay = by_name(fx.views())["energy decay"].lines[0]
    assert float(decay.y[0]) == pytest.approx(0.0, abs=0.1)
    assert float(decay.y[-1]) < -55.0


class Wobble(Processor):
    """A stranger's effect without a curve: y = x (1 - d sin(2 pi f t))."""

    params = {
        "rate_hz": EffectParam(0.5, 10.0, 4.0, "log", "Hz", doc="Speed."),
        "depth": EffectParam(0.0, 1.0, 0.5, doc="How much."),
    }
    neutral = {"depth": 0.0}
    traits = {"linear", "causal", "odd"}

    def process(self, x, state, *, rate_hz, depth):
        n = torch.arange(x.shape[-1], dtype=torch.float64) + (0 if state is None else state)
        turn = torch.sin(2 * math.pi * rate_hz / self.sample_rate * n)
        return x * (1 - depth * turn).to(x.dtype), (0 if state is None else state) + x.shape[-1]


def test_an_effect_without_a_curve_is_measured():
    view = by_name(Wobble(16000).views())["gain over time"]
    assert float(view.lines[0].y.max()) == pytest.approx(1.5, abs=0.02)
    assert float(view.lines[0].y.min()) == pytest.approx(0.5, abs=0.02)


def test_a_chain_has_the_pictures_of_what_it_is():
    names = [list(by_name(Chain(Gain(16000), fx(16000)).views())) for fx in (HighPass, FeedbackDelay, Tremolo)]
    assert names == [["magnitude", "phase"], ["echoes"], ["gain over time", "a tone of 1000 Hz"]]
