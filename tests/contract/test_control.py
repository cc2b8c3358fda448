"""Knobs that are heard at control points: how near to every sample, whatever the blocks."""

import pytest
import torch

from .conftest import RATE, at_every_sample


def _designs(fx):
    if not any(getattr(part, "designs", False) for part in fx.modules()):
        pytest.skip("designs nothing")
    return fx


def _moves(fx, positions):
    ends = torch.stack([positions(fx, 2, seed) for seed in range(3)], -1)
    rows = {n: i for i, n in enumerate(fx.params) if fx.params[n].automatable}
    return {n: {0.0: ends[:, i, 0], 0.02: ends[:, i, 1], 0.0413: ends[:, i, 2]} for n, i in rows.items()}


def test_control_points_are_near_to_every_sample(case, make_noise, positions):
    fx = _designs(case())
    x = make_noise(2, case.channels(), 2000)
    knobs = _moves(fx, positions)
    exact = at_every_sample(case())(x, norm_params=knobs)
    error = (fx(x, norm_params=knobs) - exact).norm() / exact.norm()
    # Sweeps over decades in 20 ms, through filters of up to 48 dB an octave; test_svf.py has what usual moves give.
    assert error < 1e-2


def test_a_step_is_on_its_sample(case, make_noise, positions):
    fx = _designs(case())
    x = make_noise(2, case.channels(), 700)
    first, last = (positions(fx, 2, seed) for seed in range(2))
    rows = {n: i for i, n in enumerate(fx.params) if fx.params[n].automatable}
    knobs = {n: {0.0: (first[:, i], "hold"), 333 / RATE: last[:, i]} for n, i in rows.items()}
    y, exact = fx(x, norm_params=knobs), at_every_sample(case())(x, norm_params=knobs)
    assert torch.allclose(y, exact, rtol=1e-9, atol=1e-9 * float(exact.abs().max()))


def test_blocks_of_moving_knobs_equal_the_whole(case, make_noise, positions):
    fx = _designs(case())
    if not fx.streamable:
        pytest.skip("needs the whole signal")
    x = make_noise(2, case.channels(), 2000)
    knobs = _moves(fx, positions)
    whole, play = fx(x, norm_params=knobs), fx.stream(norm_params=knobs)
    blocks = torch.cat([play(b) for b in x.split([1, 31, 32, 33, 500, 1, 2, 1400], -1)], -1)
    assert torch.allclose(blocks, whole, rtol=1e-9, atol=1e-9 * float(whole.abs().max()))


def test_control_runs_once_for_a_stream(case, make_noise, monkeypatch):
    fx = _designs(case())
    if not fx.streamable:
        pytest.skip("needs the whole signal")
    x, calls = make_noise(2, case.channels(), 400), []
    for part in fx.modules():
        if getattr(part, "designs", False):
            own = type(part).control
            vars(part)["control"] = lambda own=own, part=part, **knobs: calls.append(part) or own(part, **knobs)
    play = fx.stream()
    for block in x.split(100, -1):
        play(block)
    assert calls
    assert len(calls) == len(set(map(id, calls))), "control ran more than once"
