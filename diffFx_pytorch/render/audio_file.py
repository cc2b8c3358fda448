"""Writing sound files in blocks, with dither, at a rate their format takes, and with what the source says of itself."""

from __future__ import annotations

import math
import os
import zlib
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from ..files import audio_info, extent_of
from ..files.layout import order_in
from ..files.reader import highest, native_name
from ..files.streams import set_serial
from .atomic import WriteError, replacing, writing
from .formats import check_channels, format_of, writable_rate
from .metadata import Metadata
from .quantize import INTEGER_BITS, Dither, Quantizer
from .settings import Clip

_LARGEST_WAV = 2**32 - 2**16
# libsndfile keeps a whole write of Ogg on the stack; a minute of it crashes.
_FRAMES_A_WRITE = 1 << 14
_CURE = "lower the level, or write FLOAT"


class AudioWriter(AbstractContextManager["AudioWriter"]):
    """Writes a sound file in blocks; the file appears when the context ends without an error, else not at all.

    Before it appears it is read again: samples that are not lossy must come back as they were written, of others the
    number must be right and every frame whole. It has the time of its source.

    A rate that the format does not take is resampled to the next one that it does (soxr, very high quality).

    Args:
        target: path; its extension gives the format.
        sample_rate: of the blocks, in Hz.
        channels: C.
        subtype: of the samples, as soundfile names it ("PCM_16", "FLOAT", ...); None takes that of ``FORMATS``.
        frames: expected length, which decides whether a .wav needs 64-bit sizes (RF64).
        seed: of the dither.
        source: sound file whose tags, markers, channel mask and time are kept; None for a sound that is of no file.
        speed: of the sound, as a ratio to the source's; places in time are moved accordingly.
        dither: as for ``Quantizer``.
        clip: what becomes of samples over full scale, where the subtype has one: a warning, nothing, or an error
            ("rescale" is for those who write).

    Raises:
        ValueError: for an unknown extension, a format that does not take the subtype or so many channels.
    """

    def __init__(
        self,
        target: str | os.PathLike[str],
        sample_rate: int,
        channels: int,
        subtype: str | None = None,
        frames: int = 0,
        seed: int = 0,
        source: str | os.PathLike[str] | None = None,
        speed: float = 1.0,
        dither: Dither = "auto",
        clip: Clip = "warn",
    ) -> None:
        self.target = Path(target)
        self.format, self.subtype = format_of(self.target, subtype)
        check_channels(self.target, channels, subtype)
        self.sample_rate, self.channels = sample_rate, channels
        self.file_rate = writable_rate(self.target, sample_rate, subtype)
        self.peak = 0.0
        self.frames = 0
        self._notices: list[str] = []
        self._resampler = None
        if self.file_rate != sample_rate:
            rates = (sample_rate, self.file_rate)
            import soxr

            self._resampler = soxr.ResampleStream(*rates, channels, dtype="float32", quality="VHQ")
            name = self.target.suffix.lower().lstrip(".")
            self._notices.append(f"{name} takes no rate of {sample_rate} Hz; it was resampled to {self.file_rate} Hz")
        self._frames_written, self._check = 0, 0
        self._order, self._clip = order_in(self.format, channels), clip
        bits = INTEGER_BITS.get(self.subtype)
        self._quantize = Quantizer(bits, seed, np.int16 if bits <= 16 else np.int32, dither) if bits else None
        if self.format == "WAV" and frames * channels * (bits or 64) // 8 > _LARGEST_WAV:
            self.format = "RF64"
        self._metadata = None
        if source is not None:
            ratio = self.file_rate / audio_info(source).sample_rate
            self._metadata = Metadata(Path(source), self.format, self.subtype, channels, ratio, speed)
            self.format = self._metadata.format

    @property
    def clips(self) -> bool:
        """Whether samples above full scale are lost: in every subtype but the floating-point ones."""
        return self.subtype not in ("FLOAT", "DOUBLE")

    @property
    def full_scale(self) -> float:
        """The highest magnitude that is not clipped, with room for dither."""
        if not self.clips:
            return math.inf
        return 1 - 2.0 ** (2 - self._quantize.bits) if self._quantize else 1.0

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings for the listener on what was written so far, one sentence each."""
        clipped = ()
        if self._clip == "warn" and self.clips and self.peak > 1:
            clipped = (f"{self._over()} and is clipped in {self.subtype}; {_CURE}",)
        return (*self._notices, *clipped)

    def _over(self) -> str:
        return f"peaks at {20 * math.log10(self.peak):+.1f} dBFS"

    def __enter__(self) -> AudioWriter:
        with ExitStack() as stack:
            self._part = stack.enter_context(replacing(self.target))
            try:
                settings = (self.file_rate, self.channels, self.subtype)
                file = soundfile.SoundFile(native_name(self._part), "w", *settings, format=self.format)
            except soundfile.LibsndfileError as error:
                kind = f"{self.format} of {self.subtype} with {self.channels} channels at {self.file_rate} Hz"
                raise WriteError(self.target, f"{kind}: {error.error_string}") from None
            self._file = stack.enter_context(file)
            if self._metadata:
                self._metadata.before_sound(self._file)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        if error[0] is not None:
            self._stack.__exit__(*error)
            return
        with self._stack:
            self._put(np.zeros((0, self.channels), np.float32), more=False)
            try:
                self._file.close()
            except soundfile.LibsndfileError as failure:
                raise WriteError(self.target, failure.error_string) from None
            # An encoder may leave no file, or (opus) one without an end.
            if not self._frames_written and (self._part.stat().st_size == 0 or self.subtype == "OPUS"):
                raise ValueError(f"{self.target}: {self.target.suffix} cannot hold a sound of no samples; write .wav")
            self._check_extent()
            if self.format == "OGG":
                with writing(self.target):
                    set_serial(self._part, 1)  # so that the same sound is the same file
            if self._metadata:
                with writing(self.target):
                    self._notices += self._metadata.after_sound(self._part)
            self._check_content()
            if self._metadata:
                keep_time(self._metadata.source, self._part)

    def _check_extent(self) -> None:
        # The encoders of flac, ogg and mp3 do not say that the disk was full when they closed the file.
        if problem := extent_of(self._part).error:
            raise WriteError(self.target, f"what was written {problem}")

    def _check_content(self) -> None:
        self._check_extent()
        try:
            with soundfile.SoundFile(native_name(self._part)) as file:
                check, dtype = 0, self._dtype
                whole = file.frames == self._frames_written
                while whole and dtype and len(block := file.read(_FRAMES_A_WRITE, dtype, always_2d=True)):
                    check = zlib.crc32(block.data, check)
        except soundfile.LibsndfileError as error:
            raise WriteError(self.target, f"what was written cannot be read: {error.error_string}") from None
        if not whole or check != self._check:
            raise WriteError(self.target, "what was written is not what was read from it")

    @property
    def _dtype(self) -> Any:
        """The type in which samples come back as they were written; None if they do not."""
        if self._quantize:
            return self._quantize.dtype.name
        return None if self.clips else "float32"

    def write(self, block: np.ndarray) -> None:
        """Append float samples (T, C).

        Raises:
            ValueError: if they hold NaN or infinity; with ``clip="error"``, if they are over full scale.
            OSError: if they cannot be written (disk full).
        """
        if not block.size:
            return
        peak = highest(block)
        if not np.isfinite(peak):
            at = self.frames + int(np.argmin(np.isfinite(block).all(axis=1)))
            raise ValueError(f"the output is NaN or infinite at {at / self.sample_rate:.3f} s; nothing was written")
        self.peak = max(self.peak, peak)
        if self._clip == "error" and self.clips and peak > 1:
            at = self.frames + int(np.argmax(np.abs(block).max(axis=1) > 1))
            raise ValueError(f"the output {self._over()} at {at / self.sample_rate:.3f} s; {_CURE}")
        self.frames += len(block)
        self._put(block, more=True)

    def _put(self, block: np.ndarray, more: bool) -> None:
        if self._resampler:
            block = self._resampler.resample_chunk(np.ascontiguousarray(block, np.float32), last=not more)
            whole = round(self.frames * self.file_rate / self.sample_rate)
            missing = 0 if more else max(0, whole - self._frames_written - len(block))
            block = np.pad(block, ((0, missing), (0, 0)))[: whole - self._frames_written]
            self.peak = max(self.peak, highest(block)) if block.size else self.peak
        self._frames_written += len(block)
        samples = self._quantize(block, more) if self._quantize else np.asarray(block, np.float32)
        samples = np.ascontiguousarray(samples if self._order is None else samples[:, self._order])
        try:
            for start in range(0, len(samples), _FRAMES_A_WRITE):
                piece = samples[start : start + _FRAMES_A_WRITE]
                self._file.write(piece)
                self._check = zlib.crc32(piece.data, self._check) if self._dtype else 0
        except soundfile.LibsndfileError as error:
            raise WriteError(self.target, error.error_string) from None


def keep_time(source: Path, target: Path) -> None:
    """Give a file the times of another."""
    status = source.stat()
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
