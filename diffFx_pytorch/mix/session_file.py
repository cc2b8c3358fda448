"""Session files: a mix of sound files as versioned YAML.

::

    version: 1
    sample_rate: 48000            # optional; the highest of the files
    tempo_bpm: 96                 # optional; for times in beats
    tracks:
      drums:
        file: drums.wav           # beside the session file
        inserts: drum-bus         # a factory preset, a chain file, or a list of steps as in one
        gain_db: -3               # the fader, after the inserts; it moves as any knob does
      vocal:
        clips:                    # or several pieces of files
          - file: verse.flac
            start_s: 12.5         # or start_beats
            offset_s: 0.4         # where in the file the piece begins
            length_s: 20
            gain_db: 2
            fade_in_s: 0.01
            fade_out_s: 0.5
        inserts:
          - {effect: Compressor, params: {threshold_db: -22}}
        pan: -0.1
        width: 1
        sends: {room: -14}        # by bus, after the fader
        pre_sends: {cue: -6}      # and before it
      bass:
        file: bass.wav
        inserts: [{effect: Compressor, params: {ratio: 6}}]
        sidechain: drums          # ducked by them
        output: low               # a bus; master if not given; null is nowhere
        mute: false
        solo: false
    buses:
      low: {gain_db: -1}
      cue: {output: null}
      room: {inserts: [{effect: PlateReverb, params: {mix: 1}}]}
    master:
      inserts: [{effect: Limiter}]   # with sidechain: drums, what of them takes a key is keyed
"""

from __future__ import annotations

import graphlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ..control import unknown_name
from ..files import audio_info
from ..params import EffectParam
from ..presets.factory import text_of
from ..presets.nodes import Reader
from ..presets.steps import VERSION, StepReader
from ..presets.values import beside, number_between, tempo
from ..processors import Gain, StereoPanning, StereoWidener
from ..routing import Chain
from ..routing.mixer import MASTER, SEND
from .session import Session
from .strip import Clip, Strip, Track

_TOP = ("version", "sample_rate", "tempo_bpm", "tracks", "buses", "master")
TIMES = ("start_s", "offset_s", "length_s", "fade_in_s", "fade_out_s")
"""Keys of a clip in seconds."""
_CLIP = ("file", *TIMES, "start_beats", "gain_db")
KNOBS: dict[str, EffectParam] = {
    "gain_db": Gain.params["gain_db"],
    "pan": StereoPanning.params["pan"],
    "width": StereoWidener.params["width"],
}
"""Keys of every strip that are knobs."""
_MASTER = ("inserts", *KNOBS, "sidechain")
_BUS = (*_MASTER, "output", "sends", "pre_sends", "solo", "mute")
_TRACK = ("file", *TIMES, "start_beats", "clips", *_BUS)


def load_session(source: str | os.PathLike[str], sample_rate: int | None = None) -> Session:
    """Read and check a session file, and what its sound files say of themselves.

    Args:
        source: path of the file, or its text (a string of more than one line).
        sample_rate: in Hz, of the mix; None takes what the file says, or else the highest rate of the sound files.

    Raises:
        ChainFileError: naming line and column of everything that is wrong.
        OSError: if the session file cannot be read.
    """
    if isinstance(source, str) and "\n" in source:
        text, name = source, "session"
    else:
        path = Path(source)
        text, name = text_of(path, path.parent) if path.exists() else (path.read_text(), "")
    reader = Reader(name)
    root = reader.compose(text)
    folder = Path(name).parent if Path(name).is_file() else None
    session = _SessionReader(reader, folder).session(root, sample_rate)
    reader.finish()
    assert session is not None, "a problem was reported"
    return session


