"""What effects share whose gain follows the level of a key: options, the level, the look-ahead."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ...dsp.whole_delay import delayed
from ...options import Number
from ...processor import Processor, State
from ...recursion import running_max
from ..choices import LINK

LOOKAHEAD = Number(0, 1000, 0.0, "ms", doc="Delay of the signal (``latency_samples``) against the key.")

PEAK_MS = 10.0
"""A peak counts for so long: half a period of 50 Hz, so that a steady tone has one level, zero crossings included."""

FLOOR_DB = -200.0
"""The level of silence."""


class PeakLevel:
    """Peaks of a key over the last ``PEAK_MS``.

    Args:
        sample_rate: in Hz.
        link: the loudest channel counts for all.
    """

    def __init__(self, sample_rate: float, link: bool) -> None:
        self.window = max(1, round(PEAK_MS * sample_rate / 1000))
        self.link = link

    def __call__(self, key: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        """Peaks (B, C, T), or (B, 1, T) where linked, of a block (B, C, T), and the state after it."""
        size = key.abs()
        size = size.amax(1, keepdim=True) if self.link and size.shape[1] > 1 else size
        peak, state = running_max(size, self.window, state, return_zf=True)
        return peak, state


class KeyedGain(Processor, abstract=True):
    """Base of the effects whose gain is a function of the peaks of a key; a subclass gives ``gain``."""

    options = {"link": LINK, "lookahead_ms": LOOKAHEAD}
    traits = {"time_invariant", "causal", "odd"}
    takes_sidechain = True

    def prepare(self) -> None:
        """The peaks and the look-ahead."""
        self.crosses_channels = self.link
        self.latency_samples = round(self.lookahead_ms * self.sample_rate / 1000)
        self.knob_latency = dict.fromkeys(self.params, self.latency_samples)
        self._peak = PeakLevel(self.sample_rate, self.link)

    def gain(self, peak: Tensor, state: dict[str, Any], **knobs: Tensor) -> tuple[Tensor, dict[str, Any]]:
        """The gain, an amplitude, for the peaks of the key, (B, 1 or C, T), and the state of what makes it."""
        raise NotImplementedError(f"{type(self).__name__} defines no gain()")

    def process(
        self, x: Tensor, state: State, sidechain: Tensor | None = None, **knobs: Tensor
    ) -> tuple[Tensor, State]:
        """Level, gain, look-ahead; the state holds the peaks, the gain and the delayed signal."""
        if x.shape[-1] == 0:
            return x, state
        state = state or {}
        peak, new_peak = self._peak(x if sidechain is None else sidechain, state.get("peak"))
        gain, new_state = self.gain(peak, state, **knobs)
        y, line = delayed(x, self.latency_samples, state.get("line"))
        return y * gain, {"peak": new_peak, "line": line, **new_state}
