"""Systems of equations, a point of frequency each."""

from __future__ import annotations

import torch
from torch import Tensor

from diffFx_pytorch.lti import ops
from tests.cuda.calls.call import Call
from tests.cuda.signals import between, noise


def _disk(*shape: int) -> Tensor:
    """Complex numbers, most of them within the unit circle."""
    return torch.complex(noise(*shape, seed=8), noise(*shape, seed=9)) / 3


CALLS = {
    "closed loop": Call(
        {"lti_closed_loop"},
        lambda M: [_disk(2, 5, M), between(-0.4, 0.4, 5, 5), _disk(5, M), noise(2, 5, 1, 1) + 0j],
        lambda left, A, right, b: (ops.closed_loop(left, A, right, b),),
        1e-5,
    ),
    "closed loop, complex": Call(
        {"lti_closed_loop"},
        lambda M: [_disk(3, M), _disk(3, 3), noise(3, 2, M) + 0j],
        lambda left, A, b: (ops.closed_loop(left, A, None, b),),
        1e-5,
        variant=True,
    ),
    "solve": Call(
        {"lti_solve"},
        # Each needs rows exchanged.
        lambda M: [_disk(2, 4, 4, M) * (1 - torch.eye(4))[..., None] + 1e-3, noise(4, 2, M) + 0j],
        lambda A, b: (ops.solve(A, b),),
        1e-4,
    ),
}
