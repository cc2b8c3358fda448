"""Memoryless waveshapers, as they are or with first-order antiderivative antialiasing."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

_NODE = 0.5 * math.sqrt(0.6)


@dataclass(frozen=True)
class Shape:
    """A function that shapes a waveform, and its antiderivative.

    Args:
        f: the function, elementwise; f(0) = 0.
        antiderivative: terms whose sum F has F' = f, elementwise. They are differenced one by one, so that a large term
            (|u| in log cosh u) does not swallow the digits of a small one.
        near: steps shorter than this are averaged by three points of f instead of the difference of F. The error is
            near^6 f^(6) / 2016000 where f is smooth, and of the order of near where it has a corner. None is the
            smallest that rounding allows: eps^0.4, where half of the digits are lost.
        odd: whether f(-u) = -f(u).
        with_even: f and its even part at once, where that is cheaper than f at u and at -u.
        biased: of u, a bias b and a factor, f(u + b) - f(b) and the means over ``factor`` samples of what that has
            beyond the odd part of f(u), where that is cheaper than f three times.
    """

    f: Callable[[Tensor], Tensor]
    antiderivative: Callable[[Tensor], tuple[Tensor, ...]]
    near: float | None = 0.1
    odd: bool = True
    with_even: Callable[[Tensor], tuple[Tensor, Tensor]] | None = None
    biased: Callable[[Tensor, Tensor, int], tuple[Tensor, Tensor]] | None = None

    def odd_part(self, u: Tensor) -> Tensor:
        """(f(u) - f(-u)) / 2: the part that makes odd harmonics only, and no DC of a symmetric sound."""
        return self.f(u) if self.odd else 0.5 * (self.f(u) - self.f(-u))

    def and_even_part(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """F(u), and of it (f(u) + f(-u)) / 2, which makes even harmonics and DC."""
        if self.with_even is not None:
            return self.with_even(u)
        shaped = self.f(u)
        return shaped, 0.5 * (shaped + self.f(-u))


def shape_antialiased(shape: Shape, u: Tensor, state: Tensor) -> Tensor:
    """The mean of f over the straight line between samples: y[n] = (F(u[n]) - F(u[n-1])) / (u[n] - u[n-1]).

    The straight line is shaped without aliasing and averaged over one sample before it is sampled again. That delays
    by half a sample and takes off the highest frequencies (f(u) = u gives (u[n] + u[n-1]) / 2). Where the line is short
    the quotient loses its digits, forwards and backwards; there f is averaged by Gauss-Legendre quadrature, whose
    gradient is as well conditioned as f itself.

    Args:
        shape: the function and its antiderivative.
        u: (..., T).
        state: the sample before the first, (..., 1).

    Returns:
        (..., T).

    References:
        J. Parker, V. Zavalishin, E. Le Bivic, "Reducing the aliasing of nonlinear waveshaping using continuous-time
        convolution", DAFx 2016, eq. 10.
        S. Bilbao, F. Esqueda, J. Parker, V. Valimaki, "Antiderivative antialiasing for memoryless nonlinearities", IEEE
        Signal Processing Letters 24(7), 2017.
    """
    start = torch.cat((state.expand(*u.shape[:-1], 1), u), -1)[..., :-1]
    step = u - start
    near = step.abs() < (torch.finfo(u.dtype).eps ** 0.4 if shape.near is None else shape.near)
    # The branch not taken is kept finite too, or its gradient would be 0 times infinity. A shape with time-varying
    # knobs differs from sample to sample, so F is evaluated at both ends and not differenced along time.
    slope = torch.zeros_like(u)
    for there, here in zip(shape.antiderivative(u), shape.antiderivative(start), strict=True):
        slope = slope + (there - here)
    slope = slope / torch.where(near, 1.0, step)
    middle, half = 0.5 * (u + start), _NODE * step
    mean = (5 * (shape.f(middle - half) + shape.f(middle + half)) + 8 * shape.f(middle)) / 18
    return torch.where(near, mean, slope)
