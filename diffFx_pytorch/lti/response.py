"""What a system answers at the points of a grid, kept as the product it is and never multiplied out needlessly."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from .ops import closed_loop, solve


class Response(ABC):
    """A matrix (outputs, inputs) at each of M points; the points are the last axis, leading dimensions are batches.

    A response that is the same at every point has M = 1 there and is broadcast.
    """

    outputs: int
    inputs: int

    @abstractmethod
    def multiply(self, X: Tensor) -> Tensor:
        """H X at each point: (..., inputs, K, M) -> (..., outputs, K, M)."""

    def apply(self, X: Tensor) -> Tensor:
        """Spectra of the outputs for spectra of the inputs: (..., inputs, M) -> (..., outputs, M)."""
        return self.multiply(X.unsqueeze(-2)).squeeze(-2)

    def dense(self, like: Tensor) -> Tensor:
        """The matrix written out, (..., outputs, inputs, M or 1), in the type and on the device of ``like``."""
        identity = torch.eye(self.inputs, dtype=like.dtype, device=like.device)
        return self.multiply(identity.unsqueeze(-1))


class Diagonal(Response):
    """One response a channel, (..., N, M)."""

    def __init__(self, values: Tensor) -> None:
        self.values = values
        self.outputs = self.inputs = values.shape[-2]

    def multiply(self, X: Tensor) -> Tensor:
        """Each channel by its own response."""
        return self.values.unsqueeze(-2) * X


class Constant(Response):
    """A matrix that does not depend on frequency, real or complex, (..., outputs, inputs)."""

    def __init__(self, matrix: Tensor) -> None:
        self.matrix = matrix
        self.outputs, self.inputs = matrix.shape[-2:]

    def multiply(self, X: Tensor) -> Tensor:
        """One product of matrices for all points together; a real matrix multiplies the parts as real numbers."""
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
        """A product of matrices at each point."""
        if X.shape[-2] == 1:
            return (self.values * X.transpose(-3, -2)).sum(-2, keepdim=True)
        return torch.einsum("...oim,...ikm->...okm", *_same_points(self.values, X))

    def dense(self, like: Tensor) -> Tensor:
        """The matrix as it is."""
        return self.values.to(like)


class Cascade(Response):
    """Responses one after the other, the first applied first."""

    def __init__(self, stages: Sequence[Response]) -> None:
        self.stages = tuple(stages)
        self.inputs, self.outputs = self.stages[0].inputs, self.stages[-1].outputs

    def multiply(self, X: Tensor) -> Tensor:
        """Stage by stage."""
        for stage in self.stages:
            X = stage.multiply(X)
        return X


class Sum(Response):
    """Responses side by side, added."""

    def __init__(self, branches: Sequence[Response]) -> None:
        self.branches = tuple(branches)
        self.inputs, self.outputs = self.branches[0].inputs, self.branches[0].outputs

    def multiply(self, X: Tensor) -> Tensor:
        """The sum of what each branch makes of X."""
        total = self.branches[0].multiply(X)
        for branch in self.branches[1:]:
            total = total + branch.multiply(X)
        return total


class Stack(Response):
    """Responses side by side on the same input, their outputs one below the other."""

    def __init__(self, branches: Sequence[Response]) -> None:
        self.branches = tuple(branches)
        self.inputs, self.outputs = self.branches[0].inputs, sum(b.outputs for b in self.branches)

    def multiply(self, X: Tensor) -> Tensor:
        """Outputs of all branches along the channel axis."""
        parts = [branch.multiply(X) for branch in self.branches]
        batch = torch.broadcast_shapes(*(p.shape[:-3] for p in parts))
        points = max(p.shape[-1] for p in parts)
        return torch.cat([p.expand(*batch, *p.shape[-3:-1], points) for p in parts], -3)


class Loop(Response):
    """A closed loop: y = F (x + B y), so H = (I - F B)^-1 F.

    The open loop F B is kept as diagonal times constant times diagonal where it is that (delays, a mixing matrix,
    absorption): then no matrix is held per point.
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
    """One response of several in a row, neighbours multiplied where that makes nothing larger."""
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
    """``second`` after ``first`` as one response, or None where that would cost more than it saves."""
    if isinstance(first, Diagonal) and isinstance(second, Diagonal):
        return Diagonal(first.values * second.values)
    if isinstance(first, Constant) and isinstance(second, Constant):
        apart = first.outputs * (first.inputs + second.outputs)
        return Constant(second.matrix @ first.matrix) if first.inputs * second.outputs <= apart else None
    # A real diagonal of one point is a gain; a complex one is all the points that a grid of one has.
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
