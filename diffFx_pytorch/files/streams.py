"""Streams of frames (flac, ogg, mp3): whether the last one is there, and where one is missing or damaged.

References:
    RFC 9639 (FLAC), RFC 3533 (Ogg), RFC 7845 (Opus in Ogg); ISO/IEC 11172-3 and 13818-3 (MPEG audio); G. Lawrence,
    "Xing VBR header", and G. Bouvigne, "LAME tag", for the number of frames that an mp3 declares.
"""

from __future__ import annotations

import itertools
import mmap
import os
import struct
import zlib
from collections.abc import Iterator

from .extent import CUT, DAMAGED, Extent
from .layout import mask_of_comments

_REVERSED = bytes(int(f"{i:08b}"[::-1], 2) for i in range(256))
_LARGEST_FRAME = 1 << 18


# ---- FLAC ----


def extent_of_flac(data: mmap.mmap) -> Extent:
    """The extent of a FLAC file, and the mask that its comments say."""
    found = _extent_of_flac(data)
    at, last = after_id3(data) + 4, False
    while not last and at + 4 <= len(data):
        kind, size = data[at], int.from_bytes(data[at + 1 : at + 4], "big")
        if kind & 0x7F == 4:
            found.mask = mask_of_comments(data[at + 4 : at + 4 + size])
        at, last = at + 4 + size, kind >= 0x80
    return found


def _extent_of_flac(data: mmap.mmap) -> Extent:
    """The extent of a FLAC file: its last frame is found from the end, and says which samples it holds.

    A file may not declare its length (RFC 9639, 8.2: 0 is unknown); the decoder is then told what was found.
    """
    at = after_id3(data) + 8
    if data[at - 8 : at - 4] != b"fLaC" or len(data) < at + 34:
        return Extent(problem="its header is cut short")
    rate = int.from_bytes(data[at + 10 : at + 13], "big") >> 4
    total = int.from_bytes(data[at + 13 : at + 18], "big") & 0xFFFFFFFFF
    block = int.from_bytes(data[at + 2 : at + 4], "big")
    end = len(data) - (128 if data[-128:-125] == b"TAG" else 0)
    tail = data[max(at, end - (int.from_bytes(data[at + 7 : at + 10], "big") or _LARGEST_FRAME)) : end]
    place, last, partial = len(tail), None, None
    while last is None and (place := tail.rfind(b"\xff", 0, place)) >= 0:
        if frame := _flac_frame(tail[place : place + 16], block):
            first, samples = frame
            if total and first + samples == total:
                return Extent()  # the decoder checks the frame itself
            last = first + samples if _crc(tail[place:], 16) == 0 else None
            partial = first if partial is None else partial
    if last is not None and not total:
        known = int.from_bytes(data[at + 13 : at + 18], "big") | last
        return Extent(patches={at + 13: known.to_bytes(5, "big")})
    if not total and partial is None and end - at < _LARGEST_FRAME:
        return Extent(problem="holds no samples")
    present = partial if last is None else last
    return Extent(total / rate if total and rate else None, present / rate if present and rate else None, CUT)


