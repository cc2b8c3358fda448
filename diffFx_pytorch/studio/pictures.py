"""What a page draws of sound and of effects, as numbers: levels, gains, spectra, curves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..files import AudioInfo, read_blocks
from ..processor import Processor
from ..render.loudness import integrated_loudness

RATE_OF_METERS = 50
"""Values a second of levels and gains."""
COLUMNS = 1200
"""Of the picture of a whole file."""
_LOWEST_HZ, _BANDS_AN_OCTAVE, _FFT = 20.0, 6, 4096
_SILENT_DB = -90.0
_TINY = 1e-9


def frames_of(sound: Tensor, rate: float) -> Tensor:
    """A sound (C, T) as (C, N, hop), N of ``RATE_OF_METERS`` a second; silence fills the last."""
    hop = max(1, round(rate / RATE_OF_METERS))
    return torch.nn.functional.pad(sound, (0, -sound.shape[1] % hop)).reshape(sound.shape[0], -1, hop)


def levels_db(sound: Tensor, rate: float) -> list[float]:
    """Peaks over time, in dBFS."""
    peaks = frames_of(sound, rate).abs().amax((0, 2)).double().numpy()
    return _rounded(20 * np.log10(np.maximum(peaks, 10 ** (_SILENT_DB / 20))))


def gains_db(before: Tensor, after: Tensor, rate: float) -> list[float]:
    """By how much a sound was turned up or down over time, in dB: the gain that best makes one of the other.

    The least-squares gain <x, y> / <x, x> of each stretch: of an effect that only turns the level it is that gain.
    """
    if before.shape[0] != after.shape[0]:
        before = before.mean(0, True).expand(after.shape[0], -1)
    x, y = frames_of(before, rate), frames_of(after, rate)
    power, common = ((x * z).sum(-1).double().sum(0).numpy() for z in (x, y))
    gain = np.abs(common) / np.maximum(power, _TINY)
    quiet = power <= _TINY * x.shape[2]
    return _rounded(np.where(quiet, 0.0, 20 * np.log10(np.maximum(gain, 1e-3))))


def spectrum_db(sound: Tensor, rate: float) -> dict[str, list[float]]:
    """Mean power in bands of a sixth of an octave; 0 dB is a sine at full scale."""
    size = min(_FFT, max(2, sound.shape[-1]))
    x = torch.nn.functional.pad(sound, (0, max(0, size - sound.shape[-1])))
    window = torch.hann_window(size, dtype=x.dtype)
    level = 2 * torch.fft.rfft(x.unfold(-1, size, size) * window).abs() / window.sum()
    power = level.square().mean((0, 1)).double().numpy()
    octaves = math.log2(0.5 * rate / _LOWEST_HZ)
    centres = _LOWEST_HZ * 2 ** (np.arange(int(octaves * _BANDS_AN_OCTAVE)) / _BANDS_AN_OCTAVE)
    bins = np.arange(len(power) + 1) * rate / size
    cumulated = np.concatenate([[0.0], np.cumsum(power)])
    width = 2 ** (0.5 / _BANDS_AN_OCTAVE)
    low, high = (np.interp(centres * w, bins, cumulated) for w in (1 / width, width))
    return {"hz": _rounded(centres), "db": _rounded(10 * np.log10(np.maximum(high - low, 1e-12)))}


def loudness_lufs(sound: Tensor, rate: float) -> float | None:
    """Integrated loudness; None for silence and for less than 400 ms."""
    found = float(integrated_loudness(sound[None], rate)[0])
    return found if math.isfinite(found) else None


def power_db(sound: Tensor) -> float:
    """Mean power in dB, where loudness is not defined: of what is short, or very soft."""
    return 10 * math.log10(max(float(sound.double().square().mean()), 1e-20))


def overview(path: Path, info: AudioInfo) -> Iterator[dict[str, Any]]:
    """The picture of a whole file, lowest and highest sample of each of ``COLUMNS`` stretches, as far as it is read."""
    hop = max(1, math.ceil(info.frames / COLUMNS))
    low: list[float] = []
    high: list[float] = []
    blocks = max(1, (1 << 20) // hop)
    for block in read_blocks(path, hop * blocks):
        x = np.pad(block, ((0, -len(block) % hop), (0, 0)), mode="edge").reshape(-1, hop, block.shape[1])
        low += _rounded(x.min(axis=(1, 2)), 4)
        high += _rounded(x.max(axis=(1, 2)), 4)
        yield {"low": low, "high": high, "columns": math.ceil(info.frames / hop)}


def curve(fx: Processor) -> dict[str, Any] | None:
    """What an effect does at its settings as a line, of points in time the first; None where it has no curve."""
    try:
        with torch.no_grad():
            found = fx.curve(**fx.knobs(torch.zeros(1, 1, 1, dtype=torch.float64), total=1))
    except NotImplementedError:
        return None
    x, y = (part.detach().double().cpu().numpy() for part in (found.x, found.y))
    shown = np.isfinite(x) & np.isfinite(y) & ((x > 0) if found.x_log else True)
    x, y = x[shown], y[shown]
    if len(x) > 600 and not found.stems:
        step = math.ceil(len(x) / 600)
        x, y = x[::step], y[::step]
    labels = {"x_label": found.x_label, "y_label": found.y_label, "x_log": found.x_log, "stems": found.stems}
    return {**labels, "x": _rounded(x, 5), "y": _rounded(y, 5)}


def meter(readings: Mapping[str, Tensor]) -> dict[str, float | None]:
    """Of what a ``Meter`` reads of one sound: loudness, the highest true peak, correlation; None for silence."""
    found = {n: float(readings[n].amax()) for n in ("lufs", "true_peak_db", "correlation") if n in readings}
    return {name: round(value, 2) if math.isfinite(value) else None for name, value in found.items()}


def _rounded(values: np.ndarray, digits: int = 2) -> list[float]:
    return np.round(values.astype(float), digits).tolist()
