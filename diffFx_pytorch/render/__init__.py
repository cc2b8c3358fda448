"""Files in, files out: streaming in constant memory, tails, loudness, batches."""

from ..files import read_blocks, read_sound
from .audio_file import AudioWriter
from .batch import Outcome, render_batch
from .compare import Comparison, compare_files
from .file import Rendered, render_file
from .formats import FORMATS
from .journal import Journal
from .loudness import Loudness, integrated_loudness
from .meter import Measurement, Meter, measure_file, measure_through
from .plan import NothingMatchedError, plan, sounds
from .settings import RenderSettings

__all__ = [
    "FORMATS",
    "AudioWriter",
    "Comparison",
    "Journal",
    "Loudness",
    "Measurement",
    "Meter",
    "NothingMatchedError",
    "Outcome",
    "RenderSettings",
    "Rendered",
    "compare_files",
    "integrated_loudness",
    "measure_file",
    "measure_through",
    "plan",
    "read_blocks",
    "read_sound",
    "render_batch",
    "render_file",
    "sounds",
]