def _flac_frame(header: bytes, block: int) -> tuple[int, int] | None:
    """First sample and number of samples of a frame whose header begins here; None if there is none."""
    if len(header) < 6 or header[1] & 0xFE != 0xF8 or header[3] & 1 or header[2] >> 4 == 0 or header[2] & 15 == 15:
        return None
    position, number = 5, header[4]
    if number >= 0x80:  # coded as UTF-8 is, up to seven bytes
        more = f"{number:08b}".find("0") - 1
        if number == 0xFF:
            more = 6
        elif more < 1:
            return None
        number &= 0x3F >> more
        for byte in header[5 : 5 + more]:
            if byte & 0xC0 != 0x80:
                return None
            number = number << 6 | byte & 0x3F
        position += more
    code, rate_code = header[2] >> 4, header[2] & 15
    size = {6: 1, 7: 2}.get(code, 0)
    if size:
        samples = int.from_bytes(header[position : position + size], "big") + 1
    else:
        samples = 192 if code == 1 else 576 << (code - 2) if code < 6 else 256 << (code - 8)
    position += size + {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if position >= len(header) or _crc(header[: position + 1], 8):
        return None
    return (number if header[1] & 1 else number * block), samples


def _crc(data: bytes, bits: int) -> int:
    """Remainder of x^8 + x^2 + x + 1 or x^16 + x^15 + x^2 + 1; 0 for what ends in its own (RFC 9639, 9.1.8 and 9.3)."""
    table, value = _TABLES[bits], 0
    if bits == 8:
        for byte in data:
            value = table[value ^ byte]
        return value
    for byte in data:
        value = (value << 8 & 0xFFFF) ^ table[value >> 8 ^ byte]
    return value


def _table(bits: int, polynomial: int) -> list[int]:
    values = []
    for value in range(256):
        value <<= bits - 8
        for _ in range(8):
            value = (value << 1) ^ (polynomial if value >> (bits - 1) else 0)
        values.append(value & (2**bits - 1))
    return values


_TABLES = {8: _table(8, 0x107), 16: _table(16, 0x18005)}


# ---- Ogg ----


def extent_of_ogg(data: mmap.mmap) -> Extent:
    """The extent of an Ogg file: no page is missing or damaged, and the last one of each stream says that it is."""
    numbers: dict[int, int] = {}
    ended: dict[int, bool] = {}
    at, rate, skipped, done, problem = 0, 0, 0, 0, ""
    while at < len(data) and not problem:
        header = data[at : at + 27]
        if len(header) < 27 or header[:4] != b"OggS":
            if data.find(b"OggS", at + 1) > 0:
                problem = DAMAGED
            break  # what follows the last page is no sound
        granule, serial, number = struct.unpack("<qII", header[6:22])
        body = at + 27 + header[26]
        end = body + sum(data[at + 27 : body])
        if end > len(data):
            problem = CUT
        elif number != numbers.get(serial, number - 1) + 1 or not _is_page(data[at:end]):
            problem = DAMAGED
        else:
            if not rate:
                rate, skipped = _ogg_rate(data[body:end])
            done = max(done, granule)
            numbers[serial], ended[serial] = number, bool(header[5] & 4)
            at = end
    if not problem and all(ended.values()):
        return Extent()
    return Extent(None, max(0, done - skipped) / rate if rate else None, problem or CUT)


def _ogg_rate(packet: bytes) -> tuple[int, int]:
    """Rate of the positions of pages in Hz, and the samples that are decoded and not heard."""
    if packet[:8] == b"OpusHead":
        return 48000, int.from_bytes(packet[10:12], "little")
    if packet[:7] == b"\x01vorbis":
        return int.from_bytes(packet[12:16], "little"), 0
    return (int.from_bytes(packet[27:30], "big") >> 4, 0) if packet[:5] == b"\x7fFLAC" else (0, 0)


def _is_page(page: bytes) -> bool:
    return page_crc(page) == int.from_bytes(page[22:26], "little")


def page_crc(page: bytes | bytearray) -> int:
    """The checksum that a page of Ogg should have.

    It is zlib's CRC-32 with the bits of each byte the other way round, from 0, not inverted (RFC 3533, 6).
    """
    reversed_page = (page[:22] + bytes(4) + page[26:]).translate(_REVERSED)
    crc = zlib.crc32(reversed_page, 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{crc:032b}"[::-1], 2)


def set_serial(path: str | os.PathLike[str], serial: int) -> None:
    """Give a whole Ogg file of one stream a serial number, in place of the random one that its encoder chose."""
    with open(path, "r+b") as file:
        at = 0
        while len(header := file.read(27)) == 27:
            sizes = file.read(header[26])
            page = bytearray(header + sizes + file.read(sum(sizes)))
            page[14:18] = serial.to_bytes(4, "little")
            page[22:26] = page_crc(page).to_bytes(4, "little")
            file.seek(at)
            at += file.write(page)
            file.seek(at)


# ---- MP3 ----

_RATES = (44100, 48000, 32000)
_V1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_V1_LAYER_2 = (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384)
_V1_LAYER_1 = tuple(32 * i for i in range(15))
_V2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_V2_LAYER_1 = (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256)


def extent_of_mp3(data: mmap.mmap) -> Extent:
    """The extent of an MPEG audio file: frames follow each other to the end, as many as its Xing header declares."""
    at, end = after_id3(data), len(data) - _trailing_tags(data)
    at = at if _frame(data, at) else _next_frame(data, at, end)
    if at is None or (first := _frame(data, at)) is None:
        return Extent()  # free format, or none at all: the decoder knows
    rate, samples, length = first
    declared = _xing(data[at : at + length].ljust(64, b"\0"))
    at += length if declared is not None else 0
    frames, broken = 0, False
    while at + 4 <= end:
        if (found := _frame(data, at)) is None:
            if (tag := after_id3(data, at)) > at:  # of a file that was appended to another
                at = tag
                continue
            if _next_frame(data, at, end):
                return Extent(None, frames * samples / rate, DAMAGED)
            break
        at += found[2]
        broken = at > end
        frames += not broken
    if declared and frames < declared:
        return Extent(declared * samples / rate, frames * samples / rate, CUT)
    return Extent(None, frames * samples / rate, CUT) if broken and not declared else Extent()


def _frame(data: mmap.mmap, at: int) -> tuple[int, int, int] | None:
    """Sample rate, samples and bytes of the frame at a place; None if there is none."""
    header = data[at : at + 4]
    if len(header) < 4:
        return None
    return _FRAMES.get((header[0], header[1] | 1, header[2] & 0xFE))


def _frames() -> Iterator[tuple[tuple[int, int, int], tuple[int, int, int]]]:
    for version, layer, code, rate_code, padding in itertools.product(
        (0, 2, 3), (1, 2, 3), range(1, 15), range(3), (0, 1)
    ):
        rate = _RATES[rate_code] >> {3: 0, 2: 1, 0: 2}[version]
        one = version == 3
        if layer == 3:
            kbps, samples = (_V1_LAYER_1 if one else _V2_LAYER_1)[code], 384
            length = (12000 * kbps // rate + padding) * 4
        else:
            kbps = (_V1_LAYER_2 if layer == 2 else _V1)[code] if one else _V2[code]
            samples = 1152 if one or layer == 2 else 576
            length = samples // 8 * 1000 * kbps // rate + padding
        yield (
            (0xFF, 0xE1 | version << 3 | layer << 1, code << 4 | rate_code << 2 | padding << 1),
            (rate, samples, length),
        )


_FRAMES = dict(_frames())


def _next_frame(data: mmap.mmap, at: int, end: int) -> int | None:
    """The next place from which three frames follow each other; None if there is none."""
    while (at := data.find(b"\xff", at + 1, end)) >= 0:
        place = at
        for _ in range(3):
            found = _frame(data, place) if place < end else None
            if found is None:
                break
            place += found[2]
        else:
            return at
    return None


def _xing(frame: bytes) -> int | None:
    """Frames that the header in the first frame declares, 0 if it does not say; None where it is no such header."""
    at = max(frame.find(b"Xing", 0, 64), frame.find(b"Info", 0, 64))
    if at >= 0:
        return int.from_bytes(frame[at + 8 : at + 12], "big") if frame[at + 7] & 1 else 0
    return int.from_bytes(frame[50:54], "big") if frame[36:40] == b"VBRI" else None


def after_id3(data: mmap.mmap, at: int = 0) -> int:
    """Where a file goes on after the ID3v2 tags at a place."""
    while data[at : at + 3] == b"ID3" and len(data) >= at + 10:
        size = 0
        for byte in data[at + 6 : at + 10]:
            size = size << 7 | byte & 0x7F
        at += 10 + size + (10 if data[at + 5] & 0x10 else 0)
    return at


def _trailing_tags(data: mmap.mmap) -> int:
    size = 128 if data[-128:-125] == b"TAG" else 0
    end = len(data) - size
    if data[end - 32 : end - 24] == b"APETAGEX":
        size += int.from_bytes(data[end - 20 : end - 16], "little")
        size += 32 if data[end - 9] & 0x80 else 0
    return size
