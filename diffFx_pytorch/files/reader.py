"""Sound files in blocks, checked against what their headers declare, and resampled."""

from __future__ import annotations

import functools
import io
import math
import mmap
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from torch import Tensor

from .chunks import extent_of_aiff, extent_of_au, extent_of_caf, extent_of_wave
from .extent import Extent
from .layout import order_in
from .streams import extent_of_flac, extent_of_mp3, extent_of_ogg

_CONTEXT_S = 0.25

HIGHEST_RATE = 1_536_000
"""Sample rate in Hz above which a header is taken for damaged."""

_MOST_SAMPLES = 1 << 21
"""Of all channels in a block: what a chain needs for it stays within some hundred megabytes."""


@dataclass(frozen=True)
class AudioInfo:
    """Format of a sound file.

    Args:
        sample_rate: in Hz.
        channels: C.
        frames: length in samples.
        mask: where the channels stand, as a WAVEFORMATEXTENSIBLE mask; None if the file does not say.
        notice: what the reader put right or left out, for the listener; empty if nothing.
        format: as soundfile names it.
        subtype: of the samples, as soundfile names it.
    """

    sample_rate: int
    channels: int
    frames: int
    mask: int | None = None
    notice: str = ""
    format: str = ""
    subtype: str = ""


def audio_info(path: str | os.PathLike[str]) -> AudioInfo:
    """Read the format of a sound file.

    Raises:
        OSError: if it cannot be opened, is no sound file, is damaged, or ends before the length it declares.
    """
    with _open(path) as (file, extent):
        return _info(file, extent)


def resampled_frames(info: AudioInfo, sample_rate: int) -> int:
    """Number of frames of a file at another rate."""
    return round(info.frames * sample_rate / info.sample_rate)


