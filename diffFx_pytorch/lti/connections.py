"""Systems made of systems: in series, in parallel, in a closed loop."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

from .diagram import channel_mismatch
from .grid import Grid
from .ops import loop_impulse
from .response import Loop, Response, Stack, Sum, cascade
from .system import System, agreed_sample_rate


class _Parts(System):
    """Several systems by name, ``add_module``d in order."""

    def __init__(self, parts: tuple[System, ...], named: Mapping[str, System]) -> None:
        super().__init__()
        every = {**{str(i): part for i, part in enumerate(parts)}, **named}
        if not every:
            raise ValueError(f"{type(self).__name__} needs at least one system")
        for name, part in every.items():
            if not isinstance(part, System):
                raise TypeError(f"{type(self).__name__}: {name!r} must be an lti system, got {type(part).__name__}")
            self.add_module(name, part)
        self.sample_rate = agreed_sample_rate(type(self).__name__, {n: p.sample_rate for n, p in self.parts.items()})


class Series(_Parts):
    """One system after the other: H = H_n ... H_2 H_1.

    Args:
        parts: systems in the order the signal meets them; named "0", "1", ...
        named: more of them, by names of your own.

    Raises:
        ValueError: where the outputs of a part do not match the inputs of the next (the message draws where), and for
            parts made for different sample rates.
    """

    arrangement = "series"

    def __init__(self, *parts: System, **named: System) -> None:
        super().__init__(parts, named)
        _check_channels(self, *itertools.pairwise(self.parts))
        chain = list(self.parts.values())
        self.inputs, self.outputs = chain[0].inputs, chain[-1].outputs

    def respond(self, grid: Grid) -> Response:
        """Return the product of the responses, as factors."""
        return cascade([part.respond(grid) for part in self.parts.values()])

    def constant(self) -> Tensor | None:
        """Return the product of the matrices, None where a part has memory."""
        return _product(list(self.parts.values()))

    def _exact(self, samples: int) -> Tensor:
        response = _exact_loop(_flat(self), samples)
        return super()._exact(samples) if response is None else response


class Parallel(_Parts):
    """Systems side by side on the same input.

    Args:
        parts: systems; named "0", "1", ...
        combine: "sum" adds their outputs, "stack" concatenates them as channels.
        named: more of them, by names of your own.

    Raises:
        ValueError: where their inputs, or for a sum their outputs, differ in number.
    """

    def __init__(self, *parts: System, combine: Literal["sum", "stack"] = "sum", **named: System) -> None:
        super().__init__(parts, named)
        if combine not in ("sum", "stack"):
            raise ValueError(f"Parallel: combine must be 'sum' or 'stack', got {combine!r}")
        self.arrangement = combine
        (first_name, first), *others = self.parts.items()
        for name, part in others:
            if part.inputs != first.inputs or (combine == "sum" and part.outputs != first.outputs):
                raise ValueError(
                    f"Parallel({combine}): {first_name!r} is {first.inputs} -> {first.outputs} channels and "
                    f"{name!r} {part.inputs} -> {part.outputs}; branches share their inputs"
                    + (" and outputs" if combine == "sum" else "")
                )
        self.inputs = first.inputs
        self.outputs = first.outputs if combine == "sum" else sum(p.outputs for p in self.parts.values())

    def respond(self, grid: Grid) -> Response:
        """Return the sum of the responses, or the stack of them."""
        branches = [part.respond(grid) for part in self.parts.values()]
        return Sum(branches) if self.arrangement == "sum" else Stack(branches)

    def _exact(self, samples: int) -> Tensor:
        if self.arrangement == "stack":
            return super()._exact(samples)
        return functools.reduce(torch.add, (part._exact(samples) for part in self.parts.values()))


class Recursion(System):
    """A closed loop: y = F (x + B y), H = (I - F B)^-1 F.

    The response solves this equation whether the loop is stable or not; ``poles`` and ``check_stability`` tell.

    Args:
        feedforward: F, from the input to the output.
        feedback: B, from the output back to the input.

    Raises:
        ValueError: where their channels do not close a loop, or they are made for different sample rates.
    """

    arrangement = "loop"

    def __init__(self, feedforward: System, feedback: System) -> None:
        super().__init__()
        self.feedforward, self.feedback = feedforward, feedback
        _check_channels(self, ("feedforward", "feedback"), ("feedback", "feedforward"))
        self.inputs, self.outputs = feedforward.inputs, feedforward.outputs
        rates = {"feedforward": feedforward.sample_rate, "feedback": feedback.sample_rate}
        self.sample_rate = agreed_sample_rate("Recursion", rates)

    def respond(self, grid: Grid) -> Response:
        """Return a loop that is solved when it is applied."""
        return Loop(self.feedforward.respond(grid), self.feedback.respond(grid))

    def _exact(self, samples: int) -> Tensor:
        response = _exact_loop([self], samples)
        return super()._exact(samples) if response is None else response


def _check_channels(owner: System, *pairs: tuple[str, str]) -> None:
    for left, right in pairs:
        first, second = owner.parts[left], owner.parts[right]
        if first.outputs != second.inputs:
            raise ValueError(channel_mismatch(type(owner).__name__, first.outline(left), second.outline(right)))


def _flat(system: System) -> list[System]:
    if system.arrangement == "series":
        return [stage for part in system.parts.values() for stage in _flat(part)]
    return [system]


def _product(stages: Sequence[System]) -> Tensor | None:
    """The matrix of memoryless systems in series, None where one has memory."""
    matrices = [matrix for matrix in (stage.constant() for stage in stages) if matrix is not None]
    return functools.reduce(lambda first, second: second @ first, matrices) if len(matrices) == len(stages) else None


def _exact_loop(stages: list[System], samples: int) -> Tensor | None:
    """The impulse response of one loop of whole delays and constant gains between constant gains, None for others."""
    loops = [stage for stage in stages if isinstance(stage, Recursion)]
    if len(loops) != 1:
        return None
    at, delays, back = stages.index(loops[0]), loops[0].feedforward.whole_delays(), loops[0].feedback.constant()
    if delays is None or back is None:
        return None
    identity = torch.eye(delays.shape[-1], dtype=back.dtype, device=back.device)
    ends = [identity if not part else _product(part) for part in (stages[:at], stages[at + 1 :])]
    return None if ends[0] is None or ends[1] is None else loop_impulse(back, delays, ends[0], ends[1], samples)
