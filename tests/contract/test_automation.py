"""Moving knobs."""

import pytest
import torch


def test_points_that_do_not_move_are_a_constant(case, make_noise, positions):
    fx = case()
    x, flat = make_noise(2, case.channels(), 600), positions(fx, 2)
    fixed = [n for n, p in fx.params.items() if not p.automatable]
    still = {n: flat[:, i, None].expand(2, 1 if n in fixed else 5) for i, n in enumerate(fx.params)}
    y = fx(x, norm_params=flat)
    error = (fx(x, norm_params=still) - y).abs().max()
    assert error <= 1e-9 * max(1.0, float(y.abs().max()))


def test_points_are_joined_by_straight_lines_in_the_unit(case, make_noise, positions):
    fx = case()
    samples = 601
    x = make_noise(2, case.channels(), samples)
    few = torch.stack([positions(fx, 2, seed) for seed in range(4)], -1)
    points = fx.map_parameters(few)
    values = {n: points[:, i] for i, n in enumerate(fx.params) if fx.params[n].automatable}
    lines = {
        n: torch.nn.functional.interpolate(v[:, None], samples, mode="linear", align_corners=True)[:, 0]
        for n, v in values.items()
    }
    y = fx(x, dsp_params=values)
    assert torch.allclose(fx(x, dsp_params=lines), y, rtol=1e-6, atol=1e-8)


def test_the_first_and_last_points_stand_on_the_first_and_last_samples(first, make_noise):
    fx = first()
    x = make_noise(1, first.channels(), 100)
    for name, param in fx.params.items():
        if param.automatable:
            ends = torch.tensor([[param.min_val, param.max_val]], dtype=torch.float64)
            knob = fx.knobs(x, dsp_params={name: ends})[name]
            assert knob.shape == (1, 1, 100)
            assert knob[0, 0, 0] == param.min_val
            assert knob[0, 0, -1] == pytest.approx(param.max_val)


def test_what_cannot_move_says_so(first, make_noise):
    fx = first()
    x = make_noise(1, first.channels(), 100)
    for name, param in fx.params.items():
        if not param.automatable:
            with pytest.raises(ValueError, match=f"{name} cannot move"):
                fx(x, norm_params={name: torch.rand(1, 5)})
