"""A session at the rack: the sound, two racks to compare, what was done and can be undone. It knows nothing of HTTP."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..control import unknown_name
from ..files import AudioInfo, audio_info, read_blocks
from ..registry import effect, family
from ..routing import Keyed, MultiBand
from . import edits, pictures, wording
from .actions import ACTIONS
from .catalogue import knob_row, option_rows
from .edits import Desk, Nodes
from .engine import Engine, Part, Take, heard_of
from .folder import Folder
from .memory import recall, remember
from .nodes import Node, Rack, as_json, content, text_of

LONGEST_LOOP = 60.0
"""Seconds of the part that is played."""
_USUAL_LOOP, _SHORTEST_LOOP = 10.0, 0.05
_BEFORE, _BEFORE_ON = 2.0, 8.0
"""Seconds before the part from which on effects run, so that they have settled; more where the sound goes on from the
part before, whose reverberation must not be cut."""
_NEAR, _BEFORE_NEAR = 1.5, 0.5
"""Seconds of what is heard next, and before it."""
_STEPS_KEPT = 500
_REQUESTS_KEPT = 2000
_SHOWN_KEPT = 500
_RATE = 44100


@dataclass(frozen=True)
class Source:
    """The sound that is open."""

    name: str
    info: AudioInfo

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.info.frames / self.info.sample_rate


class Session:
    """One person at one rack, in as many windows as they like.

    Args:
        folder: below which everything lies.
        source: name of a sound file in it.
        chain: name of a chain file in it, or of a preset.
        restore: whether what an earlier session left in the folder is taken up, where nothing else is named.

    Raises:
        OSError: for files that cannot be read.
        ValueError: for names outside of the folder, and chain files that are wrong.
    """

    def __init__(
        self, folder: Folder, source: str | None = None, chain: str | None = None, restore: bool = True
    ) -> None:
        self.folder = folder
        self.engine = Engine(str(folder.root))
        self.bench = Engine(str(folder.root))  # for tables, curves and words, which do not wait for sound
        self.desk = Desk(self.bench, _RATE)
        self.lock = threading.RLock()
        self.revision = 0
        self.source: Source | None = None
        self.loop = (0.0, 0.0)
        self.goes_on = False
        self.file = ""
        self.rack = Rack({"A": (), "B": ()})
        self._past: list[tuple[str, Rack]] = []
        self._future: list[tuple[str, Rack]] = []
        self._gesture = ""
        self._done: OrderedDict[str, int] = OrderedDict()
        self._listeners: list[Callable[[str, Any], None]] = []
        self._part: tuple[Any, int, Tensor] | None = None
        self._unsaved = threading.Event()
        self._drawn: OrderedDict[str, dict[str, Any]] = OrderedDict()
        if restore:
            recall(self)
        if source is not None:
            self.open(source)
        if chain is not None:
            self.apply({"op": "load", "name": chain})
            self._past.clear()

    # What is done ----------------------------------------------------------------------------------------------------

    def apply(self, request: Mapping[str, Any]) -> int:
        """Do what a page asks for; the revision after it. A request with an ``id`` that was done is not done again.

        Args:
            request: ``op`` names what is done, and the rest says how. Requests of one ``gesture``, as of one turn of a
                knob, are undone together.

        Raises:
            ValueError: for what cannot be done; everything is as it was.
            OSError: for files that cannot be read.
        """
        with self.lock:
            done = request.get("id")
            if done in self._done:
                return self._done[done]
            op = str(request.get("op"))
            if op not in ACTIONS:
                raise ValueError(unknown_name(op, ACTIONS, "request"))
            try:
                ACTIONS[op](self, request)
            except KeyError as error:
                raise ValueError(f"{op} needs {error.args[0]!r}") from None
            except TypeError as error:
                raise ValueError(str(error)) from None
            self.revision += 1
            self._unsaved.set()
            if done:
                self._done[done] = self.revision
                while len(self._done) > _REQUESTS_KEPT:
                    self._done.popitem(last=False)
            revision = self.revision
        self.tell("changed", {"revision": revision, "by": request.get("by", "")})
        return revision

    def edit(self, label: str, rack: Rack, request: Mapping[str, Any]) -> None:
        """Put another rack in the place of this one, to be undone under a label."""
        gesture = str(request.get("gesture") or "")
        if not (gesture and gesture == self._gesture and self._past):
            self._past.append((label, self.rack))
            del self._past[:-_STEPS_KEPT]
        self._gesture = gesture
        self._future.clear()
        self.rack = rack

    def put(self, label: str, nodes: Nodes, request: Mapping[str, Any], check: bool = True) -> None:
        """Put nodes in the place of those that are heard; errors as for ``Engine.chain``."""
        if check and heard_of(nodes):
            self.bench.chain(nodes, self.desk.rate)
        self.edit(label, self.rack.having(nodes), request)

    def travel(self, back: bool) -> None:
        """Undo, or do again."""
        there, other = (self._past, self._future) if back else (self._future, self._past)
        if there:
            label, rack = there.pop()
            other.append((label, self.rack))
            self.rack, self._gesture = rack, ""

    def set_loop(self, start: float, stop: float, goes_on: bool = False) -> None:
        """Loop a part, as far as the sound goes; ``goes_on`` says that the part before it was played until here."""
        self.goes_on = goes_on
        self.loop = self._inside_source(start, stop)

    def _inside_source(self, start: float, stop: float) -> tuple[float, float]:
        seconds = self.source.seconds if self.source else 0.0
        start = min(max(0.0, start), max(0.0, seconds - _SHORTEST_LOOP))
        return start, min(max(stop, start + _SHORTEST_LOOP), seconds, start + LONGEST_LOOP)

    # What is there ---------------------------------------------------------------------------------------------------

    @property
    def nodes(self) -> Nodes:
        """The nodes of the rack that is heard."""
        return self.rack.nodes

    def yaml(self) -> str:
        """The rack as a chain file."""
        return text_of(list(self.nodes), self.rack.about)

    def state(self) -> dict[str, Any]:
        """Everything a page shows but sound, as plain values."""
        with self.lock:
            rate, nodes = self.desk.rate, self.nodes
            source = self.source and {
                "name": self.source.name,
                "seconds": self.source.seconds,
                "rate": self.source.info.sample_rate,
                "channels": self.source.info.channels,
                "notice": self.source.info.notice,
            }
            return {
                "revision": self.revision,
                "source": source,
                "loop": self.loop,
                "slot": self.rack.slot,
                "same": list(map(content, self.rack.slots["A"])) == list(map(content, self.rack.slots["B"])),
                "about": self.rack.about,
                "file": self.file,
                "folder": self.folder.root.name,
                "undo": self._past[-1][0] if self._past else None,
                "redo": self._future[-1][0] if self._future else None,
                "nodes": [self._shown(node) for node in nodes],
                "texts": {
                    "words": wording.sentences(self.bench, nodes, rate),
                    "yaml": self.yaml(),
                    "python": wording.python(self.bench, nodes, rate),
                },
            }

    def _shown(self, node: Node | None, alone: bool = True) -> dict[str, Any] | None:
        """A node with its tables; without knobs where it is not alone, but stands for one in every band."""
        if node is None:
            return None
        key = json.dumps([as_json(node), alone])
        if key in self._drawn:
            return self._drawn[key]
        table = self.bench.knobs(node, self.desk.rate) if alone else {}
        cls = {"multi_band": MultiBand, "keyed": Keyed}.get(node.kind) or _class_of(node)
        self._drawn[key] = shown = {
            **(as_json(node) or {}),
            "children": [self._shown(child, alone and node.kind != "multi_band") for child in node.children],
            "knobs": [knob_row(name, row) for name, row in table.items()],
            "option_rows": option_rows(cls.options) if cls else [],
            "family": family(cls) if node.kind in ("effect", "vst3") else "routing",
            "has_curve": alone and node.kind in ("effect", "multi_band"),
        }
        while len(self._drawn) > _SHOWN_KEPT:
            self._drawn.popitem(last=False)
        return shown

    def curve(self, id: str) -> dict[str, Any] | None:
        """What an effect of the rack does at its settings, as ``pictures.curve`` says it."""
        with self.lock:
            node = replace(edits.find(self.nodes, id), bypass=False)
            rate = self.desk.rate
        return self.bench.with_built(node, rate, pictures.curve)

    # Sound -----------------------------------------------------------------------------------------------------------

    def part(self, near: float | None = None, span: tuple[float, float] | None = None) -> Part:
        """The part of the sound that is looped, or what is heard next.

        Args:
            near: seconds from the beginning of the loop; what follows them, so short that it is computed at once, with
                so little before it that what rings long is not quite right in it.
            span: start and end in seconds of another part, which goes on from the one that is looped.

        Raises:
            ValueError: if no sound is open.
        """
        with self.lock:
            if self.source is None:
                raise ValueError("no sound is open")
            info, path = self.source.info, self.folder.path(self.source.name)
            rate = info.sample_rate
            edges = self.loop if span is None else self._inside_source(*span)
            start, stop = (round(edge * rate) for edge in edges)
            seconds = _BEFORE_ON if self.goes_on or span is not None else _BEFORE
            if near is not None:
                start = min(start + round(max(near, 0.0) * rate), stop - 1)
                stop, seconds = min(stop, start + round(_NEAR * rate)), _BEFORE_NEAR
            before = min(start, round(seconds * rate))
            about = (str(path), path.stat().st_mtime_ns, info.frames)

        def read(first: int, last: int) -> Tensor:
            kept = self._part
            if kept is not None and kept[0] == about and kept[1] <= first and last <= kept[1] + kept[2].shape[-1]:
                return kept[2][:, first - kept[1] : last - kept[1]]
            sound = _read(path, info, first, last)
            if near is None and span is None:
                self._part = (about, first, sound)
            return sound

        return Part(str(about), read, start, stop, before, info.frames)

    def take(self, near: float | None = None, span: tuple[float, float] | None = None) -> tuple[int, Take, Tensor]:
        """The revision, the part through the rack, and the part itself; arguments as for ``part``.

        Raises:
            OutdatedError: if the rack was changed meanwhile, for the part that is looped.
        """
        with self.lock:
            revision, nodes, rate, part = self.revision, self.nodes, self.desk.rate, self.part(near, span)
        # What is heard next is always wanted: the one who asked plays it, whatever was turned meanwhile.
        outdated = (lambda: self.revision != revision) if near is None and span is None else (lambda: False)
        take = self.engine.take(nodes, part, rate, outdated)
        dry = part.read(part.start, part.stop)
        return revision, take, dry

    def open(self, name: str) -> None:
        """Open a sound of the folder, and loop its beginning.

        Raises:
            OSError: if it cannot be read.
            ValueError: if it is outside of the folder, empty, or neither mono nor stereo.
        """
        path = self.folder.path(name)
        info = audio_info(path)
        if not info.frames:
            raise ValueError(f"{name}: has no samples")
        if info.channels > 2:
            raise ValueError(f"{name}: has {info.channels} channels; the studio plays mono and stereo")
        next(read_blocks(path, 1024))  # what is damaged in its first samples is not opened
        if info.sample_rate != self.desk.rate:
            self._rebuild(info.sample_rate)
        self.source, self.loop = Source(self.folder.name(path), info), (0.0, 0.0)
        self.set_loop(0.0, _USUAL_LOOP)

    def _rebuild(self, rate: float) -> None:
        """Take the racks to another rate: values that it does not allow come to the nearest that it does."""
        old, self.desk.rate = self.desk.rate, rate
        self._drawn.clear()
        try:
            slots = {slot: tuple(map(self._inside, nodes)) for slot, nodes in self.rack.slots.items()}
            self.rack = replace(self.rack, slots=slots)
            self._past.clear()
            self._future.clear()
        except ValueError:
            self.desk.rate = old
            raise

    def _inside(self, node: Any) -> Any:
        if node is None:
            return None
        node = replace(node, children=tuple(map(self._inside, node.children)))
        table = self.engine.knobs(replace(node, params={}), self.desk.rate)
        return replace(node, params={knob: _clipped(node.params.get(knob), row) for knob, row in table.items()})

    # Memory and company ----------------------------------------------------------------------------------------------

    def listen(self, listener: Callable[[str, Any], None]) -> Callable[[], None]:
        """Have a function of kind and message called at every change; the function returned ends it."""
        with self.lock:
            self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def tell(self, kind: str, message: Any) -> None:
        """Tell every listener."""
        for listener in list(self._listeners):
            listener(kind, message)

    def save(self) -> None:
        """Remember the session in the folder, where it changed."""
        if self._unsaved.is_set():
            self._unsaved.clear()
            remember(self)


def _class_of(node: Node) -> Any:
    return effect("VST3" if node.kind == "vst3" else node.effect) if node.kind in ("effect", "vst3") else None


def _clipped(value: Any, row: Any) -> Any:
    if value is None:
        return row.default
    if isinstance(value, Mapping):
        return {"points": [[at, row.inside(v), kind] for at, v, kind in value["points"]]}
    return [row.inside(v) for v in value] if isinstance(value, list) else row.inside(value)


def _read(path: Any, info: AudioInfo, first: int, last: int) -> Tensor:
    """Samples (C, T), silence outside of the file."""
    inner = range(max(first, 0), min(last, info.frames))
    blocks = read_blocks(path, max(1, len(inner)), None, inner.start, len(inner)) if len(inner) else ()
    parts = [torch.from_numpy(block.T.copy()) for block in blocks]
    sound = torch.cat(parts, -1) if parts else torch.zeros(info.channels, 0)
    return torch.nn.functional.pad(sound, (inner.start - first, last - first - len(sound[0]) - (inner.start - first)))
