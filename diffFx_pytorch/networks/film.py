"""Features turned by a condition."""

from __future__ import annotations

from torch import Tensor, nn


class FiLM(nn.Module):
    r"""Features scaled and shifted by a linear map of a condition, the identity at the start.

    .. math:: y_h = (1 + \gamma_h(c))\, x_h + \beta_h(c)

    Args:
        condition: size of the condition; 0 leaves features alone.
        features: size of what it turns.

    Shape:
        x (B, ..., features), condition (B, condition).

    References:
        E. Perez, F. Strub, H. de Vries, V. Dumoulin, A. Courville, "FiLM: visual reasoning with a general conditioning
        layer", AAAI 2018, equations 1 and 2.
    """

    def __init__(self, condition: int, features: int) -> None:
        super().__init__()
        self.linear = nn.Linear(condition, 2 * features) if condition else None
        if self.linear is not None:
            nn.init.zeros_(self.linear.weight)
            nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """The features, turned."""
        if self.linear is None:
            return x
        assert condition is not None
        gamma, beta = self.linear(condition).chunk(2, -1)
        between = [1] * (x.dim() - 2)
        return (1 + gamma.reshape(-1, *between, x.shape[-1])) * x + beta.reshape(-1, *between, x.shape[-1])
