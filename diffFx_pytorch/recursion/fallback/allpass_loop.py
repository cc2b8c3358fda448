"""All-passes in a loop, in eager torch operations, differentiable to any order."""

from __future__ import annotations

import torch
from torch import Tensor

from .sections import linear_states


def allpass_loop_rows(x: Tensor, coef: Tensor, zi: Tensor) -> tuple[Tensor, Tensor]:
    """Output and last states over rows, as one linear system whose matrix may vary in time.

    Args:
        x: (R, T) float64.
        coef: (R, T or 1, 1, 2): b and g; or (R, T or 1, 1, 3): b1, g and b2 of second-order stages.
        zi: (R, K, 2): states of 2 K - 2 stages, or both of K - 1 of second order, last output, one unused.

    Returns:
        u + v (R, T) and the states after the last sample (R, K, 2).
    """
    rows, count = zi.shape[0], 2 * zi.shape[1]
    stages = count - 2
    b, g, *outer = (c.squeeze(-2) for c in coef.split(1, -1))  # (R, T or 1, 1)
    c, *outer_c = (torch.sqrt((1 - k) * (1 + k)) for k in (b, *outer))
    # Everything is a linear form of the states before the sample and of the input, which stands last.
    unit = torch.eye(count + 1, dtype=x.dtype, device=x.device)
    signal = unit[-1] + g * unit[stages]
    new_state = []
    for k in range(0, stages, 1 + len(outer)):
        inner, after = signal, signal
        for d, e in zip(outer, outer_c, strict=True):
            inner, after = d * unit[k + 1] + e * signal, e * unit[k + 1] - d * signal
        new_state.append(b * unit[k] + c * inner)
        turned = c * unit[k] - b * inner
        new_state += [turned] * len(outer)
        signal = after if outer else turned
    new_state += [signal, unit[count - 1].expand(signal.shape)]
    system = torch.stack(new_state, -2)  # (R, T or 1, count, count + 1)
    states = linear_states(system[..., :-1], system[..., -1] * x.unsqueeze(-1), zi.reshape(rows, count))
    last = states[:, :, stages]
    return x + g.squeeze(-1) * last[:, :-1] + last[:, 1:], states[:, -1].reshape(zi.shape)
