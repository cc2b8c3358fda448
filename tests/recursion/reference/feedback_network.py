"""The feedback delay network as on paper: one sample at a time, differentiable by autograd."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def feedback_network(x, delays, matrix, input_gains, output_gains, absorption, past=None, zi=None):
    """One network: ``u_i = A_i s_i[n - m_i]``, ``s = B x + M u``, ``y = C u``.

    Args:
        x: (inputs, T).
        delays: N whole numbers of samples, or (N, T) moving, read by Lagrange interpolation through four points.
        matrix: M (N, N).
        input_gains: B (N, inputs).
        output_gains: C (outputs, N).
        absorption: sections [b0 b1 b2 a0 a1 a2] (N, T, K, 6).
        past: (N, P), oldest first.
        zi: states of the sections, transposed direct form 2 (N, K, 2).

    Returns:
        ``(y, s, zf)``: outputs (outputs, T), lines with their past (N, P + T), states (N, K, 2).
    """
    N, K = matrix.shape[0], absorption.shape[-2]
    zero = torch.zeros((), dtype=x.dtype)
    lines = [[] if past is None else list(past[i]) for i in range(N)]
    start = len(lines[0])
    state = [[[zero, zero] if zi is None else list(zi[i, k]) for k in range(K)] for i in range(N)]
    y = []

    def read(i: int, n: int) -> Tensor:
        def at(lag: int) -> Tensor:
            return lines[i][start + n - lag] if 0 <= start + n - lag < len(lines[i]) else zero

        if not isinstance(delays, Tensor):
            return at(delays[i])
        d = delays[i, n]
        whole = math.floor(d.item())
        nodes = [whole + j for j in (-1, 0, 1, 2)]
        return sum((math.prod((d - o) / (node - o) for o in nodes if o != node) * at(node) for node in nodes), zero)

    for n in range(x.shape[1]):
        u = []
        for i in range(N):
            v = read(i, n)
            for k in range(K):
                b0, b1, b2, a0, a1, a2 = absorption[i, n, k]
                z = state[i][k]
                out = (b0 * v) / a0 + z[0]
                state[i][k] = [(b1 * v - a1 * out) / a0 + z[1], (b2 * v - a2 * out) / a0]
                v = out
            u.append(v)
        u = torch.stack(u)
        s = input_gains @ x[:, n] + matrix @ u
        for i in range(N):
            lines[i].append(s[i])
        y.append(output_gains @ u)
    return (
        torch.stack(y, -1),
        torch.stack([torch.stack(line) for line in lines]),
        torch.stack([v for line in state for z in line for v in z]).view(N, K, 2) if K else x.new_zeros(N, 0, 2),
    )
