"""Chain files: a chain and its settings as versioned YAML in physical units.

::

    version: 1
    about: What it does.          # optional
    chain:
      - effect: ParametricEqualizer
        name: eq                  # optional; the effect in snake case, numbered where it occurs again
        options: {num_peaks: 3}   # optional; keywords of the constructor
        ranges: {peak_1_gain_db: [-6, 6]}   # optional; ranges of knobs that are not the usual ones
        params:                   # optional; what is left out takes its default
          peak_1_gain_db: 3.0
          peak_1_freq_hz: [200, 800]   # points evenly spaced over the signal
          peak_1_q: {0: 0.7, 1.5: [4, hold], 3: 1}   # points in time, in seconds
      - effect: Compressor
        mix: 0.5                  # any step beside its input; 0 is the input alone
      - effect: Compressor
        sidechain: kick.wav       # a sound file beside this one, from the beginning of the signal on
      - effect: Limiter
        bypass: true              # checked, and left out
      - preset: lead-vocal        # the chain of a factory preset, or of another file

In the place of ``effect`` a step may be a routing, whose parts are steps or lists of steps::

      - chain: [{effect: HighPass}, {effect: Compressor}]
      - parallel: {dry: null, crushed: {effect: Compressor}}   # null is a wire
        params: {crushed_level_db: -6}
      - dry_wet: {effect: FeedbackDelay}
        params: {mix: 0.3}
      - send: {effect: SchroederReverb, params: {mix: 1}}
        params: {send_db: -12}
      - mid_side: {mid: {effect: Compressor}, side: {effect: Gain}}
      - multi_band: {effect: Compressor, params: {ratio: 3}}   # in every band
        options: {num_bands: 4}
        params: {band_1.threshold_db: -30, crossover_1_hz: 120}

Between its points a knob moves in straight lines of its position, as automation in a DAW does; a point in time may say
how it goes on to the next: ``linear``, ``smooth`` (without corners) or ``hold`` (a step at the next point).
What ``difffx fit`` may turn is said beside ``chain``, by names of knobs::

    fit:
      comp.ratio: fixed               # stays where params has it; a number is where it stays
      comp.threshold_db: [-40, -10]   # moves in between
      right.gain_db: left.gain_db     # has the value of another

``{beats: {0: 3, 8: 6}}`` gives points in beats, where the file names its ``tempo_bpm`` beside ``version``, and
``{csv: curve.csv}`` those of a file: rows of time and value, and how it goes on; a first row ``beats,value`` makes the
times beats.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from ..automation import Points
from ..control import KnobValue
from ..routing import Chain
from .factory import text_of
from .limits import Limit, read_limits
from .nodes import ChainFileError, Reader, plain_text
from .steps import VERSION, StepReader

__all__ = ["VERSION", "ChainFile", "ChainFileError", "load_chain"]

_WIDEST_RATE = 192000.0


@dataclass(frozen=True)
class ChainFile:
    """A chain file that has been read: independent of the sample rate until it is built.

    Args:
        text: what the file says.
        source: its name, for error messages.
    """

    text: str = field(repr=False)
    source: str = "chain"

    @property
    def about(self) -> str:
        """What the file says of itself, a sentence; empty if nothing."""
        return str((plain_text(self.text) or {}).get("about") or "")

    def limits(self, chain: Chain) -> dict[str, Limit]:
        """What the file's ``fit`` block says of the knobs of its chain: what ``fit(..., limits=)`` takes."""
        reader = Reader(self.source)
        return read_limits(reader, reader.compose(self.text), chain)

    def build(self, sample_rate: float) -> tuple[Chain, dict[str, KnobValue]]:
        """The chain at a sample rate, which holds the settings of the file, and these by name.

        Args:
            sample_rate: in Hz.

        Returns:
            ``(chain, dsp_params)``: what ``chain(x, dsp_params=dsp_params)`` takes; an automated knob is (1, F), or
            ``{time_s: value}``.

        Raises:
            ChainFileError: naming line and column of everything that is wrong.
        """
        reader = Reader(self.source)
        root = reader.compose(self.text)
        # What an option names is looked for beside the file.
        steps = StepReader(reader, sample_rate, Path(self.source).parent if Path(self.source).is_file() else None)
        built = steps.file(root)
        if built and not reader.problems:
            read_limits(reader, root, Chain(**built))
        reader.finish()
        chain = Chain(**built)
        return chain, {name: _as_written(value) for name, value in chain.settings.items()}


def load_chain(source: str | os.PathLike[str], sample_rate: float = _WIDEST_RATE) -> ChainFile:
    """Read and check a chain file.

    Args:
        source: path of the file, name of a factory preset (``"lead-vocal"``; ``presets()`` lists them), or the text
            itself, a string of more than one line.
        sample_rate: in Hz, at which ranges are checked; ``build`` checks again at the rate it is given. The default
            is the widest: a frequency is refused only where no rate allows it.

    Raises:
        ChainFileError: naming line and column of everything that is wrong.
        OSError: if the file cannot be read.
    """
    chain = ChainFile(source) if isinstance(source, str) and "\n" in source else ChainFile(*text_of(source))
    chain.build(sample_rate)
    return chain


def _as_written(value: KnobValue) -> KnobValue:
    """Points in time as ``{time_s: value}``."""
    if not isinstance(value, Points) or value.times is None:
        return value
    segments = (*(value.segments or ("linear",) * (len(value.times) - 1)), "linear")
    rows = zip(value.times, value.values[0].tolist(), segments, strict=True)
    return {time: number if kind == "linear" else (number, kind) for time, number, kind in rows}
