"""The level of an output: one gain, true peaks that it must not exceed, a limiter where both would not hold."""

from __future__ import annotations

import contextlib
import math
import tempfile
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
import torch

from ..processors.dynamics import Limiter
from .atomic import writing
from .audio_file import AudioWriter
from .meter import Meter, db
from .settings import RenderSettings
from .streaming import processed

_NEAR_LU = 0.05
_MOST_PASSES = 8
_MOST_LIMITED_DB = 24.0


class Levels(NamedTuple):
    """What was measured of an output, and done to it; None where nothing was."""

    lufs: float | None = None
    true_peak_db: float | None = None
    gain_db: float | None = None


def write_leveled(
    blocks: Iterable[np.ndarray],
    writer: AudioWriter,
    settings: RenderSettings,
    new_meter: Callable[[], Meter],
    warnings: list[str],
    tick: Callable[[], None],
) -> Levels:
    """Write blocks (T, C) at the level that the settings ask for.

    Args:
        blocks: of the whole output.
        writer: opened.
        settings: of levels and clipping.
        new_meter: gives a meter for the output.
        warnings: receives sentences for the listener.
        tick: called now and then.
    """
    measures = settings.measure or settings.lufs is not None or settings.true_peak is not None
    meter = new_meter() if measures else None
    if not settings.moves_level:
        for block in blocks:
            if meter:
                meter.add(block)
            writer.write(block)
        return _levels(meter)
    # Levels are known at the end only, so the sound is stored in a file beside the target, not in memory.
    with _Stored(writer) as stored:
        for block in blocks:
            if meter:
                meter.add(block)
            stored.add(block)
        gain_db = _gain(meter, settings, warnings)
        over = meter is not None and settings.limit and _over(meter, gain_db, settings)
        if over and meter:
            gain_db, limit = _limited(stored, meter, gain_db, settings, new_meter, warnings, tick)
        else:
            limit = _same
        if settings.clip == "rescale":
            highest = stored.peak * _amplitude(gain_db)
            if not over and highest > writer.full_scale:
                gain_db += db(writer.full_scale / highest)
        after = new_meter() if meter and over else None
        for block in limit(stored.blocks(_amplitude(gain_db))):
            tick()
            if after:
                after.add(block)
            writer.write(block)
    return _levels(after, gain_db) if after else _levels(meter, gain_db, shift=gain_db)


def _levels(meter: Meter | None, gain_db: float | None = None, shift: float = 0.0) -> Levels:
    if meter is None:
        return Levels(gain_db=gain_db)
    return Levels(meter.integrated + shift, db(meter.true_peak) + shift, gain_db)


def _gain(meter: Meter | None, settings: RenderSettings, warnings: list[str]) -> float:
    """The gain in dB without a limiter, or before it."""
    if settings.gain_db is not None:
        return settings.gain_db
    if meter is None:
        return 0.0
    gain = level_gain(meter.integrated, db(meter.true_peak), settings)
    if settings.lufs is None:
        return gain
    if not math.isfinite(meter.integrated):
        warnings.append("is too quiet or too short to measure its loudness; its level is left alone")
    elif meter.integrated + gain < settings.lufs - _NEAR_LU and not settings.lower_only:
        warnings.append(
            f"is at {meter.integrated + gain:.1f} LUFS, not {settings.lufs:g}: more would exceed "
            f"{settings.true_peak:g} dBTP; a limiter (--limit) brings it there"
        )
    return gain


def level_gain(lufs: float, true_peak_db: float, settings: RenderSettings) -> float:
    """The gain in dB that brings a loudness and a true peak to what the settings say, before any limiter."""
    gain = settings.lufs - lufs if settings.lufs is not None and math.isfinite(lufs) else 0.0
    if settings.true_peak is not None and not settings.limit:
        gain = min(gain, settings.true_peak - true_peak_db)
    return min(gain, 0.0) if settings.lower_only else gain


