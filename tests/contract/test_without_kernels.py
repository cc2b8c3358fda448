"""A device without kernels runs the operators' equations: outputs and gradients are those of the kernels.

Through the dispatcher, as on such a device: a gradient taken inside an operator is zeros there, and nowhere else. The
sound is long enough that every knob is heard, so what is fed back has come round.
"""

import pytest
import torch

from tests.without_kernels import without_kernels


@pytest.mark.parametrize("moving", [False, True], ids=["still", "moving"])
def test_equations_equal_the_kernels(case, moving):
    fx = case()
    chosen = case.audition()
    weights = torch.randn(fx.channels_out or chosen.x.shape[1], chosen.x.shape[2], dtype=torch.float64)
    by_kernels = _output_and_gradients(fx, chosen, weights, moving)
    with without_kernels():
        by_equations = _output_and_gradients(fx, chosen, weights, moving)
    for name, ours, expected in zip(("y", "x", *fx.params), by_equations, by_kernels, strict=True):
        assert (ours - expected).abs().max() <= 1e-9 * expected.abs().max(), name


def _output_and_gradients(fx, chosen, weights, moving):
    x = chosen.x.clone().requires_grad_()
    knobs = {}
    for name, position in fx.to_dict(chosen.flat).items():
        points = torch.stack((position, 0.97 * position + 0.01), -1)
        knobs[name] = (points if moving and fx.params[name].automatable else position).clone().requires_grad_()
    y = fx(x, norm_params=knobs)
    return y.detach(), *torch.autograd.grad((y * weights).sum(), (x, *knobs.values()))
