"""Maps from a raw parameter, which an optimiser may move anywhere, to a legal value, and back.

A map is any callable. With an ``inverse``, a module can be built from a value; without, the tensor that a module is
built from is the raw parameter itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import torch
from torch import Tensor

Map = Callable[[Tensor], Tensor]


@runtime_checkable
class InvertibleMap(Protocol):
    """A map with an inverse."""

    def __call__(self, raw: Tensor) -> Tensor:
        """Return the value of a raw parameter."""
        ...

    def inverse(self, value: Tensor) -> Tensor:
        """Return the raw parameter of a value."""
        ...


@dataclass(frozen=True)
class Identity:
    """The value is the raw parameter."""

    def __call__(self, raw: Tensor) -> Tensor:
        """Return the raw parameter."""
        return raw

    def inverse(self, value: Tensor) -> Tensor:
        """Return the value."""
        return value


@dataclass(frozen=True)
class Bounded:
    """A value between two ends, through a sigmoid, on a linear or logarithmic scale.

    Args:
        low: lower end.
        high: upper end.
        curve: "linear" or "log"; "log" needs low above 0.
    """

    low: float
    high: float
    curve: Literal["linear", "log"] = "linear"

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.curve == "log" and self.low <= 0):
            raise ValueError(f"Bounded needs low < high, and above 0 for 'log'; got {self.low} .. {self.high}")

    def __call__(self, raw: Tensor) -> Tensor:
        """Return a value strictly inside, for any raw parameter."""
        low, high = self._ends()
        u = low + (high - low) * torch.sigmoid(raw)
        return u.exp() if self.curve == "log" else u

    def inverse(self, value: Tensor) -> Tensor:
        """Return the raw parameter; a value at an end is taken as just inside."""
        low, high = self._ends()
        inside = torch.finfo(value.dtype).eps
        return torch.logit(((value.log() if self.curve == "log" else value) - low) / (high - low), inside)

    def _ends(self) -> tuple[float, float]:
        return (math.log(self.low), math.log(self.high)) if self.curve == "log" else (self.low, self.high)


@dataclass(frozen=True)
class Positive:
    """A value above 0: the exponential."""

    def __call__(self, raw: Tensor) -> Tensor:
        """Return exp(raw)."""
        return raw.exp()

    def inverse(self, value: Tensor) -> Tensor:
        """Return log(value)."""
        return value.log()


@dataclass(frozen=True)
class Tanh:
    """A value inside -1 .. 1: the hyperbolic tangent."""

    def __call__(self, raw: Tensor) -> Tensor:
        """Return tanh(raw)."""
        return raw.tanh()

    def inverse(self, value: Tensor) -> Tensor:
        """Return artanh(value)."""
        return value.atanh()
