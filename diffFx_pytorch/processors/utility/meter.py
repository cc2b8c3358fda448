"""Meter."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ...control import can_look_at
from ...curve import Curve
from ...dsp.levels import db_to_amp
from ...dsp.loudness import channel_weights, k_weighting
from ...dsp.programme import programme, programme_readings, silent_programme
from ...dsp.third_octaves import third_octave_centres, third_octaves
from ...dsp.true_peak import REACH, true_peak
from ...kernels.constants import constant
from ...kernels.nests import tensors_in
from ...kernels.transforms import forward_mode_active, needs_grad
from ...options import Flag
from ...params import EffectParam
from ...processor import Processor, State
from ...recursion import sosfilt
from ...stream import BlockState

_PIECE = 1 << 15
"""Samples at a time, without gradients: the bands of a long sound would fill the memory."""


class Filters(NamedTuple):
    """What a meter listens through, as sections, float64."""

    weighting: Tensor
    bands: Tensor | None

    @classmethod
    def at(cls, sample_rate: float, spectrum: bool, device: torch.device | None = None) -> Filters:
        """For a sample rate in Hz, with or without the thirds of an octave."""
        bands = third_octaves(sample_rate).to(device) if spectrum else None
        return cls(k_weighting(sample_rate).to(device), bands)


class MeterState(NamedTuple):
    """What a meter has seen, in float64; None where an option says that it does not look."""

    sums: Tensor
    """(B, C, 2): of the squares, and of the products with the next channel."""
    peak: Tensor
    """(B, C): the highest magnitude of a sample."""
    samples: Tensor
    """(B,): how many."""
    between: Any
    """The highest magnitude between samples, (B, C), and what the interpolator remembers."""
    loudness: Any
    """The memory of the K-weighting, and the two that ``dsp.programme`` returns."""
    bands: Any
    """The sums of the squares of every band, (B, C, bands), and the memory of its filters."""
    sample_rate: float
    unread: tuple[Tensor, ...] = ()
    """Blocks after all that, not looked at yet, since derivatives of what they read may be asked for."""

    def after(self, y: Tensor, filters: Filters) -> MeterState:
        """After a block, (B, C, T): seen at once, or kept unread where that would record a graph nobody may want."""
        watched = forward_mode_active()
        state = self if watched or needs_grad(*tensors_in(self)) else self.seen(filters)
        if watched or needs_grad(y, *tensors_in(state)):
            return state._replace(unread=(*state.unread, y))
        return state._after(y, filters)

    def seen(self, filters: Filters) -> MeterState:
        """With what was unread."""
        state = self._replace(unread=())
        for y in self.unread:
            state = state._after(y, filters)
        return state

    def readings(self, filters: Filters | None = None) -> dict[str, Tensor]:
        """By name; see ``Meter``."""
        if self.unread:
            made = Filters.at(self.sample_rate, self.bands is not None, self.sums.device)
            return self.seen(filters or made).readings()
        samples = self.samples[:, None].clamp_min(1)
        squares, products = self.sums.unbind(-1)
        found = {"peak_db": _db(self.peak), "rms_db": _db(squares / samples, 10.0)}
        if squares.shape[1] == 2:
            scale = squares.prod(1)
            heard = scale > 0
            root = torch.where(heard, scale, 1.0).sqrt()
            found["correlation"] = torch.where(heard, products[:, 0] / root, 0.0)
        if self.between is not None:
            highest, past = self.between
            rest, _ = true_peak(past.new_zeros(*past.shape[:-1], REACH), past)
            found["true_peak_db"] = _db(torch.maximum(highest, rest.amax(-1)))
        if self.loudness is not None:
            found |= programme_readings(self.loudness[1:], self.sample_rate)
        if self.bands is not None:
            found["spectrum_db"] = _db(self.bands[0] / samples[..., None], 10.0)
        return found

    def _after(self, y: Tensor, filters: Filters) -> MeterState:
        state = self
        pieces = can_look_at(y) and not needs_grad(y, *tensors_in(self)) and not forward_mode_active()
        for piece in y.split(_PIECE, -1) if pieces else (y,):
            state = state._after_piece(piece.double(), filters)
        return state

    def _after_piece(self, y: Tensor, filters: Filters) -> MeterState:
        """After the next samples, float64."""
        squares = y.square()
        products = torch.stack([squares.sum(-1), (y * y.roll(-1, 1)).sum(-1)], -1)
        between, loudness, bands = self.between, self.loudness, self.bands
        if between is not None:
            peak, past = true_peak(y, between[1])
            between = torch.maximum(between[0], peak.amax(-1)), past
        if loudness is not None:
            weighted, memory = sosfilt(y, filters.weighting, loudness[0], return_zf=True)
            weights = constant(channel_weights(y.shape[1]), y.dtype, y.device)
            power = (weights[:, None] * weighted.square()).sum(1)
            loudness = memory, *programme(power, loudness[1:], self.sample_rate)
        if bands is not None and filters.bands is not None:
            filtered, memory = sosfilt(y.unsqueeze(2), filters.bands, bands[1], return_zf=True)
            bands = bands[0] + filtered.square().sum(-1), memory
        peak = torch.maximum(self.peak, y.abs().amax(-1))
        samples = self.samples + y.shape[-1]
        return MeterState(self.sums + products, peak, samples, between, loudness, bands, self.sample_rate)


class Meter(Processor):
    """A fader that is also a meter: y = 10^(trim / 20) x, and what the signal reads so far is in the state.

    At 0 dB the sound passes bit for bit. The readings are those of all samples since the state began, so in a stream of
    everything heard and after ``run(x)`` of that call:

        y, state = meter.run(x)
        meter.readings(state)["lufs"]

    ``routing.readings(state)`` gives those of every meter in a chain or a mixer. They are functions of the state, which
    is a function of the sound and the knob: nothing is kept in the effect, and gradients flow through all of them; the
    gates, and which windows count, are held fixed. Where gradients may be asked for, what passes is measured when it
    is read, so a meter that nobody reads records nothing.

    - ``loudness``, BS.1770 at the usual layout of so many channels: ``momentary_lufs`` (the last 400 ms),
      ``short_term_lufs`` (3 s), the loudest of each as ``momentary_max`` and ``short_term_max``, ``lufs`` (integrated,
      gated), ``loudness_range`` in LU. Windows end every 100 ms; the gates work on histograms of 0.1 LU, so memory does
      not grow.
    - ``true_peak``: ``true_peak_db`` of each channel, four times oversampled.
    - ``spectrum``: ``spectrum_db``, the RMS of each channel in thirds of an octave, which ``bands_hz`` names.
    - always: ``peak_db`` and ``rms_db`` of each channel, and of stereo the ``correlation`` of the channels (B,).

    Decibels are re full scale: a sine of amplitude 1 has an RMS of -3.01. Silence reads minus infinity, its correlation
    0.

    References:
        ITU-R BS.1770-5, Algorithms to measure audio programme loudness and true-peak audio level, 2023. EBU Tech 3341
        and 3342, 2016. IEC 61260-1, 2014 (bands).
    """

    words = ("{trim_db:raises}", "reads levels")
    params = {
        "trim_db": EffectParam(
            -24.0, 24.0, 0.0, unit="dB", search="none", doc="Level before the meter; what is read is heard."
        )
    }
    options = {
        "loudness": Flag(True, doc="Whether loudness and its range are read."),
        "true_peak": Flag(True, doc="Whether the peaks between the samples are read."),
        "spectrum": Flag(False, doc="Whether levels are read in thirds of an octave: thirty filters for each channel."),
    }
    neutral = {"trim_db": 0.0}
    traits = {"linear", "time_invariant", "causal", "odd", "memoryless"}

    def prepare(self) -> None:
        """The filters."""
        self.bands_hz = third_octave_centres(self.sample_rate) if self.spectrum else ()
        for name, sections in Filters.at(self.sample_rate, self.spectrum)._asdict().items():
            self.register_buffer(f"_{name}", sections, persistent=False)

    _weighting: Tensor
    _bands: Tensor | None

    @property
    def _filters(self) -> Filters:
        return Filters(self._weighting, self._bands)

    def process(self, x: Tensor, state: State, *, trim_db: Tensor) -> tuple[Tensor, State]:
        """Multiply by the trim, and look at what comes out; the state is a ``MeterState``."""
        y = x * db_to_amp(trim_db)
        state = self._silent(x) if state is None else state
        return y, state.after(y, self._filters)

    def readings(self, state: Any) -> dict[str, Tensor]:
        """What the signal reads, by name; see the class.

        Args:
            state: what ``run`` returned, or the ``state`` of a stream.

        Raises:
            TypeError: for what is no state of a meter; ``routing.readings`` takes those of chains and mixers.
        """
        inner = state.inner if isinstance(state, BlockState) else state
        if not isinstance(inner, MeterState):
            raise TypeError(f"Meter: readings takes the state that run() returned, got {type(inner).__name__}")
        return inner.readings(self._filters)

    def curve(self, *, trim_db: Tensor) -> Curve:
        """Output level over input level."""
        level = torch.linspace(-60.0, 0.0, 121, dtype=torch.float64)
        return Curve(level, level + trim_db[0, 0, 0], "input (dB)", "output (dB)", title="Meter")

    def _silent(self, x: Tensor) -> MeterState:
        B, C, _ = x.shape
        zeros = lambda *shape: x.new_zeros(B, *shape, dtype=torch.float64)  # noqa: E731
        return MeterState(
            zeros(C, 2),
            zeros(C),
            zeros(),
            (zeros(C), zeros(C, 2 * REACH)) if self.true_peak else None,
            (zeros(C, 2, 2), *silent_programme(x)) if self.loudness else None,
            (zeros(C, len(self.bands_hz)), zeros(C, len(self.bands_hz), 3, 2)) if self.spectrum else None,
            self.sample_rate,
        )


def _db(value: Tensor, factor: float = 20.0) -> Tensor:
    """Minus infinity, without gradient, for nothing."""
    heard = value > 0
    return torch.where(heard, factor * torch.where(heard, value, 1.0).log10(), -math.inf)
