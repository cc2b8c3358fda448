"""A module: a system with parameters of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from .maps import InvertibleMap, Map, Plain
from .system import System


class Module(System):
    """Base of the systems that hold parameters.

    Each parameter is held raw, under its own name in ``state_dict``, and ``value(name)`` is its map. ``default_maps``
    are a class's own; ``map`` replaces them, one for all or by name.

    Args:
        inputs: channels in.
        outputs: channels out.
        map: a map, or maps by the name of the parameter.
        requires_grad: whether the parameters are learned.
    """

    default_maps: ClassVar[Mapping[str, Map]] = {}

    def __init__(
        self, outputs: int, inputs: int, *, map: Map | Mapping[str, Map] | None = None, requires_grad: bool = False
    ) -> None:
        super().__init__()
        self.outputs, self.inputs = outputs, inputs
        self.maps: dict[str, Map] = dict(self.default_maps)
        self._given = map
        self._requires_grad = requires_grad

    def value(self, name: str) -> Tensor:
        """The mapped value of a parameter."""
        return self.maps[name](getattr(self, name))

    def assign(self, name: str, value: Tensor) -> None:
        """Set a parameter to a value (through the map's inverse).

        Raises:
            ValueError: for a map that has none; assign the raw parameter then.
        """
        mapping = self.maps[name]
        if not isinstance(mapping, InvertibleMap):
            raise ValueError(f"{type(self).__name__}: the map of {name!r} has no inverse; copy_ the raw parameter")
        raw = getattr(self, name)
        with torch.no_grad():
            raw.copy_(mapping.inverse(value.to(raw)))

    def _hold(self, name: str, value: Tensor, *, fallback: Map | None = None) -> None:
        """Register a parameter that starts at a value; raw itself where its map has no inverse."""
        if not value.is_floating_point():
            value = value.to(torch.get_default_dtype())
        given = self._given.get(name) if isinstance(self._given, Mapping) else self._given
        mapping = given or self.maps.get(name) or fallback or Plain()
        self.maps[name] = mapping
        raw = mapping.inverse(value) if isinstance(mapping, InvertibleMap) else value
        self.register_parameter(name, nn.Parameter(raw.detach().clone(), requires_grad=self._requires_grad))
