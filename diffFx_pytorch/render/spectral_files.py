"""Files in, files out, for the commands ``invert``, ``stretch`` and ``pitch``."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..files import audio_info, check_regular, read_sound
from ..spectrogram import STFT, Inversion, invert_spectrogram, time_stretch
from .audio_file import AudioWriter
from .formats import check_target, format_of, subtype_for

_BLOCK = 1 << 16
_MOST_SEMITONES = 48.0


@dataclass(frozen=True)
class Written:
    """The result of writing a file.

    Args:
        seconds: of the output.
        warnings: for the listener, one sentence each.
        convergence_db: spectral convergence of a retrieval, the mean over channels; NaN for other commands.
    """

    seconds: float
    warnings: tuple[str, ...] = ()
    convergence_db: float = math.nan


def invert_file(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    sample_rate: int = 44100,
    n_fft: int | None = None,
    hop_length: int | None = None,
    method: str = "auto",
    n_iter: int = 100,
    init: str = "pghi",
    length: int | None = None,
    seed: int = 0,
    subtype: str | None = None,
    progress: Callable[[int, float], None] | None = None,
) -> Written:
    """Write the sound whose magnitude spectrogram a NumPy file holds.

    Args:
        source: .npy, (F, frames), or (C, F, frames) for C channels: linear magnitudes of a centred STFT under a Hann
            window.
        target: sound file to write; its extension gives the format.
        sample_rate: of the sound, in Hz.
        n_fft: of the STFT; 2 (F - 1) by default.
        hop_length: of the STFT; n_fft // 4 by default.
        method: as for ``invert_spectrogram``.
        n_iter: iterations.
        init: as for ``invert_spectrogram``.
        length: samples of the sound; the shortest with so many frames by default.
        seed: of init="random" and of the dither of 16-bit files.
        subtype: of the samples, as soundfile names it; None takes the format's usual one.
        progress: called with the number of iterations done and the spectral convergence in dB.

    Raises:
        OSError: for files that cannot be read or written.
        ValueError: for an array that is no magnitude spectrogram, and whatever ``invert_spectrogram`` refuses.
    """
    format_of(Path(target), subtype)
    magnitude = _magnitude(Path(source))
    if n_fft is None:
        n_fft = max(2, 2 * (magnitude.shape[-2] - 1))
    stft = STFT(n_fft, max(1, n_fft // 4) if hop_length is None else hop_length)

    def told(step: int, history: Tensor, _: object) -> None:
        if progress is not None:
            progress(step, float(history.mean()))

    found = invert_spectrogram(
        magnitude,
        stft,
        method,
        n_iter,
        init,
        length,
        torch.Generator().manual_seed(seed),
        callback=None if progress is None else told,
        return_info=True,
    )
    x, info = found
    assert isinstance(info, Inversion)
    return _write(target, x, sample_rate, subtype, seed, float(info.history[..., -1].mean()))


def stretch_file(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    rate: float = 1.0,
    semitones: float = 0.0,
    n_fft: int = 2048,
    method: str = "locked",
    subtype: str | None = None,
) -> Written:
    """Write a sound file at another speed and another pitch: stretched in time, then resampled to its length.

    The whole file is held in memory; at a rate of 1 and no semitones its samples are copied.

    Args:
        source: sound file to read.
        target: sound file to write.
        rate: how much faster: 2 makes it half as long.
        semitones: how much higher, or negative lower; -48 .. 48.
        n_fft: as for ``time_stretch``.
        method: as for ``time_stretch``.
        subtype: of the samples; None keeps the source's where the format has it.

    Raises:
        OSError: for files that cannot be read or written.
        ValueError: for a target that is the source, semitones out of range, and whatever ``time_stretch`` refuses.
    """
    if not -_MOST_SEMITONES <= semitones <= _MOST_SEMITONES:
        raise ValueError(f"semitones must lie in {-_MOST_SEMITONES:g} .. {_MOST_SEMITONES:g}, got {semitones!r}")
    source, target = Path(source), Path(target)
    info = audio_info(source)
    sample_rate, subtype = info.sample_rate, subtype or subtype_for(target, "same", info.subtype)
    check_target(source, target, subtype)
    x = read_sound(source)
    ratio = 2 ** (semitones / 12)
    if semitones or rate != 1:
        y = time_stretch(x, rate / ratio, n_fft=n_fft, method=method)
        if semitones and y.shape[-1]:
            import soxr

            shifted = soxr.resample(np.ascontiguousarray(y.T.numpy()), sample_rate * ratio, sample_rate, quality="VHQ")
            y = torch.from_numpy(shifted.T.copy())
        # Both lengths are rounded up: the result may be one sample too short or too long.
        length = math.ceil(x.shape[-1] / rate)
        x = torch.nn.functional.pad(y, (0, max(0, length - y.shape[-1])))[:, :length]
    return _write(target, x, sample_rate, subtype, source=source, speed=rate)


def _magnitude(path: Path) -> Tensor:
    check_regular(path)
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f"{path}: cannot be read as an array of NumPy (.npy): {error}") from None
    if not isinstance(array, np.ndarray):
        array.close()
        raise ValueError(f"{path}: holds several arrays (.npz); give one, as np.save writes it")
    if array.ndim not in (2, 3) or not array.size:
        raise ValueError(
            f"{path}: a magnitude spectrogram must be (bins, frames) or (channels, bins, frames), got {array.shape}"
        )
    if array.dtype.kind == "c":
        raise ValueError(f"{path}: a magnitude spectrogram must be real; save np.abs of a complex one")
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{path}: a magnitude spectrogram must be numbers, got {array.dtype}")
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float32)
    return torch.from_numpy(np.ascontiguousarray(array))


def _write(
    target: str | os.PathLike[str],
    x: Tensor,
    sample_rate: int,
    subtype: str | None,
    seed: int = 0,
    convergence_db: float = math.nan,
    source: Path | None = None,
    speed: float = 1.0,
) -> Written:
    x = x if x.dim() == 2 else x.unsqueeze(0)
    with AudioWriter(target, sample_rate, len(x), subtype, x.shape[-1], seed, source, speed) as writer:
        for block in x.split(_BLOCK, -1):
            writer.write(np.ascontiguousarray(block.T.numpy()))
    notice = audio_info(source).notice if source else ""
    return Written(x.shape[-1] / sample_rate, (*filter(None, [notice]), *writer.warnings), convergence_db)
