"""Files in, files out: streaming in constant memory, tails, loudness, batches."""

from ..files import read_blocks, read_sound
from .audio_file import AudioWriter
from .batch import Outcome, plan, render_batch
from .file import Rendered, render_file
from .formats import FORMATS
from .loudness import Loudness, integrated_loudness

__all__ = [
    "FORMATS",
    "AudioWriter",
    "Loudness",
    "Outcome",
    "Rendered",
    "integrated_loudness",
    "plan",
    "read_blocks",
    "read_sound",
    "render_batch",
    "render_file",
]
