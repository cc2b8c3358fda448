"""Knobs as parameters to learn."""

import pytest
import torch

from diffFx_pytorch.fit import FreeKnobs
from diffFx_pytorch.fit.knobs import Search
from diffFx_pytorch.processors import Gain, Tremolo


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
