"""Half precision and autocast: knobs and sound in float16 and bfloat16 are computed in float32."""

import pytest
import torch

HALF = [torch.bfloat16, torch.float16]


def _moving(fx, positions, dtype):
    few = torch.stack([positions(fx, 2, seed) for seed in range(3)], -1).to(dtype)
    return {n: few[:, i] if p.automatable else few[:, i, 0] for i, (n, p) in enumerate(fx.params.items())}


@pytest.mark.parametrize("dtype", HALF)
def test_half_precision_knobs_are_read_as_what_they_are(first, make_noise, positions, dtype):
    fx = first()
    x, flat = make_noise(2, first.channels(), 300, torch.float32), positions(fx, 2).to(dtype)
    assert torch.equal(fx(x, norm_params=flat), fx(x, norm_params=flat.float()))
    moving = _moving(fx, positions, dtype)
    exact = {n: v.float() for n, v in moving.items()}
    assert torch.equal(fx(x, norm_params=moving), fx(x, norm_params=exact))
    for name, param in fx.params.items():
        value = torch.tensor([param.default]).to(dtype)
        if param.min_val <= value <= param.max_val:
            assert torch.equal(fx(x, dsp_params={name: value}), fx(x, dsp_params={name: value.float()}))
    assert fx.map_parameters(flat).dtype == torch.float32 or not fx.params


@pytest.mark.parametrize("dtype", HALF)
def test_half_precision_sound_is_computed_in_float32(first, make_noise, positions, dtype):
    fx = first()
    x, flat = make_noise(2, first.channels(), 300).to(dtype), positions(fx, 2, dtype=torch.float32)
    y = fx(x, norm_params=flat)
    assert y.dtype == dtype
    assert torch.equal(y, fx(x.float(), norm_params=flat).to(dtype))
    if fx.streamable:
        play, exact = fx.stream(norm_params=flat), fx.stream(norm_params=flat)
        blocks = x.split([100, 1, 0, 199], -1)
        assert all(torch.equal(play(block), exact(block.float()).to(dtype)) for block in blocks)
    if fx.takes_sidechain:
        key = make_noise(2, 1, 300, seed=5).to(dtype)
        exact = fx(x.float(), norm_params=flat, sidechain=key.float()).to(dtype)
        assert torch.equal(fx(x, norm_params=flat, sidechain=key), exact)


def test_autocast_changes_nothing(first, make_noise, positions):
    fx = first()
    x, flat = make_noise(2, first.channels(), 300, torch.float32), positions(fx, 2, dtype=torch.float32)
    y = fx(x, norm_params=flat)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(fx(x, norm_params=flat), y)
        assert torch.equal(first()(x, norm_params=flat), y), "designed when built"
