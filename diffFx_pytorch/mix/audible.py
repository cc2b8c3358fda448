"""What of a session is heard: solo, mute, and what nothing leads to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from ..routing.mixer import MASTER
from .strip import Strip

Edges = set[tuple[str, str]]


def audible(tracks: Mapping[str, Strip], buses: Mapping[str, Strip], master: Strip | None = None) -> dict[str, Strip]:
    """The tracks and buses that are needed, by name, with the outputs and sends that are heard.

    With something solo, sound is heard on the paths that go through it. What is not heard but keys something that is
    keeps its own inputs, muted ones too, and goes nowhere.

    Raises:
        ValueError: if nothing is heard.
    """
    strips = {**tracks, **buses}
    edges = {(name, target) for name, strip in strips.items() for target in (strip.output, *strip.all_sends) if target}
    solo = {name for name, strip in strips.items() if strip.solo}
    heard = {(u, v) for u, v in edges if not strips[u].mute}
    if solo:
        after, before = _reached(solo, edges), _reached(solo, {(v, u) for u, v in edges})
        heard = {(u, v) for u, v in heard if u in after or v in before}
    sounding = _reached(tracks, heard)
    heard = {(u, v) for u, v in heard if u in sounding}
    nodes = _reached([MASTER], {(v, u) for u, v in heard}) - {MASTER}
    if not nodes:
        raise ValueError("nothing is heard: unmute a track that goes to the master")
    kept = {(u, v) for u, v in heard if u in nodes and v in {*nodes, MASTER}}
    keys, left = set(), [strip.sidechain for strip in (*(strips[name] for name in nodes), *filter(None, [master]))]
    while left:
        name = left.pop()
        if name is None or name in nodes or name in keys:
            continue
        keys.add(name)
        into = {(u, v) for u, v in edges if v == name}
        kept |= into
        left += [strips[name].sidechain, *(u for u, _ in into)]
    return {
        name: replace(
            strip,
            output=strip.output if (name, strip.output) in kept else None,
            **{
                kind: {bus: level for bus, level in getattr(strip, kind).items() if (name, bus) in kept}
                for kind in ("sends", "pre_sends")
            },
        )
        for name, strip in strips.items()
        if name in nodes or name in keys
    }


def _reached(start: Iterable[str], edges: Edges) -> set[str]:
    """The nodes that edges lead to from some, these included."""
    following: dict[str, list[str]] = {}
    for u, v in edges:
        following.setdefault(u, []).append(v)
    found, left = set(start), list(start)
    while left:
        new = [v for v in following.get(left.pop(), ()) if v not in found]
        found.update(new)
        left += new
    return found
