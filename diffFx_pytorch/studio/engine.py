"""Sound through a rack: what comes out of every effect is kept, and only what follows a change is computed again."""

from __future__ import annotations

import hashlib
import itertools
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..params import EffectParam
from ..presets.chain_file import ChainFile
from ..presets.saving import as_text
from ..presets.steps import VERSION, own_knobs
from ..processor import Processor
from ..routing import Chain, readings
from ..routing.metering import from_here
from ..sound import widened
from .nodes import Node, content, settings_of, step_of, structure

_BYTES_KEPT = 768 << 20
_BLOCK = 1 << 16
"""Samples after which is looked whether a take is still asked for: some 50 ms of work of the slowest effects."""
_BUILT_KEPT = 256

Readings = Mapping[str, Mapping[str, Tensor]]
"""What meters read of what is heard of a part, by ids of their nodes."""


class OutdatedError(Exception):
    """A take that nobody asks for any more: a knob was turned meanwhile."""


@dataclass(frozen=True)
class Part:
    """A part of a sound, and what is before and after it as far as effects need it.

    Args:
        key: equal for equal parts.
        read: gives samples (C, T) from one frame to another, silence outside of the sound.
        start: first frame that is heard.
        stop: frame after the last.
        before: frames before ``start`` from which on effects run.
        total: frames in the whole sound.
    """

    key: str
    read: Callable[[int, int], Tensor] = field(repr=False)
    start: int
    stop: int
    before: int
    total: int


@dataclass(frozen=True)
class Take:
    """A part of the sound through the rack.

    Args:
        key: equal for equal takes.
        sound: (C, T), float32.
        steps: by id of the node, what goes into it and what comes out, both (C, T), in time with ``sound``.
        meters: by id of a node that is a ``Meter``, what it reads of the part.
        ran: ids of the nodes that were computed; what came out of the others was kept.
        seconds: of work.
    """

    key: str
    sound: Tensor
    steps: dict[str, tuple[Tensor, Tensor]]
    meters: Readings
    ran: list[str]
    seconds: float


class Engine:
    """Builds effects and runs sound through them; safe from several threads.

    Args:
        folder: below which files lie that effects name.
    """

    def __init__(self, folder: str = "") -> None:
        self.folder = folder
        self._lock = threading.RLock()
        self._built: OrderedDict[tuple[str, str, float], Processor] = OrderedDict()
        self._outputs: OrderedDict[str, tuple[Tensor, Readings]] = OrderedDict()

    def built(self, node: Node, rate: float) -> Processor:
        """The processor of a node, with its settings.

        Raises:
            ValueError: for what cannot be built, or a value that is not legal.
        """
        with self._lock:
            key = (node.id, structure(node), rate)
            fx = self._built.pop(key, None)
            if fx is None:
                step = step_of(replace(node, bypass=False), params=False, bypassed=False)
                if step is None:
                    raise ValueError(f"{node.name or node.kind}: there is nothing in it to be heard")
                fx = self._from_step(step, rate)
            fx.set(settings_of(node))
            self._built[key] = fx
            while len(self._built) > _BUILT_KEPT:
                self._built.popitem(last=False)
            return fx

    def with_built(self, node: Node, rate: float, look: Callable[[Processor], Any]) -> Any:
        """What a function finds at the processor of a node, which nobody turns meanwhile."""
        with self._lock:
            return look(self.built(node, rate))

    def knobs(self, node: Node, rate: float) -> dict[str, EffectParam]:
        """The knobs that are set at a node itself."""
        return dict(own_knobs(self.built(_awake(node), rate)))

    def chain(self, nodes: Sequence[Node], rate: float) -> tuple[Chain, list[Node]]:
        """The chain of what is heard, and its nodes.

        Raises:
            ValueError: for nothing to be heard, or effects that do not fit together.
        """
        heard = heard_of(nodes)
        return Chain(**{node.name: self.built(node, rate) for node in heard}), heard

    def take(
        self, nodes: Sequence[Node], part: Part, rate: float, outdated: Callable[[], bool] = lambda: False
    ) -> Take:
        """A part of a sound through the rack.

        Args:
            nodes: of the rack.
            part: of the sound.
            rate: in Hz.
            outdated: whether another take is wanted by now; asked between blocks of work.

        Raises:
            ValueError: for effects that do not take the sound.
            OutdatedError: once it is outdated; what was finished is kept.
        """
        with self._lock, torch.no_grad():
            began = time.perf_counter()
            if not heard_of(nodes):
                return self._dry(part)
            chain, heard = self.chain(nodes, rate)
            late = chain.latency_samples
            x = part.read(part.start - part.before, part.stop + late)
            wide = widened(x.shape[0], chain.channels)
            if wide is None:
                raise ValueError(f"the rack takes {chain.channels} channels, and the sound has {x.shape[0]}")
            x = x.expand(wide, -1)[None].contiguous()
            plans = chain.plan(x).parts
            key = _digest(part.key, str((part.start, part.stop, part.before, late, wide, rate)))
            past, ran, steps, meters = 0, [], {}, {}
            window = part.stop - part.start
            for node in heard:
                key = _digest(key, content(node), str(past))
                before = part.before + past
                past += chain[node.name].latency_samples
                after = part.before + past
                kept = self._kept(key)
                if kept is None:
                    way = _Way(node, chain[node.name].streamable, part.start - part.before, part.total + late)
                    kept = self._keep(key, way.through(plans[node.name], x, (after, after + window), outdated))
                    ran.append(node.id)
                y, read = kept
                meters |= read
                steps[node.id] = (x[0, :, before : before + window], y[0, :, after : after + window])
                x = y
            sound = x[0, :, part.before + late :]
            return Take(key, sound, steps, meters, ran, time.perf_counter() - began)

    def _dry(self, part: Part) -> Take:
        return Take(_digest(part.key, f"{part.start} {part.stop}"), part.read(part.start, part.stop), {}, {}, [], 0.0)

    def _from_step(self, step: dict[str, Any], rate: float) -> Processor:
        text = as_text({"version": VERSION, "chain": [step]})
        return ChainFile(text, self.folder + "/rack" if self.folder else "rack").build(rate)[0][0]

    def _kept(self, key: str) -> tuple[Tensor, Readings] | None:
        found = self._outputs.get(key)
        if found is not None:
            self._outputs.move_to_end(key)
        return found

    def _keep(self, key: str, found: tuple[Tensor, Readings]) -> tuple[Tensor, Readings]:
        self._outputs[key] = found
        held = sum(y.nbytes for y, _ in self._outputs.values())
        while held > _BYTES_KEPT and len(self._outputs) > 1:
            held -= self._outputs.popitem(last=False)[1][0].nbytes
        return found


