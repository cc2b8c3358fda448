"""All tags and pictures of a sound file, through mutagen where that is installed.

mutagen is under the GPL: it is an optional extra, used here and nowhere else, and only if it is there.
"""

from __future__ import annotations

import base64
import importlib.util
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

_FRAMES = {
    "title": "TIT2",
    "artist": "TPE1",
    "album": "TALB",
    "albumartist": "TPE2",
    "date": "TDRC",
    "originaldate": "TDOR",
    "genre": "TCON",
    "tracknumber": "TRCK",
    "discnumber": "TPOS",
    "composer": "TCOM",
    "lyricist": "TEXT",
    "conductor": "TPE3",
    "remixer": "TPE4",
    "copyright": "TCOP",
    "organization": "TPUB",
    "isrc": "TSRC",
    "bpm": "TBPM",
    "initialkey": "TKEY",
    "language": "TLAN",
    "grouping": "TIT1",
    "subtitle": "TIT3",
    "mood": "TMOO",
    "compilation": "TCMP",
    "titlesort": "TSOT",
    "artistsort": "TSOP",
    "albumsort": "TSOA",
    "albumartistsort": "TSO2",
}
"""Names of Vorbis comments and the text frames of ID3v2.4 that hold the same."""

_NAMES = {frame: name for name, frame in _FRAMES.items()}
_TOTALS = {"tracknumber": "tracktotal", "discnumber": "disctotal"}
# Levels that no longer hold, and what an encoder says of itself and of its own file.
_DROPPED = re.compile(
    r"replaygain|r128_|mp3gain|itunnorm|itunsmpb|encod|waveformatextensible|metadata_block_picture|software|^t(sse|len|siz)$"
    r"|^(rva|rgad|mllt|equ|apic|pcst)",
    re.IGNORECASE,
)
_VOLUME = re.compile(r"^( [0-9A-F]{8}){10}")  # iTunes keeps its own in a comment


def kept(text: str) -> bool:
    """Whether the text of a comment is one, and no level."""
    return not _VOLUME.match(text)


def reads_all_tags() -> bool:
    """Whether mutagen is installed."""
    return importlib.util.find_spec("mutagen") is not None


def has_more_tags(source: Path) -> bool:
    """Whether a file has tags that soundfile does not read: pictures, those of ID3."""
    with open(source, "rb") as file:
        head = file.read(1 << 16)
    return b"METADATA_BLOCK_PICTURE" in head.upper() or any(p in head for p in (b"APIC", b"image/jpeg", b"image/png"))


def copy_all_tags(
    source: Path, part: Path, kind: str, subtype: str, strings: Mapping[str, str], mask: int | None
) -> bool:
    """Write all tags and pictures of one file into another.

    Args:
        source: file to read them from.
        part: file to write them into, whole otherwise.
        kind: format of that, as soundfile names it.
        subtype: of its samples.
        strings: what soundfile found in the source.
        mask: channel mask of the source, if it has one.

    Returns:
        Whether all were kept; False where mutagen is not installed or cannot read the source.
    """
    if not reads_all_tags():
        return False
    import mutagen

    try:
        names, pictures, frames = _read(mutagen.File(source))
    except (mutagen.MutagenError, ValueError):  # tags that are damaged are no reason to lose the sound
        return False
    for name, value in strings.items():
        names.setdefault(name, [value])
    if kind == "FLAC" and mask:
        names["waveformatextensible_channel_mask"] = [f"0x{mask:04X}"]
    if not names and not pictures and not frames:
        return True
    try:
        if kind in ("FLAC", "OGG"):
            _write_comments(part, kind, subtype, names, pictures)
        elif kind in ("MP3", "AIFF") or pictures or frames or names.keys() - strings.keys():
            _write_frames(part, kind, names, pictures, frames)
    except mutagen.MutagenError as error:
        raise OSError(f"cannot write the tags of {source}: {error}") from None
    return True


