"""Systems inside autocast, and with parameters that a network predicts in half precision."""

import torch

from diffFx_pytorch.lti import FIR, Delay, Gain, Matrix, Recursion, Series


def test_autocast_changes_nothing():
    torch.manual_seed(0)
    lines = Series(Delay(torch.tensor([11.0, 13.0, 17.0])), FIR(0.2 * torch.randn(3, 3, 3), requires_grad=True))
    loop = Recursion(lines, Matrix(3, requires_grad=True))
    system = Series(Gain(torch.randn(3, 2)), loop, Gain(torch.randn(1, 3), requires_grad=True))
    x = torch.randn(2, 2, 500)
    raw = {name: torch.randn_like(value).bfloat16() for name, value in system.named_parameters() if value.requires_grad}
    exact = {name: value.float() for name, value in raw.items()}
    results = [system(x), system.frequency_response(256), system.impulse_response(100), system(x, exact)]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = [system(x), system.frequency_response(256), system.impulse_response(100), system(x, raw)]
    assert all(torch.equal(a, b) for a, b in zip(inside, results, strict=True))
