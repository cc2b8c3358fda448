"""Responses at the points of a grid, stored as the factors they are made of."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from diffFx_pytorch.kernels.rows import broadcast_shape

from .ops import closed_loop, solve


class Response(ABC):
    """A matrix (outputs, inputs) at each of M points; the points are the last axis, batch dimensions come first.

    A response that is the same at every point has M = 1 and broadcasts.
    """

    outputs: int
    inputs: int

    @abstractmethod
    def multiply(self, X: Tensor) -> Tensor:
        """Return H X at each point: (..., inputs, K, M) -> (..., outputs, K, M)."""

    def apply(self, X: Tensor) -> Tensor:
        """Return spectra of the outputs for spectra of the inputs: (..., inputs, M) -> (..., outputs, M)."""
        return self.multiply(X.unsqueeze(-2)).squeeze(-2)

    def dense(self, like: Tensor) -> Tensor:
        """Return the matrix (..., outputs, inputs, M or 1), in the type and on the device of ``like``."""
        identity = torch.eye(self.inputs, dtype=like.dtype, device=like.device)
        return self.multiply(identity.unsqueeze(-1))


class Diagonal(Response):
    """One response per channel, (..., N, M)."""

    def __init__(self, values: Tensor) -> None:
        self.values = values
        self.outputs = self.inputs = values.shape[-2]

    def multiply(self, X: Tensor) -> Tensor:
        """Multiply each channel by its own response."""
        return self.values.unsqueeze(-2) * X


class Constant(Response):
    """A matrix that does not depend on frequency, real or complex, (..., outputs, inputs)."""

    def __init__(self, matrix: Tensor) -> None:
        self.matrix = matrix
        self.outputs, self.inputs = matrix.shape[-2:]

    def multiply(self, X: Tensor) -> Tensor:
        """Multiply matrices once for all points; a real matrix multiplies real and imaginary parts as real numbers."""
        if self.matrix.is_complex():
            return (self.matrix.to(X.dtype) @ X.flatten(-2)).unflatten(-1, X.shape[-2:])
        parts = torch.view_as_real(X)
        y = self.matrix.to(parts.dtype) @ parts.flatten(-3)
        return torch.view_as_complex(y.unflatten(-1, parts.shape[-3:]))


class Dense(Response):
    """A matrix at each point, (..., outputs, inputs, M)."""

    def __init__(self, values: Tensor) -> None:
        self.values = values
        self.outputs, self.inputs = values.shape[-3:-1]

    def multiply(self, X: Tensor) -> Tensor:
        """Multiply matrices at each point."""
        if X.shape[-2] == 1:
            return (self.values * X.transpose(-3, -2)).sum(-2, keepdim=True)
        return torch.einsum("...oim,...ikm->...okm", *_same_points(self.values, X))

    def dense(self, like: Tensor) -> Tensor:
        """Return the matrix."""
        return self.values.to(like)


class Cascade(Response):
    """Responses in series, the first applied first."""

    def __init__(self, stages: Sequence[Response]) -> None:
        self.stages = tuple(stages)
        self.inputs, self.outputs = self.stages[0].inputs, self.stages[-1].outputs

    def multiply(self, X: Tensor) -> Tensor:
        """Apply stage by stage."""
        for stage in self.stages:
            X = stage.multiply(X)
        return X


class Sum(Response):
    """The sum of responses in parallel."""

    def __init__(self, branches: Sequence[Response]) -> None:
        self.branches = tuple(branches)
        self.inputs, self.outputs = self.branches[0].inputs, self.branches[0].outputs

    def multiply(self, X: Tensor) -> Tensor:
        """Add the outputs of all branches."""
        total = self.branches[0].multiply(X)
        for branch in self.branches[1:]:
            total = total + branch.multiply(X)
        return total


class Stack(Response):
    """Responses in parallel, their outputs stacked as channels."""

    def __init__(self, branches: Sequence[Response]) -> None:
        self.branches = tuple(branches)
        self.inputs, self.outputs = self.branches[0].inputs, sum(b.outputs for b in self.branches)

    def multiply(self, X: Tensor) -> Tensor:
        """Concatenate the outputs of all branches along the channel axis."""
        parts = [branch.multiply(X) for branch in self.branches]
        batch = broadcast_shape(*(p.shape[:-3] for p in parts))
        points = max(p.shape[-1] for p in parts)
        return torch.cat([p.expand(*batch, *p.shape[-3:-1], points) for p in parts], -3)


class Loop(Response):
    """A closed loop: y = F (x + B y), so H = (I - F B)^-1 F.

    Where the open loop F B is diagonal times constant times diagonal (delays, a mixing matrix, absorption), it is
    solved in this form, and no matrix is held per point.
    """

    def __init__(self, feedforward: Response, feedback: Response) -> None:
        self.feedforward, self.feedback = feedforward, feedback
        self.inputs, self.outputs = feedforward.inputs, feedforward.outputs

    def multiply(self, X: Tensor) -> Tensor:
        """Solve (I - F B) y = F x at each point."""
        rhs = self.feedforward.multiply(X)
        open_loop = cascade([self.feedback, self.feedforward])
        stages = _stages(open_loop)
        if len(stages) == 1 and isinstance(stages[0], Diagonal):
            return rhs / (1.0 - stages[0].values.unsqueeze(-2))
        first, last = stages[0], stages[-1]
        inner = [s for s in stages if not (isinstance(s, Diagonal) and (s is first or s is last))]
        if len(inner) == 1 and isinstance(inner[0], Constant):
            left = last.values if isinstance(last, Diagonal) else None
            right = first.values if isinstance(first, Diagonal) else None
            return closed_loop(left, inner[0].matrix, right, rhs)
        identity = torch.eye(self.outputs, dtype=rhs.dtype, device=rhs.device).unsqueeze(-1)
        return solve(identity - open_loop.dense(rhs), rhs)


def cascade(stages: Sequence[Response]) -> Response:
    """Return one response for several in series, with neighbours multiplied where that makes nothing larger."""
    flat: list[Response] = []
    for stage in itertools.chain.from_iterable(map(_stages, stages)):
        merged = _merged(flat[-1], stage) if flat else None
        if merged is None:
            flat.append(stage)
        else:
            flat[-1] = merged
    return flat[0] if len(flat) == 1 else Cascade(flat)


def _stages(response: Response) -> list[Response]:
    return list(response.stages) if isinstance(response, Cascade) else [response]


def _merged(first: Response, second: Response) -> Response | None:
    """One response for ``second`` after ``first``, or None where that would cost more than it saves."""
    if isinstance(first, Diagonal) and isinstance(second, Diagonal):
        return Diagonal(first.values * second.values)
    if isinstance(first, Constant) and isinstance(second, Constant):
        apart = first.outputs * (first.inputs + second.outputs)
        return Constant(second.matrix @ first.matrix) if first.inputs * second.outputs <= apart else None
    # A real diagonal of one point is a gain; a complex one may be the only point of a grid.
    if isinstance(first, Constant) and isinstance(second, Diagonal) and _is_gain(second):
        return Constant(second.values * first.matrix)
    if isinstance(second, Constant) and isinstance(first, Diagonal) and _is_gain(first):
        return Constant(second.matrix * first.values.mT)
    return None


def _is_gain(response: Diagonal) -> bool:
    return response.values.shape[-1] == 1 and not response.values.is_complex()


def _same_points(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Both with the same number of points: einsum does not broadcast a named axis."""
    points = max(a.shape[-1], b.shape[-1])
    return a.expand(*a.shape[:-1], points), b.expand(*b.shape[:-1], points)
