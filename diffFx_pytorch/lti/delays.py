"""Delays, with and without gains, and all-passes made of them."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from .gains import given_or_random
from .grid import Circle, Grid
from .maps import Map, Tanh
from .module import Module, channels_of
from .response import Diagonal, Response

SPEED_OF_SOUND = 343.0
"""Speed of sound in air at 20 degrees Celsius, m/s."""

Unit = Literal["samples", "seconds", "metres"]


class _DelayBank(Module):
    """Base of the modules with learnable delays: ``base`` whole samples, and an ``offset`` that is learned."""

    base: Tensor
    offset: nn.Parameter

    def __init__(
        self,
        delay: Tensor,
        unit: Unit,
        sample_rate: float | None,
        diagonal: bool,
        integer: bool,
        map: dict[str, Map] | None,
        requires_grad: bool,
        dtype: torch.dtype | None,
    ) -> None:
        name = type(self).__name__
        samples = delay.to(torch.float64) * _samples_per(name, unit, sample_rate)
        channels = channels_of(name, "delay", samples, diagonal)
        if (samples < 0).any():
            raise ValueError(f"{name}: delays must be at least 0; a negative one would answer before it is asked")
        super().__init__(channels, diagonal=diagonal, map=map, requires_grad=requires_grad)
        self.sample_rate, self.integer = sample_rate, integer
        self.register_buffer("base", samples.round().long())
        self.longest = _longest(self.base)
        offset = torch.zeros_like(samples) if integer else samples - self.base
        self._declare("offset", offset.to(dtype or torch.get_default_dtype()))

    def samples(self) -> Tensor:
        """Return the delays in samples: of an integer type where they are whole and not learned, else float64.

        Rounding passes the gradient of a delay that is not rounded.
        """
        if not self.integer:
            return self.base + self.offset.to(torch.float64)
        whole = self.base + self.offset.detach().round().long()
        return whole + (self.offset - self.offset.detach()).double() if self.offset.requires_grad else whole

    def extra_repr(self) -> str:
        """Return the range of the delays in samples."""
        return _range(self.base)

    def _phase(self, grid: Grid) -> Tensor:
        _check_room(self.longest, grid)
        return grid.delay(self.samples())


class Delay(_DelayBank):
    """z^-m, from each input to each output or one per channel.

    A delay is stored as a whole number of samples, exact, and an ``offset`` in samples that is learned or predicted;
    so in float32, too, a delay of 10^5 samples starts exactly where it was put, and loses no phase.

    With ``integer`` the delay is rounded to whole samples; the gradient to the offset is then that of a
    delay not rounded, taken at the whole one: d(z^-m)/dm = -ln(z) z^-m.

    Args:
        delay: (..., outputs, inputs), or (..., channels) when diagonal, at least 0.
        unit: "samples", "seconds" or "metres" (of air, 343 m/s).
        sample_rate: Hz; for seconds and metres.
        diagonal: one delay per channel instead of a matrix.
        integer: whole samples only.
        requires_grad: whether the offset is learned.
        dtype: of the offset.

    Raises:
        ValueError: for negative delays, or seconds and metres without a sample rate.
    """

    def __init__(
        self,
        delay: Tensor,
        *,
        unit: Unit = "samples",
        sample_rate: float | None = None,
        diagonal: bool = True,
        integer: bool = True,
        requires_grad: bool = False,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(delay, unit, sample_rate, diagonal, integer, None, requires_grad, dtype)

    def whole_delays(self) -> Tensor | None:
        """Return the delays in samples if they are whole, fixed, at least 1 and one per channel, else None."""
        fixed = self.diagonal and self.integer and not self.offset.requires_grad
        return self.samples() if fixed and bool((self.base >= 1).all()) else None

    def respond(self, grid: Grid) -> Response:
        """Return z^-m at the points of a grid."""
        return self._response(self._phase(grid))


class GainDelay(_DelayBank):
    """g z^-m from each input to each output, or one per channel: sources to microphones in the open air.

    Args:
        delay: as in ``Delay``.
        gain: of the same shape; normally distributed where None.
        unit: "samples", "seconds" or "metres".
        sample_rate: Hz; for seconds and metres.
        diagonal: one per channel instead of a matrix.
        integer: whole samples only.
        map: from the raw parameter to the gain.
        requires_grad: whether gains and offsets are learned.
        generator: of random gains.
    """

    def __init__(
        self,
        delay: Tensor,
        gain: Tensor | None = None,
        *,
        unit: Unit = "samples",
        sample_rate: float | None = None,
        diagonal: bool = False,
        integer: bool = True,
        map: Map | None = None,
        requires_grad: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        gain = given_or_random("GainDelay", gain, tuple(delay.shape) if gain is None else None, generator, None)
        maps = None if map is None else {"gain": map}
        super().__init__(delay, unit, sample_rate, diagonal, integer, maps, requires_grad, gain.dtype)
        self._declare("gain", gain)

    def respond(self, grid: Grid) -> Response:
        """Return g z^-m at the points of a grid."""
        return self._response(self.value("gain").unsqueeze(-1) * self._phase(grid))


class AllPass(Module):
    """Schroeder's all-pass, one per channel: (g + z^-m) / (1 + g z^-m).

    Args:
        delay: whole samples, (..., channels).
        gain: (..., channels), inside -1 .. 1.
        map: from the raw parameter to the gain; where None, tanh.
        requires_grad: whether the gain is learned.

    Raises:
        ValueError: for gains that are not inside -1 .. 1, or delays that do not fit them or are below 1.

    References:
        M. R. Schroeder, "Natural sounding artificial reverberation", JAES 10(3), 1962.
    """

    base: Tensor

    def __init__(self, delay: Tensor, gain: Tensor, *, map: Map | None = None, requires_grad: bool = False) -> None:
        if (gain.abs() >= 1).any():
            raise ValueError("AllPass: gains must lie inside -1 .. 1, where the all-pass is stable")
        if (delay < 1).any() or delay.shape[-1:] not in ((1,), gain.shape[-1:]):
            raise ValueError(f"AllPass: delays must be 1 or one per gain, at least 1 sample each, got {delay.tolist()}")
        super().__init__((gain.shape[-1], gain.shape[-1]), diagonal=True, map=map, requires_grad=requires_grad)
        self.register_buffer("base", delay.round().long())
        self.longest = _longest(self.base)
        self._declare("gain", gain, Tanh())

    def respond(self, grid: Grid) -> Response:
        """Return the all-passes, of magnitude 1 on the unit circle."""
        _check_room(self.longest, grid)
        g, phase = self.value("gain").unsqueeze(-1), grid.delay(self.base)
        return Diagonal((g + phase) / (1 + g * phase))

    def extra_repr(self) -> str:
        """Return the range of the delays in samples."""
        return _range(self.base)


def _longest(delays: Tensor) -> int:
    return int(delays.max()) if delays.numel() else 0


def _range(delays: Tensor) -> str:
    if not delays.numel():
        return ""
    low, high = int(delays.min()), int(delays.max())
    return f"{low}" if low == high else f"{low}..{high}"


def _check_room(longest: int, grid: Grid) -> None:
    """Refuse a circle that is too short for a delay, which would fold back to an earlier time."""
    if isinstance(grid, Circle) and longest >= grid.nfft:
        raise ValueError(
            f"a delay of {longest} samples does not fit nfft={grid.nfft}: it would fold back to an earlier time. Take "
            "a larger nfft, or probe at single frequencies"
        )


def _samples_per(owner: str, unit: str, sample_rate: float | None) -> float:
    if unit == "samples":
        return 1.0
    if unit not in ("seconds", "metres"):
        raise ValueError(f"{owner}: unit must be 'samples', 'seconds' or 'metres', got {unit!r}")
    if sample_rate is None:
        raise ValueError(f"{owner}: delays in {unit} need a sample_rate")
    return sample_rate if unit == "seconds" else sample_rate / SPEED_OF_SOUND
