"""Files in, files out: streaming in constant memory, tails, loudness, batches."""

from .audio_file import FORMATS, AudioWriter, read_blocks
from .batch import Outcome, plan, render_batch
from .file import Rendered, render_file
from .loudness import Loudness

__all__ = [
    "FORMATS",
    "AudioWriter",
    "Loudness",
    "Outcome",
    "Rendered",
    "plan",
    "read_blocks",
    "render_batch",
    "render_file",
]
