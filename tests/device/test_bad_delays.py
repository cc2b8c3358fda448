"""Delays out of range and NaN on a device: clamped, or refused; nothing outside of a line is read."""

import pytest
import torch

import diffFx_pytorch.recursion as R
from tests.cuda.diagram import diagram
from tests.cuda.signals import noise
from tests.device.pretended import DeviceTensor, PretendedDevice

LONGEST = 20


def _delayed(bad, moving, device, **loop):
    """What a device makes of a row with this delay beside a legal one, and the gradients of sound and delay."""
    delay = torch.tensor([[bad], [7.3]], dtype=torch.float64)
    if moving:
        delay = torch.cat([torch.full((2, 40), 9.2).double(), delay.expand(-1, 20)], -1)
    call = R.feedback_delay if loop else R.delay_line
    with device:
        x, d = (DeviceTensor(t).requires_grad_() for t in (noise(2, 60), delay if moving else delay[:, 0]))
        y = call(x, d, max_delay=LONGEST, interpolation="cubic", **loop)
        found = y.detach(), *torch.autograd.grad(y.square().sum(), (x, d))
    return [t.host for t in found]


@pytest.mark.parametrize("moving", [False, True], ids=["still", "moving"])
@pytest.mark.parametrize("loop", [{}, {"feedback": 0.5}, {"feedback": 0.5, "lowpass": 0.3, "saturation": "tanh"}])
@pytest.mark.parametrize("bad", [float("nan"), -3.0, 0.2, 1e9, float("inf"), -float("inf")])
def test_delays_are_clamped(bad, loop, moving):
    if bad == 0.2 and not loop:
        pytest.skip("legal without feedback")
    least = 1.0 if loop else 0.0
    y, to_x, to_delay = _delayed(bad, moving, PretendedDevice(), **loop)
    expected = _delayed(LONGEST if bad > LONGEST else least, moving, PretendedDevice(), **loop)
    torch.testing.assert_close(y, expected[0], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(to_x, expected[1], rtol=1e-12, atol=1e-12)
    own = to_delay[0, 40:] if moving else to_delay[0]
    assert (own == 0).all()
    assert to_delay[1].isfinite().all()


@pytest.mark.parametrize("bad", [float("nan"), 0.2, 70.0])
def test_networks_refuse_them(bad):
    a = [[bad, 11.0, 13.0], torch.eye(3).tolist(), [[1.0]] * 3, [[1.0] * 3]]
    for modulation in (None, torch.zeros(1, 3, 30, dtype=torch.float64)):
        with PretendedDevice():
            x, *given = (DeviceTensor(torch.as_tensor(t, dtype=torch.float64)) for t in (noise(1, 1, 30), *a))
            moved = None if modulation is None else DeviceTensor(modulation)
            with pytest.raises(ValueError, match="delays must be"):
                R.feedback_network(x, *given, longest=60, modulation=moved)


@pytest.mark.parametrize("bad", [float("nan"), 0.2, 1000.0])
def test_graphs_refuse_them(bad):
    with PretendedDevice():
        x, gains = DeviceTensor(noise(1, 2, 40)), DeviceTensor(torch.full((1, 4, 1), 0.5, dtype=torch.float64))
        delay = DeviceTensor(torch.full((1, 1, 1), bad, dtype=torch.float64))
        with pytest.raises(ValueError, match="time-varying delays must lie"):
            R.delay_graph(x, diagram(), gains, delay)
