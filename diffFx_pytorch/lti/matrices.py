r"""Kinds of mixing matrices: the start, the raw parameter, and the sizes of each.

Every kind but "random" is orthogonal for any raw parameter, so it stays so in training. Matrices are made in
float64 whatever the type of the parameter.

| kind | raw | matrix |
|---|---|---|
| random | (N, N) | the raw matrix itself |
| orthogonal | (N, N) | :math:`e^{S}`, S the skew-symmetric matrix of the part above the diagonal |
| rotation | () | :math:`R(\theta) \otimes \dots \otimes R(\theta)`, one angle; N a power of two |
| hadamard | (log2 N, N / 2) | butterflies of rotations, one angle each; all angles pi / 4 give Hadamard's |
| householder | (N,) | :math:`I - 2 v v^T / v^T v` |
| circulant | ((N - 1) // 2,) | circular convolution with a sequence of unit magnitude spectrum, its phases |
| tiny_rotation | (N, N) | as orthogonal, starting near the identity |
| nested | (N - 1,) | reflections of neighbours in a row, one angle each (a lattice of all-passes) |

References:
    S. J. Schlecht, "FDNTB: the feedback delay network toolbox", DAFx 2020, section 3.
    D. Rocchesso, J. O. Smith, "Circulant and elliptic feedback delay networks", IEEE TSAP 5(1), 1997.
    M. A. Gerzon, "Unitary (energy-preserving) multichannel networks with feedback", Electronics Letters 12(11), 1976.
    M. Lezcano-Casado, D. Martinez-Rubio, "Cheap orthogonal constraints in neural networks", ICML 2019.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from .maps import Identity

MatrixKind = Literal[
    "random", "orthogonal", "rotation", "hadamard", "householder", "circulant", "tiny_rotation", "nested"
]

_SQUARINGS = 12
_TINY = 0.05
"""Standard deviation, in radians, of the plane rotations that a tiny rotation starts from."""


@dataclass(frozen=True)
class Exponential:
    """An orthogonal matrix: the exponential of a skew-symmetric one."""

    def __call__(self, raw: Tensor) -> Tensor:
        """Return exp(U - U^T), U being the part of raw (..., N, N) above the diagonal."""
        U = raw.to(torch.float64).triu(1)
        return _exponential(U - U.mT).to(raw.dtype)


@dataclass(frozen=True)
class KroneckerRotation:
    """The Kronecker power of a plane rotation."""

    n: int

    def __call__(self, raw: Tensor) -> Tensor:
        """Return (..., N, N) of angles (...,)."""
        plane = _plane(raw.to(torch.float64))
        A = torch.ones(*raw.shape, 1, 1, dtype=torch.float64, device=raw.device)
        for _ in range(_log2(self.n)):
            A = torch.einsum("...ij,...kl->...ikjl", A, plane).flatten(-4, -3).flatten(-2)
        return A.to(raw.dtype)


@dataclass(frozen=True)
class Butterfly:
    """log2 N layers of reflections of pairs, one angle each, as in a fast Hadamard transform."""

    n: int

    def __call__(self, raw: Tensor) -> Tensor:
        """Return (..., N, N) of angles (..., log2 N, N / 2)."""
        angles = raw.to(torch.float64)
        A = torch.eye(self.n, dtype=torch.float64, device=raw.device).expand(*raw.shape[:-2], self.n, self.n)
        for layer in range(_log2(self.n)):
            stride = 1 << layer
            pairs = A.unflatten(-2, (self.n // (2 * stride), 2, stride))
            angle = angles[..., layer, :].unflatten(-1, (self.n // (2 * stride), stride)).unsqueeze(-1)
            c, s = angle.cos(), angle.sin()
            upper, lower = pairs[..., 0, :, :], pairs[..., 1, :, :]
            A = torch.stack([c * upper + s * lower, s * upper - c * lower], -3).flatten(-4, -2)
        return A.to(raw.dtype)


@dataclass(frozen=True)
class Householder:
    """A reflection at the hyperplane normal to a vector."""

    def __call__(self, raw: Tensor) -> Tensor:
        """Return I - 2 v v^T / v^T v of v (..., N)."""
        v = raw.to(torch.float64)
        v = v / v.norm(dim=-1, keepdim=True)
        identity = torch.eye(v.shape[-1], dtype=v.dtype, device=v.device)
        return (identity - 2 * v.unsqueeze(-1) * v.unsqueeze(-2)).to(raw.dtype)


@dataclass(frozen=True)
class Circulant:
    """Circular convolution that changes phases only."""

    n: int

    def __call__(self, raw: Tensor) -> Tensor:
        """Return (..., N, N) of phases (..., (N - 1) // 2); those of bins 0 and N / 2 are 0, as the matrix is real."""
        phase = torch.nn.functional.pad(raw.to(torch.float64), (1, 1 - self.n % 2))
        first = torch.fft.irfft(torch.polar(torch.ones_like(phase), phase), self.n)
        i = torch.arange(self.n, device=raw.device)
        return first[..., (i.unsqueeze(-1) - i) % self.n].to(raw.dtype)


@dataclass(frozen=True)
class Lattice:
    """Reflections of neighbouring channels, (0, 1), then (1, 2), and so on."""

    n: int

    def __call__(self, raw: Tensor) -> Tensor:
        """Return (..., N, N) of angles (..., N - 1)."""
        angle = raw.to(torch.float64)
        A = torch.eye(self.n, dtype=torch.float64, device=raw.device).expand(*raw.shape[:-1], self.n, self.n)
        for i in range(self.n - 1):
            c, s = angle[..., i, None].cos(), angle[..., i, None].sin()
            upper, lower = A[..., i, :], A[..., i + 1, :]
            rows = [*A.unbind(-2)]
            rows[i], rows[i + 1] = c * upper + s * lower, s * upper - c * lower
            A = torch.stack(rows, -2)
        return A.to(raw.dtype)


@dataclass(frozen=True)
class Kind:
    """The start, the map and the sizes of a kind of matrix."""

    start: Callable[[int, torch.Generator | None], Tensor]
    map: Callable[[int], Callable[[Tensor], Tensor]]
    power_of_two: bool = False

    def check(self, n: int) -> None:
        """Refuse a size that the kind does not exist in."""
        if n < 1:
            raise ValueError(f"Matrix: a size of at least 1 is needed, got {n}")
        if self.power_of_two and n & (n - 1):
            raise ValueError(f"Matrix: this kind exists for powers of two only, got {n}; 'orthogonal' takes any size")


KINDS: dict[str, Kind] = {
    "random": Kind(lambda n, g: _normal((n, n), g), lambda n: Identity()),
    "orthogonal": Kind(lambda n, g: _normal((n, n), g), lambda n: Exponential()),
    "rotation": Kind(lambda n, g: torch.tensor(math.pi / 4), KroneckerRotation, power_of_two=True),
    "hadamard": Kind(
        lambda n, g: torch.full((_log2(n), n // 2), math.pi / 4, dtype=torch.float64), Butterfly, power_of_two=True
    ),
    "householder": Kind(lambda n, g: torch.ones(n), lambda n: Householder()),
    "circulant": Kind(lambda n, g: math.pi * _normal(((n - 1) // 2,), g), Circulant),
    "tiny_rotation": Kind(lambda n, g: _TINY * _normal((n, n), g), lambda n: Exponential()),
    "nested": Kind(lambda n, g: math.pi / 4 + 0.2 * _normal((n - 1,), g), Lattice),
}


def _normal(size: tuple[int, ...], generator: torch.Generator | None) -> Tensor:
    return torch.randn(size, generator=generator)


def _exponential(S: Tensor) -> Tensor:
    """exp(S) by a Taylor series of degree 8 of S / 4096, squared twelve times.

    Exact to 1e-11 for norms up to 400. Small products start no OpenMP region; ``torch.linalg.matrix_exp`` does, which
    costs milliseconds where another process holds a core.
    """
    X = S / 2.0**_SQUARINGS
    X2 = X @ X
    X3, X4 = X2 @ X, X2 @ X2
    identity = torch.eye(S.shape[-1], dtype=S.dtype, device=S.device)
    E = identity + X + X2 / 2 + X3 / 6 + X4 @ (identity / 24 + X / 120 + X2 / 720 + X3 / 5040 + X4 / 40320)
    for _ in range(_SQUARINGS):
        E = E @ E
    return E


def _plane(angle: Tensor) -> Tensor:
    c, s = angle.cos(), angle.sin()
    return torch.stack([torch.stack([c, s], -1), torch.stack([-s, c], -1)], -2)


def _log2(n: int) -> int:
    return n.bit_length() - 1