def _read(found: Any) -> tuple[dict[str, list[str]], list[Any], list[Any]]:
    """Values by the names of Vorbis comments, pictures as those of FLAC, and frames of ID3, of a file of mutagen."""
    from mutagen.flac import Picture
    from mutagen.id3 import ID3

    names: dict[str, list[str]] = {}
    pictures: list[Any] = list(getattr(found, "pictures", ()))
    tags = getattr(found, "tags", None)
    if isinstance(tags, ID3):
        frames = [frame for frame in tags.values() if _is_kept(frame)]
        for frame in frames:
            name, values = _of_frame(frame)
            if name and values:
                names.setdefault(name, []).extend(values)
        for frame in tags.getall("APIC"):
            picture = Picture()
            picture.type, picture.mime, picture.desc, picture.data = frame.type, frame.mime, frame.desc, frame.data
            pictures.append(picture)
        return names, pictures, frames
    for name, value in tags or ():
        if name.lower() == "metadata_block_picture":
            pictures.append(Picture(base64.b64decode(value)))
        elif not _DROPPED.search(name):
            names.setdefault(name.lower(), []).append(value)
    return names, pictures, []


def _is_kept(frame: Any) -> bool:
    texts = map(str, getattr(frame, "text", ()))
    return (
        not _DROPPED.search(frame.FrameID) and not _DROPPED.search(getattr(frame, "desc", "")) and all(map(kept, texts))
    )


def _of_frame(frame: Any) -> tuple[str, list[str]]:
    values = (
        [frame.text] if isinstance(getattr(frame, "text", None), str) else list(map(str, getattr(frame, "text", ())))
    )
    if frame.FrameID == "TCON":
        values = list(frame.genres)
    if frame.FrameID == "TXXX":
        return frame.desc.lower(), values
    if frame.FrameID == "COMM":
        return "comment" if not frame.desc else "", values
    return "lyrics" if frame.FrameID == "USLT" else _NAMES.get(frame.FrameID, ""), values


def _write_comments(
    part: Path, kind: str, subtype: str, names: Mapping[str, list[str]], pictures: Iterable[Any]
) -> None:
    from mutagen.flac import FLAC
    from mutagen.oggopus import OggOpus
    from mutagen.oggvorbis import OggVorbis

    file: Any = FLAC(part) if kind == "FLAC" else OggOpus(part) if subtype == "OPUS" else OggVorbis(part)
    if file.tags is None:
        file.add_tags()
    for name, values in names.items():
        number, _, total = values[0].partition("/")
        if total and name in _TOTALS:
            file[name], file[_TOTALS[name]] = number, total
        else:
            file[name] = values
    for picture in pictures:
        if kind == "FLAC":
            file.add_picture(picture)
        else:
            file["metadata_block_picture"] = [base64.b64encode(picture.write()).decode("ascii")]
    file.save()


def _write_frames(
    part: Path, kind: str, names: Mapping[str, list[str]], pictures: Iterable[Any], frames: Iterable[Any]
) -> None:
    from mutagen.aiff import AIFF
    from mutagen.mp3 import MP3
    from mutagen.wave import WAVE

    file: Any = {"MP3": MP3, "AIFF": AIFF}.get(kind, WAVE)(part)
    if file.tags is None:
        file.add_tags()
    _fill(file.tags, names, pictures, frames)
    file.save()


def _fill(tags: Any, names: Mapping[str, list[str]], pictures: Iterable[Any], frames: Iterable[Any]) -> None:
    from mutagen import id3

    tags.clear()
    for frame in frames:
        tags.add(frame)
    for name, values in names.items():
        if name in _TOTALS and (total := names.get(_TOTALS[name])) and "/" not in values[0]:
            values = [f"{values[0]}/{total[0]}"]
        if name in _FRAMES:
            if not tags.getall(_FRAMES[name]):
                tags.add(getattr(id3, _FRAMES[name])(encoding=3, text=values))
        elif name == "comment":
            if not tags.getall("COMM"):
                tags.add(id3.COMM(encoding=3, lang="eng", desc="", text=values))
        elif name == "lyrics":
            if not tags.getall("USLT"):
                tags.add(id3.USLT(encoding=3, lang="eng", desc="", text="\n".join(values)))
        elif name not in _TOTALS.values() and not tags.getall(f"TXXX:{name}"):
            tags.add(id3.TXXX(encoding=3, desc=name.upper(), text=values))
    for picture in pictures:
        tags.add(id3.APIC(encoding=3, mime=picture.mime, type=picture.type, desc=picture.desc, data=picture.data))
