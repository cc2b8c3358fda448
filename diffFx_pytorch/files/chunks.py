"""Files of chunks (wav, rf64, w64, aiff, caf) and au: how much sound is declared, and how much is there.

References:
    Microsoft and IBM, Multimedia Programming Interface and Data Specifications 1.0 (RIFF), 1991; EBU Tech 3306 (RF64);
    Sony, Wave64; Apple, Audio Interchange File Format AIFF-C, 1991, and Core Audio Format Specification 1.0.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from .extent import CUT, Extent
from .layout import mask_of_layout

_WRAP = 2**32
# Lengths that say "not known when the header was written": SoX, espeak, arecord and FFmpeg into a pipe, less a header.
_UNKNOWN = ((0x7EFFF000, 0x7F000000), (0x7FFFEF00, 0x80000000), (0xFFFFF000, 0xFFFFFFFF), (2**62, 2**64))
_SLACK = 4096
_LARGEST_LAYOUT = 12 + 20 * 1024
_AU_BYTES = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}
_LINEAR_AIFF = (b"NONE", b"sowt", b"twos", b"in24", b"in32", b"raw ", b"fl32", b"FL32", b"fl64", b"FL64")


@dataclass(frozen=True)
class Chunk:
    """A chunk: its name, the place of its length, the place of its content, and the bytes it declares."""

    name: bytes
    place: int
    start: int
    size: int
    end: int


def chunks(file: BinaryIO, size: int, start: int | None = None) -> Iterator[Chunk]:
    """Chunks of a RIFF, RIFX, RF64, BW64, Wave64, AIFF or CAF file, in their order.

    Args:
        file: opened for reading.
        size: of the file, in bytes.
        start: place of the first chunk; after the file's header by default.
    """
    file.seek(0)
    magic = file.read(4)
    head, name_bytes, code, first, align = {
        b"riff": (24, 16, "<Q", 40, 8),
        b"caff": (12, 4, ">Q", 8, 1),
        b"FORM": (8, 4, ">I", 12, 2),
        b"RIFX": (8, 4, ">I", 12, 2),
    }.get(magic, (8, 4, "<I", 12, 2))
    position, long = (first if start is None else start), None
    while position + head <= size:
        file.seek(position)
        header = file.read(head)
        name, count = header[:4], struct.unpack(code, header[name_bytes:])[0]
        count = max(0, count - head) if magic == b"riff" else count
        if name == b"data" and long is not None and count == 0xFFFFFFFF:
            count = long
        end = position + head + -(-count // align) * align
        yield Chunk(name, position + name_bytes, position + head, count, end)
        if name == b"ds64":
            file.seek(position + head + 8)
            long = int.from_bytes(file.read(8), "little")
        position = end


@dataclass(frozen=True)
class _Sound:
    """The sound in a file: its place, bytes declared, bytes a second, and the header that would declare so many."""

    start: int
    count: int
    byte_rate: float
    repaired: Callable[[int], dict[int, bytes]]
    wraps: bool = False


def _headers(file: BinaryIO, size: int, last: bytes = b"") -> tuple[dict[bytes, Chunk], Callable[[bytes, int], bytes]]:
    """Chunks by name up to the last one wanted, and a reader of the first bytes of one, zeros if they lack."""
    found: dict[bytes, Chunk] = {}
    for chunk in chunks(file, size):
        found.setdefault(chunk.name, chunk)
        if chunk.name == last:
            break

    def content(name: bytes, count: int) -> bytes:
        if (chunk := found.get(name)) is None:
            return bytes(count)
        file.seek(chunk.start)
        return file.read(min(chunk.size, count)).ljust(count, b"\0")

    return found, content


_NO_SOUND = Extent(problem="is cut short: its header ends before the sound begins")


def extent_of_wave(file: BinaryIO, size: int, magic: bytes) -> Extent:
    """The extent of a RIFF, RIFX, RF64, BW64 or Wave64 file."""
    order = ">" if magic == b"RIFX" else "<"
    found, content = _headers(file, size, b"data")
    if (data := found.get(b"data")) is None:
        return _NO_SOUND if b"fmt " in found else Extent()

    def repaired(count: int) -> dict[int, bytes]:
        if magic == b"riff":
            return {data.place: struct.pack("<Q", count + 24)}
        if long := found.get(b"ds64"):
            return {long.start + 8: struct.pack("<Q", count), data.place: b"\xff" * 4}
        if count < _WRAP:
            return {data.place: struct.pack(f"{order}I", count)}
        # libsndfile reads no length in a RIFF of 8 bytes as "to the end", and that may be beyond 4 GiB.
        return {4: struct.pack(f"{order}I", 8), data.place: bytes(4)}

    tag, _, _, byte_rate, _, _, _, _, mask, kind = struct.unpack(f"{order}HHIIHHHHIH", content(b"fmt ", 26))
    wraps = magic in (b"RIFF", b"RIFX")
    compared = _compared(file, size, _Sound(data.start, data.size, byte_rate, repaired, wraps))
    if tag == 0xFFFE:
        compared.mask = mask
        if magic == b"riff":  # libsndfile would take all of them for PCM
            compared.patches[found[b"fmt "].start] = struct.pack("<H", kind)
    return compared


def extent_of_aiff(file: BinaryIO, size: int) -> Extent:
    """The extent of an AIFF or AIFF-C file: the larger of the lengths that its two headers declare."""
    found, content = _headers(file, size)
    if not (sound := found.get(b"SSND")) or not (common := found.get(b"COMM")):
        return _NO_SOUND if b"COMM" in found else Extent()
    channels, frames, bits, exponent, mantissa, kind = struct.unpack(">hIhHQ4s", content(b"COMM", 22))
    rate = mantissa * 2.0 ** min((exponent & 0x7FFF) - 16446, 64)
    frame_bytes = channels * -(-bits // 8) if common.size < 22 or kind in _LINEAR_AIFF else 0
    gap = 8 + struct.unpack(">I", content(b"SSND", 4))[0]

    def repaired(count: int) -> dict[int, bytes]:
        if not frame_bytes or count >= _WRAP:
            return {}
        whole = struct.pack(">I", count // frame_bytes)
        return {common.start + 2: whole, sound.place: struct.pack(">I", count + gap)}

    count = max(0, sound.size - gap)
    if not _is_unknown(count):
        count = max(count, frames * frame_bytes)
    compared = _compared(file, size, _Sound(sound.start + gap, count, frame_bytes * rate, repaired))
    compared.mask = mask_of_layout(content(b"CHAN", _LARGEST_LAYOUT)) if b"CHAN" in found else None
    return compared


def extent_of_caf(file: BinaryIO, size: int) -> Extent:
    """The extent of a Core Audio file."""
    found, content = _headers(file, size)
    if (data := found.get(b"data")) is None:
        return _NO_SOUND if b"desc" in found else Extent()
    rate, _, packet_bytes, packet_frames = struct.unpack(">dQII", content(b"desc", 24))
    byte_rate = rate * packet_bytes / packet_frames if packet_frames else 0.0
    count = max(0, data.size - 4) if data.size < 2**62 else data.size

    def repaired(count: int) -> dict[int, bytes]:
        return {data.place: struct.pack(">Q", count + 4)}

    compared = _compared(file, size, _Sound(data.start + 4, count, byte_rate, repaired))
    compared.mask = mask_of_layout(content(b"chan", _LARGEST_LAYOUT)) if b"chan" in found else None
    return compared


def extent_of_au(file: BinaryIO, size: int, magic: bytes) -> Extent:
    """The extent of a Sun/NeXT file."""
    order = "<" if magic == b"dns." else ">"
    file.seek(4)
    start, count, encoding, rate, channels = struct.unpack(f"{order}5I", file.read(20).ljust(20, b"\0"))
    byte_rate = _AU_BYTES.get(encoding, 0) * channels * rate

    def repaired(count: int) -> dict[int, bytes]:
        return {8: struct.pack(f"{order}I", count if count < _WRAP else 0xFFFFFFFF)}

    return _compared(file, size, _Sound(start, count, byte_rate, repaired, wraps=True))


def _compared(file: BinaryIO, size: int, sound: _Sound) -> Extent:
    room = max(0, size - sound.start)

    def seconds(count: int) -> float:
        return count / sound.byte_rate if sound.byte_rate else 0.0

    def to(count: int, why: str) -> Extent:
        notice = f"{why}; it was read to its end, {seconds(count):.3f} s" if why else ""
        patches = sound.repaired(count)
        problem = "" if patches else f"{why}, and that cannot be put right"
        return Extent(notice=notice, patches=patches, end=sound.start + count, problem=problem)

    if sound.count > room:
        if _is_unknown(sound.count):
            return to(room, "")
        return Extent(seconds(sound.count), seconds(room) if sound.byte_rate else None, CUT)
    rest = room - sound.count
    if rest <= 1 or _chunks_follow(file, size, sound.start + sound.count):
        return Extent()
    if sound.wraps and rest >= _WRAP:
        return to(sound.count + rest // _WRAP * _WRAP, "its header holds its length modulo 4 GiB")
    if sound.count == 0:
        return to(room, "its header was never finished and declares no samples")
    if rest <= _SLACK:
        return Extent()
    found = f"the {seconds(sound.count):.3f} s that its header declares are followed by {rest} bytes that are no chunk"
    return Extent(notice=f"{found}, {seconds(rest):.3f} s if they are sound; they were left out")


def _is_unknown(count: int) -> bool:
    return any(low <= count <= high for low, high in _UNKNOWN)


def _chunks_follow(file: BinaryIO, size: int, position: int) -> bool:
    """Whether what begins here, or one byte or seven on, is chunks to the end of the file."""
    return any(_is_chunks(file, size, start) for start in (position, position + position % 2, -(-position // 8) * 8))


def _is_chunks(file: BinaryIO, size: int, start: int) -> bool:
    end = start
    for chunk in chunks(file, size, start):
        if not all(32 <= byte < 127 for byte in chunk.name):
            return False
        end = chunk.end
    return 0 <= end - size <= 8 or size - end in range(8)
