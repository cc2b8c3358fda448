"""The operators of lti as on paper: slow, obvious, differentiable; the ground truth of their kernels."""

import torch


def solve(matrix, rhs):
    """The x with ``matrix x = rhs`` at each point: matrix (..., N, N, M), rhs (..., N, K, M)."""
    return torch.stack([torch.linalg.solve(matrix[..., m], rhs[..., m]) for m in range(rhs.shape[-1])], -1)


def closed_loop(left, matrix, right, rhs):
    """The y with ``(I - diag(left) matrix diag(right)) y = rhs``: left, right (..., N, M), matrix (..., N, N)."""
    identity = torch.eye(matrix.shape[-1], dtype=rhs.dtype)
    points = []
    for m in range(rhs.shape[-1]):
        open_loop = left[..., m].diag_embed() @ matrix.to(rhs.dtype) @ right[..., m].diag_embed()
        points.append(torch.linalg.solve(identity - open_loop, rhs[..., m]))
    return torch.stack(points, -1)


def loop_impulse(matrix, delays, b, c, samples):
    """h[t] = C s[t], s_j[t] = x_j[t - m_j], x[t] = A s[t] + B delta[t]: (outputs, inputs, samples)."""
    silence = torch.zeros_like(b[0])
    x, h = [], []
    for t in range(samples):
        s = torch.stack([x[t - m][j] if t >= m else silence for j, m in enumerate(delays)])
        x.append(matrix @ s + (b if t == 0 else 0.0))
        h.append(c @ s)
    return torch.stack(h, -1)
