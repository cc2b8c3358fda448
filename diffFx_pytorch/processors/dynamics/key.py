"""What effects share whose gain follows the level of a key: options, the level, the look-ahead."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ...dsp import gain_constant
from ...dsp.gain_computer import FLOOR, overshoot
from ...dsp.whole_delay import delayed
from ...kernels.transforms import applied, forward_mode_active
from ...options import Number
from ...params import EffectParam
from ...processor import Processor, State
from ...recursion import running_max
from ..choices import LINK

LOOKAHEAD = Number(0, 1000, 0.0, "ms", doc="Delay of the signal behind the key, declared as latency.")

MAKEUP = EffectParam(-24.0, 36.0, 0.0, unit="dB", doc="Gain of the output.")

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

    def overshoot(self, key: Tensor, state: Tensor | None, threshold: Tensor, width: Tensor) -> tuple[Tensor, Tensor]:
        """``overshoot`` of the peaks of a block (B, C, T), and the state after it."""
        channels = 1 if self.link else key.shape[1]
        past = key.new_zeros(key.shape[0], channels, self.window - 1) if state is None else state
        if not _in_one_pass(key, past, threshold, width):
            peak, new_state = self(key, past)
            return overshoot(peak, threshold, width), new_state
        last = key[..., max(key.shape[-1] - self.window + 1, 0) :].abs()
        last = last.amax(1, keepdim=True) if self.link and last.shape[1] > 1 else last
        missing = self.window - 1 - last.shape[-1]
        new_state = last if missing == 0 else torch.cat((past[..., past.shape[-1] - missing :], last), -1)
        return applied(_HeldOvershoot, key, past, threshold, width, self), new_state


def _in_one_pass(key: Tensor, past: Tensor, *knobs: Tensor) -> bool:
    """Whether kernels take these, and are all that is asked for: first derivatives by key and knobs."""
    if forward_mode_active() or (torch.is_grad_enabled() and past.requires_grad):
        return False
    return gain_constant.fits(key, None, *knobs)


class _HeldOvershoot(torch.autograd.Function):
    """Peaks and overshoot in one pass over float32, and back in one."""

    @staticmethod
    def forward(key: Tensor, past: Tensor, threshold: Tensor, width: Tensor, peak: PeakLevel) -> Tensor:
        return gain_constant.held_overshoot(key, past, 0.5 * width - threshold, width, FLOOR)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs[:4], output)
        ctx.peak = inputs[4]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        key, past, threshold, width, over = ctx.saved_tensors
        if torch.is_grad_enabled():  # to be differentiated again
            again = overshoot(ctx.peak(key, past)[0], threshold, width)
            inputs = (key, threshold, width)
            needed = [t for t in inputs if t.requires_grad]
            given = iter(torch.autograd.grad(again, needed, grads[0], create_graph=True))
            to_key, *to = (next(given) if t.requires_grad else None for t in inputs)
            return to_key, None, *to, None
        to_key, *to = gain_constant.held_overshoot_adjoint(
            grads[0], key, past, over, width, FLOOR, ctx.needs_input_grad[0]
        )
        return to_key, None, *to, None


class KeyedGain(Processor, abstract=True):
    """Base of the effects whose gain is a function of the peaks of a key; a subclass gives ``gain``."""

    options = {"link": LINK, "lookahead_ms": LOOKAHEAD}
    traits = {"time_invariant", "causal", "odd"}
    in_pieces = True
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
        state = state or {}
        peak, new_peak = self._peak(x if sidechain is None else sidechain, state.get("peak"))
        gain, new_state = self.gain(peak, state, **knobs)
        y, line = delayed(x, self.latency_samples, state.get("line"))
        return y * gain, {"peak": new_peak, "line": line, **new_state}
