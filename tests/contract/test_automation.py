"""Moving knobs."""

import pytest
import torch

from .conftest import RATE, at_every_sample


def test_points_that_do_not_move_are_a_constant(case, make_noise, positions):
    fx = case()
    x, flat = make_noise(2, case.channels(), 600), positions(fx, 2)
    fixed = [n for n, p in fx.params.items() if not p.automatable]
    still = {n: flat[:, i, None].expand(2, 1 if n in fixed else 5) for i, n in enumerate(fx.params)}
    y = fx(x, norm_params=flat)
    error = (fx(x, norm_params=still) - y).abs().max()
    assert error <= 1e-9 * max(1.0, float(y.abs().max()))


def test_points_are_joined_by_straight_lines_of_the_position(case, make_noise, positions):
    fx = at_every_sample(case())
    samples = 601
    x = make_noise(2, case.channels(), samples)
    few = torch.stack([positions(fx, 2, seed) for seed in range(4)], -1)
    moves = [n for n in fx.params if fx.params[n].automatable]
    points = {n: few[:, i] for i, n in enumerate(fx.params) if n in moves}
    y = fx(x, norm_params=points)

    def drawn(v):
        return torch.nn.functional.interpolate(v[:, None], samples, mode="linear", align_corners=True)[:, 0]

    def close(other):
        return torch.allclose(other, y, rtol=1e-6, atol=1e-8 * max(1.0, float(y.abs().max())))

    assert close(fx(x, norm_params={n: drawn(v) for n, v in points.items()}))
    assert close(fx(x, dsp_params=fx.map_parameters({n: drawn(v) for n, v in points.items()})))
    assert close(fx(x, dsp_params=fx.map_parameters(points))), "positions and values are not the same sound"
    times = [k * (samples - 1) / 3 / fx.sample_rate for k in range(4)]
    timed = {n: dict(zip(times, v.unbind(-1), strict=True)) for n, v in points.items()}
    assert close(fx(x, norm_params=timed)), "points in time are not those spread evenly"
    assert close(fx(x, dsp_params=fx.map_parameters(timed)))


def test_the_first_and_last_points_stand_on_the_first_and_last_samples(first, make_noise):
    fx = first()
    x = make_noise(1, first.channels(), 100)
    for name, param in fx.params.items():
        if param.automatable:
            ends = torch.tensor([[param.min_val, param.max_val]], dtype=torch.float64)
            fx.knob_latency = {}
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


def _heard_at(fx, x, name, ends, others, tau):
    """The sample from which a step of a knob at ``tau`` is heard: before it sounds like one end, after like the other.

    Before it, how much the ends differ; after it, the first sample that differs at all.
    """
    first, last = (fx(x, dsp_params={**others, name: end}) for end in ends)
    y = fx(x, dsp_params={**others, name: {0.0: (ends[0], "hold"), tau / fx.sample_rate: ends[1]}})
    before, after = ((y - other).square().sum((0, 1)).cumsum(0) for other in (first, last))
    zero = before.new_zeros(1)
    cost = torch.cat((zero, before)) + after[-1] - torch.cat((zero, after))
    # Where nothing is heard, as between clicks, all moments are alike: the last of them is the one that is heard.
    at = int((cost <= cost.min() * (1 + 1e-9) + 1e-18).nonzero()[-1])
    begins = int(((y - first).abs().amax((0, 1)) > 1e-9).to(torch.uint8).argmax())
    return float((first - last)[..., tau:].norm() / first[..., tau:].norm()), at, begins


def test_a_curve_acts_on_the_sound_of_its_time(case):
    fx = case()
    late = fx.latency_samples
    if not late or not fx.streamable:
        pytest.skip("has no latency, or looks at the whole signal for every sample")
    tau, generator = 1200, torch.Generator().manual_seed(0)
    x = 0.3 * torch.randn(1, case.channels(), 2 * tau, generator=generator, dtype=torch.float64)
    at, begin = {}, []
    for name, param in fx.params.items():
        others = {n: p.to_physical(0.45) for n, p in fx.params.items() if n != name}
        if param.automatable:
            ends = [param.to_physical(position) for position in (0.3, 0.7)]
            # Loud, and soft enough for what acts under a threshold.
            difference, heard, first = max(_heard_at(fx, level * x, name, ends, others, tau) for level in (1.0, 0.01))
            if difference > 1e-3:
                at[name] = heard - tau - late
                begin.append(first - tau - late)
    # A window about the moment, or a hop between frames, is heard a little to either side.
    assert min(at.values()) >= -max(2, late // 4), f"acts too early: {at}"
    assert min(begin) <= late // 4, f"none acts at once: {at}"


def test_steps_and_smooth_segments(first, make_noise):
    fx = first()
    x, fx.knob_latency = make_noise(1, first.channels(), 401), {}
    for name, param in fx.params.items():
        if param.automatable:
            low, high = param.to_physical(0.2), param.to_physical(0.6)
            points = {0.01: (low, "hold"), 0.02: (high, "smooth"), 0.04: low}
            knob = param.to_norm(fx.knobs(x, dsp_params={name: points})[name][0, 0])
            n = torch.arange(401) / RATE
            w = ((n - 0.02) / 0.02).clamp(0, 1)
            smooth = 0.6 - 0.4 * (3 * w**2 - 2 * w**3)
            assert torch.allclose(knob, torch.where(n < 0.02, 0.2, smooth).double(), atol=1e-6), name
