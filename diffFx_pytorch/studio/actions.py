"""What a page can ask of a session, by name; each takes the session and the request."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import yaml

from ..control import unknown_name
from ..presets import presets
from ..presets.nodes import plain_text
from ..render.atomic import replacing
from . import edits
from .nodes import nodes_of

Request = Mapping[str, Any]
Session = Any
"""A ``session.Session``, which imports this module."""


def _set(session: Session, r: Request) -> None:
    node = edits.find(session.nodes, r["node"])
    nodes = edits.with_value(session.desk, session.nodes, r["node"], r["knob"], r.get("value"))
    session.put(f"{node.name} {r['knob']}".strip(), nodes, r, check=False)


def _settings(session: Session, r: Request) -> None:
    """Many knobs at once, as a match found them."""
    session.put("keep a match", edits.with_settings(session.desk, session.nodes, r["rows"]), r, check=False)


def _option(session: Session, r: Request) -> None:
    nodes = edits.with_option(session.desk, session.nodes, r["node"], r["option"], r.get("value"))
    session.put(f"{r['option']}", nodes, r)


def _add(session: Session, r: Request) -> None:
    node = session.desk.fresh(r["effect"])
    index = int(r.get("index", len(session.nodes)))
    session.put(f"add {node.name}", edits.placed(session.desk, session.nodes, node, r.get("into"), index), r)


def _remove(session: Session, r: Request) -> None:
    node = edits.find(session.nodes, r["node"])
    session.put(f"remove {node.name}", edits.without(session.nodes, node.id), r)


def _move(session: Session, r: Request) -> None:
    nodes = edits.moved(session.desk, session.nodes, r["node"], r.get("into"), int(r["index"]))
    session.put("move", nodes, r)


def _wrap(session: Session, r: Request) -> None:
    place = next((i for i, node in enumerate(session.nodes) if node.id == r["node"]), None)
    if place is None:
        raise ValueError("take it out of the routing around it first")
    left = edits.without(session.nodes, r["node"])
    new = session.desk.wrapped(r["kind"], session.nodes[place], left)
    session.put(f"{r['kind']}", edits.placed(session.desk, left, new, None, place), r)


def _unwrap(session: Session, r: Request) -> None:
    session.put("take apart", edits.unwrapped(session.desk, session.nodes, r["node"]), r)


def _rename(session: Session, r: Request) -> None:
    nodes = edits.renamed(session.nodes, r["node"], r["name"])
    session.put(f"call it {r['name']}", nodes, r)


def _bypass(session: Session, r: Request) -> None:
    nodes = edits.changed(session.nodes, r["node"], lambda n: replace(n, bypass=bool(r["on"])))
    session.put("bypass", nodes, r)


def _solo(session: Session, r: Request) -> None:
    nodes = edits.changed(session.nodes, r["node"], lambda n: replace(n, solo=bool(r["on"])))
    session.put("solo", nodes, r)


def _clear(session: Session, r: Request) -> None:
    session.edit("empty the rack", replace(session.rack.having(()), about=""), r)


def _load(session: Session, r: Request) -> None:
    """A preset, a chain file of the folder (``name``), or the text of one."""
    name, text, path = r.get("name", ""), r.get("text"), ""
    if text is None and name in presets():
        text = presets()[name].read_text(encoding="utf-8")
    elif text is None:
        found = session.folder.path(name)
        if not found.is_file():
            raise ValueError(unknown_name(name, [*presets(), *session.folder.chains()], "chain file or preset"))
        text, path = found.read_text(encoding="utf-8-sig"), str(found)
    with contextlib.suppress(yaml.YAMLError):  # the reader says where
        session.folder.check_words(plain_text(text))
    nodes, about = nodes_of(text, session.desk.rate, session.desk.new_id, path)
    session.put(f"load {name}".strip(), tuple(nodes), r)
    session.rack = replace(session.rack, about=about)
    session.file = name if path else session.file


def _slot(session: Session, r: Request) -> None:
    if r["slot"] not in session.rack.slots:
        raise ValueError(unknown_name(r["slot"], session.rack.slots, "rack"))
    session.rack = replace(session.rack, slot=r["slot"])  # a way to listen, which undoing would only hide


def _copy(session: Session, r: Request) -> None:
    other = "B" if session.rack.slot == "A" else "A"
    slots = {**session.rack.slots, other: session.nodes}
    session.edit(f"copy {session.rack.slot} to {other}", replace(session.rack, slots=slots), r)


def _undo(session: Session, r: Request) -> None:
    session.travel(back=True)


def _redo(session: Session, r: Request) -> None:
    session.travel(back=False)


def _open(session: Session, r: Request) -> None:
    session.open(r["name"])


def _loop(session: Session, r: Request) -> None:
    session.set_loop(float(r["start"]), float(r["stop"]), bool(r.get("on")))


def _save(session: Session, r: Request) -> None:
    """The rack as a chain file of the folder."""
    path = session.folder.path(r["name"])
    if path.suffix.lower() not in (".yaml", ".yml"):
        raise ValueError(f"{r['name']}: a chain file ends in .yaml")
    if path.exists() and not r.get("overwrite"):
        raise ValueError(f"{r['name']}: is there already")
    if not session.nodes:
        raise ValueError("the rack is empty: there is nothing to save")
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as part:
        part.write_text(session.yaml(), encoding="utf-8")
    session.file = session.folder.name(path)


ACTIONS: dict[str, Callable[[Session, Request], None]] = {
    "set": _set,
    "settings": _settings,
    "option": _option,
    "add": _add,
    "remove": _remove,
    "move": _move,
    "wrap": _wrap,
    "unwrap": _unwrap,
    "rename": _rename,
    "bypass": _bypass,
    "solo": _solo,
    "clear": _clear,
    "load": _load,
    "slot": _slot,
    "copy": _copy,
    "undo": _undo,
    "redo": _redo,
    "open": _open,
    "loop": _loop,
    "save": _save,
}
