"""The plan of a system, as diagrams and messages need it: blocks in a row, side by side or in a loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Arrangement = Literal["block", "series", "sum", "stack", "loop"]


@dataclass(frozen=True)
class Outline:
    """A module, or several systems and how they are connected.

    Attributes:
        arrangement: "block" for a module; "series", "sum" and "stack" (of branches on the same input), or "loop", whose
            two parts are the feedforward and the feedback.
        name: name within the parent; empty or a number where it was given none.
        title: name of the class.
        caption: a word or two beside the title: a kind of filter, a range of delays.
        inputs: number of input channels.
        outputs: number of output channels.
        learns: whether any parameter requires a gradient.
        parts: the connected systems, in order.
    """

    arrangement: Arrangement
    name: str
    title: str
    caption: str
    inputs: int
    outputs: int
    learns: bool
    parts: tuple[Outline, ...] = ()

    @property
    def label(self) -> str:
        """The name, where it is a word."""
        return "" if self.name.isdigit() else self.name
