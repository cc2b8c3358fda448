"""float64 in is float64 all the way: the least turn of a knob is heard for what it is."""

import pytest
import torch


@pytest.mark.parametrize("moving", [False, True], ids=["still", "moving"])
def test_the_least_turn_of_a_knob_is_heard(case, moving):
    """A step in float32 on the way makes a staircase of the output: a turn of 1e-10 does nothing, or too much."""
    fx = case()
    chosen = case.audition(seed=1)

    def turned(item, i, by):
        flat = chosen.flat[item].clone()
        flat[:, i] += by
        if not moving:
            return fx(chosen.x[item], norm_params=flat)
        points = torch.stack((flat, 0.98 * flat + 0.01), -1)
        fixed = [n for n, p in fx.params.items() if not p.automatable]
        knobs = {n: v[:, :1] if n in fixed else v for n, v in fx.to_dict(points).items()}
        return fx(chosen.x[item], norm_params=knobs)

    for i, name in enumerate(fx.params):
        if f"gradients:{name}" in fx.exempt:
            continue  # it has steps of its own
        off = []
        # One item is enough: in another an effect that switches may have its corner between the two.
        for item in chosen.loudest(name):
            y = turned(item, i, 0.0)
            expected = 1e-10 / 2e-6 * (turned(item, i, 1e-6) - turned(item, i, -1e-6))
            if expected.norm() > 1e-14 * y.norm():
                off.append(float((turned(item, i, 1e-10) - y - expected).norm() / expected.norm()))
                if off[-1] < 0.1:
                    break
        assert off, f"{name} is not heard"
        assert min(off) < 0.1, f"{name}: off by {off} of what it should do"
