"""Networks that stand still, as a device without kernels runs them, against the kernels: all results by name."""

import pytest
import torch

from diffFx_pytorch.recursion import feedback_network
from diffFx_pytorch.recursion.fallback import still_network
from tests.device.dispatched import Dispatched
from tests.without_kernels import without_kernels

ROWS, LINES = 2, 3


def noise(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def network(samples, least, sections, shared, dtype):
    """The inputs of networks, by name."""
    given = {
        "x": noise(ROWS, 2, samples).to(dtype),
        "delays": torch.tensor([least, least + 3, 2 * least + 5]).double(),
        "matrix": 0.95 * torch.linalg.qr(noise(ROWS, LINES, LINES, seed=1))[0],
        "input_gains": noise(LINES, 2, seed=2),
        "output_gains": noise(2, LINES, seed=3),
        "direct": noise(2, 2, seed=4),
        "past": noise(ROWS, LINES, 2 * least + 10, seed=5),
    }
    if sections:
        coef = 0.3 * noise(*(() if shared else (ROWS,)), LINES, sections, 6, seed=6)
        given["absorption"] = coef + torch.tensor([0.7, 0, 0, 1.5, 0, 0])
        given["states"] = noise(ROWS, sections, 1, 2, 8, seed=7)
    return given


def results(given):
    """Outputs and gradients, by name."""
    leaves = {name: t.clone().requires_grad_() for name, t in given.items()}
    call = dict(leaves)
    past, states = call.pop("past"), call.pop("states", torch.zeros(0, 1, 2, 8, dtype=torch.float64))
    call["time_varying"] = False if "absorption" in call else None
    y, (end, zf) = feedback_network(**call, longest=past.shape[-1] - 2, zi=(past, states), return_zf=True)
    outputs = {"y": y, "end": end, "zf": zf[..., :LINES]}
    along = [noise(*t.shape, seed=9).to(t.dtype) for t in outputs.values()]
    gradients = torch.autograd.grad([*outputs.values()], [*leaves.values()], along)
    found = {name: t.detach() for name, t in outputs.items()}
    found |= {f"to {name}": g for name, g in zip(leaves, gradients, strict=True)}
    if "to states" in found:  # lanes without a line are nobody's
        found["to states"] = found["to states"][..., :LINES]
    return found


def assert_agree(found, expected, tolerance):
    for name, theirs in expected.items():
        if theirs.numel():
            error = (found[name].double() - theirs.double()).abs().max() / theirs.abs().max()
            assert error <= tolerance, (name, float(error))


CASES = [
    (1, 5, 1, True),
    (65, 60, 0, False),
    (300, 5, 1, False),
    (300, 7, 2, True),
    (700, 64, 1, True),
    (1001, 150, 0, False),
    (1001, 150, 1, False),
    (1001, 100, 2, False),
]


@pytest.mark.parametrize(("samples", "least", "sections", "shared"), CASES)
def test_give_what_the_kernels_give(samples, least, sections, shared, monkeypatch):
    monkeypatch.setattr(still_network, "AHEAD", 256)
    monkeypatch.setattr(still_network, "BACK", 128)
    for dtype, tolerance in ((torch.float32, 1e-5), (torch.float64, 1e-11)):
        given = network(samples, least, sections, shared, dtype)
        expected = results(given)
        with Dispatched():  # what the gradient reads was kept
            assert_agree(results(given), expected, tolerance)
        with without_kernels():  # or is computed anew
            assert_agree(results(given), expected, tolerance)
