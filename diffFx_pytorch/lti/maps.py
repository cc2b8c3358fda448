"""From a raw parameter, which an optimiser may move anywhere, to a legal value, and back.

A map is anything callable. One with an ``inverse`` lets a module be built from a value; without, the tensor a module is
given is the raw parameter itself.
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
    """A map that knows its way back."""

    def __call__(self, raw: Tensor) -> Tensor:
        """The value of a raw parameter."""
        ...

    def inverse(self, value: Tensor) -> Tensor:
        """The raw parameter of a value."""
        ...


@dataclass(frozen=True)
class Plain:
    """The value is the parameter."""

    def __call__(self, raw: Tensor) -> Tensor:
        """As it is."""
        return raw

    def inverse(self, value: Tensor) -> Tensor:
        """As it is."""
        return value


@dataclass(frozen=True)
class Bounded:
    """Between two ends, through a sigmoid; evenly, or evenly in the logarithm.

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
        """A value strictly inside, for a raw parameter of any size."""
        low, high = self._ends()
        u = low + (high - low) * torch.sigmoid(raw)
        return u.exp() if self.curve == "log" else u

    def inverse(self, value: Tensor) -> Tensor:
        """The raw parameter; a value at an end is taken as just inside."""
        low, high = self._ends()
        inside = torch.finfo(value.dtype).eps
        return torch.logit(((value.log() if self.curve == "log" else value) - low) / (high - low), inside)

    def _ends(self) -> tuple[float, float]:
        return (math.log(self.low), math.log(self.high)) if self.curve == "log" else (self.low, self.high)


@dataclass(frozen=True)
class Positive:
    """Above 0: the exponential."""

    def __call__(self, raw: Tensor) -> Tensor:
        """exp(raw)."""
        return raw.exp()

    def inverse(self, value: Tensor) -> Tensor:
        """log(value)."""
        return value.log()
