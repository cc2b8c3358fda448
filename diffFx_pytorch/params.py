"""A knob: its range, its curve, its unit, its default."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar, get_args

import torch
from torch import Tensor

from .dsp.precision import at_least_float32

Value = TypeVar("Value", float, Tensor)

HIGHEST_FREQUENCY = 0.49
"""The highest frequency a knob may reach, as a fraction of the sample rate."""

Search = Literal["smooth", "echo", "rate", "frequency", "decay", "stairs", "period", "angle", "none"]
_USUAL: dict[str, Any] = {"curve": "linear", "unit": "", "doc": "", "automatable": True, "search": "smooth"}
_OPTIONAL = frozenset({"default", *_USUAL})


@dataclass(frozen=True)
class EffectParam:
    """One knob of an effect: how a position in [0, 1] becomes a value an engineer reads.

    ``linear``: value = min + norm (max - min). ``log``: value = min (max / min)^norm, for what the ear hears in
    ratios: frequencies, times, Q, compression ratios.

    Args:
        min_val: value at position 0, in ``unit``.
        max_val: value at position 1, in ``unit``; greater than ``min_val``.
        default: neutral or most usual value; None takes the middle of the curve (position 0.5).
        curve: ``"linear"`` (None too) or ``"log"``; a log range must be positive.
        unit: "dB", "Hz", "ms", "s", "deg" or "" for a pure number. A range in Hz is cut to
            ``HIGHEST_FREQUENCY * sample_rate`` when a processor is built.
        doc: one sentence on what turning the knob does.
        automatable: False where a moving knob makes no sense; a processor then refuses (B, F) values.
        search: what helps ``fit`` to find it from sound: ``"echo"`` is a time in ms at which the response has an echo,
            ``"rate"`` a rate in Hz at which level or colour come and go, ``"angle"`` the phase in degrees from which an
            oscillator sweeps such a time at such a rate, ``"frequency"`` one where a filter acts, ``"decay"`` shapes
            how a response dies away, ``"stairs"`` acts in steps, so that its derivative says nothing, ``"period"`` is a
            count of samples for which one is held. ``"smooth"`` needs no help. ``"none"`` is a knob that stays as it is
            set: it is not fitted, nor drawn at random with the rest.

    In ``param_range`` what is left out (all but the range) stays as the effect has it.

    Raises:
        ValueError: for a range that is empty or not finite, a default outside it, an unknown curve, or a log curve
            over a range that is not positive.
    """

    min_val: float
    max_val: float
    default: float = None  # type: ignore[assignment]  # a float once built
    curve: Literal["linear", "log"] = None  # type: ignore[assignment]  # said once built, as all below
    unit: str = None  # type: ignore[assignment]
    doc: str = None  # type: ignore[assignment]
    automatable: bool = None  # type: ignore[assignment]
    search: Search = None  # type: ignore[assignment]
    said: frozenset[str] = field(default=frozenset(), init=False, repr=False, compare=False)
    """What it was built with, the rest being usual values."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "said", frozenset(n for n in _OPTIONAL if getattr(self, n) is not None))
        for name in _USUAL.keys() - self.said:
            object.__setattr__(self, name, _USUAL[name])
        if self.curve not in ("linear", "log"):
            raise ValueError(f"curve must be 'linear' or 'log', got {self.curve!r}")
        if self.search not in get_args(Search):
            raise ValueError(f"search must be one of {', '.join(map(repr, get_args(Search)))}, got {self.search!r}")
        if not (math.isfinite(self.min_val) and math.isfinite(self.max_val) and self.min_val < self.max_val):
            raise ValueError(f"a range needs finite min_val < max_val, got {self.min_val!r} .. {self.max_val!r}")
        if self.curve == "log" and self.min_val <= 0:
            raise ValueError(f"a log curve needs a positive range, got {self.min_val!r} .. {self.max_val!r}")
        for name in ("min_val", "max_val"):
            object.__setattr__(self, name, float(getattr(self, name)))
        default = self.to_physical(0.5) if self.default is None else float(self.default)
        if not self.min_val <= default <= self.max_val:
            raise ValueError(f"default {default!r} lies outside {self.min_val!r} .. {self.max_val!r}")
        object.__setattr__(self, "default", default)

    def to_physical(self, norm: Value) -> Value:
        """The value at knob position ``norm``.

        Args:
            norm: float or tensor of any shape, in [0, 1]. Positions a rounding error outside are brought back in,
                with the gradient of the end they left.

        Returns:
            Value in ``unit``, same type and shape, but float32 for half precision; exactly ``min_val`` at 0 and
            ``max_val`` at 1 (to the last bit for linear curves).
        """
        if not isinstance(norm, Tensor):
            return float(self.to_physical(torch.tensor(float(norm), dtype=torch.float64, device="cpu")))
        low, high = self.ends()
        norm = keep_inside(at_least_float32(norm), 0.0, 1.0)
        value = norm * high + (1 - norm) * low  # exact at both ends, as low + norm (high - low) is not
        return keep_inside(value.exp(), self.min_val, self.max_val) if self.curve == "log" else value

    def to_norm(self, value: Value) -> Value:
        """The knob position of ``value``: the inverse of ``to_physical``.

        Args:
            value: float or tensor of any shape, in ``unit``, inside the range.

        Returns:
            Position in [0, 1], same type and shape.
        """
        if not isinstance(value, Tensor):
            return float(self.to_norm(torch.tensor(float(value), dtype=torch.float64, device="cpu")))
        low, high = self.ends()
        value = at_least_float32(value)
        position = value.log() if self.curve == "log" else value
        return keep_inside((position - low) / (high - low), 0.0, 1.0)

    def to_line(self, value: Tensor, is_norm: bool) -> Tensor:
        """A value, or a position, where the knob moves in straight lines: ln(value / min_val) on a log curve."""
        if self.curve == "linear":
            return self.to_physical(value) if is_norm else value
        length = math.log(self.max_val / self.min_val)
        # Short of the end by what rounding may add: nothing on the way needs to be clamped.
        line = value * length if is_norm else (value / self.min_val).log()
        return keep_inside(line, 0.0, length * (1 - 1e-15))

    def from_line(self, line: Tensor) -> Tensor:
        """The value of a point of ``to_line``, inside the range."""
        return line.exp() * self.min_val if self.curve == "log" else line

    def at_rate(self, sample_rate: float) -> EffectParam:
        """This knob with a range that the sample rate allows: frequencies end at ``HIGHEST_FREQUENCY * sample_rate``.

        Raises:
            ValueError: if nothing of the range is left.
        """
        highest = HIGHEST_FREQUENCY * sample_rate
        if self.unit != "Hz" or self.max_val <= highest:
            return self
        if self.min_val >= highest:
            raise ValueError(
                f"a range of {self.min_val:g} .. {self.max_val:g} Hz has nothing below {highest:g} Hz, the highest "
                f"frequency at a sample rate of {sample_rate:g} Hz"
            )
        return replace(self, max_val=highest, default=min(self.default, highest))

    def completed(self, row: EffectParam) -> EffectParam:
        """This knob, with what it was built without taken from ``row``; a default outside comes to the nearest end.

        Raises:
            ValueError: for a range that the curve of ``row`` cannot have.
        """
        left_out = {name: getattr(row, name) for name in _OPTIONAL - self.said}
        if "default" in left_out:
            left_out["default"] = min(max(row.default, self.min_val), self.max_val)
        try:
            return replace(self, **left_out)
        except ValueError as error:
            raise ValueError(f"{error} (the knob has a {row.curve} curve; give curve='linear' for another)") from None

    def inside(self, value: Value) -> Value:
        """``value`` brought back into the range where rounding put it outside, with the gradient it had."""
        if not isinstance(value, Tensor):
            return min(max(value, self.min_val), self.max_val)
        return keep_inside(value, self.min_val, self.max_val)

    def range_text(self) -> str:
        """The range as a person writes it, e.g. ``20 .. 20000 Hz``."""
        return f"{self.min_val:g} .. {self.max_val:g} {self.unit}".rstrip()

    def ends(self) -> tuple[float, float]:
        """Both ends of the range where the curve is straight: of the values, or of their logarithms."""
        return (math.log(self.min_val), math.log(self.max_val)) if self.curve == "log" else (self.min_val, self.max_val)


def keep_inside(value: Tensor, low: Tensor | float, high: Tensor | float) -> Tensor:
    """``value`` clamped, with the gradient it had."""
    # A plain clamp gives a knob that rounding put one ulp outside no gradient: a network could not turn it back.
    held = value.clamp(low, high)  # pyright: ignore[reportCallIssue, reportArgumentType]  # both may be tensors
    return value + (held - value).detach()
