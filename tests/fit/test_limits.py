"""Knobs that are fixed, bounded and tied; one setting for several pairs."""

import pytest
import torch

from diffFx_pytorch import Chain
from diffFx_pytorch.fit import fit
from diffFx_pytorch.fit.limits import Limited
from diffFx_pytorch.processors import Gain, TanH, Tremolo
from tests.fit.test_search import RATE, rendered, sound


@pytest.mark.slow
def test_limits_hold():
    fx, dry = Chain(a=Gain(RATE), tanh=TanH(RATE), b=Gain(RATE)), sound(0.5)
    knobs = {"a.gain_db": 4.0, "tanh.drive_db": 8.0, "b.gain_db": 4.0}
    limits = {"b.gain_db": "a.gain_db", "tanh.output_db": 0.0, "tanh.mix": 1.0, "tanh.drive_db": (2.0, 7.0)}
    found = fit(fx, dry, rendered(fx, dry, **knobs), limits=limits, time_budget_s=2)
    assert found.settings["a.gain_db"] == pytest.approx(found.settings["b.gain_db"], abs=1e-4)
    assert found.settings["tanh.output_db"] == 0.0
    assert 2.0 <= found.settings["tanh.drive_db"] <= 7.0
    assert set(found.certainty) == {"a.gain_db", "tanh.drive_db", "tanh.bias"}
    assert list(found.fx.settings) == list(fx.params)
    free = fit(fx, dry, rendered(fx, dry, **knobs), limits={**limits, "tanh.drive_db": (2.0, 12.0)}, time_budget_s=600)
    assert free.residual_db < -60
    assert free.settings["a.gain_db"] == pytest.approx(4.0, abs=0.5)


def test_what_a_search_sees_is_what_the_effect_hears():
    fx = Chain(a=Gain(RATE), tremolo=Tremolo(RATE), b=Gain(RATE))
    limited = Limited(fx, {"b.gain_db": "a.gain_db", "tremolo.depth": 0.5, "tremolo.rate_hz": (2.0, 8.0)})
    assert [*limited.params] == ["a.gain_db", "tremolo.rate_hz", "tremolo.phase_deg"]
    x, seen = sound(0.1), torch.tensor([[0.75, 0.5, 0.25]])
    gain = float(limited.params["a.gain_db"].to_physical(0.75))
    knobs = {"a.gain_db": gain, "b.gain_db": gain, "tremolo.depth": 0.5, "tremolo.rate_hz": 4.0}
    heard = fx(x, dsp_params={**knobs, "tremolo.phase_deg": fx.params["tremolo.phase_deg"].to_physical(0.25)})
    assert torch.allclose(limited(x, norm_params=seen), heard, atol=1e-6)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"a.gain": 0.0}, "did you mean 'a.gain_db'"),
        ({"a.gain_db": 1000.0}, "must lie in"),
        ({"a.gain_db": (3.0, 3.0)}, "nothing lies between 3 and 3 dB"),
        ({"a.gain_db": "b.gain_db", "b.gain_db": "a.gain_db"}, "not free itself"),
        ({"a.gain_db": "t.depth"}, "in one unit"),
        ({"a.gain_db": "c.gain_db"}, "unknown knob"),
    ],
)
def test_limits_that_cannot_hold_are_refused(limits, said):
    fx = Chain(a=Gain(RATE), b=Gain(RATE), t=Tremolo(RATE))
    with pytest.raises(ValueError, match=said):
        Limited(fx, limits)


def test_one_setting_is_found_for_several_pairs():
    """The oscillator of a tremolo begins anew with every recording."""
    fx = Tremolo(RATE)
    dries = [sound(seconds, seed=seed) for seed, seconds in enumerate((0.6, 0.4, 0.5))]
    knobs = {"rate_hz": 6.0, "depth": 0.7}
    wets = [rendered(fx, dry, **knobs) for dry in dries]
    wets[1] = -wets[1]
    found = fit(fx, dries, wets, time_budget_s=600)
    assert found.residual_db < -60
    assert found.settings["rate_hz"] == pytest.approx(6.0, rel=2e-2)
    assert "pair 2: the wet recording was inverted" in found.notices
    with pytest.raises(ValueError, match="one number of channels"):
        fit(Gain(RATE), [dries[0], sound(channels=2)], [dries[0], sound(channels=2)])
