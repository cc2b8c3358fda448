"""Where the channels of a sound stand: masks as wav has them, in the words of other formats.

Sounds are in the order of a WAVEFORMATEXTENSIBLE mask, whatever order a format keeps them in.

References:
    Apple, Core Audio Format Specification 1.0 (Channel Layout chunk). RFC 9639, 8.6.2 (FLAC). Xiph.Org, Vorbis I
    specification, 4.3.9, and RFC 7845, 5.1.1.2 (order of the channels in Ogg).
"""

from __future__ import annotations

import re
import struct

_BITMAP = 1 << 16
_USUAL = {
    100 << 16 | 1: 0x4,
    101 << 16 | 2: 0x3,
    108 << 16 | 4: 0x33,
    113 << 16 | 3: 0x7,
    117 << 16 | 5: 0x37,
    121 << 16 | 6: 0x3F,
}
"""Apple's tags of mono, stereo, quadraphonic, MPEG 3.0 A, 5.0 A and 5.1 A, whose orders are those of masks."""
_MASK_COMMENT = re.compile(rb"waveformatextensible_channel_mask=(0x[0-9a-f]+|[0-9]+)", re.IGNORECASE)
_IN_OGG = {
    3: (0, 2, 1),
    5: (0, 2, 1, 3, 4),
    6: (0, 2, 1, 4, 5, 3),
    7: (0, 2, 1, 5, 6, 4, 3),
    8: (0, 2, 1, 6, 7, 4, 5, 3),
}
"""By number of channels, which of a mask's order each one of Vorbis and Opus is: left, centre, right, sides or back,
back, LFE; 6.1 and 7.1 are taken as those of ``dsp.loudness``."""


def mask_of_layout(content: bytes) -> int | None:
    """The mask that a Channel Layout chunk says (caf, aiff), None where none says the same."""
    if len(content) < 12:
        return None
    tag, bitmap, count = struct.unpack(">III", content[:12])
    if tag != 0:
        return bitmap if tag == _BITMAP else _USUAL.get(tag)
    labels = [int.from_bytes(content[at : at + 4], "big") for at in range(12, min(len(content), 12 + 20 * count), 20)]
    if len(labels) != count or not all(1 <= label <= 18 for label in labels) or labels != sorted(set(labels)):
        return None
    return sum(1 << (label - 1) for label in labels) or None


def layout_of_mask(mask: int) -> bytes:
    """The content of a Channel Layout chunk that says a mask."""
    return struct.pack(">III", _BITMAP, mask, 0)


def mask_of_comments(comments: bytes) -> int | None:
    """The mask that the comments of a flac say."""
    found = _MASK_COMMENT.search(comments)
    return int(found[1], 0) if found else None


def order_in(kind: str, channels: int) -> tuple[int, ...] | None:
    """Which channel of a sound each one of a file is; None where the order is the same.

    Args:
        kind: format, as soundfile names it.
        channels: how many.
    """
    return _IN_OGG.get(channels) if kind == "OGG" else None
