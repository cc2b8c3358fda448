"""Priors on settings."""

import pytest
import torch

from diffFx_pytorch import Chain, Compressor, Gain, ParametricEqualizer
from diffFx_pytorch.networks import SettingsPrior

RATE = 16000


def test_settings_far_from_the_centre_are_less_likely():
    fx = Chain(comp=Compressor(RATE, ratio=4.0), gain=Gain(RATE))
    prior = SettingsPrior(fx, {"gain.gain_db": -6.0}, {"gain.gain_db": 0.1, "comp.ratio": 0.2})
    there = fx.demap_parameters(fx.to_flat({"gain.gain_db": -6.0}))
    assert float(prior(there)) == pytest.approx(0, abs=1e-8)
    off = there.clone()
    off[:, fx.param_names.index("gain.gain_db")] += 0.2
    assert float(prior(off)) == pytest.approx(0.5 * 2**2 / 2)  # two deviations, a mean over two knobs
    free = there.clone()
    free[:, fx.param_names.index("comp.attack_ms")] = 1.0
    assert float(prior(free)) == pytest.approx(0, abs=1e-8)


def test_a_laplace_prior_about_neutral_leaves_alone_what_the_sound_does_not_ask_for():
    eq = ParametricEqualizer(RATE)
    prior = SettingsPrior(eq, "neutral", 0.25, shape="laplace")
    position = torch.rand(1, len(eq.params)).requires_grad_()
    for step in range(300):
        grad = torch.autograd.grad(prior(position), position)[0]
        position = (position - 0.2 * 0.98**step * grad).clamp(0, 1).detach().requires_grad_()
    x = torch.randn(1, 1, 2000)
    assert (eq(x, norm_params=position) - x).abs().max() < 0.05


def test_moving_knobs_bend_little():
    fx = Gain(RATE)
    line, kink = torch.linspace(0.4, 0.6, 9)[None, None], torch.rand(1, 1, 9)
    prior = SettingsPrior(fx, spread=1e3, smooth=1.0)
    assert float(prior(line)) < 1e-6
    assert float(prior(kink)) > 0
    assert float(prior({"gain_db": kink[:, 0]})) == pytest.approx(float(prior(kink)))


def test_a_prior_of_examples():
    fx = Gain(RATE)
    seen = 0.3 + 0.1 * torch.randn(4000, 1)
    prior = SettingsPrior.of_examples(fx, seen)
    assert float(prior(seen)) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: SettingsPrior(Gain(RATE), shape="flat"), "shape must be"),
        (lambda: SettingsPrior(Gain(RATE), spread=0.0), "must be positive"),
        (lambda: SettingsPrior(Gain(RATE), spread={"gain": 1.0}), "unknown knob"),
    ],
)
def test_what_cannot_be_is_refused(make, says):
    with pytest.raises(ValueError, match=says):
        make()
