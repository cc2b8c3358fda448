"""Sound files in blocks: reading with resampling, writing with dither."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
import torch
from torch import Tensor

from .atomic import replacing
from .quantize import INTEGER_BITS, Quantizer

FORMATS = {
    ".wav": ("WAV", "PCM_24"),
    ".flac": ("FLAC", "PCM_24"),
    ".ogg": ("OGG", "VORBIS"),
    ".opus": ("OGG", "OPUS"),
    ".mp3": ("MP3", "MPEG_LAYER_III"),
    ".aif": ("AIFF", "PCM_24"),
    ".aiff": ("AIFF", "PCM_24"),
    ".caf": ("CAF", "PCM_24"),
    ".au": ("AU", "PCM_24"),
    ".w64": ("W64", "PCM_24"),
    ".rf64": ("RF64", "PCM_24"),
}
"""Extensions that are read and written: the format, and the subtype written unless another is asked for."""

_LARGEST_WAV = 2**32 - 2**16
# libsndfile keeps a whole write of Ogg on the stack; a minute of it crashes.
_FRAMES_A_WRITE = 1 << 14


@dataclass(frozen=True)
class AudioInfo:
    """Format of a sound file.

    Args:
        sample_rate: in Hz.
        channels: C.
        frames: length in samples.
    """

    sample_rate: int
    channels: int
    frames: int


def audio_info(path: str | os.PathLike[str]) -> AudioInfo:
    """Read the format of a sound file.

    Raises:
        OSError: if it cannot be opened or is no sound file.
    """
    with _open(path) as file:
        return AudioInfo(file.samplerate, file.channels, file.frames)


def resampled_frames(info: AudioInfo, sample_rate: int) -> int:
    """Number of frames of a file at another rate."""
    return round(info.frames * sample_rate / info.sample_rate)


def read_blocks(
    path: str | os.PathLike[str], block_frames: int, sample_rate: int | None = None
) -> Iterator[np.ndarray]:
    """Read a sound file block by block.

    Args:
        path: of the file.
        block_frames: frames read at once.
        sample_rate: in Hz, to resample to (soxr, very high quality); None keeps the file's.

    Yields:
        float32 (T, C). All blocks together have exactly ``resampled_frames`` frames.

    Raises:
        OSError: if the file cannot be opened, is damaged, or ends before the length it declares.
        ValueError: if it holds NaN or infinity.
    """
    with _open(path) as file:
        blocks = _checked(file, Path(path), block_frames)
        if sample_rate is None or sample_rate == file.samplerate:
            yield from blocks
            return
        info = AudioInfo(file.samplerate, file.channels, file.frames)
        yield from _resampled(blocks, info, sample_rate)


def read_sound(path: str | os.PathLike[str]) -> Tensor:
    """A whole sound file, float32 (C, T); errors as for ``read_blocks``."""
    blocks = list(read_blocks(path, 1 << 16)) or [np.zeros((0, audio_info(path).channels), np.float32)]
    return torch.from_numpy(np.ascontiguousarray(np.concatenate(blocks).T))


class AudioWriter(AbstractContextManager["AudioWriter"]):
    """Writes a sound file in blocks; the file appears when the context ends without an error, else not at all.

    Args:
        target: path; its extension gives the format.
        sample_rate: in Hz.
        channels: C.
        subtype: of the samples, as soundfile names it ("PCM_16", "FLOAT", ...); None takes that of ``FORMATS``.
        frames: expected length, which decides whether a .wav needs 64-bit sizes (RF64).
        seed: of the dither of 16-bit files.

    Raises:
        ValueError: for an unknown extension, or a format that does not take the subtype.
    """

    def __init__(
        self,
        target: str | os.PathLike[str],
        sample_rate: int,
        channels: int,
        subtype: str | None = None,
        frames: int = 0,
        seed: int = 0,
    ) -> None:
        self.target = Path(target)
        self.format, self.subtype = format_of(self.target, subtype)
        self.sample_rate, self.channels = sample_rate, channels
        self.peak = 0.0
        self.frames = 0
        bits = INTEGER_BITS.get(self.subtype)
        self._quantize = Quantizer(bits, seed) if bits else None
        if self.format == "WAV" and frames * channels * (bits or 64) // 8 > _LARGEST_WAV:
            self.format = "RF64"

    @property
    def clips(self) -> bool:
        """Whether samples above full scale are lost: in every subtype but the floating-point ones."""
        return self.subtype not in ("FLOAT", "DOUBLE")

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings for the listener on the samples written so far, one sentence each."""
        if not self.clips or self.peak <= 1:
            return ()
        level = 20 * math.log10(self.peak)
        return (f"peaks at {level:+.1f} dBFS and is clipped in {self.subtype}; lower the level, or write FLOAT",)

    def __enter__(self) -> AudioWriter:
        with ExitStack() as stack:
            part = stack.enter_context(replacing(self.target))
            try:
                file = soundfile.SoundFile(part, "w", self.sample_rate, self.channels, self.subtype, format=self.format)
            except soundfile.LibsndfileError as error:
                raise OSError(
                    f"cannot write {self.target}: {self.format} of {self.subtype} with {self.channels} channels at "
                    f"{self.sample_rate} Hz: {error.error_string}"
                ) from None
            self._file = stack.enter_context(file)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)

    def write(self, block: np.ndarray) -> None:
        """Append float samples (T, C).

        Raises:
            ValueError: if they hold NaN or infinity.
            OSError: if they cannot be written (disk full).
        """
        if not block.size:
            return
        peak = _peak(block)
        if not np.isfinite(peak):
            at = self.frames + int(np.argmin(np.isfinite(block).all(axis=1)))
            raise ValueError(f"the output is NaN or infinite at {at / self.sample_rate:.3f} s; nothing was written")
        self.peak = max(self.peak, peak)
        self.frames += len(block)
        samples = self._quantize(block) if self._quantize else block
        try:
            for start in range(0, len(samples), _FRAMES_A_WRITE):
                self._file.write(samples[start : start + _FRAMES_A_WRITE])
        except soundfile.LibsndfileError as error:
            raise OSError(f"cannot write {self.target}: {error.error_string}") from None