def is_session(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins as a session does, with tracks among its keys."""
    if not Path(path).is_file():
        return False
    text = Path(path).read_bytes().decode("utf-8-sig", errors="replace")
    return re.search(r"^tracks\s*:", text, re.MULTILINE) is not None


class _SessionReader:
    """Builds a session; problems are the reader's.

    Args:
        reader: of the file.
        folder: beside which sound files and chain files are looked for.
    """

    def __init__(self, reader: Reader, folder: Path | None) -> None:
        self.reader, self.folder = reader, folder
        self.tempo_bpm: float | None = None

    def session(self, root: yaml.Node, sample_rate: int | None) -> Session | None:
        """The session at a rate; None where something is wrong."""
        reader = self.reader
        top = reader.mapping(root, _TOP, "a session file", required=("version", "tracks"))
        if "version" in top and (version := reader.scalar(top["version"], "version")) != VERSION:
            reader.problem(top["version"], f"unknown version {version!r}; this release reads version {VERSION}")
        if "tempo_bpm" in top:
            self.tempo_bpm = tempo(reader, top["tempo_bpm"])
        rate = self._rate(top) if sample_rate is None else sample_rate
        nodes = {name: self._named(top, name) for name in ("tracks", "buses")}
        names = [*nodes["tracks"], *nodes["buses"]]
        if "tracks" in top and isinstance(top["tracks"], yaml.MappingNode) and not nodes["tracks"]:
            reader.problem(top["tracks"], "tracks are empty; a session needs at least one")
        clips = {name: self._clips(node, name) for name, node in nodes["tracks"].items()}
        if reader.problems:  # without the files there is no rate
            return None
        files = {clip.file for pieces in clips.values() for clip in pieces}
        rate = rate or max((audio_info(file).sample_rate for file in files), default=44100)

        def strip(node: yaml.Node, name: str, legal: tuple[str, ...]) -> dict[str, Any]:
            steps = StepReader(reader, rate, self.folder, self.tempo_bpm)
            return self._strip(node, name, legal, steps, (names, list(nodes["buses"])))

        tracks = {n: Track(clips=clips[n], **strip(node, n, _TRACK)) for n, node in nodes["tracks"].items()}
        buses = {n: Strip(**strip(node, n, _BUS)) for n, node in nodes["buses"].items()}
        master = Strip(**strip(top["master"], MASTER, _MASTER)) if "master" in top else Strip()
        if reader.problems:
            return None
        try:
            return Session(tracks, buses, master, rate)
        except (ValueError, TypeError) as error:
            reader.problem(self._place(error, nodes, top), str(error))
            return None

    def _rate(self, top: Mapping[str, yaml.Node]) -> int | None:
        if "sample_rate" not in top:
            return None
        rate = number_between(self.reader, top["sample_rate"], "sample_rate", 1000, 768000, "Hz")
        if rate is not None and not rate.is_integer():
            self.reader.problem(top["sample_rate"], f"sample_rate must be a whole number of Hz, got {rate:g}")
        return None if rate is None else int(rate)

    def _named(self, top: Mapping[str, yaml.Node], what: str) -> dict[str, yaml.Node]:
        """The entries of tracks or buses."""
        if what not in top:
            return {}
        node = top[what]
        keys = [k.value for k, _ in node.value if isinstance(k, yaml.ScalarNode)] if _is_mapping(node) else []
        return self.reader.mapping(node, keys, what, noun="name")

    def _clips(self, node: yaml.Node, name: str) -> list[Clip]:
        """The clips of a track."""
        reader = self.reader
        keys = reader.mapping(node, _TRACK, f"track {name}")
        if not _is_mapping(node):
            return []
        if ("file" in keys) == ("clips" in keys):
            reader.problem(node, f"track {name} needs either 'file' or 'clips'")
            return []
        if "file" in keys:
            found = [self._clip(keys, keys["file"])]
        else:
            pieces = reader.sequence(keys["clips"], f"clips of {name}", "a list of {file: ..., start_s: ...}")
            read = [(reader.mapping(p, _CLIP, f"a clip of {name}", required=("file",)), p) for p in pieces]
            for key in (*TIMES, "start_beats"):
                if key in keys:
                    reader.problem(keys[key], f"{key} stands in each of the clips")
            found = [self._clip(keys, p) for keys, p in read if "file" in keys]
        return [clip for clip in found if clip is not None]

    def _clip(self, keys: Mapping[str, yaml.Node], place: yaml.Node) -> Clip | None:
        reader, values = self.reader, {}
        for key in TIMES:
            if key in keys and (value := number_between(reader, keys[key], key, 0, unit="s")) is not None:
                values[key] = value
        if "start_beats" in keys:
            values |= self._start(keys)
        if place is not keys["file"] and "gain_db" in keys:  # of a track it is the fader's
            gain = number_between(reader, keys["gain_db"], "gain_db", -60, 24, "dB")
            values |= {} if gain is None else {"gain_db": gain}
        file = reader.scalar(keys["file"], "file")
        if not isinstance(file, str):
            if file is not None:
                reader.problem(keys["file"], f"file must be the name of a sound file, got {file!r}")
            return None
        clip = Clip(beside(file, self.folder), **values)
        try:
            clip.placed(audio_info(clip.file).sample_rate)
        except (OSError, ValueError) as error:
            reader.problem(place if isinstance(error, ValueError) else keys["file"], str(error))
            return None
        return clip

    def _start(self, keys: Mapping[str, yaml.Node]) -> dict[str, float]:
        node, reader = keys["start_beats"], self.reader
        beats = number_between(reader, node, "start_beats", 0, unit="beats")
        if "start_s" in keys:
            reader.problem(node, "give start_s or start_beats, not both")
        if self.tempo_bpm is None:
            reader.problem(node, "start_beats needs a tempo; add 'tempo_bpm: 120' to the session")
        return {} if beats is None or self.tempo_bpm is None else {"start_s": beats * 60.0 / self.tempo_bpm}

    def _strip(
        self,
        node: yaml.Node,
        name: str,
        legal: tuple[str, ...],
        steps: StepReader,
        known: tuple[list[str], list[str]],
    ) -> dict[str, Any]:
        """The keywords of a strip."""
        reader, (nodes, buses) = self.reader, known
        # A wire may be written as nothing: 'room:'.
        keys = {} if _is_null(node) else reader.mapping(node, legal, name)
        found: dict[str, Any] = {}
        if "inserts" in keys and (chain := self._inserts(keys["inserts"], steps)) is not None:
            found["inserts"] = chain
        for key, param in KNOBS.items():
            if key in keys and (value := steps.values.setting(keys[key], key, param)) is not None:
                found[key] = value
        if "output" in keys and not _is_null(keys["output"]):
            found["output"] = self._one_of(keys["output"], f"output of {name}", (*buses, MASTER), "bus")
        elif "output" in keys:
            found["output"] = None
        for kind in ("sends", "pre_sends"):
            if kind in keys:
                sent = reader.mapping(keys[kind], buses, f"{kind} of {name}", noun="bus")
                levels = {bus: steps.values.setting(level, f"send to {bus}", SEND) for bus, level in sent.items()}
                found[kind] = {bus: level for bus, level in levels.items() if level is not None}
        if "sidechain" in keys:
            found["sidechain"] = self._one_of(keys["sidechain"], f"sidechain of {name}", nodes, "track or bus")
            chain = found.get("inserts")
            if chain is None or not chain.takes_sidechain:
                reader.problem(keys["sidechain"], f"{name} has no insert that takes a sidechain")
        for key in ("solo", "mute"):
            if key in keys:
                value = reader.scalar(keys[key], key)
                if not isinstance(value, bool):
                    reader.problem(keys[key], f"{key} must be true or false, got {value!r}")
                found[key] = value
        return found

    def _inserts(self, node: yaml.Node, steps: StepReader) -> Chain | None:
        if isinstance(node, yaml.ScalarNode):
            chain = steps.named(node)
        else:
            nodes = self.reader.sequence(node, "inserts", "a list of steps, or the name of a chain file or preset")
            built = steps.several(nodes, 0)
            try:
                chain = Chain(**built) if built else None
            except (ValueError, TypeError) as error:
                self.reader.problem(node, str(error))
                return None
        if chain is not None and (2 not in (chain.channels or (2,)) or chain.channels_out not in (None, 2)):
            self.reader.problem(node, "inserts must turn two channels into two, which these do not")
        return chain  # type: ignore[return-value]  # named gives one

    def _one_of(self, node: yaml.Node, what: str, known: Any, noun: str) -> str | None:
        name = self.reader.scalar(node, what)
        if name is not None and name not in known:
            self.reader.problem(node, f"{what}: {unknown_name(str(name), known, noun)}")
        return name

    def _place(
        self, error: Exception | None, nodes: Mapping[str, Mapping[str, yaml.Node]], top: Mapping[str, yaml.Node]
    ) -> yaml.Node:
        """Where a session is wrong as a whole: the strip that closes a circle, or else the tracks."""
        strips = {**nodes["tracks"], **nodes["buses"]}
        while error is not None:
            if isinstance(error, graphlib.CycleError):
                return next((strips[name] for name in error.args[1] if name in strips), top["tracks"])
            error = error.__cause__  # type: ignore[assignment]  # exceptions all
        return top["tracks"]


def _is_mapping(node: yaml.Node) -> bool:
    return isinstance(node, yaml.MappingNode)


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"
