"""What an effect claims of itself, measured: neutral setting, traits, latency, tail."""

import pytest
import torch

TOLERANCE = 1e-9


def _setting(case, positions, make_noise, seed=0, samples=1200):
    fx = case()
    return fx, make_noise(2, case.channels(), samples, seed=seed), positions(fx, 2, seed)


def _claims(fx, trait):
    if trait not in fx.traits:
        pytest.skip(f"does not claim to be {trait}")


def test_neutral_returns_the_input(case, make_noise, positions):
    case.exempt("neutral")
    fx = case()
    assert fx.neutral, f"{case.id} names no neutral setting"
    # In float64 a recursion rounds too, and poles close to the circle add its roundings up.
    for dtype, rounding in ((torch.float32, 8 * torch.finfo(torch.float32).eps), (torch.float64, 1e-11)):
        x = make_noise(3, case.channels(), 1200, dtype)
        flat = positions(fx, 3, dtype=dtype)
        flat[0], flat[1] = 0, 1  # the knobs that are not part of the neutral setting may stand anywhere
        knobs = {n: v for n, v in fx.map_parameters(fx.to_dict(flat)).items() if n not in fx.neutral}
        y = fx(x, dsp_params={**knobs, **fx.neutral})
        expected = torch.nn.functional.pad(x, (fx.latency_samples, 0))[..., : x.shape[-1]]
        assert (y - expected).abs().max() <= rounding * x.abs().max(), dtype


def test_linear(case, make_noise, positions):
    fx, x, flat = _setting(case, positions, make_noise)
    _claims(fx, "linear")
    other = make_noise(*x.shape, seed=9)
    mixed = fx(0.3 * x - 2.0 * other, norm_params=flat)
    apart = 0.3 * fx(x, norm_params=flat) - 2.0 * fx(other, norm_params=flat)
    assert (mixed - apart).abs().max() <= TOLERANCE * max(1.0, float(mixed.abs().max()))


def test_time_invariant(case, make_noise, positions):
    fx, x, flat = _setting(case, positions, make_noise)
    _claims(fx, "time_invariant")
    shift = 37
    late = fx(torch.nn.functional.pad(x, (shift, 0)), norm_params=flat)
    assert late[..., :shift].abs().max() <= TOLERANCE
    y = fx(x, norm_params=flat)
    assert (late[..., shift:] - y).abs().max() <= TOLERANCE * max(1.0, float(y.abs().max()))


def test_causal(case, make_noise, positions):
    fx, x, flat = _setting(case, positions, make_noise)
    _claims(fx, "causal")
    cut = 600
    changed = x.clone()
    changed[..., cut:] = make_noise(*x.shape, seed=4)[..., cut:]
    before = slice(0, cut + fx.latency_samples)
    difference = fx(x, norm_params=flat)[..., before] - fx(changed, norm_params=flat)[..., before]
    assert difference[..., :cut].abs().max() <= TOLERANCE


def test_odd(case, make_noise, positions):
    fx, x, flat = _setting(case, positions, make_noise)
    _claims(fx, "odd")
    y = fx(x, norm_params=flat)
    assert (fx(-x, norm_params=flat) + y).abs().max() <= TOLERANCE * max(1.0, float(y.abs().max()))


def test_memoryless(case, make_noise, positions):
    fx, x, flat = _setting(case, positions, make_noise)
    _claims(fx, "memoryless")
    order = torch.randperm(x.shape[-1])
    assert torch.allclose(fx(x[..., order], norm_params=flat), fx(x, norm_params=flat)[..., order], rtol=0, atol=1e-12)


def test_silence_stays_silent(case, positions):
    case.exempt("silence")
    fx = case()
    x = torch.zeros(2, case.channels(), 800, dtype=torch.float64)
    assert fx(x, norm_params=positions(fx, 2)).abs().max() <= 1e-6


def test_latency_is_what_is_declared(case, make_noise):
    case.exempt("neutral")
    fx = case()
    late = fx.latency_samples
    assert late >= 0
    x = torch.zeros(1, case.channels(), late + 50, dtype=torch.float64)
    x[..., 0] = 1.0
    y = fx(x, dsp_params=dict(fx.neutral))
    assert int(y[0, 0].abs().argmax()) == late


def test_the_tail_ends_when_it_is_said_to(case, make_noise, positions):
    fx = case()
    flat = positions(fx, 1)
    seconds = fx.tail_seconds(norm_params=flat)
    assert seconds >= 0
    burst = int(0.2 * fx.sample_rate)
    after = burst + fx.latency_samples + int(seconds * fx.sample_rate) + 1
    if after > 4_000_000:
        pytest.skip("rings for minutes")
    x = torch.zeros(1, case.channels(), after + 4000, dtype=torch.float64)
    x[..., :burst] = make_noise(1, case.channels(), burst)
    y = fx(x, norm_params=flat)
    assert y[..., after:].abs().max() <= 2e-3 * y.abs().max()
