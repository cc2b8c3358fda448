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


BIT_DEPTHS = ("same", "8", "16", "24", "32", "float", "double")
"""What the samples of a file may be asked to be."""

_SUBTYPES = {
    "8": ("PCM_U8", "PCM_S8"),
    "16": ("PCM_16", "ALAC_16"),
    "24": ("PCM_24", "ALAC_24"),
    "32": ("PCM_32", "ALAC_32"),
    "float": ("FLOAT",),
    "double": ("DOUBLE",),
}


def subtype_for(target: Path, bit_depth: str, source: str = "") -> str | None:
    """The subtype of a path's format that has a bit depth; None is the format's usual one.

    Args:
        target: path to be written.
        bit_depth: one of ``BIT_DEPTHS``.
        source: subtype of the sound that "same" means.

    Raises:
        ValueError: for a bit depth that the format does not have.
    """
    name, _ = format_of(target)
    if bit_depth == "same":
        if source.startswith(("MPEG", "VORBIS", "OPUS")) or not source:
            return None
        if soundfile.check_format(name, source):
            return source
        bit_depth = next((depth for depth, subtypes in _SUBTYPES.items() if source in subtypes), "")
        return next((s for s in _SUBTYPES.get(bit_depth, ()) if soundfile.check_format(name, s)), None)
    found = next((s for s in _SUBTYPES[bit_depth] if soundfile.check_format(name, s)), None)
    if found is None:
        has = [d for d, subtypes in _SUBTYPES.items() if any(soundfile.check_format(name, s) for s in subtypes)]
        cure = f"it has {', '.join(has)}" if has else "leave it out"
        raise ValueError(f"{target.suffix.lower()} has no bit depth {bit_depth!r}; {cure}")
    return found


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
    """Refuse a target that is the source, or whose format does not take the subtype.

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
