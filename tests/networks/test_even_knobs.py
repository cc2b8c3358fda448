"""Gradients of knobs brought to one size."""

import torch

from diffFx_pytorch.networks import even_knobs


def test_every_knob_gets_a_gradient_of_one_size_and_its_signs_stay():
    torch.manual_seed(0)
    for shape in ((4, 3), (4, 3, 5)):
        positions, weight = torch.rand(shape, requires_grad=True), torch.randn(shape)
        weight = weight * torch.tensor([1e-3, 0.0, 10.0]).reshape(1, 3, *[1] * (len(shape) - 2))
        even = even_knobs(positions)
        assert torch.equal(even, positions)
        (even * weight).sum().backward()
        size = positions.grad.abs().transpose(0, 1).flatten(1).mean(1)
        torch.testing.assert_close(size[0], size[2])
        assert size[1] == 0
        assert torch.equal(positions.grad.sign(), weight.sign())
        ratio = positions.grad[0, 0] / positions.grad[1, 0]
        torch.testing.assert_close(ratio, weight[0, 0] / weight[1, 0])
