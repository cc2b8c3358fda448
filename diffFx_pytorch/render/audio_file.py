"""Writing sound files in blocks, with dither."""

from __future__ import annotations

import math
import os
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from ..files.reader import highest
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
        peak = highest(block)
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
