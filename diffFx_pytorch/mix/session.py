"""A mix of sound files: tracks of clips through strips, over buses, to a master."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from ..control import KnobValue, unknown_name
from ..processor import Processor
from ..processors import Gain, StereoPanning, StereoWidener
from ..routing import Chain, Mixer, Tapped
from ..routing.mixer import MASTER
from .audible import audible
from .strip import Strip, Track
from .timeline import timeline

FADER, PAN, WIDTH = "fader", "panner", "widener"
"""Names of the effects of a strip after its inserts."""
_KNOBS = {"gain_db": f"{FADER}.gain_db", "pan": f"{PAN}.pan", "width": f"{WIDTH}.width"}


@dataclass
class Session:
    """A mix of sound files, for one sample rate.

    Args:
        tracks: by name, in order.
        buses: by name.
        master: its output and solo mean nothing.
        sample_rate: in Hz; files of other rates are resampled.

    Raises:
        OSError: for a file that cannot be read.
        ValueError: for clips that are not in their files, no tracks, or whatever ``Mixer`` refuses, cycles among it.
    """

    tracks: Mapping[str, Track]
    buses: Mapping[str, Strip] = field(default_factory=dict)
    master: Strip = field(default_factory=Strip)
    sample_rate: int = 44100

    def __post_init__(self) -> None:
        self._placed = {
            name: [clip.placed(self.sample_rate) for clip in track.clips] for name, track in self.tracks.items()
        }
        self._mixer({**self.tracks, **self.buses}, False)

    def mixer(self, stems: bool = False) -> Mixer:
        """The mix as an effect: the tracks that are heard in (``heard``), two channels each; the mix out.

        Its knobs are ``<name>.inserts.<knob>``, ``<name>.fader.gain_db``, ``<name>.panner.pan``,
        ``<name>.widener.width`` and ``<from>_to_<bus>_db``. It has the settings of the session.

        Args:
            stems: two channels more for each track or bus that goes to the master, in the order of ``Mixer.stems``.

        Raises:
            ValueError: where all is muted.
        """
        return self._mixer(self._audible(), stems)

    @property
    def heard(self) -> tuple[str, ...]:
        """The tracks that the mixer takes: those that can be heard, or key what can."""
        return tuple(name for name in self._audible() if name in self.tracks)

    @property
    def frames(self) -> int:
        """Length in samples up to the end of the last clip that is heard."""
        return max((placed.end for name in self.heard for placed in self._placed[name]), default=0)

    def flag(self, solo: Iterable[str] = (), mute: Iterable[str] = ()) -> None:
        """Make tracks and buses solo, or mute them, besides those that are.

        Raises:
            ValueError: for a name that none has, with the nearest that one has.
        """
        strips = {**self.tracks, **self.buses}
        for flag, names in (("solo", solo), ("mute", mute)):
            for name in names:
                if name not in strips:
                    raise ValueError(f"{flag}: {unknown_name(name, strips, 'track or bus')}")
                setattr(strips[name], flag, True)

    def take(self, mixer: Mixer) -> None:
        """Take faders, balances, widths and sends from a mixer that was turned, so that they can be saved.

        Inserts need no taking: the effects of the mixer are those of the session.
        """
        for name, strip in {**self.tracks, **self.buses, MASTER: self.master}.items():
            for knob, place in _KNOBS.items():
                setattr(strip, knob, mixer.settings.get(f"{name}.{place}", getattr(strip, knob)))
            for kind in ("sends", "pre_sends"):
                levels = getattr(strip, kind).items()
                setattr(strip, kind, {b: mixer.settings.get(f"{name}_to_{b}_db", level) for b, level in levels})

    def blocks(self, frames: int) -> Iterator[Tensor]:
        """The tracks that are heard, as the mixer takes them, from beginning to end.

        Args:
            frames: of a block; the last may be shorter.

        Yields:
            (1, 2 N, T) float32.

        Raises:
            OSError: for a file that cannot be read.
            ValueError: for a file with NaN or infinity.
        """
        total = self.frames
        tracks = [timeline(self._placed[name], total, frames, self.sample_rate) for name in self.heard]
        for sounds in zip(*tracks, strict=True):
            yield torch.from_numpy(np.ascontiguousarray(np.concatenate(sounds, 1).T[None]))

    def _audible(self) -> dict[str, Strip]:
        return audible(self.tracks, self.buses, self.master)

    def _mixer(self, strips: Mapping[str, Strip], stems: bool) -> Mixer:
        settings: dict[str, KnobValue] = {}

        def built(name: str, strip: Strip) -> Processor:
            rate = self.sample_rate
            inserts = {} if strip.inserts is None else {"inserts": strip.inserts}
            after = {FADER: Gain(rate), PAN: StereoPanning(rate), WIDTH: StereoWidener(rate)}
            settings.update({f"{name}.{place}": getattr(strip, knob) for knob, place in _KNOBS.items()})
            return Tapped(tap=FADER, **inserts, **after) if strip.pre_sends else Chain(**inserts, **after)

        for name, strip in strips.items():
            settings |= {f"{name}_to_{bus}_db": level for bus, level in strip.all_sends.items()}
        return Mixer(
            {name: built(name, strip) for name, strip in strips.items() if isinstance(strip, Track)},
            {name: built(name, strip) for name, strip in strips.items() if not isinstance(strip, Track)},
            built(MASTER, self.master),
            outputs={name: strip.output for name, strip in strips.items()},
            sends={name: dict.fromkeys(strip.sends, -12.0) for name, strip in strips.items() if strip.sends},
            pre_sends={n: dict.fromkeys(strip.pre_sends, -12.0) for n, strip in strips.items() if strip.pre_sends},
            keys={n: s.sidechain for n, s in {**strips, MASTER: self.master}.items() if s.sidechain is not None},
            stems=stems,
            sample_rate=self.sample_rate,
            **settings,
        )
