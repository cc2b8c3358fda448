"""Knobs as parameters to learn."""

import pytest
import torch

from diffFx_pytorch.fit import FreeKnobs, SpectralController
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


def test_a_controller_turns_the_free_knobs_only_and_every_weight_learns():
    fx = Tremolo()
    net = SpectralController(fx, free=["depth", "rate_hz"], bands=16, hidden=8)
    positions = net(0.1 * torch.randn(4, 2, 20000))
    assert positions.shape == (4, 3)
    torch.testing.assert_close(positions[:, 2], torch.full((4,), 0.25))
    assert ((positions > 0) & (positions < 1)).all()
    fx(torch.randn(4, 2, 20000), norm_params=positions).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


def test_a_controller_hears_silence_without_nan():
    net = SpectralController(Tremolo())
    x = torch.zeros(1, 1, 5000, requires_grad=True)
    net(x).sum().backward()
    assert x.grad.isfinite().all()


@pytest.mark.parametrize("sample_rate", [8000, 44100, 192000])
@pytest.mark.parametrize("hz", [100.0, 440.0, 3000.0])
def test_a_tone_is_loudest_in_the_band_it_lies_in(sample_rate, hz):
    levels = SpectralController(Tremolo(sample_rate)).levels
    tone = torch.sin(2 * torch.pi * hz / sample_rate * torch.arange(sample_rate, dtype=torch.float64)).float()
    heard = levels(tone[None, None])[0, 0].mean(-1)
    centre = 40.0 * (0.45 * sample_rate / 40.0) ** (int(heard.argmax()) / 47)
    # As near as the bands lie, or the lines of the spectrum where those are wider apart.
    assert abs(centre - hz) <= max(hz * ((0.45 * sample_rate / 40.0) ** (1 / 47) - 1), sample_rate / 2048)
