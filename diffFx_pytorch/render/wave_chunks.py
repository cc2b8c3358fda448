"""Chunks that say something of the sound, from one wav to another, and the channel mask in files of chunks.

References:
    EBU Tech 3285, Specification of the Broadcast Wave Format, version 2, 2011 (bext). Microsoft and IBM, Multimedia
    Programming Interface and Data Specifications 1.0, 1991 (cue, adtl, smpl). BWF iXML, 2.10.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from ..files.chunks import Chunk, chunks
from ..files.layout import layout_of_mask

_KEPT = (b"bext", b"iXML", b"axml", b"chna", b"cart", b"_PMX", b"inst", b"acid", b"cue ", b"smpl", b"LIST")
_LISTS = (b"INFO", b"adtl")
_TIME_REFERENCE, _VERSION, _LEVELS = 338, 346, 412
_EXTENSIBLE, _PCM = 0xFFFE, 1
_SUBTYPE = bytes.fromhex("000000001000800000aa00389b71")
"""What follows the tag of the samples in the GUID of a WAVEFORMATEXTENSIBLE."""
_MOVED_AT_ONCE = 1 << 20
_NO_LEVEL = struct.pack("<h", 0x7FFF) * 5


def chunks_to_keep(path: Path, ratio: float, speed: float) -> list[bytes]:
    """The chunks of a wav that its copy should have, header and padding included; none of another format.

    Args:
        path: of a sound file.
        ratio: sample rate of the copy over that of the source.
        speed: how much faster the copy is.
    """
    with open(path, "rb") as file:
        if file.read(4) not in (b"RIFF", b"RF64"):
            return []
        size, found = path.stat().st_size, []
        for chunk in chunks(file, size):
            if chunk.name not in _KEPT or chunk.end > size + 1:
                continue
            file.seek(chunk.start)
            content = bytearray(file.read(chunk.size))
            if chunk.name == b"LIST" and content[:4] not in _LISTS:
                continue
            _move(chunk.name, content, ratio, speed)
            found.append(chunk.name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2))
        return found


def _move(name: bytes, content: bytearray, ratio: float, speed: float) -> None:
    """Adjust places in samples, and drop levels that no longer hold."""

    def scale(code: str, at: int, by: float) -> None:
        width = struct.calcsize(code)
        if at + width <= len(content):
            value = round(struct.unpack_from(code, content, at)[0] * by)
            struct.pack_into(code, content, at, min(value, 2 ** (8 * width) - 1))

    by = ratio / speed
    if name == b"bext":
        scale("<Q", _TIME_REFERENCE, ratio)
        if len(content) >= _LEVELS + 10 and struct.unpack_from("<H", content, _VERSION)[0] >= 2:
            content[_LEVELS : _LEVELS + 10] = _NO_LEVEL
    elif name == b"cue ":
        for at in range(4, len(content) - 23, 24):
            scale("<I", at + 4, by)
            scale("<I", at + 20, by)
    elif name == b"smpl":
        for at in range(36, len(content) - 23, 24):
            scale("<I", at + 8, by)
            scale("<I", at + 12, by)
        scale("<I", 8, 1 / ratio)
    elif content[:4] == b"adtl":
        at = 4
        while at + 8 <= len(content):
            size = struct.unpack_from("<I", content, at + 4)[0]
            if content[at : at + 4] == b"ltxt":
                scale("<I", at + 12, by)
            at += 8 + size + size % 2


def append_chunks(path: Path, found: list[bytes]) -> None:
    """Append chunks to a wav, rf64 or aiff, and count them in its header."""
    if not found:
        return
    with open(path, "r+b") as file:
        magic = file.read(4)
        file.seek(0, 2)
        file.write(bytes(file.tell() % 2))
        file.write(b"".join(found))
        size = file.tell() - 8
        # A RIFF counts in 32 bits; an RF64 in the chunk ds64, which comes first.
        file.seek(20 if magic == b"RF64" else 4)
        file.write(struct.pack({b"RF64": "<Q", b"FORM": ">I"}.get(magic, "<I"), size))


def write_mask(path: Path, mask: int) -> bool:
    """Put a channel mask into a file of chunks that soundfile has written.

    Args:
        path: of a wav or rf64 with a header of WAVEFORMATEXTENSIBLE, a w64 of PCM, a caf or aiff.
        mask: where its channels stand.

    Returns:
        Whether the format holds one.
    """
    with open(path, "r+b") as file:
        magic, size = file.read(4), path.stat().st_size
        found = {chunk.name: chunk for chunk in chunks(file, size)}
        if magic == b"caff" and b"free" in found:
            # Of the room that libsndfile leaves behind the description, which ends where it did.
            layout, room = layout_of_mask(mask), found[b"free"]
            chunk = b"chan" + struct.pack(">Q", len(layout)) + layout
            file.seek(room.place - 4)
            file.write(chunk + b"free" + struct.pack(">Q", room.size - len(chunk)))
        elif magic in (b"RIFF", b"RF64", b"riff"):
            file.seek(found[b"fmt "].start)
            tag = int.from_bytes(file.read(2), "little")
            if magic == b"riff" and tag == _PCM:  # libsndfile takes any other for PCM
                _extend(file, found[b"fmt "], size, mask)
            elif tag == _EXTENSIBLE:
                file.seek(found[b"fmt "].start + 20)
                file.write(struct.pack("<I", mask))
            else:
                return False
        elif magic != b"FORM":
            return False
    if magic == b"FORM":
        layout = layout_of_mask(mask)
        append_chunks(path, [b"CHAN" + struct.pack(">I", len(layout)) + layout])
    return True


def _extend(file: BinaryIO, header: Chunk, size: int, mask: int) -> None:
    """Make the header of a w64 a WAVEFORMATEXTENSIBLE; what follows it moves back."""
    file.seek(header.start)
    plain = file.read(16)
    bits = plain[14:16]
    extended = (
        struct.pack("<H", _EXTENSIBLE)
        + plain[2:]
        + struct.pack("<H", 22)
        + bits
        + struct.pack("<I", mask)
        + plain[:2]
        + _SUBTYPE
    )
    more = header.start + len(extended) - header.end
    for end in range(size, header.end, -_MOVED_AT_ONCE):
        start = max(header.end, end - _MOVED_AT_ONCE)
        file.seek(start)
        content = file.read(end - start)
        file.seek(start + more)
        file.write(content)
    for place, content in ((16, size + more), (header.place, len(extended) + 24)):
        file.seek(place)
        file.write(struct.pack("<Q", content))
    file.seek(header.start)
    file.write(extended)
