"""Knobs: every form they may come in means the same, and what is wrong is refused with the cure."""

import copy
import dataclasses

import numpy as np
import pytest
import torch

from diffFx_pytorch import EffectParam


def test_defaults_lie_on_the_curve(first):
    fx = first()
    for name, param in fx.params.items():
        assert param.min_val <= param.default <= param.max_val, name
        assert param.doc, f"{name} has no doc"


def test_names_carry_their_unit(first):
    suffixes = {
        "dB": "_db",
        "Hz": "_hz",
        "ms": "_ms",
        "s": "_s",
        "deg": "_deg",
        "beats": "_beats",
        "m": "_m",
        "cm": "_cm",
        "": "",
    }
    for name, param in first().params.items():
        assert name.endswith(suffixes[param.unit]), f"{name} in {param.unit!r}"


def test_flat_dict_norm_and_physical_are_one(case, make_noise, positions):
    fx = case()
    x, flat = make_noise(2, case.channels(), 400), positions(fx, 2)
    y = fx(x, norm_params=flat)
    by_name = fx.to_dict(flat)
    assert torch.equal(y, fx(x, norm_params=by_name))
    assert torch.equal(y, fx(x, dsp_params=fx.map_parameters(by_name)))
    assert torch.equal(y, fx(x, dsp_params=fx.map_parameters(flat)))
    assert torch.equal(y, fx(x, **fx.map_parameters(by_name)))


def test_neither_means_defaults(case, make_noise):
    fx = case()
    x = make_noise(2, case.channels(), 400)
    assert torch.equal(fx(x), fx(x, dsp_params=fx.default_params()))
    assert torch.equal(fx(x), fx(x, dsp_params={}))


def test_numbers_and_tensors_of_every_rank_are_one(first, make_noise):
    fx = first()
    x = make_noise(2, first.channels(), 300)
    y = fx(x)
    defaults = fx.default_params()
    forms = (
        float,
        np.float64,
        lambda v: torch.tensor(v, dtype=torch.float64),
        lambda v: torch.full((2,), v, dtype=torch.float64),
        lambda v: torch.full((2, 1), v, dtype=torch.float64),
        lambda v: np.full(2, v),
        lambda v: np.array(v, dtype=">f8"),
        lambda v: [v, v],
        lambda v: [[v], [v]],
    )
    for form in forms:
        assert torch.equal(y, fx(x, dsp_params={k: form(v) for k, v in defaults.items()}))


def test_map_and_demap_are_inverses(first):
    fx = first()
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 2e-6)):
        flat = fx.random_params(64).to(dtype)
        flat[0], flat[1] = 0, 1
        assert torch.allclose(fx.demap_parameters(fx.map_parameters(flat)), flat, rtol=0, atol=tolerance)
        by_name = fx.to_dict(flat)
        back = fx.demap_parameters(fx.map_parameters(by_name))
        assert set(back) == set(by_name)
        assert all(torch.allclose(back[k], by_name[k], rtol=0, atol=tolerance) for k in by_name)
    ends = fx.map_parameters(torch.stack([torch.zeros(len(fx.params)), torch.ones(len(fx.params))]).double())
    for i, param in enumerate(fx.params.values()):
        assert ends[:, i].tolist() == pytest.approx([param.min_val, param.max_val], rel=1e-14)


def test_random_params_are_seeded_positions(first):
    fx = first()
    draw = [fx.random_params(5, torch.Generator().manual_seed(3)) for _ in range(2)]
    assert draw[0].shape == (5, fx.count_num_parameters()) == (5, len(fx.param_names))
    assert torch.equal(*draw)
    assert draw[0].min() >= 0
    assert draw[0].max() <= 1


def test_describe_is_a_line_a_knob(first):
    fx = first()
    lines = fx.describe().splitlines()
    assert len(lines) == len(fx.params)
    assert all(line.startswith(name) for line, name in zip(lines, fx.params, strict=True))


def test_ranges_can_be_replaced(first, make_noise):
    fx = first()
    for name, param in fx.params.items():
        low, middle = param.to_physical(0.4), param.to_physical(0.6)
        replaced = first(param_range={name: EffectParam(low, middle)})
        default = min(max(param.default, low), middle)
        assert replaced.params[name] == dataclasses.replace(param, min_val=low, max_val=middle, default=default)
        assert {k: v for k, v in replaced.params.items() if k != name} == {
            k: v for k, v in fx.params.items() if k != name
        }
        x = make_noise(1, first.channels(), 300)
        assert torch.equal(replaced(x, norm_params={name: 1.0}), fx(x, dsp_params={name: middle}))
        with pytest.raises(ValueError, match=f"{type(fx).__name__}.*{name} must lie in"):
            replaced(x, dsp_params={name: param.max_val})
        break  # one row shows the mechanism


