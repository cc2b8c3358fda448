"""What the reverbs share that are one delay graph behind a predelay."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from ...curve import Curve
from ...options import Option
from ...params import EffectParam
from ...processor import Processor, State
from ...recursion import DelayGraph, delay_graph
from ..tiles import in_pieces
from .freeze import FREEZABLE, FREEZE
from .predelay import longest_predelay, predelayed
from .response import decay_curve


class DelayGraphReverb(Processor, abstract=True):
    """Base of the reverbs of which all but the predelay is one graph; its inputs are left, right and the predelayed."""

    neutral = {"mix": 0.0}
    options: ClassVar[Mapping[str, Option]] = {"freezable": FREEZABLE}
    channels = (1, 2)
    channels_out = 2
    crosses_channels = True

    def table(self) -> dict[str, EffectParam]:
        """The knobs, and that of a room that can be frozen."""
        return {**type(self).params, **(FREEZE if self.freezable else {})}

    def graph(self) -> DelayGraph:
        """The graph for the options and the sample rate."""
        raise NotImplementedError(f"{type(self).__name__} defines no graph()")

    def prepare(self) -> None:
        """The graph, and the length of the predelay."""
        self._latest = longest_predelay(self.params["predelay_ms"], self.sample_rate)
        self._graph = self.graph()
        self._graph.steps()  # remembered by the first that asks, which must not be a call while it is compiled

    level: ClassVar[float]
    """Of what goes into the graph, over the sum of the sides."""

    def process(self, x: Tensor, state: State, **coefficients: Tensor) -> tuple[Tensor, State]:
        """``reverberated``, by pieces."""
        return in_pieces(self.reverberated, x, state, coefficients)

    def fed(self, sides: Tensor) -> Tensor:
        """What goes into the predelay: the sum of the sides at a level."""
        return self.level * (sides[:, :1] + sides[:, 1:])

    def reverberated(
        self,
        x: Tensor,
        state: State,
        *,
        predelay_ms: Tensor,
        gains: Tensor,
        inlet: Tensor | None = None,
        delays: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """Predelay what is fed, then run the graph; the state is that of both.

        Args:
            x: (B, 1 or 2, T).
            state: what the block before returned; None is silence.
            predelay_ms: as a knob.
            gains: of the graph, as ``stacked_gains`` gives them, (B, K, 1 or T).
            inlet: share of what goes into the graph, (B, 1, 1 or T); None is all.
            delays: of its moved all-passes, float64 (B, M, T).
        """
        line, graph_state = (None, None) if state is None else state
        sides = x.expand(-1, 2, -1)
        early, line = predelayed(self.fed(sides), predelay_ms, self._latest, self.sample_rate, line)
        early = early if inlet is None else early * inlet
        inputs = torch.cat([sides, early], 1)
        y, graph_state = delay_graph(inputs, self._graph, gains, delays, zi=graph_state, return_zf=True)
        return y, (line, graph_state)

    def curve(self, **knobs: Tensor) -> Curve:
        """The decay of the energy, to -90 dB or ten seconds."""
        constant = {name: knob[:1, :, :1].detach() for name, knob in knobs.items()}
        constant["mix"] = torch.ones_like(constant["mix"])
        seconds = min(10.0, float(self.tail(**constant)))
        impulse = torch.zeros(1, 2, math.ceil(seconds * self.sample_rate), dtype=constant["mix"].dtype)
        impulse[..., 0] = 1.0
        response = self.process(impulse, None, **self.control(**constant))[0][0]
        return decay_curve(response, self.sample_rate, type(self).__name__)


def side_gains(width: Tensor) -> dict[str, Tensor]:
    """What a side gets of the other, for a width: with ``graph.mix_sides``."""
    wider = 0.5 * (width.double() - 1)
    return {"wider": wider, "narrower": -wider}
