"""Which effects, in which order: what is found, what is left out, what names stand for."""

import pytest

from diffFx_pytorch.fit import candidates, fit_structure
from diffFx_pytorch.fit.growth import Growth
from diffFx_pytorch.processors import Gain, ParametricEqualizer, SchroederReverb, TanH, Tremolo
from tests.fit.test_search import RATE, rendered, sound


def test_what_does_nothing_is_left_out():
    dry = sound(0.3)
    wet = rendered(TanH(RATE), dry, drive_db=15.0)
    found = fit_structure([Tremolo(RATE), Gain(RATE), TanH(RATE)], dry, wet, time_budget_s=60)
    assert found.effects == ("TanH",)
    assert found.fit.residual_db < -40
    assert found.tried[0].effects == found.effects
    assert [t.cost_db for t in found.tried] == sorted(t.cost_db for t in found.tried)


def test_only_orders_that_can_be_heard_are_tried():
    fx = [Gain(RATE), ParametricEqualizer(RATE), TanH(RATE)]
    growth = Growth(fx, sound(0.1), sound(0.1, seed=1), (1.0, 0.1), 0, 0.0, lambda *_: None)
    assert growth.heard((0, 1, 2)) == growth.heard((1, 0, 2))
    assert growth.heard((0, 2, 1)) != growth.heard((1, 2, 0))


def test_what_cannot_be_answered_is_said():
    dry = sound(0.1)
    with pytest.raises(ValueError, match="equal"):
        fit_structure([Gain(RATE)], dry, dry)
    with pytest.raises(ValueError, match="no candidates"):
        fit_structure([], dry, dry)
    with pytest.raises(ValueError, match="none of the candidates makes a sound of 1 channel"):
        fit_structure([SchroederReverb(RATE)], dry, -dry)
    with pytest.raises(ValueError, match="silent"):
        fit_structure([Gain(RATE)], dry, 0 * dry)


def test_names_of_candidates():
    named = [type(fx).__name__ for fx in candidates(["EQ", "feedback-delay", "Compressor", "delay"], RATE)]
    assert named == ["ParametricEqualizer", "FeedbackDelay", "Compressor"], "each once"
    assert len(candidates(["usual"], RATE)) == 8
    family = candidates(["any-modulation"], RATE, channels=1)
    assert "Tremolo" in [type(fx).__name__ for fx in family]
    assert all(fx.channels is None or 1 in fx.channels for fx in family)
    with pytest.raises(ValueError, match="did you mean"):
        candidates(["chrous"], RATE)
