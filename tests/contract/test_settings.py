"""Settings: values of knobs that stay, in every effect and everything made of effects."""

import copy
import pickle

import pytest
import torch

from diffFx_pytorch import Chain
from diffFx_pytorch.presets import dump_chain, load_chain
from diffFx_pytorch.registry import effects


@pytest.fixture
def held(case, positions):
    """An effect with values for some of its knobs, by name in their units."""
    fx = case()
    names = fx.param_names
    some = {names[0], names[-1], names[len(names) // 2]}
    flat = fx.map_parameters(positions(fx, 1, seed=5))[0]
    return fx, {name: float(v) for name, v in zip(names, flat, strict=True) if name in some}


def leaf(fx, name):
    """The effect that has a knob, and the knob's name there."""
    while "." in name:
        step, name = name.split(".", 1)
        fx = getattr(fx, step)
    return fx, name


def hold(fx, values):
    for name, value in values.items():
        setattr(*leaf(fx, name), value)


def test_an_attribute_stays_and_is_used(held, case, make_noise):
    fx, values = held
    x = make_noise(2, case.channels(), 400)
    expected = fx(x, dsp_params=values)
    hold(fx, values)
    assert torch.equal(fx(x), expected)
    assert fx.settings == values
    for name, value in values.items():
        assert getattr(*leaf(fx, name)) == value
    assert torch.equal(fx(x, norm_params={}), expected)
    if fx.streamable:
        play = fx.stream()
        assert torch.allclose(torch.cat([play(block) for block in x.split(131, -1)], -1), expected, rtol=0, atol=1e-10)
    assert torch.equal(fx(x, dsp_params=fx.default_params()), case()(x))
    for name in values:
        delattr(*leaf(fx, name))
    assert torch.equal(fx(x), case()(x))


def test_a_call_wins_by_name(held, case, make_noise):
    fx, values = held
    x = make_noise(2, case.channels(), 400)
    name = next(iter(values))
    other = fx.params[name].to_physical(0.31)
    expected = fx(x, dsp_params={**values, name: other})
    hold(fx, values)
    assert torch.equal(fx(x, dsp_params={name: other}), expected)
    assert torch.equal(fx(x, **{name: other}), expected)
    position = fx.params[name].to_norm(torch.tensor(other, dtype=torch.float64))
    assert torch.allclose(fx(x, norm_params={name: position}), expected, rtol=0, atol=1e-9)


def test_given_at_construction(first, positions, make_noise):
    fx = first()
    names = [name for name in fx.params if "." not in name]
    flat = fx.to_dict(fx.map_parameters(positions(fx, 1)))
    values = {name: float(flat[name]) for name in names[:2]}
    x = make_noise(1, first.channels(), 300)
    assert torch.equal(first(**values)(x), fx(x, dsp_params=values))
    assert all(f"{name}={value:.4g}" in repr(first(**values)) for name, value in values.items())
    with pytest.raises(TypeError, match=f"^{type(fx).__name__}: unknown option or knob '{names[0]}_'; did you mean "):
        first(**{f"{names[0]}_": 1.0})


def test_what_is_wrong_is_refused(first):
    fx = first()
    name = type(fx).__name__
    for knob, param in fx.params.items():
        home, own = leaf(fx, knob)
        with pytest.raises(AttributeError, match=f"unknown setting '{own}_'; did you mean '{own}'"):
            setattr(home, f"{own}_", param.default)
        with pytest.raises(ValueError, match=f"{own} must lie in"):
            setattr(home, own, 2 * param.max_val - param.min_val)
        with pytest.raises(ValueError, match=f"{own} is NaN"):
            setattr(home, own, float("nan"))
        with pytest.raises(TypeError, match=f"{own} must be a number"):
            setattr(home, own, "loud")
        with pytest.raises(TypeError, match="trainable"):
            setattr(home, own, torch.nn.Parameter(torch.tensor(param.default)))
        if not param.automatable:
            with pytest.raises(ValueError, match=f"{own} cannot move"):
                setattr(home, own, torch.full((1, 2), param.default))
    for chosen in ("sample_rate", *fx.options):
        with pytest.raises(AttributeError, match=f"{name}: {chosen} is chosen when it is built"):
            setattr(fx, chosen, getattr(fx, chosen))
    assert fx.settings == {}


def test_tensors_a_batch_and_points(held, case, make_noise):
    fx, values = held
    x = make_noise(2, case.channels(), 400)
    batch = {
        name: torch.tensor([value, fx.params[name].default], dtype=torch.float64) for name, value in values.items()
    }
    expected = fx(x, dsp_params=batch)
    hold(fx, batch)
    assert torch.equal(fx(x), expected)
    moving = {name: value[:, None].expand(2, 3) for name, value in batch.items() if fx.params[name].automatable}
    expected = fx(x, dsp_params={**batch, **moving})
    hold(fx, moving)
    assert torch.equal(fx(x), expected)
    if moving and fx.streamable:
        with pytest.raises(ValueError, match="total="):
            fx.stream()(x)
    fx.float()
    assert all(value.dtype == torch.float64 for value in fx.settings.values()), "a cast rounded a setting"


def test_points_in_time_stay(held, case, make_noise):
    fx, values = held
    x = make_noise(1, case.channels(), 300)
    points = {
        name: {0.0: value, 0.01: (fx.params[name].default, "hold"), 0.02: value}
        for name, value in values.items()
        if fx.params[name].automatable
    }
    expected = fx(x, dsp_params=points)
    hold(fx, points)
    loaded = case()
    loaded.load_state_dict(fx.state_dict())
    for other in (fx, copy.deepcopy(fx), pickle.loads(pickle.dumps(fx)), loaded):
        assert torch.equal(other(x), expected)
    assert all(torch.is_tensor(value) for value in fx.state_dict().values())
    for name in points:
        with pytest.raises(ValueError, match="points in time"):
            fx.trainable(name)


def test_copies_keep_them(held, case, make_noise):
    fx, values = held
    x = make_noise(1, case.channels(), 300)
    hold(fx, values)
    loaded = case()
    loaded.load_state_dict(fx.state_dict())
    for other in (copy.deepcopy(fx), pickle.loads(pickle.dumps(fx)), loaded):
        assert other.settings == values
        assert torch.equal(other(x), fx(x))
    described = dict(zip(fx.params, fx.describe().splitlines(), strict=True))
    assert all(f"  {value:.4g}" in described[name] for name, value in values.items())
    assert set(values) <= set(fx.state_dict())
    with pytest.raises(RuntimeError, match="Missing key"):
        fx.load_state_dict({k: v for k, v in fx.state_dict().items() if k not in values})


def test_trainable_settings_are_parameters(held, case, make_noise):
    fx, values = held
    x = make_noise(2, case.channels(), 400, torch.float32)
    hold(fx, values)
    expected = fx(x)
    assert fx.trainable(*values) is fx
    assert sorted(dict(fx.named_parameters())) == sorted(f"{name}_position" for name in values)
    assert torch.allclose(fx(x), expected, atol=1e-3 * float(expected.abs().max()))
    optimiser = torch.optim.Adam(fx.parameters(), lr=0.01)
    fx(x).square().sum().backward()
    norm = fx.demap_parameters({name: value.detach() for name, value in fx.settings.items()})
    by_call = {name: value.clone().requires_grad_() for name, value in norm.items()}
    given = case()(x, norm_params=by_call).square().sum()
    for name, gradient in zip(by_call, torch.autograd.grad(given, list(by_call.values())), strict=True):
        home, own = leaf(fx, name)
        found = getattr(home, f"{own}_position").grad
        assert torch.allclose(found, gradient.to(found), rtol=2e-2, atol=1e-4 + 1e-3 * float(gradient.abs()))
    optimiser.step()
    loaded, trained = case(), case().trainable(*values)
    loaded.load_state_dict(fx.state_dict())
    trained.load_state_dict(fx.state_dict())
    copied = pickle.loads(pickle.dumps(fx))
    for other in (loaded, trained, copied, copy.deepcopy(fx)):
        assert torch.equal(other(x), fx(x))
    assert not list(loaded.parameters())
    still = fx(x).detach()
    fx.frozen()
    assert not list(fx.parameters())
    assert torch.allclose(fx(x), still, atol=1e-4 * float(still.abs().max()))
    trained.load_state_dict(fx.state_dict())
    assert sorted(dict(trained.named_parameters())) == sorted(f"{name}_position" for name in values)
    assert torch.allclose(trained(x), still, atol=1e-3 * float(still.abs().max()))


@pytest.mark.slow
@pytest.mark.sampled(30)
def test_trainable_settings_compile_export_and_vmap(held, case, make_noise):
    fx, values = held
    x = make_noise(1, case.channels(), 256, torch.float32)
    hold(fx, values)
    fx.trainable()
    expected = fx(x)
    tolerance = 1e-4 * float(expected.detach().abs().max())
    torch._dynamo.reset()
    compiled = torch.compile(fx, fullgraph=True, backend="aot_eager")(x)
    assert torch.allclose(compiled, expected, atol=tolerance)
    compiled.square().sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in fx.parameters())
    assert torch.allclose(torch.export.export(fx, (x,)).module()(x), expected, atol=tolerance)
    parameters = {name: p.detach().expand(2) for name, p in fx.named_parameters()}
    many = torch.func.vmap(lambda p, x: torch.func.functional_call(fx, p, (x,)))(parameters, x.expand(2, *x.shape))
    assert torch.allclose(many, expected.expand_as(many), atol=tolerance)


def test_an_end_is_met_and_left_again():
    fx = effects()["Gain"](8000, gain_db=23.0).trainable()
    optimiser = torch.optim.Adam(fx.parameters(), lr=0.02)

    def descend(sign, steps):
        for _ in range(steps):
            optimiser.zero_grad()
            (sign * fx(torch.ones(1, 1, 1)).sum()).backward()
            optimiser.step()

    descend(-1, 300)
    assert float(fx.gain_db.detach()) == 24.0
    assert float(fx.gain_db_position.detach()) < 1.5, "it moved on outside"
    descend(1, 100)
    assert float(fx.gain_db.detach()) < 20


def test_saved_by_a_chain_file(first):
    fx = first()
    if effects().get(type(fx).__name__) is not type(fx) or any(torch.is_tensor(v) for v in fx.construction.values()):
        return  # a file cannot say it
    for name, param in fx.params.items():
        setattr(*leaf(fx, name), param.to_physical(0.25))
    text = dump_chain(Chain(fx=fx))
    chain, params = load_chain(text).build(fx.sample_rate)
    assert chain.settings == params == {f"fx.{name}": value for name, value in fx.settings.items()}


def test_in_a_sequential(make_noise):
    gain, comp = effects()["Gain"](8000, gain_db=-3.0), effects()["Compressor"](8000, threshold_db=-30, ratio=4)
    x = make_noise(2, 2, 300, torch.float32)
    chain = Chain([gain, comp])
    assert torch.allclose(torch.nn.Sequential(gain, comp)(x), chain(x))
    assert torch.allclose(chain(x), comp(gain(x)))
