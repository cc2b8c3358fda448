"""How files are rendered, but for the chain."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from .formats import BIT_DEPTHS
from .quantize import Dither

Clip = Literal["warn", "clamp", "rescale", "error"]
"""What becomes of samples over full scale."""

_LOWEST_CEILING = -24.0


@dataclass(frozen=True, kw_only=True)
class RenderSettings:
    """Settings of :func:`render_file` and :func:`render_batch`.

    **Level.** One gain for the file, so that ``lufs`` is reached. Where the true peak would then be over
    ``true_peak``, the gain is only what that allows, or, with ``limit``, a look-ahead limiter follows, and the gain is
    chosen so that the loudness holds after it. Levels are those of the samples given to the encoder, at the rate of
    the chain; a lossy one moves peaks by some tenths of a dB.

    Args:
        block_seconds: seconds of input processed at a time; the output does not depend on it (beyond rounding).
        tail: longest tail in seconds; 0 ends the output with the input. A tail that is cut ends in a fade of a quarter
            of a second.
        sample_rate: in Hz, to resample the input to; None keeps the file's rate.
        start: second of the input to begin at: the chain begins there in silence, and automation acts at the sound's
            own time.
        end: second of the input to end at; None is its end.
        subtype: of the samples, as soundfile names it; None is what ``bit_depth`` says.
        bit_depth: "same" as the input's, where the format of the output has it, otherwise the format's usual one (24
            for .wav); or "8", "16", "24", "32", "float", "double".
        dither: "auto" to 16 bits and fewer where samples need rounding, "tpdf" always, "none" never.
        clip: samples over full scale are cut off with a warning ("warn") or without ("clamp"), the whole file is made
            so much softer that there are none ("rescale"), or it fails ("error").
        seed: of the dither.
        lufs: integrated loudness to bring the output to; None leaves the level alone.
        true_peak: in dBTP, not exceeded; from -24 to 0. None leaves peaks alone.
        limit: whether a limiter takes what is over ``true_peak``.
        lower_only: never raise the level.
        dual_mono: measure the loudness of mono as played by two speakers, 3 dB higher (EBU Tech 3341).
        gain_db: the gain, in place of one chosen for the file, as one for an album is.
        measure: whether the loudness and true peak of the output are measured where no level asks for it.

    Raises:
        ValueError: for values out of range, and limits without a ceiling.
    """

    block_seconds: float = 4.0
    tail: float = 30.0
    sample_rate: int | None = None
    start: float = 0.0
    end: float | None = None
    subtype: str | None = None
    bit_depth: str = "same"
    dither: Dither = "auto"
    clip: Clip = "warn"
    seed: int = 0
    lufs: float | None = None
    true_peak: float | None = None
    limit: bool = False
    lower_only: bool = False
    dual_mono: bool = False
    gain_db: float | None = None
    measure: bool = False

    def __post_init__(self) -> None:
        if not self.block_seconds > 0:
            raise ValueError(f"block_seconds must be positive, got {self.block_seconds!r}")
        if not 0 <= self.tail < math.inf:
            raise ValueError(f"tail must be a number of seconds, 0 or more, got {self.tail!r}")
        if not 0 <= self.start < (math.inf if self.end is None else self.end) or self.end == math.inf:
            raise ValueError(
                f"a part must begin at 0 s or later and end after that, got {self.start!r} to {self.end!r}"
            )
        for name, legal in (("bit_depth", BIT_DEPTHS), ("dither", get_args(Dither)), ("clip", get_args(Clip))):
            if getattr(self, name) not in legal:
                raise ValueError(f"{name} must be one of {', '.join(legal)}, got {getattr(self, name)!r}")
        if self.lufs is not None and not -70 <= self.lufs <= 0:
            raise ValueError(f"lufs must lie in -70 .. 0, got {self.lufs!r}")
        if self.true_peak is not None and not _LOWEST_CEILING <= self.true_peak <= 0:
            raise ValueError(f"true_peak must lie in {_LOWEST_CEILING:g} .. 0 dBTP, got {self.true_peak!r}")
        if self.limit and self.true_peak is None:
            raise ValueError("limit needs a ceiling: give true_peak, as -1")

    @property
    def moves_level(self) -> bool:
        """Whether a gain follows the chain that may depend on the whole output."""
        return self.clip == "rescale" or any(g is not None for g in (self.lufs, self.true_peak, self.gain_db))
