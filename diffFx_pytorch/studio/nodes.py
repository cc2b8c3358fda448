"""What stands in a rack: effects and routings of effects, as a tree of plain values."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..presets import load_chain
from ..presets.nodes import plain_text
from ..presets.saving import as_text, steps_of
from ..presets.steps import VERSION

BRANCHED = ("parallel", "mid_side")
AROUND = ("dry_wet", "send", "ducked", "keyed", "multi_band")
ROUTINGS = ("chain", *BRANCHED, *AROUND)
_KEPT = ("effect", "vst3", *ROUTINGS)

Value = Any
"""A number; a list of numbers, spread evenly over the sound; or ``{"points": [[time_s, value, segment], ...]}``."""


@dataclass(frozen=True)
class Node:
    """An effect, or a routing of effects.

    Args:
        id: by which it is found, whatever its name and place.
        kind: "effect", or one of ``ROUTINGS``.
        effect: name of the effect, where it is one.
        name: in its chain.
        options: what it is built with.
        params: of its knobs, values in their units.
        bypass: whether it is left out.
        solo: whether only it, and others marked so, are heard.
        children: of a routing; None is a wire.
        branches: names of the children, where the routing names them.
    """

    id: str
    kind: str
    effect: str = ""
    name: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Value] = field(default_factory=dict)
    bypass: bool = False
    solo: bool = False
    children: tuple[Node | None, ...] = ()
    branches: tuple[str, ...] = ()

    def walk(self) -> Iterator[Node]:
        """This node and all inside it."""
        yield self
        for child in self.children:
            if child is not None:
                yield from child.walk()


def as_json(node: Node | None) -> dict[str, Any] | None:
    """A node as plain values."""
    if node is None:
        return None
    plain = {name: getattr(node, name) for name in node.__dataclass_fields__}
    return {**plain, "children": [as_json(child) for child in node.children], "branches": list(node.branches)}


def from_json(said: Mapping[str, Any] | None) -> Node | None:
    """The node of ``as_json``."""
    if said is None:
        return None
    children = tuple(from_json(child) for child in said["children"])
    return Node(**{**said, "children": children, "branches": tuple(said["branches"])})


@dataclass(frozen=True)
class Rack:
    """What can be undone.

    Args:
        slots: the nodes of both racks, "A" and "B".
        slot: which of them is heard.
        about: what the chain says of itself.
    """

    slots: Mapping[str, tuple[Node, ...]]
    slot: str = "A"
    about: str = ""

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Those that are heard."""
        return self.slots[self.slot]

    def having(self, nodes: tuple[Node, ...]) -> Rack:
        """The same with other nodes where they are heard."""
        return replace(self, slots={**self.slots, self.slot: nodes})


# Chain files ---------------------------------------------------------------------------------------------------------


def nodes_of(text: str, rate: float, new_id: Any, source: str = "") -> tuple[list[Node], str]:
    """The nodes of the text of a chain file, and what it says of itself. Bypassed steps are kept, and so marked.

    Args:
        text: of the file.
        rate: in Hz, at which it is built.
        new_id: gives an id that no node has.
        source: path of the file, beside which others are looked for.

    Raises:
        ChainFileError: as for ``load_chain``.
    """
    from ..presets.chain_file import ChainFile

    if source:
        ChainFile(text, source).build(rate)  # its errors name the line
    else:
        load_chain(text if "\n" in text else text + "\n", rate)
    content = plain_text(text)
    heard = _without_bypass(content["chain"])
    whole = as_text({**content, "chain": heard})
    chain, _ = ChainFile(whole, source or "chain").build(rate)
    full = steps_of(chain, chain.settings)
    _mark(content["chain"], full)
    return [_node(step, new_id) for step in full], str(content.get("about") or "")


def _without_bypass(part: Any) -> Any:
    if isinstance(part, dict):
        return {key: _without_bypass(value) for key, value in part.items() if key != "bypass"}
    return [_without_bypass(item) for item in part] if isinstance(part, list) else part