def _over(meter: Meter, gain_db: float, settings: RenderSettings) -> bool:
    return settings.true_peak is not None and db(meter.true_peak) + gain_db > settings.true_peak


Limit = Callable[[Iterable[np.ndarray]], Iterator[np.ndarray]]


def _same(blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    yield from blocks


def _limited(
    stored: _Stored,
    meter: Meter,
    first_db: float,
    settings: RenderSettings,
    new_meter: Callable[[], Meter],
    warnings: list[str],
    tick: Callable[[], None],
) -> tuple[float, Limit]:
    """The gain before the limiter after which the loudness is the one asked for, by secants, and the limiter."""
    ceiling = settings.true_peak or 0.0
    highest_db = 0.0 if settings.lower_only else first_db + _MOST_LIMITED_DB
    target = settings.lufs if settings.gain_db is None and math.isfinite(meter.integrated) else None
    limiter = Limiter(meter.sample_rate, true_peak=True, ceiling_db=ceiling)

    def limit(blocks: Iterable[np.ndarray], trim: float = 1.0) -> Iterator[np.ndarray]:
        sounds = (torch.from_numpy(np.ascontiguousarray(block.T))[None] for block in blocks)
        for y in processed(limiter, None, sounds, stored.frames):
            yield y[0].T.numpy() * np.float32(trim)

    gain_db, tried, trim = first_db, [], 1.0
    for _ in range(_MOST_PASSES):
        after = new_meter()
        for block in limit(stored.blocks(_amplitude(gain_db))):
            tick()
            after.add(block)
        # The limiter's second pass leaves some hundredths of a dB where gains move fast.
        trim_db = min(0.0, ceiling - db(after.true_peak))
        trim = _amplitude(trim_db)
        tried.append((gain_db, after.integrated + trim_db))
        missing = 0.0 if target is None else target - tried[-1][1]
        if abs(missing) <= _NEAR_LU or (missing > 0 and gain_db >= highest_db):
            break
        slope = 1.0
        if len(tried) > 1 and tried[-1][0] != tried[-2][0]:
            slope = (tried[-1][1] - tried[-2][1]) / (tried[-1][0] - tried[-2][0])
        gain_db = min(highest_db, gain_db + missing / min(1.0, max(0.05, slope)))
    gain_db, reached = min(tried, key=lambda pair: abs(pair[1] - target)) if target is not None else tried[-1]
    if target is not None and abs(reached - target) > 2 * _NEAR_LU and not settings.lower_only:
        warnings.append(f"is at {reached:.1f} LUFS, not {target:g}: no limiter brings it there under {ceiling:g} dBTP")
    return gain_db, lambda blocks: limit(blocks, trim)


def _amplitude(level_db: float) -> float:
    return 10.0 ** (level_db / 20.0)


class _Stored:
    """An output in a file without a name, beside its target."""

    def __init__(self, writer: AudioWriter) -> None:
        self._folder, self._target, self._channels = writer.target.parent, writer.target, writer.channels
        self._longest = 1
        self.frames, self.peak = 0, 0.0

    def __enter__(self) -> _Stored:
        with writing(self._target):
            self._file = tempfile.TemporaryFile(dir=self._folder)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # what is still buffered is not needed any more
            self._file.close()

    def add(self, block: np.ndarray) -> None:
        """Store the next samples (T, C)."""
        if block.size:
            self.peak = max(self.peak, float(np.abs(block).max()))
        with writing(self._target):
            self._file.write(np.ascontiguousarray(block, np.float32).data)
        self._longest = max(self._longest, len(block))
        self.frames += len(block)

    def blocks(self, gain: float) -> Iterator[np.ndarray]:
        """What was stored, times a gain."""
        with writing(self._target):
            self._file.seek(0)
        while raw := self._file.read(self._longest * self._channels * 4):
            yield np.frombuffer(raw, np.float32).reshape(-1, self._channels) * np.float32(gain)
