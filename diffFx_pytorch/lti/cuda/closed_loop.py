"""The closed loop on CUDA devices: `solve`, with the matrix made in registers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from diffFx_pytorch.kernels.precision import exact_products

from .solve import eliminated, fits


def serves(inputs: Any) -> bool:
    """What fits into registers."""
    return fits(inputs.rhs)


def forward(batch_shape: tuple[int, ...], inputs: Any, outputs: Any) -> None:
    """As `Kernel.forward` of ``diffFx::lti_closed_loop``."""
    eliminated(batch_shape, inputs.matrix, inputs.rhs, outputs.y, False, (inputs.left, inputs.right))


def backward(batch_shape: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any) -> list[Tensor | None]:
    """As `Kernel.backward`: with z of the adjoint loop, the gradient of the open loop is z y', y conjugate."""
    left, matrix, right, _ = inputs
    z = grads.y.new_empty(*batch_shape, *grads.y.shape[-3:])
    eliminated(batch_shape, matrix, grads.y, z, True, (left, right))
    if saved.y is None:
        return [None, None, None, z]
    y = saved.y if right is None else right.unsqueeze(-2) * saved.y
    w = z if left is None else left.conj().unsqueeze(-2) * z
    A = matrix.to(z.dtype)
    to_left = to_matrix = to_right = None
    with exact_products(z.device):
        if needs.left:
            to_left = (z * torch.einsum("...ij,...jkm->...ikm", A, y).conj()).sum(-2)
        if needs.right:
            to_right = (torch.einsum("...ij,...ikm->...jkm", A.conj(), w) * saved.y.conj()).sum(-2)
        if needs.matrix:
            to_matrix = torch.einsum("...ikm,...jkm->...ij", w, y.expand(w.shape).conj())
            to_matrix = to_matrix if matrix.is_complex() else to_matrix.real
    return [to_left, to_matrix, to_right, z]
