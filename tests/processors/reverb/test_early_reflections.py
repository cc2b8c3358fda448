"""Early reflections: when, how loud and from where."""

import math

import pytest
import torch

from diffFx_pytorch.dsp.room_analysis import onset
from diffFx_pytorch.processors import EarlyReflections

RATE = 48000


def response(fx, seconds=0.4, **knobs):
    x = torch.zeros(1, 2, int(seconds * RATE), dtype=torch.float64)
    x[..., 0] = 1.0
    return fx(x, dsp_params={**knobs, "mix": 1.0})[0]


def test_the_wall_in_front_answers_after_its_way():
    # Source and pair on one line in a corridor of 20 m: to the wall and back, less the way of the direct sound.
    knobs = {"length_m": 20.0, "width_m": 30.0, "height_m": 15.0, "source_distance": 0.8, "source_side": 0.0}
    h = response(EarlyReflections(RATE, order=1), **knobs)
    direct = 0.8 * 0.63 * 20
    wall = direct + 2 * 0.2 * 0.63 * 20
    expected = ((math.hypot(wall, 0.085) - direct) / 343 + 0.001) * RATE
    level = 1.2 * math.sqrt(1 - 0.25) * direct / wall * 0.5 * (1 + math.cos(math.radians(55)))
    at = round(expected)
    # Far above the high-pass: 48 samples hold 3 kHz thrice.
    turn = torch.polar(torch.ones(48).double(), torch.arange(48).double() * (-2 * math.pi * 3000 / RATE))
    assert abs(float((h[0, at - 8 : at + 40] * turn).sum().abs()) - level) < 0.02 * level
    assert int(onset(h)[0]) == pytest.approx(at, abs=2)


def test_a_source_at_the_right_is_answered_from_the_right_first():
    knobs = {"length_m": 9.0, "width_m": 20.0, "height_m": 15.0}
    for side, louder, softer in ((0.9, 1, 0), (-0.9, 0, 1)):
        h = response(EarlyReflections(RATE, order=1), **knobs, source_side=side)
        early = h[:, : RATE // 100].square().sum(-1)
        assert early[louder] > 2 * early[softer]


def test_does_not_boom():
    """All echoes have one sign, so without the high-pass they would add up to +16 dB at 0 Hz, +10 at 20 Hz."""
    level = 20 * torch.fft.rfft(response(EarlyReflections(RATE), 1.0)).abs().clamp_min(1e-9).log10()
    assert level[:, 0].max() < -60
    assert level[:, 20].max() < -9
    assert level[:, 30:80].max() < 1


def test_absorption_and_order():
    fx = EarlyReflections(RATE)
    hard, soft = (response(fx, absorption=a).square().sum() for a in (0.05, 0.9))
    assert hard > 10 * soft
    few, many = ((response(EarlyReflections(RATE, order=n)).abs() > 1e-2).sum() for n in (1, 4))
    assert many > 4 * few


def test_a_larger_room_answers_later():
    small, large = (
        (response(EarlyReflections(RATE), length_m=m, width_m=m * 0.7, height_m=m * 0.4).square()) for m in (6.0, 24.0)
    )
    time = torch.arange(small.shape[-1], dtype=torch.float64)
    centres = [float((h * time).sum() / h.sum()) for h in (small, large)]
    assert centres[1] == pytest.approx(4 * centres[0], rel=0.2)


def test_the_room_can_be_found_again():
    fx = EarlyReflections(8000, order=1)
    x = torch.zeros(1, 1, 800, dtype=torch.float64)
    x[..., 0] = 1.0
    target = fx(x, dsp_params={"absorption": 0.5, "length_m": 9.05})
    knobs = torch.tensor([0.3, 9.0], dtype=torch.float64).requires_grad_()
    optimiser = torch.optim.Adam([knobs], lr=0.01)
    losses = []
    for _ in range(60):
        loss = (fx(x, dsp_params={"absorption": knobs[0], "length_m": knobs[1]}) - target).square().sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.01 * losses[0]
