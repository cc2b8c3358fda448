"""Every effect on a device that is not the CPU: no tensor is left behind, and nothing waits for it unannounced."""

import pytest
import torch

from tests.contract.hearing import rise_and_fall, settings
from tests.device.pretended import DeviceTensor, PretendedDevice, moved
from tests.device.waits import WAITS, operator


@pytest.mark.sampled(3)
@pytest.mark.parametrize("moving", [pytest.param(False, marks=pytest.mark.slow), True], ids=["still", "moving"])
def test_runs_on_a_device(case, moving):
    fx = case()
    x, flat = rise_and_fall(2, case.channels(), 48), settings(fx, 2)
    points = torch.stack((flat, 0.97 * flat + 0.01), -1)

    def run(fx, to):
        leaf = to(x).requires_grad_()
        knobs = {
            name: to(points[:, i] if moving and p.automatable else flat[:, i]).requires_grad_()
            for i, (name, p) in enumerate(fx.params.items())
        }
        y = fx(leaf, norm_params=knobs)
        return y, *torch.autograd.grad(y.square().sum(), (leaf, *knobs.values()), materialize_grads=True)

    expected = run(fx, torch.clone)
    with PretendedDevice() as device:
        found = run(moved(fx), lambda t: DeviceTensor(t.clone()))
    assert not device.mixed, "\n".join(sorted(set(device.mixed)))
    assert not device.copies, f"{dict(device.copies)} copied to the device: keep them with kernels.constants"
    unannounced = {where for where in device.waits if operator(where) not in WAITS}
    assert not unannounced, f"{unannounced} wait for the device: cure it, or give the reason in tests/device/waits.py"
    for name, ours, theirs in zip(("y", "x", *fx.params), found, expected, strict=True):
        assert isinstance(ours, DeviceTensor), f"{name} is not on the device"
        error = float((ours.host - theirs).detach().abs().max())
        assert error <= 1e-9 * float(theirs.abs().max()) + 1e-14, name  # of what is zero, rounding