@dataclass(frozen=True)
class _Way:
    """How a sound goes through a node: whether in blocks, from which frame of the whole on, and how long that is."""

    node: Node
    in_blocks: bool
    first: int
    total: int

    def through(
        self, plan: Any, x: Tensor, heard: tuple[int, int], outdated: Callable[[], bool]
    ) -> tuple[Tensor, Readings]:
        """What comes out, and what the meters inside read of what is heard of it, from one sample to another."""
        meters = [node.id for node in _awake_in(self.node) if node.effect == "Meter"]
        edges = {0, x.shape[-1]}
        if self.in_blocks:
            edges |= {*range(0, x.shape[-1], _BLOCK), *(heard if meters else ())}
        state, done, found = None, [], {}
        for begin, end in itertools.pairwise(sorted(edges)):
            if outdated():
                raise OutdatedError
            state = from_here(state) if begin == heard[0] else state
            y, state = plan(x[..., begin:end], state, None, self.first + begin, self.total)
            done.append(y)
            if end == heard[1] or not self.in_blocks:
                found = readings(state)
        read = dict(zip(meters, found.values(), strict=True)) if len(meters) == len(found) else {}
        # The bands of one that is in several are no sound of their own.
        whole = {id: values for id, values in read.items() if len(values["rms_db"]) == 1}
        return torch.cat(done, -1) if len(done) > 1 else done[0], whole


def _awake_in(node: Node) -> Iterator[Node]:
    """The node and all inside it, less what is bypassed."""
    if not node.bypass:
        yield node
        for child in node.children:
            if child is not None:
                yield from _awake_in(child)


def heard_of(nodes: Sequence[Node]) -> list[Node]:
    """The nodes of a rack that are heard: those that are soloed, if any are, less those that are bypassed or empty."""
    solo = any(node.solo for node in nodes)
    chosen = (node for node in nodes if not solo or node.solo)
    return [node for node in chosen if not node.bypass and step_of(node, bypassed=False) is not None]


def part_of(sound: Tensor, key: str, start: int, stop: int, before: int) -> Part:
    """A part of a sound (C, T) in memory."""

    def read(first: int, last: int) -> Tensor:
        inner = sound[:, max(first, 0) : max(last, 0)]
        return F.pad(inner, (max(-first, 0), last - first - max(-first, 0) - inner.shape[-1]))

    return Part(key, read, start, stop, min(before, start), sound.shape[-1])


def _awake(node: Node) -> Node:
    """A node with all that is in it, bypassed or not."""
    children = tuple(child and _awake(child) for child in node.children)
    return replace(node, bypass=False, children=children)


def _digest(*parts: str) -> str:
    return hashlib.sha1("\0".join(parts).encode(), usedforsecurity=False).hexdigest()


def as_float32(sound: Tensor) -> np.ndarray:
    """Samples (C, T) as a browser takes them: channel after channel."""
    return np.ascontiguousarray(sound.float().numpy())
