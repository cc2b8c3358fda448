"""Delays, with and without gains, and all-passes made of them."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from .gains import random_values
from .grid import Circle, Grid
from .maps import Map
from .module import Module
from .response import Dense, Diagonal, Response

SPEED_OF_SOUND = 343.0
"""Metres a second in air of 20 degrees Celsius."""

Unit = Literal["samples", "seconds", "metres"]


class Delay(Module):
    """z^-m, from each input to each output or one a channel.

    A delay is kept as a whole number of samples, exact, and an ``offset`` in samples that is learned or predicted; so
    in float32 too a delay of 10^5 samples starts exactly where it was put, and loses no phase.

    With ``integer`` the delay is rounded to whole samples; the gradient to the offset is then that of a
    delay not rounded, taken at the whole one: d(z^-m)/dm = -ln(z) z^-m.

    Args:
        delay: (..., outputs, inputs), or (..., channels) when diagonal, at least 0.
        unit: "samples", "seconds" or "metres" (of air, 343 m/s).
        sample_rate: Hz; for seconds and metres.
        diagonal: one delay a channel instead of a matrix.
        integer: whole samples only.
        requires_grad: whether the offset is learned.
        dtype: of the offset.

    Raises:
        ValueError: for negative delays, or seconds and metres without a sample rate.
    """

    base: Tensor

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
        samples = delay.to(torch.float64) * _samples_per("Delay", unit, sample_rate)
        if samples.dim() < (1 if diagonal else 2):
            raise ValueError(
                f"Delay: delay must be (..., channels), or (..., outputs, inputs); got {tuple(delay.shape)}"
            )
        if (samples < 0).any():
            raise ValueError("Delay: delays must be at least 0; a negative one would answer before it is asked")
        super().__init__(samples.shape[-1 if diagonal else -2], samples.shape[-1], requires_grad=requires_grad)
        self.sample_rate = sample_rate
        self.diagonal, self.integer = diagonal, integer
        self.register_buffer("base", samples.round().long())
        self.longest = int(self.base.max()) if self.base.numel() else 0
        start = torch.zeros_like(samples) if integer else samples - self.base
        self._hold("offset", start.to(dtype or torch.get_default_dtype()))

    def samples(self) -> Tensor:
        """The delays in samples, float64, or exact whole numbers where nothing is learned about them."""
        return delay_in_samples(self.base, self.offset, self.integer)

    offset: nn.Parameter

    def respond(self, grid: Grid) -> Response:
        """Pure phase (and the circle's decay)."""
        check_room(self.longest, grid)
        phase = grid.delay(self.samples())
        return Diagonal(phase) if self.diagonal else Dense(phase)


class GainDelay(Module):
    """g z^-m from each input to each output, or one a channel: sources to microphones in the open air.

    Args:
        delay: as in ``Delay``.
        gain: of the same shape; normally distributed where None.
        unit: "samples", "seconds" or "metres".
        sample_rate: Hz; for seconds and metres.
        diagonal: one a channel instead of a matrix.
        integer: whole samples only.
        map: from the raw parameter to the gain.
        requires_grad: whether gains and offsets are learned.
        generator: of random gains.
    """

    base: Tensor
    offset: nn.Parameter

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
        gain = random_values("GainDelay", gain, tuple(delay.shape) if gain is None else None, generator, None)
        delays = Delay(
            delay,
            unit=unit,
            sample_rate=sample_rate,
            diagonal=diagonal,
            integer=integer,
            requires_grad=requires_grad,
            dtype=gain.dtype,
        )
        super().__init__(
            delays.outputs, delays.inputs, map=None if map is None else {"gain": map}, requires_grad=requires_grad
        )
        self.diagonal, self.integer, self.sample_rate = diagonal, integer, sample_rate
        self.register_buffer("base", delays.base)
        self.longest = delays.longest
        self._hold("offset", delays.offset)
        self._hold("gain", gain)

    def samples(self) -> Tensor:
        """The delays in samples."""
        return delay_in_samples(self.base, self.offset, self.integer)

    def respond(self, grid: Grid) -> Response:
        """Gain times phase."""
        check_room(self.longest, grid)
        values = self.value("gain").unsqueeze(-1) * grid.delay(self.samples())
        return Diagonal(values) if self.diagonal else Dense(values)


class AllPass(Module):
    """Schroeder's all-pass, one a channel: (g + z^-m) / (1 + g z^-m).

    Args:
        delay: whole samples, (..., channels).
        gain: (..., channels), inside -1 .. 1.
        map: from the raw parameter to the gain; where None, tanh.
        requires_grad: whether the gain is learned.

    References:
        M. R. Schroeder, "Natural sounding artificial reverberation", JAES 10(3), 1962.
    """

    base: Tensor

    def __init__(self, delay: Tensor, gain: Tensor, *, map: Map | None = None, requires_grad: bool = False) -> None:
        if (gain.abs() >= 1).any():
            raise ValueError("AllPass: gains must lie inside -1 .. 1, where the all-pass is stable")
        if (delay < 1).any() or delay.shape[-1:] not in ((1,), gain.shape[-1:]):
            raise ValueError(f"AllPass: one delay a gain is needed, of at least 1 sample, got {delay.tolist()}")
        super().__init__(gain.shape[-1], gain.shape[-1], map=map, requires_grad=requires_grad)
        self.register_buffer("base", delay.round().long())
        self.longest = int(self.base.max())
        self._hold("gain", gain, fallback=Tanh())

    def respond(self, grid: Grid) -> Response:
        """Of magnitude 1 on the unit circle."""
        check_room(self.longest, grid)
        g, phase = self.value("gain").unsqueeze(-1), grid.delay(self.base)
        return Diagonal((g + phase) / (1 + g * phase))


class Tanh:
    """Inside -1 .. 1."""

    def __call__(self, raw: Tensor) -> Tensor:
        """tanh(raw)."""
        return raw.tanh()

    def inverse(self, value: Tensor) -> Tensor:
        """artanh(value)."""
        return value.atanh()


def delay_in_samples(base: Tensor, offset: Tensor, integer: bool) -> Tensor:
    """Base plus offset, of an integer dtype where it is whole and not learned; rounding lets the gradient through."""
    if not integer:
        return base + offset.to(torch.float64)
    if not offset.requires_grad:
        return base + offset.detach().round().long()
    whole = base + offset.detach().to(torch.float64).round()
    return whole + (offset - offset.detach()).to(torch.float64)


def check_room(longest: int, grid: Grid) -> None:
    """Refuse a circle that is too short for a delay: what it delays would come out too early.

    Raises:
        ValueError: for delays of nfft samples and more.
    """
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
