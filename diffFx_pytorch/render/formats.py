"""The formats that are written, and what each of them takes."""

from __future__ import annotations

from pathlib import Path

import soundfile

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

_RATES = {
    "OPUS": (8000, 12000, 16000, 24000, 48000),
    "MPEG_LAYER_III": (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000),
}
_HIGHEST_RATE = {"VORBIS": 192000, "FLAC": 655350}
_MOST_CHANNELS = {"MP3": 2, "FLAC": 8, "OGG": 255}


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


def check_channels(target: Path, channels: int, subtype: str | None = None) -> None:
    """Refuse more channels than a format takes.

    Raises:
        ValueError: saying how many it takes, and which formats take more.
    """
    most = _MOST_CHANNELS.get(format_of(target, subtype)[0], 1024)
    if channels > most:
        raise ValueError(
            f"{target}: {target.suffix} takes at most {most} channels, and the output has {channels}; write .wav or "
            ".caf, which take any number"
        )


def writable_rate(target: Path, sample_rate: int, subtype: str | None = None) -> int:
    """The rate that a format writes: the one given, or the next higher one that it takes, or its highest."""
    name, subtype = format_of(target, subtype)
    if legal := _RATES.get(subtype):
        return min((rate for rate in legal if rate >= sample_rate), default=max(legal))
    highest = _HIGHEST_RATE.get(subtype, _HIGHEST_RATE.get(name))
    if highest is None:
        return sample_rate
    if name == "FLAC" and sample_rate > 0xFFFF:  # counted in tens from there on (RFC 9639, 9.1.2)
        sample_rate = -(-sample_rate // 10) * 10
    return min(sample_rate, highest)
