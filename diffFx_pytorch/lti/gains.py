"""Gains and mixing matrices."""

from __future__ import annotations

import torch
from torch import Tensor

from .grid import Grid
from .maps import Map
from .matrices import KINDS, MatrixKind
from .module import Module
from .response import Constant, Diagonal, Response


class Gain(Module):
    """Gains from each input to each output, or one a channel.

    Args:
        gain: (..., outputs, inputs), or (..., channels) when diagonal; normally distributed where None.
        size: (outputs, inputs) or (channels,) where no gain is given.
        diagonal: one gain a channel instead of a matrix.
        map: from the raw parameter to the gain.
        requires_grad: whether it is learned.
        generator: of the random gains.
        dtype: of the random gains.

    Raises:
        ValueError: for neither or both of gain and size, or a shape that is not one of these.
    """

    def __init__(
        self,
        gain: Tensor | None = None,
        *,
        size: tuple[int, ...] | None = None,
        diagonal: bool = False,
        map: Map | None = None,
        requires_grad: bool = False,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        gain = random_values("Gain", gain, size, generator, dtype)
        if gain.dim() < (1 if diagonal else 2):
            raise ValueError(
                f"Gain: gain must be (..., outputs, inputs), or (..., channels) when diagonal; got {gain.shape}"
            )
        super().__init__(gain.shape[-1 if diagonal else -2], gain.shape[-1], map=map, requires_grad=requires_grad)
        self.diagonal = diagonal
        self._hold("gain", gain)

    def respond(self, grid: Grid) -> Response:
        """The same at every point."""
        gain = self.value("gain")
        return Diagonal(gain.unsqueeze(-1)) if self.diagonal else Constant(gain)


class Matrix(Module):
    """A square mixing matrix of a kind that it keeps however its raw parameter is moved.

    Kinds, and what they are made from, are in ``matrices``: "random", "orthogonal", "rotation", "hadamard",
    "householder", "circulant", "tiny_rotation", "nested".

    Args:
        n: rows and columns.
        kind: see above.
        raw: the raw parameter, of the shape ``kind`` asks for, with leading batch dimensions or not; where None,
            the kind's own start.
        requires_grad: whether it is learned.
        generator: of random starts.
        dtype: of the parameter.

    Raises:
        ValueError: for an unknown kind, or a size the kind does not exist in.
    """

    def __init__(
        self,
        n: int,
        kind: MatrixKind = "orthogonal",
        *,
        raw: Tensor | None = None,
        requires_grad: bool = False,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if kind not in KINDS:
            raise ValueError(f"Matrix: kind must be one of {', '.join(KINDS)}, got {kind!r}")
        made = KINDS[kind]
        made.check(n)
        super().__init__(n, n, requires_grad=requires_grad)
        self.kind: MatrixKind = kind
        start = made.start(n, generator).to(dtype or torch.get_default_dtype())
        if raw is not None and raw.shape[raw.dim() - start.dim() :] != start.shape:
            raise ValueError(f"Matrix({n}, {kind!r}): raw must be (..., {tuple(start.shape)}), got {tuple(raw.shape)}")
        self._hold("matrix", start if raw is None else raw, fallback=made.map(n))

    def respond(self, grid: Grid) -> Response:
        """The same at every point."""
        return Constant(self.value("matrix"))


def random_values(
    owner: str,
    value: Tensor | None,
    size: tuple[int, ...] | None,
    generator: torch.Generator | None,
    dtype: torch.dtype | None,
) -> Tensor:
    """The values given, or standard normal ones of a size."""
    if (value is None) == (size is None):
        raise ValueError(f"{owner}: give either values or a size")
    if value is not None:
        return value
    return torch.randn(size or (), generator=generator, dtype=dtype)
