"""The linear recursion of a vector, s[t] = A[t] s[t-1] + u[t], and its adjoint."""

from __future__ import annotations

import numpy as np

from diffFx_pytorch.kernels import njit


@njit(nogil=True, cache=True)
def forward(start, stop, u, u_row, A, A_row, zi, zi_row, threshold, s, zf):
    """Rows ``start`` to ``stop - 1`` of states s and of the last state."""
    samples, order = s.shape[1:]
    state, new_state = np.empty(order), np.empty(order)
    for row in range(start, stop):
        matrices, drive = A[A_row[row]], u[u_row[row]]
        state[:] = zi[zi_row[row]]
        for t in range(samples):
            matrix = matrices[t if matrices.shape[0] > 1 else 0]
            for i in range(order):
                total = float(drive[t, i])
                for j in range(order):
                    total += matrix[i, j] * state[j]
                new_state[i] = total
            for i in range(order):
                s[row, t, i] = new_state[i]
                state[i] = new_state[i] if abs(new_state[i]) >= threshold else 0.0
        zf[row] = state


@njit(nogil=True, cache=True)
def backward(start, stop, gs, gzf, u, u_row, A, A_row, zi, zi_row, s, threshold, gu, gA, gzi):
    """The gradients of rows ``start`` to ``stop - 1``."""
    samples, order = s.shape[1:]
    carry, new_carry = np.empty(order), np.empty(order)
    for row in range(start, stop):
        matrices = A[A_row[row]]
        carry[:] = gzf[row]
        gA[row] = 0.0
        for t in range(samples - 1, -1, -1):
            at = t if matrices.shape[0] > 1 else 0
            matrix, to_matrix = matrices[at], gA[row, at]
            for i in range(order):
                carry[i] += gs[row, t, i]
                gu[row, t, i] = carry[i]
            new_carry[:] = 0.0
            for i in range(order):
                for j in range(order):
                    to_matrix[i, j] += carry[i] * (s[row, t - 1, j] if t > 0 else zi[zi_row[row], j])
                    new_carry[j] += matrix[i, j] * carry[i]
            for j in range(order):
                carry[j] = new_carry[j] if abs(new_carry[j]) >= threshold else 0.0
        gzi[row] = carry
