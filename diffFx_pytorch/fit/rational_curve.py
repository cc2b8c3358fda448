"""A static curve that learns: a quotient of polynomials."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

_POINTS = 512
_STEPS = 60


class RationalCurve(nn.Module):
    r"""A curve without memory, learned as a quotient of polynomials without poles (a Pade activation unit).

    .. math:: y = \frac{\sum_{j=0}^{m} a_j x^j}{1 + |\sum_{k=1}^{n} b_k x^k|}

    With m = n + 1 it goes on as a straight line outside of what it has learned, so a loud sample stays finite. It is a
    module like an effect: ``nn.Sequential(Gain(rate), RationalCurve(), LowPass(rate))``; between an up- and a
    downsampling where its harmonics should not alias.

    Args:
        degrees: (m, n) of the polynomials.
        start: the curve it begins as, of a tensor; None is the identity.
        reach: it begins as ``start`` on -reach .. reach, to 1e-5 for tanh and some hundredths
            at the corners of a hard clipper.

    Shape:
        Any.

    Raises:
        ValueError: for degrees below 1, or a reach that is not positive.

    References:
        A. Molina, P. Schramowski, K. Kersting, "Pade activation units: end-to-end learning of flexible activation
        functions in deep networks", ICLR 2020, equation 3 (the safe unit).
        M. Comunita, C. J. Steinmetz, J. D. Reiss, "NablAFx: a framework for differentiable black-box and gray-box
        modeling of audio effects", 2025 (as the nonlinearity of a distortion).
    """

    def __init__(
        self,
        degrees: tuple[int, int] = (5, 4),
        start: Callable[[Tensor], Tensor] | None = torch.tanh,
        *,
        reach: float = 3.0,
    ) -> None:
        super().__init__()
        m, n = degrees
        if m < 1 or n < 1 or not reach > 0:
            raise ValueError(f"RationalCurve: degrees must be 1 or more and reach positive, got {degrees}, {reach!r}")
        upper, lower = torch.zeros(m + 1, dtype=torch.float64), torch.zeros(n, dtype=torch.float64)
        upper[1] = 1.0
        if start is not None:
            x = torch.linspace(-reach, reach, _POINTS, dtype=torch.float64)
            upper, lower = _fitted(x, start(x), m, n)
        self.upper, self.lower = (nn.Parameter(c.to(torch.get_default_dtype())) for c in (upper, lower))

    def forward(self, x: Tensor) -> Tensor:
        """The curve at x."""
        return _quotient(x, self.upper.to(x), self.lower.to(x))

    def extra_repr(self) -> str:
        """Return the degrees."""
        return f"degrees=({len(self.upper) - 1}, {len(self.lower)})"


def _quotient(x: Tensor, upper: Tensor, lower: Tensor) -> Tensor:
    above, below = torch.zeros_like(x), torch.zeros_like(x)
    for a in reversed(upper.unbind()):
        above = above * x + a
    for b in reversed(lower.unbind()):
        below = (below + b) * x
    return above / (1 + below.abs())


def _fitted(x: Tensor, y: Tensor, m: int, n: int) -> tuple[Tensor, Tensor]:
    """The quotient nearest to y(x): by linear least squares of y Q = P, then by Levenberg's and Marquardt's steps."""
    upward = x.unsqueeze(-1) ** torch.arange(max(m, n) + 1, dtype=x.dtype)
    above, below = upward[:, : m + 1], upward[:, 1 : n + 1]
    linear = torch.cat([above, -y.unsqueeze(-1) * below], -1)
    best = torch.linalg.lstsq(linear, y.unsqueeze(-1), driver="gelsd").solution[:, 0]

    def error(c: Tensor) -> tuple[Tensor, Tensor]:
        """The residual and its derivative by the coefficients."""
        P, inner = above @ c[: m + 1], below @ c[m + 1 :]
        Q = 1 + inner.abs()
        slope = torch.cat([above / Q[:, None], -(P * inner.sign() / Q.square())[:, None] * below], -1)
        return P / Q - y, slope

    damping = 1e-3
    for _ in range(_STEPS):
        residual, J = error(best)
        normal = J.mT @ J
        step = torch.linalg.lstsq(normal + damping * normal.diagonal().diag(), J.mT @ residual).solution
        if error(best - step)[0].norm() < residual.norm():
            best, damping = best - step, damping / 3
        else:
            damping *= 4
    return best[: m + 1], best[m + 1 :]