def block_frames_of(seconds: float, sample_rate: float, channels: int) -> int:
    """Frames in a block of so many seconds, at least one; fewer where rate or channels would fill the memory."""
    return max(1, min(round(seconds * sample_rate), _MOST_SAMPLES // channels))


def read_blocks(
    path: str | os.PathLike[str],
    block_frames: int,
    sample_rate: int | None = None,
    first: int = 0,
    frames: int | None = None,
) -> Iterator[np.ndarray]:
    """Read a sound file, or a part of one, block by block.

    Args:
        path: of the file.
        block_frames: frames read at once.
        sample_rate: in Hz, to resample to (soxr, very high quality); None keeps the file's.
        first: frame to begin with, at that rate. What is before it is not read, but a quarter of a second if resampled.
        frames: how many to read; None reads to the end.

    Yields:
        float32 (T, C), channels in the order of a mask, whatever that of the file. All blocks together have exactly
        ``resampled_frames`` frames, or those of the part.

    Raises:
        OSError: if the file cannot be opened, is damaged, or ends before the length it declares.
        ValueError: if it holds NaN or infinity.
    """
    with _open(path) as (file, extent):
        info, path = _info(file, extent), Path(path)
        rate = info.sample_rate if sample_rate is None else sample_rate
        last = resampled_frames(info, rate)
        last = last if frames is None else min(last, first + frames)
        if rate == info.sample_rate:
            yield from _checked(file, path, block_frames, first, last)
            return
        # The part begins on a frame that both rates have, so early that the resampler knows what was before it.
        step = info.sample_rate // math.gcd(info.sample_rate, rate)
        begin = max(0, math.floor((first / rate - _CONTEXT_S) * info.sample_rate / step)) * step
        end = min(info.frames, math.ceil((last / rate + _CONTEXT_S) * info.sample_rate))
        before = begin * rate // info.sample_rate
        blocks = _checked(file, path, block_frames, begin, end)
        skip = first - before
        for block in _resampled(blocks, info, rate, last - before):
            if len(block) > skip:
                yield block[skip:]
            skip = max(0, skip - len(block))


def read_sound(path: str | os.PathLike[str]) -> Tensor:
    """A whole sound file, float32 (C, T); errors as for ``read_blocks``."""
    blocks = list(read_blocks(path, 1 << 16)) or [np.zeros((0, audio_info(path).channels), np.float32)]
    return torch.from_numpy(np.ascontiguousarray(np.concatenate(blocks).T))


def check_regular(path: str | os.PathLike[str]) -> os.stat_result:
    """Refuse what is no regular file: opening a pipe would wait for ever, and nothing can be read twice from it.

    Raises:
        OSError: saying what it is, and the cure.
    """
    try:
        status = os.stat(path)
    except OSError as error:
        if os.path.islink(path):
            why = f"is a broken link to {os.readlink(path)}"
        else:
            why = "no such file" if isinstance(error, FileNotFoundError) else str(error.strerror)
        raise type(error)(f"{os.fspath(path)}: {why}") from None
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "no regular file but a pipe or a device"
        raise OSError(f"{os.fspath(path)}: is {kind}; write it to a file, and give that")
    return status


def extent_of(path: str | os.PathLike[str]) -> Extent:
    """Compare what a sound file declares with what is there.

    Raises:
        OSError: if it cannot be opened, or is no regular file.
    """
    status = check_regular(path)
    return _extent(os.fspath(path), status.st_size, status.st_mtime_ns, status.st_ino)


@functools.lru_cache(maxsize=256)
def _extent(path: str, size: int, changed: int, inode: int) -> Extent:
    with open(path, "rb") as file:
        magic = file.read(12)
        if magic[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64", b"riff"):
            return extent_of_wave(file, size, magic[:4])
        if magic[:4] == b"FORM" and magic[8:11] == b"AIF":
            return extent_of_aiff(file, size)
        if magic[:4] == b"caff":
            return extent_of_caf(file, size)
        if magic[:4] in (b".snd", b"dns."):
            return extent_of_au(file, size, magic[:4])
        if not size:
            return Extent(problem="is empty")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            if magic[:4] == b"OggS":
                return extent_of_ogg(data)
            if magic[:4] == b"fLaC" or (magic[:3] == b"ID3" and data.find(b"fLaC", 0, 1 << 20) > 0):
                return extent_of_flac(data)
            return extent_of_mp3(data) if magic[:3] == b"ID3" or magic[:1] == b"\xff" else Extent()


class _Patched(io.RawIOBase):
    """A file of which some bytes read otherwise, and which may end early."""

    def __init__(self, path: str | os.PathLike[str], extent: Extent) -> None:
        self._file = open(path, "rb")  # noqa: SIM115  # closed by close
        self._patches = extent.patches
        size = os.fstat(self._file.fileno()).st_size
        self._end = size if extent.end is None else min(size, extent.end)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return (
            self._file.seek(offset + self._end, os.SEEK_SET)
            if whence == os.SEEK_END
            else self._file.seek(offset, whence)
        )

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: Any) -> int:
        start = self._file.tell()
        view = memoryview(buffer).cast("B")
        count = self._file.readinto(view[: max(0, self._end - start)])
        for place, content in self._patches.items():
            first, last = max(place, start), min(place + len(content), start + count)
            if first < last:
                view[first - start : last - start] = content[first - place : last - place]
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


@contextmanager
def _open(path: str | os.PathLike[str]) -> Iterator[tuple[soundfile.SoundFile, Extent]]:
    found = extent_of(path)
    if found.problem:
        raise OSError(f"{os.fspath(path)}: {found.error}")
    with ExitStack() as stack:
        source: Any = stack.enter_context(_Patched(path, found)) if found.patches else native_name(path)
        try:
            file = stack.enter_context(soundfile.SoundFile(source))
        except soundfile.LibsndfileError as error:
            raise OSError(f"{os.fspath(path)}: cannot be read as a sound file: {error.error_string}") from None
        if file.samplerate > HIGHEST_RATE:
            raise OSError(
                f"{os.fspath(path)}: declares a sample rate of {file.samplerate} Hz, and at most {HIGHEST_RATE} Hz are "
                "read; its header is damaged"
            )
        yield file, found


def native_name(path: str | os.PathLike[str]) -> Any:
    """The name by which libsndfile opens a file: its bytes, where names need not be text."""
    return os.fsencode(path) if os.name == "posix" else os.fspath(path)


def _info(file: soundfile.SoundFile, extent: Extent) -> AudioInfo:
    kind = (file.format, file.subtype)
    return AudioInfo(file.samplerate, file.channels, file.frames, extent.mask, extent.notice, *kind)


def _checked(file: soundfile.SoundFile, path: Path, block_frames: int, done: int, end: int) -> Iterator[np.ndarray]:
    rate, order = file.samplerate, order_in(file.format, file.channels)
    if done:
        file.seek(min(done, file.frames))
    while done < end:
        block = np.full((min(block_frames, end - done), file.channels), np.nan, np.float32)
        try:
            block = file.read(out=block)
        except soundfile.LibsndfileError as error:
            done += int(np.argmin(np.append(np.isfinite(block).all(axis=1), False)))
            raise OSError(f"{path}: is damaged at {done / rate:.3f} s (sample {done}): {error.error_string}") from None
        if not len(block):
            raise OSError(
                f"{path}: is cut short: ends at {done / rate:.3f} s of the {file.frames / rate:.3f} s it declares"
            )
        if not np.isfinite(highest(block)):
            at = done + int(np.argmin(np.isfinite(block).all(axis=1)))
            raise ValueError(f"{path}: holds NaN or infinity at {at / rate:.3f} s")
        done += len(block)
        yield block if order is None else block[:, np.argsort(order)]


def highest(block: np.ndarray) -> float:
    """Highest magnitude of a block; NaN if it holds one."""
    return float(np.maximum(block.max(), -block.min()))


def _resampled(blocks: Iterator[np.ndarray], info: AudioInfo, sample_rate: int, left: int) -> Iterator[np.ndarray]:
    import soxr  # here: at exit it complains where a thread still holds the module, so who needs none has none

    stream = soxr.ResampleStream(info.sample_rate, sample_rate, info.channels, dtype="float32", quality="VHQ")

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
