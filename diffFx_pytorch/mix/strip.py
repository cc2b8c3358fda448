"""What a session is made of: clips of sound files, and the strips they go through."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..control import KnobValue
from ..files import audio_info, resampled_frames
from ..routing import Chain
from ..routing.mixer import MASTER
from .timeline import Placed


@dataclass(frozen=True)
class Clip:
    """A piece of a sound file in a track.

    Args:
        file: sound file, mono or stereo.
        start_s: when it begins in the mix, in seconds.
        offset_s: where in the file it begins.
        length_s: of the piece; None is up to the end of the file.
        gain_db: level.
        fade_in_s: length of a fade at its beginning, a raised cosine.
        fade_out_s: length of a fade at its end.
    """

    file: Path
    start_s: float = 0.0
    offset_s: float = 0.0
    length_s: float | None = None
    gain_db: float = 0.0
    fade_in_s: float = 0.0
    fade_out_s: float = 0.0

    def placed(self, sample_rate: int) -> Placed:
        """The clip in samples of a mix.

        Raises:
            OSError: for a file that cannot be read.
            ValueError: for a file of more than two channels, a piece that is not in the file, or times below zero.
        """
        info = audio_info(self.file)
        if info.channels > 2:
            raise ValueError(f"{self.file}: has {info.channels} channels; a track takes mono or stereo")
        for name in ("start_s", "offset_s", "fade_in_s", "fade_out_s"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{self.file}: {name} must be 0 s or more, got {getattr(self, name):g}")
        there = resampled_frames(info, sample_rate)
        offset = round(self.offset_s * sample_rate)
        frames = there - offset if self.length_s is None else round(self.length_s * sample_rate)
        # A length may be rounded to a sample or two.
        if frames <= 0 or offset + frames > there + 2:
            given = f"{self.offset_s:g} s" + ("" if self.length_s is None else f" and {self.length_s:g} s from there")
            raise ValueError(f"{self.file}: lasts {there / sample_rate:.3f} s, so there is no piece from {given}")
        fades = (round(self.fade_in_s * sample_rate), round(self.fade_out_s * sample_rate))
        gain = 10.0 ** (self.gain_db / 20.0)
        start = round(self.start_s * sample_rate)
        return Placed(Path(self.file), start, offset, min(frames, there - offset), gain, *fades)


@dataclass
class Strip:
    """What a bus or the master goes through, and where.

    Args:
        inserts: effects, before the fader; None is none.
        gain_db: of the fader; like ``pan`` and ``width`` it may move, as a knob does.
        pan: balance of left and right, -1 .. 1.
        width: of the stereo image, 0 .. 2; 1 leaves it.
        output: a bus, ``"master"``, or None, nowhere: heard only by sends and as a key.
        sends: by bus, levels in dB of what it is sent after the fader, the balance and the width.
        pre_sends: by bus, levels in dB of what it is sent before them.
        sidechain: track or bus that keys the dynamics of the inserts.
        solo: only what is solo is heard, with all that leads there and on from there.
        mute: not heard; as a key it still is.
    """

    inserts: Chain | None = None
    gain_db: KnobValue = 0.0
    pan: KnobValue = 0.0
    width: KnobValue = 1.0
    output: str | None = MASTER
    sends: Mapping[str, KnobValue] = field(default_factory=dict)
    pre_sends: Mapping[str, KnobValue] = field(default_factory=dict)
    sidechain: str | None = None
    solo: bool = False
    mute: bool = False

    @property
    def all_sends(self) -> dict[str, KnobValue]:
        """By bus, the levels before and after the fader."""
        return {**self.sends, **self.pre_sends}


@dataclass
class Track(Strip):
    """A strip that begins with clips.

    Args:
        clips: in any order; where they overlap they are summed.
    """

    clips: Sequence[Clip] = ()
