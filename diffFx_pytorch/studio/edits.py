"""What can be done to a rack: functions from nodes and a request to nodes. Nothing is changed in place."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..control import unknown_name
from ..registry import effect
from ..routing.routing import free_name, has_meaning
from .engine import Engine
from .nodes import AROUND, BRANCHED, ROUTINGS, Node

Nodes = tuple[Node, ...]

_INSIDE = {"parallel": "Gain", "mid_side": "Gain", "send": "PlateReverb", "dry_wet": "Gain", "chain": "Gain"}
_INSIDE |= {"multi_band": "Compressor", "ducked": "PlateReverb"}
WRAPS = tuple(_INSIDE)
"""Routings that can be put around an effect."""


@dataclass
class Desk:
    """What edits need to know.

    Args:
        engine: builds effects, whose tables say what is legal.
        rate: in Hz.
    """

    engine: Engine
    rate: float
    numbers: Any = None

    def __post_init__(self) -> None:
        self.numbers = itertools.count(1)

    def new_id(self) -> str:
        """An id that no node has."""
        return f"n{next(self.numbers)}"

    def fresh(self, name: str, into: Sequence[Node | None] = ()) -> Node:
        """A new effect, or a routing around the usual one, with every knob at its default."""
        if name in ROUTINGS:
            if name not in _INSIDE:
                raise ValueError(unknown_name(name, _INSIDE, "routing"))
            return self.wrapped(name, self.fresh(_INSIDE[name]), into)
        cls = effect(name)
        node = Node(self.new_id(), "effect", name, _name(cls.__name__, into))
        return self.completed(node)

    def wrapped(self, kind: str, inner: Node, into: Sequence[Node | None] = ()) -> Node:
        """A routing around a node."""
        if kind not in WRAPS:
            raise ValueError(unknown_name(kind, WRAPS, "routing"))
        class_name = "".join(word.title() for word in kind.split("_"))
        name = _name(class_name, into)
        node = Node(self.new_id(), kind, name=name, children=(inner,))
        if kind in BRANCHED:
            unnamed = replace(inner, name="")
            branches = ("dry", "wet") if kind == "parallel" else ("mid", "side")
            children = (None, unnamed) if kind == "parallel" else (unnamed, None)
            node = replace(node, children=children, branches=branches)
        if kind == "multi_band":
            if inner.kind != "effect":
                raise ValueError("a multi-band routing is around one effect, not around another routing")
            node = replace(node, children=(replace(inner, name="band", params={}),))  # its knobs are those of the bands
        return self.completed(node)

    def completed(self, node: Node) -> Node:
        """A node with a value for each of its knobs, and for no other."""
        table = self.engine.knobs(replace(node, params={}), self.rate)
        return replace(node, params={knob: node.params.get(knob, row.default) for knob, row in table.items()})


def find(nodes: Sequence[Node | None], id: str) -> Node:
    """The node of an id.

    Raises:
        ValueError: if there is none.
    """
    for node in nodes:
        for each in node.walk() if node is not None else ():
            if each.id == id:
                return each
    raise ValueError("that effect is not in the rack any more")


def changed(nodes: Sequence[Node | None], id: str, change: Callable[[Node], Node]) -> tuple[Any, ...]:
    """The nodes with one changed, wherever it is."""

    def inside(node: Node | None) -> Node | None:
        if node is None:
            return None
        if node.id == id:
            return change(node)
        return replace(node, children=tuple(map(inside, node.children))) if node.children else node

    return tuple(map(inside, nodes))


def without(nodes: Sequence[Node], id: str) -> Nodes:
    """The nodes less one; a branch it leaves is a wire, and a routing around nothing goes with it."""

    def kept(node: Node | None) -> Node | None:
        if node is None or node.id == id:
            return None
        if not node.children:
            return node
        children = tuple(map(kept, node.children))
        if node.kind == "chain":
            children = tuple(child for child in children if child is not None)
        if not any(children):
            return None
        return replace(node, children=children)

    return tuple(node for node in map(kept, nodes) if node is not None)


def placed(desk: Desk, nodes: Nodes, node: Node, into: str | None, index: int) -> Nodes:
    """The nodes with another one: at a place of the rack, of a chain in it, or of a branch."""
    if into is None:
        named = replace(node, name=_name(_label(node), nodes, node.name))
        return (*nodes[:index], named, *nodes[index:])
    home = find(nodes, into)
    if home.kind == "chain":
        named = replace(node, name=_name(_label(node), home.children, node.name))
        return changed(nodes, into, lambda n: replace(n, children=(*n.children[:index], named, *n.children[index:])))
    if home.kind not in (*BRANCHED, *AROUND) or home.kind == "multi_band" or not 0 <= index < len(home.children):
        raise ValueError("an effect cannot be put there")
    there = home.children[index]
    branched = home.kind in BRANCHED
    if there is None:
        new: Node = replace(node, name="") if branched else node
    elif there.kind == "chain":
        return placed(desk, nodes, node, there.id, len(there.children))
    else:
        first = replace(there, name=_name(_label(there), ()))
        second = replace(node, name=_name(_label(node), [first]))
        new = Node(desk.new_id(), "chain", name="" if branched else there.name, children=(first, second))
    children = (*home.children[:index], new, *home.children[index + 1 :])
    return changed(nodes, into, lambda n: desk.completed(replace(n, children=children)))


def moved(desk: Desk, nodes: Nodes, id: str, into: str | None, index: int) -> Nodes:
    """The nodes with one of them in another place; ``index`` counts without it where it stays in its list."""
    node = find(nodes, id)
    if into is not None and any(inner.id == into for inner in node.walk()):
        raise ValueError("a routing cannot be put into itself")
    left = without(nodes, id)
    if into is not None:
        find(left, into)
    return placed(desk, left, node, into, index)


def with_value(desk: Desk, nodes: Nodes, id: str, knob: str, value: Any) -> Nodes:
    """The nodes with a knob at a value, at points, or (None) at its default.

    Raises:
        ValueError: for an unknown knob or a value that is not legal.
    """
    node = find(nodes, id)
    if knob not in node.params:
        raise ValueError(unknown_name(knob, node.params, "knob"))
    if value is None:
        value = desk.engine.knobs(node, desk.rate)[knob].default
    if isinstance(value, Mapping):
        rows = sorted([float(at), float(v), str(kind)] for at, v, kind in value["points"])
        value = {"points": rows} if len(rows) > 1 else rows[0][1]
    elif isinstance(value, (list, tuple)):
        value = [float(v) for v in value]
    else:
        value = float(value)
    new = changed(nodes, id, lambda n: replace(n, params={**n.params, knob: value}))
    desk.engine.built(replace(find(new, id), bypass=False), desk.rate)  # refuses what is not legal
    return new


def with_settings(desk: Desk, nodes: Nodes, rows: Sequence[Mapping[str, Any]]) -> Nodes:
    """The nodes with many knobs at values: each row names a ``node``, the ``path`` of a knob in it, and a ``value``.

    Raises:
        ValueError: if one of them is not there any more, or a value is not legal.
    """
    for row in rows:
        node, knob = _home(find(nodes, row["node"]), str(row["path"]))
        nodes = with_value(desk, nodes, node.id, knob, row["value"])
    return nodes


def _home(node: Node, path: str) -> tuple[Node, str]:
    """The node in which a knob lives that is named from outside, and its name there."""
    if path in node.params:
        return node, path
    first, _, rest = path.partition(".")
    for place, child in enumerate(node.children):
        if child is not None and (node.branches[place] if node.branches else child.name) == first:
            return _home(child, rest)
    raise ValueError(f"{path}: is not in the rack any more")


def with_option(desk: Desk, nodes: Nodes, id: str, option: str, value: Any) -> Nodes:
    """The nodes with an effect built otherwise; its knobs stay as far as it still has them."""
    node = find(nodes, id)
    options = {name: given for name, given in node.options.items() if name != option}
    if value is not None:
        options[option] = value
    return changed(nodes, id, lambda n: desk.completed(replace(n, options=options)))


def renamed(nodes: Nodes, id: str, name: str) -> Nodes:
    """The nodes with one called otherwise.

    Raises:
        ValueError: for what is no name, or is taken.
    """
    if not name.isidentifier() or has_meaning(name) or name == "self":
        raise ValueError(f"{name!r} is no name for an effect; use letters, digits and underscores")
    siblings = next(
        (n.children for top in nodes for n in top.walk() if any(c is not None and c.id == id for c in n.children)),
        nodes,
    )
    if any(other is not None and other.id != id and other.name == name for other in siblings):
        raise ValueError(f"another effect is called {name}")
    return changed(nodes, id, lambda n: replace(n, name=name))


def unwrapped(desk: Desk, nodes: Nodes, id: str) -> Nodes:
    """The nodes with what a routing is around in its place."""
    node = find(nodes, id)
    inner = [child for child in node.children if child is not None]
    if node.kind == "multi_band":
        inner = [desk.completed(child) for child in inner]
    place = next((i for i, top in enumerate(nodes) if top.id == id), None)
    if place is None:
        raise ValueError("take it out of the routing around it first")
    left = without(nodes, id)
    for child in reversed(inner):
        left = placed(desk, left, child, None, place)
    return left


def _label(node: Node) -> str:
    return node.effect or "".join(word.title() for word in node.kind.split("_"))


def _name(class_name: str, beside: Sequence[Node | None], wanted: str = "") -> str:
    """A name that is free beside others: the wanted one, or that of a class in snake case, numbered."""
    taken = {node.name for node in beside if node is not None}
    if wanted and wanted not in taken:
        return wanted
    return free_name(type(class_name, (), {})(), taken)
