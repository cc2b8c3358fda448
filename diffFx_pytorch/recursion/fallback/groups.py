"""Rows that share coefficients, side by side, so that a product with the coefficients' matrices serves all of them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor


class Groups:
    """Q sets of coefficients for P rows each, of batch dimensions in which the last ones share coefficients.

    Args:
        batch: the shape to which all broadcast.
        coef: coefficients (..., *core).
        core: the number of their core axes.
    """

    def __init__(self, batch: Sequence[int], coef: Tensor, core: int) -> None:
        self._own = (1,) * (len(batch) + core - coef.dim()) + coef.shape[: coef.dim() - core]
        alone = next((i for i, n in enumerate(reversed(self._own)) if n != 1), len(batch))
        self._batch, self._outer, self._core = tuple(batch), tuple(batch[: len(batch) - alone]), core
        self.Q, self.P = math.prod(self._outer), math.prod(batch[len(batch) - alone :])

    def sets(self, coef: Tensor) -> Tensor:
        """(..., *core) to (Q, *core)."""
        core = coef.shape[coef.dim() - self._core :]
        return coef.reshape(*self._own[: len(self._outer)], *core).expand(*self._outer, *core).reshape(self.Q, *core)

    def rows(self, t: Tensor, core: int) -> Tensor:
        """(..., *core) to (Q, P, *core)."""
        shape = t.shape[t.dim() - core :]
        return t.expand(*self._batch, *shape).reshape(self.Q, self.P, *shape)

    def apart(self, t: Tensor) -> Tensor:
        """(Q, P, *core) to the batch shape."""
        return t.reshape(*self._batch, *t.shape[2:])

    def of_sets(self, t: Tensor) -> Tensor:
        """(Q, *core) to a shape that sums to the coefficients' own."""
        return t.reshape(*self._outer, *[1] * (len(self._batch) - len(self._outer)), *t.shape[1:])