def _mark(raw: Any, full: Any) -> None:
    """Mark in ``full``, the steps written out, which of them ``raw`` bypasses."""
    if isinstance(raw, list):
        inner = full.get("chain", full) if isinstance(full, dict) else full
        if isinstance(inner, list) and len(inner) == len(raw):
            for one, other in zip(raw, inner, strict=True):
                _mark(one, other)
        return
    if not isinstance(raw, dict) or not isinstance(full, dict):
        return
    if raw.get("bypass") is True:
        full["bypass"] = True
    for wrapper, key in (("dry_wet", "mix"), ("keyed", "sidechain")):
        if key in raw and wrapper in full and wrapper not in raw:
            full = full[wrapper]
    kind = next((kind for kind in ROUTINGS if kind in raw and kind in full), None)
    if kind in BRANCHED:
        for name, part in raw[kind].items():
            _mark(part, full[kind].get(name))
    elif kind:
        _mark(raw[kind], full[kind])


def _node(step: Mapping[str, Any] | None, new_id: Any) -> Any:
    if step is None:
        return None
    kind = next(kind for kind in _KEPT if kind in step)
    inner = step[kind]
    node = Node(
        new_id(),
        kind,
        effect=inner if kind in ("effect", "vst3") else "",
        name=step.get("name", ""),
        options=step.get("options", {}),
        params={knob: _said(value) for knob, value in step.get("params", {}).items()},
        bypass=step.get("bypass", False),
    )
    if kind in BRANCHED:
        inner = {"mid": None, "side": None, **inner} if kind == "mid_side" else inner  # a wire is not said
        children = tuple(_node(part, new_id) for part in inner.values())
        return replace(node, children=children, branches=tuple(inner))
    if kind == "chain":
        return replace(node, children=tuple(_node(part, new_id) for part in inner))
    return node if kind in ("effect", "vst3") else replace(node, children=(_node(inner, new_id),))


def _said(value: Any) -> Value:
    if not isinstance(value, Mapping):
        return value
    rows = ((at, *(point if isinstance(point, (list, tuple)) else (point, "linear"))) for at, point in value.items())
    return {"points": [list(row) for row in sorted(rows)]}


def written(value: Value) -> Any:
    """A value as a chain file says it."""
    if not isinstance(value, Mapping):
        return value
    return {float(at): v if kind == "linear" else [v, kind] for at, v, kind in value["points"]}


def step_of(node: Node, params: bool = True, bypassed: bool = True) -> dict[str, Any] | None:
    """A node as a step of a chain file; None for one with nothing to hear in it.

    Args:
        node: of the rack.
        params: whether the values of knobs are said.
        bypassed: whether nodes that are bypassed are said, and marked; else they are left out.
    """
    if node.bypass and not bypassed:
        return None
    inner: Any = node.effect
    if node.kind not in ("effect", "vst3"):
        parts = [None if child is None else step_of(child, params, bypassed) for child in node.children]
        if node.kind in BRANCHED:
            unnamed = [part and {key: value for key, value in part.items() if key != "name"} for part in parts]
            inner = dict(zip(node.branches, unnamed, strict=True))
        elif node.kind == "chain":
            inner = [part for part in parts if part is not None]
        else:
            inner = parts[0] if parts else None
        if not inner:
            return None
    step: dict[str, Any] = {node.kind: inner}
    if node.name:
        step["name"] = node.name
    if node.options:
        step["options"] = dict(node.options)
    if params and node.params:
        step["params"] = {knob: written(value) for knob, value in node.params.items()}
    if node.bypass:
        step["bypass"] = True
    return step


def text_of(nodes: list[Node], about: str = "", bypassed: bool = True) -> str:
    """The text of the chain file that a rack is."""
    steps = [step for node in nodes if (step := step_of(node, bypassed=bypassed)) is not None]
    return as_text({"version": VERSION, **({"about": about} if about else {}), "chain": steps})


def settings_of(node: Node, path: str = "") -> dict[str, Any]:
    """The values of all knobs of a node as ``Processor.set`` takes them."""
    flat = {path + knob: _as_set(value) for knob, value in node.params.items()}
    for place, child in enumerate(node.children):
        if child is not None and not child.bypass and node.kind != "multi_band":
            name = node.branches[place] if node.branches else child.name
            flat.update(settings_of(child, f"{path}{name}."))
    return flat


def _as_set(value: Value) -> Any:
    if isinstance(value, Mapping):
        return {float(at): v if kind == "linear" else (v, kind) for at, v, kind in value["points"]}
    return [value] if isinstance(value, list) else value  # one item


def structure(node: Node) -> str:
    """What a node is but for the values of its knobs, as a text that is equal where it is."""
    return json.dumps(step_of(node, params=False, bypassed=False), sort_keys=True)


def content(node: Node) -> str:
    """What a node does, as a text that is equal where it is."""
    return json.dumps(step_of(node, bypassed=False), sort_keys=True)
