"""All-passes in a loop, in eager torch operations, differentiable to any order."""

from __future__ import annotations

import torch
from torch import Tensor

from .sections import linear_states


def allpass_loop_rows(x: Tensor, coef: Tensor, zi: Tensor) -> tuple[Tensor, Tensor]:
    """Output and last states over rows, as one linear system whose matrix may vary in time.

    Args:
        x: (R, T) float64.
        coef: (R, T or 1, 1, 2): b and g.
        zi: (R, K, 2): states of 2 K - 2 stages, last output, one unused.

    Returns:
        u + v (R, T) and the states after the last sample (R, K, 2).
    """
    rows, count = zi.shape[0], 2 * zi.shape[1]
    stages = count - 2
    b, g = (c.squeeze(-2) for c in coef.split(1, -1))  # (R, T or 1, 1)
    c = torch.sqrt((1 - b) * (1 + b))
    # Everything is a linear form of the states before the sample and of the input, which stands last.
    unit = torch.eye(count + 1, dtype=x.dtype, device=x.device)
    signal = unit[-1] + g * unit[stages]
    new_state = []
    for k in range(stages):
        new_state.append(b * unit[k] + c * signal)
        signal = c * unit[k] - b * signal
    new_state += [signal, unit[count - 1].expand(signal.shape)]
    system = torch.stack(new_state, -2)  # (R, T or 1, count, count + 1)
    states = linear_states(system[..., :-1], system[..., -1] * x.unsqueeze(-1), zi.reshape(rows, count))
    last = states[:, :, stages]
    return x + g.squeeze(-1) * last[:, :-1] + last[:, 1:], states[:, -1].reshape(zi.shape)
