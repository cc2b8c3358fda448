"""EffectParam: curves, inverses, ends, refusals."""

import dataclasses
import math
import pickle

import pytest
import torch

from diffFx_pytorch import EffectParam


def test_linear_and_log_curves():
    assert EffectParam(-60.0, 24.0).to_physical(0.25) == -39.0
    assert EffectParam(20.0, 20000.0, curve="log").to_physical(0.5) == pytest.approx(math.sqrt(20 * 20000))


def test_default_is_the_middle_of_the_curve():
    assert EffectParam(0.0, 1.0).default == 0.5
    assert EffectParam(1.0, 100.0, curve="log").default == pytest.approx(10.0)


@pytest.mark.parametrize("curve", ["linear", "log"])
def test_inverse_at_any_shape(curve):
    param = EffectParam(0.05, 7.0, curve=curve)
    for shape in ((), (3,), (2, 5), (2, 1, 7)):
        norm = torch.rand(shape, dtype=torch.float64)
        assert param.to_norm(param.to_physical(norm)).shape == shape
        torch.testing.assert_close(param.to_norm(param.to_physical(norm)), norm, rtol=0, atol=1e-14)


@pytest.mark.parametrize("curve", ["linear", "log"])
def test_ends_keep_their_gradient(curve):
    param = EffectParam(0.1, 20.0, curve=curve)
    norm = torch.tensor([0.0, 1.0], requires_grad=True)
    param.to_physical(norm).sum().backward()
    assert (norm.grad > 0).all()
    value = torch.tensor([0.1, 20.0], requires_grad=True)
    param.to_norm(value).sum().backward()
    assert (value.grad > 0).all()


def test_gradcheck():
    param = EffectParam(0.1, 20.0, curve="log")
    norm = torch.rand(5, dtype=torch.float64).mul(0.9).add(0.05).requires_grad_()
    assert torch.autograd.gradcheck(param.to_physical, norm)


def test_frequency_ranges_end_below_nyquist():
    param = EffectParam(20.0, 20000.0, 10000.0, "log", "Hz")
    assert param.at_rate(192000) is param
    cut = param.at_rate(8000)
    assert (cut.min_val, cut.max_val, cut.default) == (20.0, 3920.0, 3920.0)
    with pytest.raises(ValueError, match="nothing below 3920 Hz"):
        EffectParam(5000.0, 6000.0, unit="Hz").at_rate(8000)
    rate = EffectParam(0.1, 20.0, unit="s")
    assert rate.at_rate(8) is rate


@pytest.mark.parametrize(
    ("arguments", "pattern"),
    [
        ((1.0, 1.0), "min_val < max_val"),
        ((0.0, math.inf), "finite"),
        ((math.nan, 1.0), "finite"),
        ((0.0, 1.0, 2.0), "default 2.0 lies outside"),
        ((0.0, 1.0, 0.5, "log"), "positive range"),
        ((0.0, 1.0, 0.5, "exp"), "'linear' or 'log'"),
    ],
)
def test_refusals(arguments, pattern):
    with pytest.raises(ValueError, match=pattern):
        EffectParam(*arguments)


def test_frozen():
    with pytest.raises(AttributeError):
        EffectParam(0.0, 1.0).min_val = 2.0


def test_what_a_range_leaves_unsaid_stays_as_the_table_has_it():
    row = EffectParam(1.0, 100.0, 4.0, "log", "dB", "A doc.", automatable=False)
    assert EffectParam(min_val=1.0, max_val=20.0).completed(row) == dataclasses.replace(row, max_val=20.0)
    assert EffectParam(5.0, 20.0).completed(row).default == 5.0
    assert EffectParam(1.0, 2.0).completed(row).default == 2.0
    said = EffectParam(-1.0, 2.0, 0.0, "linear", "", "", True)
    assert said.completed(row) == said
    with pytest.raises(ValueError, match=r"log curve.*give curve='linear'"):
        EffectParam(-1.0, 2.0).completed(row)
    assert pickle.loads(pickle.dumps(EffectParam(5.0, 20.0))).completed(row).curve == "log"
