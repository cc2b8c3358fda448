"""Polarity and time of a pair, where only a fit can tell what the effect did and what a cable."""

import pytest

from diffFx_pytorch import Processor
from diffFx_pytorch.fit import fit
from diffFx_pytorch.fit.alignment import readings
from diffFx_pytorch.fit.knobs import FreeKnobs, positions_of
from diffFx_pytorch.fit.polarity import settled
from diffFx_pytorch.fit.task import Task
from diffFx_pytorch.processors import AllPass, FIRFilter, Invert, MultiBandNoiseGate

from .test_search import RATE, rendered, sound


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("fx", "knobs"),
    [
        (Invert(RATE), {"amount": 0.1}),
        pytest.param(AllPass(RATE), {"freq_hz": 150.0, "q": 0.6}, marks=pytest.mark.slow),
        pytest.param(FIRFilter(RATE), {"tap_1": -0.9, "tap_4": 0.5}, marks=pytest.mark.slow),
    ],
    ids=lambda v: type(v).__name__ if isinstance(v, Processor) else "",
)
def test_what_an_effect_can_invert_is_not_called_inverted(fx, knobs, sign):
    """As the effect stands the wet sound is unlike it: only a fit tells what was done by it, and what by a cable."""
    dry = sound(0.5)
    found = fit(fx, dry, sign * rendered(fx, dry, **knobs), time_budget_s=600, init="random")
    assert found.residual_db < -60, found.describe()
    assert [a.offset_samples for a in found.alignments] == [0.0]
    cables = sign < 0 and not isinstance(fx, Invert | FIRFilter)
    assert any("inverted" in notice for notice in found.notices) == cables


@pytest.mark.slow
def test_a_cable_is_told_from_crossovers():
    fx, dry = MultiBandNoiseGate(RATE), sound(0.5)
    wet = -rendered(fx, dry)
    ways = readings(dry, rendered(fx, dry), wet, RATE)
    assert [way.inverted for way in ways] == [False, True]
    place = positions_of(fx, {})
    free = FreeKnobs(fx, rest=place)
    told = settled(
        [ways], lambda n, way: Task(fx, dry, way.wet), free, place.float(), RATE, 600.0, 0, lambda e, p: None
    )
    assert told.alignments[0].inverted
    assert told.history[-1] < 1e-6
