"""Non-negative least squares, a batch of columns at once."""

from __future__ import annotations

import torch
from torch import Tensor


def nnls(W: Tensor, target: Tensor, n_iter: int = 100, n_smooth: int = 10) -> Tensor:
    """Non-negative a with the least ||W a - m||^2, for every column m, where W itself is non-negative.

    Where W has more columns than rows there are many such a. Some multiplicative steps on the divergence of W a from m
    first,

        a = a * (W^T (m / W a)) / (W^T 1),

    which, from an even start, spread the energy as evenly as m allows and converge fast; then accelerated projected
    gradient steps, scaled by a diagonal D >= W^T W, which reach the least squares where m is no W a,

        a' = max(0, b - D^-1 W^T (W b - m)),   b = a' + (t - 1) / t' (a' - a),   D = diag(W^T W 1).

    The momentum of a column starts anew where it points uphill.

    Args:
        W: (K, F), non-negative.
        target: m, (..., K, T).
        n_iter: steps of the gradient.
        n_smooth: multiplicative steps.

    Returns:
        a, (..., F, T); columns of W that are zero give zero.

    Raises:
        ValueError: for shapes that do not fit, or a negative W.

    References:
        Lee and Seung, "Algorithms for non-negative matrix factorization", NIPS, 2000, theorem 2.
        Beck and Teboulle, "A fast iterative shrinkage-thresholding algorithm", SIAM J. Imaging Sciences 2(1), 2009.
        O'Donoghue and Candes, "Adaptive restart for accelerated gradient schemes", Found. Comput. Math. 15, 2015, 3.2.
    """
    if W.dim() != 2 or target.dim() < 2 or target.shape[-2] != W.shape[0]:
        raise ValueError(
            f"nnls: W must be (K, F) and the target (..., K, T). Got {tuple(W.shape)} and {tuple(target.shape)}."
        )
    if (W < 0).any():
        raise ValueError("nnls: W must not be negative.")
    tiny = torch.finfo(W.dtype).tiny
    sums = W.sum(0).unsqueeze(-1)
    used = sums > 0
    per_sum = torch.where(used, 1 / torch.where(used, sums, 1.0), 0.0)
    scale = (W.mT @ W.sum(1, keepdim=True)).clamp_min(tiny)
    m = target.clamp_min(0)
    a = (W.mT @ m) * per_sum
    for _ in range(n_smooth):
        a = a * (W.mT @ (m / (W @ a).clamp_min(tiny))) * per_sum
    b, t = a, target.new_ones(*target.shape[:-2], 1, target.shape[-1])
    for _ in range(n_iter):
        new = torch.where(used, (b - W.mT @ (W @ b - target) / scale).clamp_min(0), 0.0)
        uphill = (scale * (b - new) * (new - a)).sum(-2, keepdim=True) > 0
        t = torch.where(uphill, 1.0, t)
        t_next = (1 + (1 + 4 * t.square()).sqrt()) / 2
        b = new + torch.where(uphill, 0.0, (t - 1) / t_next) * (new - a)
        a, t = new, t_next
    return a
