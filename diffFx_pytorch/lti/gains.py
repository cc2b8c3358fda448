"""Gains and mixing matrices."""

from __future__ import annotations

import torch
from torch import Tensor

from .grid import Grid
from .maps import Map
from .matrices import KINDS, MatrixKind
from .module import Module, channels_of
from .response import Constant, Diagonal, Response


class Gain(Module):
    """Gains from each input to each output, or one per channel.

    Args:
        gain: (..., outputs, inputs), or (..., channels) when diagonal; normally distributed where None.
        size: (outputs, inputs) or (channels,) where no gain is given.
        diagonal: one gain per channel instead of a matrix.
        map: from the raw parameter to the gain.
        requires_grad: whether it is learned.
        generator: of the random gains.
        dtype: of the random gains.

    Raises:
        ValueError: for neither or both of gain and size, or a tensor with too few dimensions.
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
        gain = given_or_random("Gain", gain, size, generator, dtype)
        channels = channels_of("Gain", "gain", gain, diagonal)
        super().__init__(channels, diagonal=diagonal, map=map, requires_grad=requires_grad)
        self._declare("gain", gain)

    def respond(self, grid: Grid) -> Response:
        """Return the gains, the same at every point."""
        gain = self.value("gain")
        return Diagonal(gain.unsqueeze(-1)) if self.diagonal else Constant(gain)

    def constant(self) -> Tensor:
        """Return the gains as a matrix."""
        gain = self.value("gain")
        return torch.diag_embed(gain) if self.diagonal else gain


class Matrix(Module):
    """A square mixing matrix whose kind holds for every value of its raw parameter.

    The kinds and their raw parameters are listed in ``matrices``: "random", "orthogonal", "rotation", "hadamard",
    "householder", "circulant", "tiny_rotation", "nested".

    Args:
        n: rows and columns.
        kind: see above.
        raw: the raw parameter, of the shape that ``kind`` has, with batch dimensions or not; the kind's own start
            where None.
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
        super().__init__((n, n), requires_grad=requires_grad)
        self.kind: MatrixKind = kind
        start = made.start(n, generator).to(dtype or torch.get_default_dtype())
        if raw is not None and raw.shape[raw.dim() - start.dim() :] != start.shape:
            raise ValueError(f"Matrix({n}, {kind!r}): raw must be (..., {tuple(start.shape)}), got {tuple(raw.shape)}")
        self._declare("matrix", start if raw is None else raw, made.map(n))

    def respond(self, grid: Grid) -> Response:
        """Return the matrix, the same at every point."""
        return Constant(self.constant())

    def constant(self) -> Tensor:
        """Return the matrix."""
        return self.value("matrix")

    def extra_repr(self) -> str:
        """Return the kind."""
        return self.kind


def given_or_random(
    owner: str,
    value: Tensor | None,
    size: tuple[int, ...] | None,
    generator: torch.Generator | None,
    dtype: torch.dtype | None,
) -> Tensor:
    """Return the values given, or standard normal ones of a size.

    Raises:
        ValueError: for neither or both of value and size.
    """
    if (value is None) == (size is None):
        raise ValueError(f"{owner}: give either values or a size")
    return torch.randn(size or (), generator=generator, dtype=dtype) if value is None else value
