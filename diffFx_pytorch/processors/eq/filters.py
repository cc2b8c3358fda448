"""What equalisers share: designed from their knobs as sections, run in one pass, drawn as a response."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.biquad import ring_seconds, sos_power, sos_response
from ...dsp.levels import amp_to_db
from ...options import Choice
from ...processor import Processor, State
from ...recursion import ControlPoints, filter_sections

DESIGN = Choice(
    "matched",
    "bilinear",
    doc='"matched" follows the analogue magnitude up to Nyquist; "bilinear" is the RBJ cookbook, which bends '
    "frequencies towards Nyquist.",
    searched=True,
)


class SectionFilter(Processor, abstract=True):
    """Base of linear filters; a subclass gives ``sections``.

    Knobs that are automated move the filter from sample to sample, in a form that stays stable however fast.
    """

    traits = {"linear", "time_invariant", "causal", "odd"}

    def sections(self, **knobs: Tensor) -> Tensor:
        """The filter as sections [b0 b1 b2 a0 a1 a2], float64.

        Args:
            knobs: as for ``control``, each (B, 1, 1) or (B, 1, F).

        Returns:
            (B, 1, 1, K, 6), or (B, 1, F, K, 6) where a knob is automated.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no sections()")

    def control(self, **knobs: Tensor) -> dict[str, Tensor]:
        """The sections."""
        return {"sections": self.sections(**knobs)}

    def process(self, x: Tensor, state: State, *, sections: Tensor | ControlPoints) -> tuple[Tensor, State]:
        """Filter with all sections in one pass; the state is theirs."""
        return filter_sections(x, sections, state)

    def tail(self, **knobs: Tensor) -> Tensor:
        """The sections ring one after another."""
        return ring_seconds(self.sections(**knobs), self.sample_rate).sum(-1)

    def power(self, phi: Tensor, **knobs: Tensor) -> Tensor:
        """Power response at sin^2(w / 2) of frequencies, (F,), for knobs (B, 1, 1): (B, F)."""
        return sos_power(self.sections(**knobs)[:, 0, 0], phi)

    def curve(self, **knobs: Tensor) -> Curve:
        """Magnitude response."""
        freqs, response = self.response(knobs)
        level = amp_to_db(response.abs(), -120.0)
        return Curve(freqs, level, "frequency (Hz)", "gain (dB)", True, type(self).__name__)

    def response(self, knobs: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """500 frequencies from 20 Hz to 20 kHz or Nyquist, and the complex response at them."""
        highest = min(20000.0, self.sample_rate / 2)
        freqs = torch.logspace(math.log10(20.0), math.log10(highest), 500, dtype=torch.float64)
        return freqs, sos_response(self.sections(**knobs)[0, 0, 0], freqs, self.sample_rate)
