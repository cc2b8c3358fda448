"""Reading sound files: one reader for everything that reads them, which checks what a header declares.

The package stands below the effects, which read impulse responses with it, and knows nothing of them.
"""

from .extent import Extent
from .reader import (
    AudioInfo,
    audio_info,
    block_frames_of,
    check_regular,
    extent_of,
    read_blocks,
    read_sound,
    resampled_frames,
)

__all__ = [
    "AudioInfo",
    "Extent",
    "audio_info",
    "block_frames_of",
    "check_regular",
    "extent_of",
    "read_blocks",
    "read_sound",
    "resampled_frames",
]
