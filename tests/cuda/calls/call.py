"""What a call of operators with CUDA kernels is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from tests.cuda.signals import noise


@dataclass(frozen=True)
class Call:
    """A call of operators with CUDA kernels.

    Attributes:
        operators: whose kernels it runs, without namespace.
        inputs: from a number of samples to the floating-point tensors, float64, signal first.
        run: from the tensors to the outputs.
        tolerance: of float32 results, relative to the largest value.
        variant: whether another call runs the same kernels, so that one size is enough but for the slow tests.
        reorders: whether its gradient adds up in an order that varies: moving taps may meet in a sample.
    """

    operators: set[str]
    inputs: Callable[[int], list[Tensor]]
    run: Callable[..., tuple[Tensor, ...]]
    tolerance: float = 2e-6
    variant: bool = False
    reorders: bool = False

    def results(self, samples: int, dtype: torch.dtype, device: str = "cpu") -> list[Tensor]:
        """Outputs, and the gradients of a weighted sum of them."""
        given = self.inputs(samples)
        pair = torch.complex64 if dtype == torch.float32 else torch.complex128
        leaves = [t.to(device, pair if t.is_complex() else dtype).requires_grad_() for t in given]
        outputs = [y for y in self.run(*leaves) if y.numel()]
        weights = [noise(*y.shape, seed=7).to(device, y.dtype) for y in outputs]
        found = torch.autograd.grad(outputs, leaves, weights, materialize_grads=True) if outputs else ()
        return [t.detach().cpu() for t in (*outputs, *found)]
