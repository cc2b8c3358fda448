"""Calls that every CUDA kernel is tested with: in the interpreter, compiled, and on a device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

import diffFx_pytorch.recursion as R


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=generator(seed))


def between(low: float, high: float, *shape: int, seed: int = 1) -> Tensor:
    return low + (high - low) * torch.rand(*shape, dtype=torch.float64, generator=generator(seed))


@dataclass(frozen=True)
class Call:
    """A call of operators with CUDA kernels.

    Attributes:
        operators: whose kernels it runs, without namespace.
        inputs: from a number of samples to the floating-point tensors, float64, signal first.
        run: from the tensors to the outputs.
        tolerance: of float32 results, relative to the largest value.
    """

    operators: set[str]
    inputs: Callable[[int], list[Tensor]]
    run: Callable[..., tuple[Tensor, ...]]
    tolerance: float = 2e-6

    def results(self, samples: int, dtype: torch.dtype, device: str = "cpu") -> list[Tensor]:
        """Outputs, and the gradients of a weighted sum of them."""
        given = self.inputs(samples)
        signal = given[0].dtype
        leaves = [t.to(device, dtype if t.dtype == signal else t.dtype).requires_grad_() for t in given]
        outputs = [y for y in self.run(*leaves) if y.numel()]
        weights = [noise(*y.shape, seed=7).to(device, y.dtype) for y in outputs]
        found = torch.autograd.grad(outputs, leaves, weights, materialize_grads=True) if outputs else ()
        return [t.detach().cpu() for t in (*outputs, *found)]


CALLS = {
    "one pole": Call(
        {"allpole"},
        lambda T: [noise(2, 2, T), between(0.98, 1, 2, 1), noise(2)],
        lambda x, c, zi: R.one_pole(x, c, zi, True, time_varying=False),
    ),
    "allpole, moving": Call(
        {"allpole"},
        lambda T: [noise(2, 2, T), -between(-0.9, 1, 2, 1, T, 1), noise(2, 1)],
        lambda x, a, zi: R.allpole(x, a, zi, True),
    ),
}