def test_rounding_outside_is_clamped_and_keeps_its_gradient(first, make_noise):
    fx = first()
    x = make_noise(1, first.channels(), 300)
    flat = torch.ones(1, len(fx.params), dtype=torch.float64)
    outside = (flat * (1 + 1e-15)).requires_grad_()
    y = fx(x, norm_params=outside)
    assert torch.allclose(y, fx(x, norm_params=flat))
    y.sum().backward()
    assert torch.isfinite(outside.grad).all()


def test_wrong_parameters_are_refused_with_the_cure(first, make_noise):
    fx = first()
    name = type(fx).__name__
    x = make_noise(2, first.channels(), 100)
    some = next(iter(fx.params))
    param = fx.params[some]
    too_much = param.max_val + (param.max_val - param.min_val)
    flat = torch.full((2, len(fx.params)), 0.5)
    nan = flat.clone()
    nan[1, 0] = float("nan")

    def refuse(error, pattern, **params):
        with pytest.raises(error, match=f"^{name}: .*{pattern}"):
            fx(x, **params)

    refuse(ValueError, "not both", norm_params=flat, dsp_params={})
    refuse(ValueError, f"unknown parameter.*did you mean '{some}'", dsp_params={f"{some}_": 0.5})
    refuse(ValueError, f"{some} must lie in", dsp_params={some: too_much})
    refuse(ValueError, f"{some} must lie in", dsp_params={some: torch.tensor([param.default, too_much])})
    refuse(ValueError, f"{some}.*must lie in 0 .. 1", norm_params={some: 1.5})
    refuse(ValueError, f"{some}.*NaN", norm_params=nan)
    refuse(ValueError, f"{some}.*NaN", dsp_params={some: float("nan")})
    refuse(ValueError, r"must be \(B, P\)", norm_params=flat[:, :0])
    refuse(ValueError, r"must be \(B, P\)", norm_params=flat[0])
    refuse(ValueError, f"{some} must be .* with B = 2", dsp_params={some: torch.full((3,), param.default)})
    refuse(ValueError, f"{some} must be", dsp_params={some: torch.full((2, 1, 5), param.default)})
    refuse(ValueError, "no points", dsp_params={some: torch.full((2, 0), param.default)})
    refuse(ValueError, f"{some} must be .* with B = 2", dsp_params={some: np.full(3, param.default)})
    refuse(TypeError, f"{some} must be numbers", dsp_params={some: [[param.default], []]})
    refuse(TypeError, "number or a tensor", dsp_params={some: "loud"})
    refuse(ValueError, r"must be \(B, P\)", dsp_params=[0.5])
    refuse(TypeError, "dict by name", dsp_params=0.5)
    refuse(TypeError, f"unknown keyword.*did you mean '{some}'", **{f"{some}_": 0.5})
    refuse(TypeError, f"{some} given twice", dsp_params={some: param.default}, **{some: param.default})
    refuse(ValueError, f"{some} must lie in", **{some: too_much})
    for given in ({some: param.default}, flat):
        with pytest.raises(TypeError, match=f"{name}: .*by keyword.*dsp_params=.*{some}"):
            fx(x, given)
        if fx.streamable:
            with pytest.raises(TypeError, match=f"{name}: .*by keyword.*dsp_params=.*{some}"):
                fx.stream(given)


def test_construction_is_checked(first):
    name = first.cls.__name__
    with pytest.raises(ValueError, match=f"{name}: .*unknown parameter in param_range 'nonsense'"):
        first(param_range={"nonsense": EffectParam(0.0, 1.0)})
    with pytest.raises(TypeError, match=f"{name}: .*EffectParam"):
        first(param_range={next(iter(first().params)): (0, 1)})
    with pytest.raises(ValueError, match=f"{name}: sample_rate"):
        first(sample_rate=0)


def test_tables_are_not_shared(first):
    before = copy.copy(dict(first().params))
    first().params.clear()
    assert dict(first().params) == before
