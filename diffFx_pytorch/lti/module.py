"""Modules: systems with parameters of their own."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from .maps import Identity, InvertibleMap, Map
from .response import Dense, Diagonal, Response
from .system import System


class Module(System):
    """Base of the systems that hold parameters.

    Each parameter is stored raw, under its own name in ``state_dict``; ``value(name)`` is its map applied to it.

    Args:
        channels: (outputs, inputs).
        diagonal: whether it is one response per channel, and not one from each input to each output.
        map: a map for all parameters, or maps by name, in place of the module's own.
        requires_grad: whether the parameters are learned.
    """

    def __init__(
        self,
        channels: tuple[int, int],
        *,
        diagonal: bool = False,
        map: Map | Mapping[str, Map] | None = None,
        requires_grad: bool = False,
    ) -> None:
        super().__init__()
        self.outputs, self.inputs = channels
        self.diagonal = diagonal
        self.maps: dict[str, Map] = {}
        self._given_map = map
        self._requires_grad = requires_grad

    def value(self, name: str) -> Tensor:
        """Return the mapped value of a parameter."""
        return self.maps[name](getattr(self, name))

    def assign(self, name: str, value: Tensor) -> None:
        """Set a parameter to a value, through the inverse of its map.

        Raises:
            ValueError: for a map without inverse; assign the raw parameter then.
        """
        mapping = self.maps[name]
        if not isinstance(mapping, InvertibleMap):
            raise ValueError(f"{type(self).__name__}: the map of {name!r} has no inverse; copy_ the raw parameter")
        raw = getattr(self, name)
        with torch.no_grad():
            raw.copy_(mapping.inverse(value.to(raw)))

    def _declare(self, name: str, value: Tensor, own_map: Map | None = None) -> None:
        """Register a parameter that starts at a value; at that raw value where its map has no inverse."""
        if not value.is_floating_point():
            value = value.to(torch.get_default_dtype())
        given = self._given_map.get(name) if isinstance(self._given_map, Mapping) else self._given_map
        mapping = given or own_map or Identity()
        self.maps[name] = mapping
        raw = mapping.inverse(value) if isinstance(mapping, InvertibleMap) else value
        self.register_parameter(name, nn.Parameter(raw.detach().clone(), requires_grad=self._requires_grad))

    def _doubles(self, *names: str) -> tuple[Tensor, ...]:
        """Values of parameters in float64."""
        return tuple(self.value(name).to(torch.float64) for name in names)

    def _response(self, values: Tensor) -> Response:
        """Responses (..., channels, M) or (..., outputs, inputs, M), as ``diagonal`` says."""
        return Diagonal(values) if self.diagonal else Dense(values)


def channels_of(owner: str, name: str, value: Tensor, diagonal: bool, *core: str) -> tuple[int, int]:
    """Return (outputs, inputs) of a parameter (..., outputs, inputs, *core), or (..., channels, *core) when diagonal.

    Raises:
        ValueError: for a tensor with fewer dimensions.
    """
    own = (1 if diagonal else 2) + len(core)
    if value.dim() < own:
        rest = "".join(f", {axis}" for axis in core)
        raise ValueError(
            f"{owner}: {name} must be (..., outputs, inputs{rest}), or (..., channels{rest}) when diagonal; "
            f"got {tuple(value.shape)}"
        )
    first = value.dim() - own
    return value.shape[first], value.shape[first + (0 if diagonal else 1)]
