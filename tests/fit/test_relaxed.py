"""Chains with bells in place of their filters: what the bells show, and what is read off them."""

import math
import time

import pytest
import torch

from diffFx_pytorch import Chain
from diffFx_pytorch.fit.bands import LogPowers, band_frequencies
from diffFx_pytorch.fit.knobs import FreeKnobs, positions_of
from diffFx_pytorch.fit.relaxed import RelaxedSearch, bells, readable
from diffFx_pytorch.fit.task import Task
from diffFx_pytorch.processors import Gain, LinearPhaseEqualizer, LowPass, Peak, TanH
from tests.fit.test_search import RATE, rendered, sound

KNOBS = {"eq.gain_db": 12.0, "eq.freq_hz": 900.0, "eq.q": 1.0, "gain.gain_db": -20.0}


def relaxed(fx, free=None, dry=None, **knobs):
    dry = sound(0.5) if dry is None else dry
    task = Task(fx, dry, rendered(fx, dry, **knobs))
    return RelaxedSearch(task, free or FreeKnobs(fx), RATE // 2, torch.Generator().manual_seed(0))


def test_bells_at_rest_are_flat_and_stand_in_equal_ratios():
    row, x = bells(RATE), sound(0.2)
    assert torch.equal(row(x), x)
    freqs = torch.tensor([row.settings[f"peak_{i + 1}_freq_hz"] for i in range(row.num_peaks)])
    ratios = freqs[1:] / freqs[:-1]
    torch.testing.assert_close(ratios, ratios[:1].expand_as(ratios), rtol=1e-3, atol=0)


def test_a_level_is_the_filters_or_anyones():
    powers, weight = torch.rand(1, 1, 50) + 0.1, torch.rand(50)
    same, other = (LogPowers(weight, level_free)(100 * powers) for level_free in (True, False))
    torch.testing.assert_close(LogPowers(weight, level_free=True)(powers), same, rtol=1e-3, atol=1e-3)
    assert float((LogPowers(weight)(powers) - other).abs().max()) > 1


def test_bells_begin_with_the_colour_of_the_change():
    search = relaxed(Chain(eq=Peak(RATE), gain=Gain(RATE), tanh=TanH(RATE)), **KNOBS)
    place = search._coloured()
    (row,) = [one for one in search.loose_filters if one.name == "eq"]
    level = 10 * row.powers(row.bands(search.loose, place), place).log10()
    at = [int((band_frequencies(RATE) - freq).abs().argmin()) for freq in (100.0, 900.0, 5000.0)]
    low, middle, high = level[at].tolist()
    assert middle - low == pytest.approx(12, abs=1.5)
    assert high - low == pytest.approx(0, abs=1.5)


def test_what_is_read_is_what_says_its_response_beside_other_effects():
    def names(fx, **knobs):
        task = Task(fx, sound(0.5), sound(0.5))
        return [one.name for one in readable(task, FreeKnobs(fx, **knobs))]

    chain = Chain(gain=Gain(RATE), eq=Peak(RATE), tanh=TanH(RATE))
    assert names(chain) == ["eq"]
    assert names(chain, free=["eq.gain_db", "tanh.drive_db"]) == []  # one knob of a filter needs no search of its own
    assert names(Chain(eq=Peak(RATE), other=Peak(RATE))) == []
    assert names(Chain(eq=LinearPhaseEqualizer(RATE), tanh=TanH(RATE))) == []
    assert names(Peak(RATE)) == []


def test_what_is_near_is_compared_with_oversampling():
    knobs = {"eq.gain_db": 9.0, "eq.freq_hz": 900.0, "eq.q": 1.0, "tanh.drive_db": 9.0}
    fx = Chain(eq=Peak(RATE), tanh=TanH(RATE, oversampling=4))
    dark = LowPass(RATE)(sound(0.5), dsp_params={"freq_hz": 2000.0})
    search, true = relaxed(fx, dry=dark, **knobs), positions_of(fx, knobs).float()
    assert float(search.all.errors(true)) > 1e-6  # without oversampling these are not the best settings
    for _ in range(2):  # the second descent knows of the first that it is near
        error, place = search._descended(true[0], math.inf)
        assert float(search.whole.residuals(place[None])[0]) < -90
        assert error < 1e-9


def test_frozen_knobs_stay_and_ctrl_c_keeps_what_there_is():
    fx = Chain(eq=Peak(RATE), tanh=TanH(RATE))
    free = FreeKnobs(fx, {"tanh.drive_db": 6.0})

    def stop(error, place):
        raise KeyboardInterrupt

    search = relaxed(fx, free, **{"eq.gain_db": 9.0, "tanh.drive_db": 6.0})
    search.advance = stop
    found, interrupted = search.run(time.monotonic() + 60)
    assert interrupted
    drive = fx.param_names.index("tanh.drive_db")
    torch.testing.assert_close(found[:, drive], free.rest[0, drive].expand(len(found)))
    assert float(search.task.residuals(found[:1])) < -20