def format_of(target: Path, subtype: str | None = None) -> tuple[str, str]:
    """Format and subtype that a path is written with.

    Raises:
        ValueError: for an unknown extension, or a format that does not take the subtype.
    """
    extension = target.suffix.lower()
    if extension not in FORMATS:
        raise ValueError(f"{target}: cannot write {extension or 'no extension'!r}; formats are {', '.join(FORMATS)}")
    name, default = FORMATS[extension]
    subtype = (subtype or default).upper()
    if not soundfile.check_format(name, subtype):
        legal = [s for s in soundfile.available_subtypes(name) if soundfile.check_format(name, s)]
        raise ValueError(f"{extension} takes no subtype {subtype!r}; it takes {', '.join(legal)}")
    return name, subtype


def check_target(source: Path, target: Path, subtype: str | None = None) -> None:
    """Refuse a target that is the source, or that cannot be written.

    Raises:
        ValueError: saying which, and the cure.
    """
    if target.exists() and source.exists() and target.samefile(source):
        raise ValueError(f"{target}: is the input itself; give another output")
    format_of(target, subtype)


def _open(path: str | os.PathLike[str]) -> soundfile.SoundFile:
    try:
        return soundfile.SoundFile(path)
    except soundfile.LibsndfileError as error:
        if not Path(path).is_file():
            raise FileNotFoundError(f"{os.fspath(path)}: no such file") from None
        raise OSError(f"{os.fspath(path)}: cannot be read as a sound file: {error.error_string}") from None


def _checked(file: soundfile.SoundFile, path: Path, block_frames: int) -> Iterator[np.ndarray]:
    done = 0
    while done < file.frames:
        try:
            block = file.read(min(block_frames, file.frames - done), dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise OSError(f"{path}: damaged at {done / file.samplerate:.3f} s: {error.error_string}") from None
        if not len(block):
            here, end = done / file.samplerate, file.frames / file.samplerate
            raise OSError(f"{path}: ends at {here:.3f} s of the {end:.3f} s it declares")
        if not np.isfinite(_peak(block)):
            at = (done + int(np.argmin(np.isfinite(block).all(axis=1)))) / file.samplerate
            raise ValueError(f"{path}: holds NaN or infinity at {at:.3f} s")
        done += len(block)
        yield block


def _peak(block: np.ndarray) -> float:
    return float(np.maximum(block.max(), -block.min()))


def _resampled(blocks: Iterator[np.ndarray], info: AudioInfo, sample_rate: int) -> Iterator[np.ndarray]:
    stream = soxr.ResampleStream(info.sample_rate, sample_rate, info.channels, dtype="float32", quality="VHQ")
    left = resampled_frames(info, sample_rate)

    def pieces() -> Iterator[np.ndarray]:
        for block in blocks:
            yield stream.resample_chunk(block)
        yield stream.resample_chunk(np.zeros((0, info.channels), np.float32), last=True)

    for piece in pieces():
        if len(piece := piece[:left]):
            left -= len(piece)
            yield piece
    if left:
        yield np.zeros((left, info.channels), np.float32)
