"""Two sound files side by side: how they lie in time, what is left of their difference, levels, spectra."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..files import AudioInfo, audio_info, block_frames_of, read_blocks, resampled_frames
from .meter import Measurement, db, measure_file

_SEARCH_FRAMES = 1 << 22
_FFT = 8192
_LOWEST_HZ = 20.0


@dataclass(frozen=True)
class Comparison:
    """What two sounds have in common.

    Args:
        offset_samples: how much later the second is, at the rate of the first; negative if it is earlier.
        offset_seconds: the same in seconds.
        overlap_seconds: how long both are heard, so aligned.
        residual_db: power of the difference, so aligned, over that of the first; minus infinity if they are the same.
        gain_db: gain that brings the second nearest to the first.
        inverted: whether it has the opposite polarity.
        matched_residual_db: power of the difference after that gain and polarity, over that of the first.
        a: levels of the first file.
        b: levels of the second file.
        bands_hz: centres of bands of a third of an octave.
        a_db: power of the first in them, in dB.
        b_db: power of the second.
    """

    offset_samples: int
    offset_seconds: float
    overlap_seconds: float
    residual_db: float
    gain_db: float
    inverted: bool
    matched_residual_db: float
    a: Measurement
    b: Measurement
    bands_hz: tuple[float, ...]
    a_db: tuple[float, ...]
    b_db: tuple[float, ...]


def compare_files(a: str | os.PathLike[str], b: str | os.PathLike[str]) -> Comparison:
    """Compare two sound files, in constant memory.

    The second is resampled to the rate of the first where they differ; files of other numbers of channels are compared
    as mono. The offset is the place of the highest magnitude of the cross-correlation of the first 4 million samples.

    Raises:
        OSError: for files that cannot be read.
        ValueError: for a file without samples, or with NaN.
    """
    infos = [audio_info(path) for path in (a, b)]
    rate = infos[0].sample_rate
    for path, info in zip((a, b), infos, strict=True):
        if not info.frames:
            raise ValueError(f"{os.fspath(path)}: has no samples to compare")
    mono = infos[0].channels != infos[1].channels
    offset = _offset(*(beginning(Path(path), rate).mean(0) for path in (a, b)))
    lengths = [resampled_frames(info, rate) for info in infos]
    overlap = min(lengths[0] - max(0, -offset), lengths[1] - max(0, offset))
    parts = [_part(path, rate, max(0, start), overlap, mono) for path, start in ((a, -offset), (b, offset))]
    sums = np.zeros(4)
    for x, y in _together(*parts):
        sums += ((x - y) ** 2).sum(), (x * x).sum(), (x * y).sum(), (y * y).sum()
    difference, power, product, other = sums
    gain = product / other if other else 0.0
    matched = 0.0
    for x, y in _together(*(_part(p, rate, max(0, s), overlap, mono) for p, s in ((a, -offset), (b, offset)))):
        matched += ((x - gain * y) ** 2).sum()
    spectra = [_bands(path, info, rate) for path, info in zip((a, b), infos, strict=True)]
    return Comparison(
        offset_samples=offset,
        offset_seconds=offset / rate,
        overlap_seconds=overlap / rate,
        residual_db=_ratio_db(difference, power),
        gain_db=db(abs(gain)),
        inverted=bool(gain < 0),
        matched_residual_db=_ratio_db(matched, power),
        a=measure_file(a),
        b=measure_file(b),
        bands_hz=tuple(spectra[0][0]),
        a_db=tuple(spectra[0][1]),
        b_db=tuple(spectra[1][1]),
    )


def beginning(path: Path, rate: int, first: int = 0, frames: int = _SEARCH_FRAMES) -> Tensor:
    """A part of a sound file at a rate, float32 (C, T)."""
    blocks = list(read_blocks(path, 1 << 16, rate, first, frames))
    return torch.from_numpy(np.ascontiguousarray(np.concatenate(blocks).T))


def _ratio_db(difference: float, power: float) -> float:
    if not difference:
        return -math.inf
    return 10 * math.log10(difference / power) if power else math.inf


def _offset(x: Tensor, y: Tensor) -> int:
    """By how many samples y is later."""
    size = 1 << (len(x) + len(y) - 1).bit_length()
    spectra = (torch.fft.rfft(part, size) for part in (x, y))
    correlation = torch.fft.irfft(next(spectra).conj() * next(spectra), size)
    best = int(correlation.abs().argmax())
    return best - size if best > size // 2 else best


def _part(path: str | os.PathLike[str], rate: int, first: int, frames: int, mono: bool) -> Iterator[np.ndarray]:
    for block in read_blocks(path, 1 << 16, rate, first, frames):
        yield (block.mean(axis=1, keepdims=True) if mono else block).astype(np.float64)


def _together(*parts: Iterator[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Blocks of two sounds, cut to the same lengths."""
    left = [np.zeros((0, 0))] * 2
    while True:
        for i, part in enumerate(parts):
            if not len(left[i]):
                block = next(part, None)
                if block is None:
                    return
                left[i] = block
        count = min(map(len, left))
        yield left[0][:count], left[1][:count]
        left = [block[count:] for block in left]


def _bands(path: str | os.PathLike[str], info: AudioInfo, rate: int) -> tuple[list[float], list[float]]:
    """Centres of bands of a third of an octave up to half of ``rate``, and the power in them in dB."""
    window = np.hanning(_FFT + 1)[:-1]
    power, frames, rest = np.zeros(_FFT // 2 + 1), 0, np.zeros((0, info.channels))
    end = itertools.chain(
        read_blocks(path, block_frames_of(1.0, rate, info.channels), rate), [np.zeros((_FFT // 2, info.channels))]
    )
    for block in end:
        rest = np.concatenate([rest, block])
        while len(rest) >= _FFT:
            power += (np.abs(np.fft.rfft(rest[:_FFT] * window[:, None], axis=0)) ** 2).mean(axis=1)
            rest, frames = rest[_FFT // 2 :], frames + 1
    if not frames:  # shorter than a window
        power, frames = (np.abs(np.fft.rfft(rest, _FFT, axis=0)) ** 2).mean(axis=1), 1
    power *= 2 / (frames * (window**2).sum() * _FFT)
    octaves = math.log2(0.5 * rate / _LOWEST_HZ)
    centres = _LOWEST_HZ * 2 ** (np.arange(math.ceil(3 * octaves)) / 3 + 1 / 6)
    cumulated, bins = np.concatenate([[0.0], power.cumsum()]), (np.arange(_FFT // 2 + 2) - 0.5) * rate / _FFT
    low, high = (np.interp(centres * 2 ** (sign / 6), bins, cumulated) for sign in (-1, 1))
    return centres.tolist(), (10 * np.log10(np.maximum(high - low, 1e-15))).tolist()
