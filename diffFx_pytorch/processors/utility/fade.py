"""Fades at the beginning and the end of a signal."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...control import can_look_at
from ...curve import Curve
from ...notices import notify
from ...options import Choice, Number
from ...params import EffectParam, keep_inside
from ...processor import Processor, State

SHAPES = ("linear", "equal_power", "exponential", "s_curve")

_OCTAVES = 10
_LONGEST_S = 30.0


class Fade(Processor):
    """Fade in from the first sample and out to the last: y[n] = r(n / I) r((N - 1 - n) / O) x[n].

    I and O are the lengths in samples, N that of the signal. The ramp r(u) goes from exactly 0 at u <= 0 to exactly 1
    at u >= 1, so the first and the last sample are silent, and sample I is at full level:

    - ``linear``: u. Two of them overlapped sum to 1: for material that is alike on both sides.
    - ``equal_power``: sin(pi u / 2). The squares of two overlapped sum to 1: for material that is not.
    - ``exponential``: (2^(10 u) - 1) / (2^10 - 1), about even in dB over a range of 60 dB.
    - ``s_curve``: (1 - cos pi u) / 2, without corners.

    A fade shorter than a sample closes the first or last sample as far as it is long. Fades that overlap multiply.

    Without ``length_s`` the signal that the effect is called with is the whole of it, so it cannot stream; a fade
    longer than that is cut to it, with a notice, and has the gradient of one just as long: random settings of a chain
    are sounds at any length. With ``length_s`` it streams: the signal is that long (silent from
    there on), and no fade can be longer, for the ranges of the knobs end there.
    """

    words = ("fades in over {fade_in_s}", "fades out over {fade_out_s}")
    options = {
        "shape": Choice(*SHAPES, default="s_curve", doc="Shape of the ramp."),
        "length_s": Number(
            0.001, 1e6, None, "s", doc="Length of the whole signal; None takes that of the signal given."
        ),
    }
    traits = {"linear", "causal", "odd"}
    # Without length_s the short signals of the contract are, rightly, refused.
    variants = tuple({"shape": shape, "length_s": 0.15} for shape in SHAPES)
    neutral = {"fade_in_s": 0.0, "fade_out_s": 0.0}

    def table(self) -> dict[str, EffectParam]:
        """Both fades, no longer than the signal where that is known."""
        longest = _LONGEST_S if self.length_s is None else min(_LONGEST_S, self.length_s)
        return {
            name: EffectParam(0.0, longest, 0.0, unit="s", doc=doc, automatable=False)
            for name, doc in (("fade_in_s", "Length of the fade in."), ("fade_out_s", "Length of the fade out."))
        }

    def prepare(self) -> None:
        """Without a length it needs the whole signal at once."""
        self.streamable = self.length_s is not None

    def process(self, x: Tensor, state: State, *, fade_in_s: Tensor, fade_out_s: Tensor) -> tuple[Tensor, State]:
        """Multiply by both ramps; the state is the position in the signal."""
        T = x.shape[-1]
        total = T if self.length_s is None else round(self.length_s * self.sample_rate)
        position = torch.zeros((), dtype=torch.int64, device=x.device) if state is None else state
        if self.length_s is None and T:
            fade_in_s, fade_out_s = self._cut("fade_in_s", fade_in_s, T), self._cut("fade_out_s", fade_out_s, T)
        return x * self._gain(position, T, total, fade_in_s, fade_out_s, x.dtype), position + T

    def curve(self, *, fade_in_s: Tensor, fade_out_s: Tensor) -> Curve:
        """Gain from the beginning to the end of the signal; of one just as long as the fades if it has no length."""
        both = (fade_in_s + fade_out_s)[0, 0, 0]
        total = max(2, round(float(both if self.length_s is None else self.length_s) * self.sample_rate) + 1)
        start = torch.zeros((), dtype=torch.int64)
        gain = self._gain(start, total, total, fade_in_s[:1], fade_out_s[:1], torch.float64)[0, 0]
        return Curve(torch.arange(total) / self.sample_rate, gain, "time (s)", "gain", title="Fade")

    def _gain(
        self, position: Tensor, samples: int, total: int, fade_in_s: Tensor, fade_out_s: Tensor, dtype: torch.dtype
    ) -> Tensor:
        n = position + torch.arange(samples, device=position.device)
        lengths = (length_s.double() * self.sample_rate for length_s in (fade_in_s, fade_out_s))
        up, down = (
            _ramp(count, length, self.shape, dtype) for count, length in zip((n, total - 1 - n), lengths, strict=True)
        )
        return up * down

    def _cut(self, name: str, length_s: Tensor, samples: int) -> Tensor:
        longest = samples / self.sample_rate
        if can_look_at(length_s) and float(length_s.detach().max()) > longest * (1 + 1e-6):
            # The same words for every setting: a warning is shown once, though a data set draws thousands.
            notify(f"{name} is longer than the signal; it was cut to the {longest:g} s that there are")
        return keep_inside(length_s, 0.0, longest)


def _ramp(n: Tensor, length: Tensor, shape: str, dtype: torch.dtype) -> Tensor:
    """Gain at sample n of a ramp of so many samples; below one, 1 - length at sample 0, so that 0 is no ramp at all.

    How far the ramp is takes float64, or a long signal loses its samples; the shape is well in ``dtype``.
    """
    u = (1 - (length - n) / length.clamp_min(1.0)).clamp(0.0, 1.0).to(dtype)
    return torch.where(length < 1, u, _shaped(u, shape))


def _shaped(u: Tensor, shape: str) -> Tensor:
    if shape == "linear":
        return u
    if shape == "equal_power":
        return torch.sin(0.5 * math.pi * u)
    if shape == "exponential":
        return (torch.exp2(_OCTAVES * u) - 1) / (2**_OCTAVES - 1)
    return 0.5 - 0.5 * torch.cos(math.pi * u)
