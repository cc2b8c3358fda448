"""Systems made of systems: one after the other, side by side, round in a loop."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Literal

from torch import nn

from .diagram import channel_mismatch
from .grid import Grid
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

    @property
    def parts(self) -> dict[str, System]:
        """The systems by name, in order."""
        return {name: part for name, part in self.named_children() if isinstance(part, System)}


class Series(_Parts):
    """One system after the other: H = H_n ... H_2 H_1.

    Args:
        parts: systems in the order the signal meets them; named "0", "1", ...
        named: more of them, by names of your own.

    Raises:
        ValueError: where the outputs of one are not as many as the inputs of the next; the message draws where. For
            parts made for different sample rates.
    """

    def __init__(self, *parts: System, **named: System) -> None:
        super().__init__(parts, named)
        chain = list(self.parts.items())
        for (left, first), (right, second) in itertools.pairwise(chain):
            if first.outputs != second.inputs:
                raise ValueError(channel_mismatch("Series", left, first, right, second))
        self.inputs, self.outputs = chain[0][1].inputs, chain[-1][1].outputs

    def respond(self, grid: Grid) -> Response:
        """The product of the responses, kept as factors."""
        return cascade([part.respond(grid) for part in self.parts.values()])


class Parallel(_Parts):
    """Systems side by side on the same input.

    Args:
        parts: systems; named "0", "1", ...
        combine: "sum" adds their outputs, "stack" puts them one below the other.
        named: more of them, by names of your own.

    Raises:
        ValueError: where they have not the same inputs, or to be summed, not the same outputs.
    """

    def __init__(self, *parts: System, combine: Literal["sum", "stack"] = "sum", **named: System) -> None:
        super().__init__(parts, named)
        if combine not in ("sum", "stack"):
            raise ValueError(f"Parallel: combine must be 'sum' or 'stack', got {combine!r}")
        self.combine = combine
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
        """The sum of the responses, or all of them."""
        branches = [part.respond(grid) for part in self.parts.values()]
        return Sum(branches) if self.combine == "sum" else Stack(branches)


class Recursion(System):
    """A closed loop: y = F (x + B y), H = (I - F B)^-1 F.

    The response is that of the equation whether the loop is stable or not; ``poles`` and ``check_stability`` tell.

    Args:
        feedforward: F, from the input to the output.
        feedback: B, from the output back to the input.

    Raises:
        ValueError: where their channels do not close a loop, or they are made for different sample rates.
    """

    def __init__(self, feedforward: System, feedback: System) -> None:
        super().__init__()
        if feedforward.outputs != feedback.inputs:
            raise ValueError(channel_mismatch("Recursion", "feedforward", feedforward, "feedback", feedback))
        if feedback.outputs != feedforward.inputs:
            raise ValueError(channel_mismatch("Recursion", "feedback", feedback, "feedforward", feedforward))
        self.feedforward, self.feedback = feedforward, feedback
        self.inputs, self.outputs = feedforward.inputs, feedforward.outputs
        rates = {"feedforward": feedforward.sample_rate, "feedback": feedback.sample_rate}
        self.sample_rate = agreed_sample_rate("Recursion", rates)

    def respond(self, grid: Grid) -> Response:
        """A loop that is solved when it is applied."""
        return Loop(self.feedforward.respond(grid), self.feedback.respond(grid))


def children(system: nn.Module) -> dict[str, System]:
    """The systems a system is made of, by name; empty for a module."""
    return {name: part for name, part in system.named_children() if isinstance(part, System)}
