"""Knobs as parameters to learn."""

import math

import numpy as np
import pytest
import torch

from diffFx_pytorch.fit import FreeKnobs, candidates, fit, fit_structure
from diffFx_pytorch.fit.knobs import Search, positions_of
from diffFx_pytorch.networks.sampling import SettingSampler
from diffFx_pytorch.processors import FeedbackDelay, Gain, Meter, Tremolo
from diffFx_pytorch.routing import Chain


def test_defaults_are_where_learning_begins():
    fx = Tremolo()
    values = Search(fx, batch=3).values()
    assert {k: pytest.approx(v.tolist(), rel=1e-4) for k, v in values.items()} == {
        name: [param.default] * 3 for name, param in fx.params.items()
    }


def test_a_dict_begins_at_its_values_and_its_items():
    knobs = Search(Tremolo(), batch=2, init={"rate_hz": torch.tensor([1.0, 10.0]), "depth": 0.25})
    assert knobs.values()["rate_hz"].tolist() == pytest.approx([1, 10], rel=1e-4)
    assert knobs.values()["depth"].tolist() == pytest.approx([0.25, 0.25], rel=1e-4)


def test_the_ends_of_a_range_begin_a_hundredth_inside_and_learn():
    knobs = Search(Tremolo(), init={"depth": 1.0})
    assert float(knobs.values()["depth"]) == pytest.approx(0.99)
    knobs()[0, 1].backward()
    assert float(knobs.logits.grad[0, 1]) > 0.005


def test_frozen_knobs_stay_exactly():
    knobs = Search(Tremolo(), batch=2, init={"depth": 1.0}, frozen=["depth"])
    assert knobs.values()["depth"].tolist() == [1, 1]
    assert knobs.logits.shape == (2, 2)
    knobs = Search(Tremolo(), frozen={"rate_hz": 0.1})
    assert float(knobs.values()["rate_hz"]) == pytest.approx(0.1, rel=1e-6)
    knobs().sum().backward()
    assert knobs.logits.grad.shape == (1, 2)


def test_random_starts_are_inside_and_repeat_with_the_generator():
    make = lambda: Search(Tremolo(), 50, "random", generator=torch.Generator().manual_seed(3))().detach()  # noqa: E731
    assert torch.equal(make(), make())
    assert 0 < float(make().min()) < 0.1 < 0.9 < float(make().max()) < 1


def test_learnable_params_drive_the_effect_and_reach_the_optimiser():
    fx = Gain()
    knobs = Search(fx, batch=2)
    fx(torch.ones(2, 1, 10), norm_params=knobs()).sum().backward()
    assert [name for name, _ in knobs.named_parameters()] == ["logits"]
    assert (knobs.logits.grad > 0).all()


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: FreeKnobs(Tremolo(), frozen=["dept"]), "did you mean 'depth'"),
        (lambda: FreeKnobs(Tremolo(), free=["rate"]), "did you mean 'rate_hz'"),
        (lambda: FreeKnobs(Tremolo(), frozen=["depth"], free=["depth"]), "both"),
        (lambda: FreeKnobs(Tremolo(), frozen={"depth": 2.0}), "must lie in"),
        (lambda: Search(Tremolo(), init="defaults"), "init must be"),
        (lambda: Search(Tremolo(), 2, torch.zeros(3, 3)), "init must be positions"),
        (lambda: Search(Tremolo(), init={"depth": -1.0}), "must lie in"),
    ],
)
def test_what_is_wrong_is_said(make, match):
    with pytest.raises(ValueError, match=match):
        make()


def test_what_is_there_to_be_read_is_neither_fitted_nor_proposed_nor_drawn():
    chain = Chain(gain=Gain(8000), meter=Meter(8000, trim_db=-3))
    assert FreeKnobs(chain).names == ["gain.gain_db"]
    held = float(chain.params["meter.trim_db"].to_norm(-3.0))
    assert Search(chain, batch=4, init="random")()[:, 1].tolist() == pytest.approx([held] * 4)
    rng = np.random.default_rng(0)
    for rules in ("musical", "uniform"):
        drawn = torch.stack([SettingSampler(chain, rules).draw(rng) for _ in range(8)])
        assert drawn[:, 1].tolist() == pytest.approx([held] * 8)
        assert drawn[:, 0].std() > 0.05
    assert SettingSampler(chain, {"meter.trim_db": 6.0}).draw(rng)[1] == pytest.approx(0.625)
    assert FreeKnobs(chain, free=["meter.trim_db"]).names == ["meter.trim_db"]
    names = [type(fx).__name__ for fx in candidates(["any-utility"], 8000)]
    assert "Gain" in names
    assert "Meter" not in names
    x = torch.randn(1, 1, 8000)
    with pytest.raises(ValueError, match="nothing to fit"):
        fit(Meter(8000), x, 0.5 * x)
    with pytest.raises(ValueError, match="Meter has no knob that is searched; it is no candidate"):
        fit_structure([Meter(8000)], x, 0.5 * x)


@pytest.mark.parametrize("end", [-0.99, 0.99])
def test_ends_of_ranges_that_float32_rounds_outwards_are_inside(end):
    """A setting found in float32 is where the next fit begins."""
    fx = FeedbackDelay(44100)
    position = positions_of(fx, {"feedback": end})[0, list(fx.params).index("feedback")]
    assert position == (1.0 if end > 0 else 0.0)
    fx(torch.zeros(1, 1, 64, dtype=torch.float64), feedback=torch.tensor([end]).double())
    with pytest.raises(ValueError, match="feedback must lie in"):
        positions_of(fx, {"feedback": end + math.copysign(1e-4, end)})
