"""Levels of a signal that comes in blocks: loudness, true peak, RMS, crest, DC, correlation."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..control import Knobs
from ..dsp.true_peak import REACH, true_peak
from ..files import audio_info, block_frames_of, read_blocks
from ..processor import Processor
from ..routing import readings
from ..sound import widened
from .loudness import Loudness, loudness_range, lufs_of
from .streaming import part_of

_LOWEST_RATE = 2300.0


@dataclass(frozen=True)
class Measurement:
    """Levels of a sound. Decibels of silence are minus infinity.

    Args:
        seconds: its length.
        lufs: integrated loudness in LUFS (ITU-R BS.1770-4).
        short_term_max: loudest 3 s, in LUFS (EBU Tech 3341).
        momentary_max: loudest 400 ms, in LUFS.
        loudness_range: LRA in LU (EBU Tech 3342).
        true_peak_db: in dBTP.
        peak_db: highest sample in dBFS.
        rms_db: of all channels together, in dB re full scale (a full-scale sine has -3.01).
        crest_db: peak over RMS.
        dc: mean of the channel where that is largest; 1 is full scale.
        correlation: of two channels, from -1 to 1; None for other numbers of them, and for silence.
    """

    seconds: float
    lufs: float
    short_term_max: float
    momentary_max: float
    loudness_range: float
    true_peak_db: float
    peak_db: float
    rms_db: float
    crest_db: float
    dc: float
    correlation: float | None


class Meter:
    """Measures a signal that comes in blocks.

    Args:
        sample_rate: in Hz.
        channels: C.
        mask: channel mask, see :func:`diffFx_pytorch.dsp.loudness.channel_weights`.
        dual_mono: a mono signal is played by two speakers.
    """

    def __init__(self, sample_rate: float, channels: int, *, mask: int | None = None, dual_mono: bool = False) -> None:
        self.sample_rate, self.channels = sample_rate, channels
        # Rates too low for a K-weighting have no loudness.
        measurable = sample_rate > _LOWEST_RATE
        self.loudness = Loudness(sample_rate, channels, mask=mask, dual_mono=dual_mono) if measurable else None
        self.frames = 0
        self.peak = 0.0
        self._between = 0.0
        self._state: Tensor | None = None
        self._sums, self._products = np.zeros(channels), np.zeros((channels, channels))

    def add(self, block: np.ndarray) -> None:
        """Add the next samples (T, C)."""
        if not len(block):
            return
        if self.loudness is not None:
            self.loudness.add(block)
        x = torch.from_numpy(np.ascontiguousarray(block.T))
        between, self._state = true_peak(x, self._state)
        self._between = max(self._between, float(between.max()))
        self.peak = max(self.peak, float(x.abs().max()))
        self.frames += len(block)
        exact = np.asarray(block, np.float64)
        self._sums += exact.sum(axis=0)
        self._products += exact.T @ exact

    @property
    def true_peak(self) -> float:
        """Largest magnitude so far, between samples too."""
        if self._state is None:
            return 0.0
        rest, _ = true_peak(self._state.new_zeros(self.channels, REACH), self._state)
        return max(self._between, float(rest.max()))

    @cached_property
    def integrated(self) -> float:
        """Integrated loudness in LUFS; ask when all has been added."""
        return self.loudness.integrated() if self.loudness is not None else -math.inf

    def measurement(self) -> Measurement:
        """Everything, of all samples so far."""
        powers = np.diag(self._products)
        mean_square = float(powers.sum()) / max(1, self.frames * self.channels)
        rms_db, peak_db = db(math.sqrt(mean_square)), db(self.peak)
        scale = math.sqrt(powers[0] * powers[1]) if self.channels == 2 else 0.0
        means = self._sums / max(1, self.frames)
        loudness = self.loudness
        return Measurement(
            seconds=self.frames / self.sample_rate,
            lufs=self.integrated,
            short_term_max=_highest(loudness, 3.0),
            momentary_max=_highest(loudness, 0.4),
            loudness_range=loudness_range(loudness) if loudness is not None else 0.0,
            true_peak_db=db(self.true_peak),
            peak_db=peak_db,
            rms_db=rms_db,
            crest_db=peak_db - rms_db if mean_square else 0.0,
            dc=float(means[np.argmax(np.abs(means))]),
            correlation=float(self._products[0, 1] / scale) if scale else None,
        )


def measure_file(
    path: str | os.PathLike[str],
    *,
    dual_mono: bool = False,
    start: float = 0.0,
    end: float | None = None,
    progress: Callable[[float], None] | None = None,
) -> Measurement:
    """Measure a sound file, in constant memory.

    Args:
        path: of the file.
        dual_mono: mono is played by two speakers, and 3 dB louder.
        start: second to begin at.
        end: second to end at; None is the file's end.
        progress: called with the seconds read since the last call.

    Raises:
        OSError: for a file that cannot be read, is damaged or cut short.
        ValueError: for one that holds NaN.
    """
    info = audio_info(path)
    rate = info.sample_rate
    meter = Meter(rate, info.channels, mask=info.mask, dual_mono=dual_mono)
    first, frames = part_of(info.frames, rate, start, end)
    for block in read_blocks(path, block_frames_of(4.0, rate, info.channels), None, first, frames):
        meter.add(block)
        if progress is not None:
            progress(len(block) / rate)
    return meter.measurement()


def measure_through(
    build: Callable[[int], tuple[Processor, Knobs | None]],
    path: str | os.PathLike[str],
    *,
    start: float = 0.0,
    end: float | None = None,
) -> dict[str, Any]:
    """What every ``Meter`` of a chain reads when a sound file has gone through it.

    Args:
        build: from the rate of the file in Hz to the chain and its settings.
        path: of the file.
        start: second to begin at.
        end: second to end at; None is the file's end.

    Returns:
        By ``meter.reading`` a number, or a list of one for each channel or band.

    Raises:
        OSError: for a file that cannot be read, is damaged or cut short.
        ValueError: for one that holds NaN, or a chain without meters, or one that takes other channels.
    """
    info = audio_info(path)
    chain, knobs = build(info.sample_rate)
    first, frames = part_of(info.frames, info.sample_rate, start, end)
    channels = widened(info.channels, chain.channels) or info.channels
    blocks = read_blocks(path, block_frames_of(4.0, info.sample_rate, channels), None, first, frames)
    sounds = (torch.from_numpy(block.T[None]).expand(1, channels, -1) for block in blocks)
    if not chain.streamable:
        sounds = iter([torch.cat([*sounds], -1)])
    stream = chain.stream(dsp_params=knobs, total=info.frames)
    stream.position = first
    with torch.no_grad():
        for x in sounds:
            stream(x)
    found = readings(stream.state)
    if frames and not found:
        raise ValueError("the chain has no Meter; put some where its levels are to be read")
    return {
        f"{name}.{reading}".lstrip("."): value.squeeze().tolist()
        for name, own in found.items()
        for reading, value in own.items()
    }


def db(amplitude: float) -> float:
    """Decibels of an amplitude; minus infinity of nothing."""
    return 20.0 * math.log10(amplitude) if amplitude > 0 else -math.inf


def _highest(loudness: Loudness | None, seconds: float) -> float:
    powers = loudness.powers(seconds) if loudness is not None else np.zeros(0)
    return float(lufs_of(powers.max())) if len(powers) else -math.inf
