"""What a rack is, as Python and as sentences."""

from __future__ import annotations

import keyword
from collections.abc import Sequence
from typing import Any

from .engine import Engine, heard_of
from .nodes import BRANCHED, Node, settings_of

_CLASSES = {
    "chain": "Chain",
    "parallel": "Parallel",
    "dry_wet": "DryWet",
    "send": "Send",
    "ducked": "Ducked",
    "mid_side": "MidSide",
    "multi_band": "MultiBand",
    "keyed": "Keyed",
}
_WIDTH = 96
NOTHING_HEARD = "The sound goes through as it is."


def sentences(engine: Engine, nodes: Sequence[Node], rate: float) -> str:
    """What is heard, in words."""
    return engine.chain(nodes, rate)[0].explain() if heard_of(nodes) else NOTHING_HEARD


def python(engine: Engine, nodes: Sequence[Node], rate: float) -> str:
    """What is heard, as a program that builds it; knobs at their defaults are left out."""
    heard = heard_of(nodes)
    if not heard:
        return "y = x  # nothing is heard but the sound itself\n"
    writer = _Writer(engine, rate)
    body = writer.called("Chain", [(node.name, writer.built(node, "    ")) for node in heard], "")
    lines = [f"from diffFx_pytorch import {', '.join(sorted(writer.effects))}"] if writer.effects else []
    lines += ["from diffFx_pytorch.registry import effect"] if writer.looked_up else []
    lines.append(f"from diffFx_pytorch.routing import {', '.join(sorted(writer.routings | {'Chain'}))}")
    return "\n".join([*lines, "", f"rate = {rate:g}", f"chain = {body}", "y = chain(x)  # x: (B, C, T)", ""])


class _Writer:
    def __init__(self, engine: Engine, rate: float) -> None:
        self.engine, self.rate = engine, rate
        self.effects: set[str] = set()
        self.routings: set[str] = set()
        self.looked_up = False

    def built(self, node: Node, indent: str) -> str:
        """The expression that builds a node."""
        deeper = indent + "    "
        own = {name: value for name, value in settings_of(node).items() if name in node.params}
        table = self.engine.knobs(node, self.rate)
        given = [(name, _literal(v)) for name, v in node.options.items()]
        given += [(name, _literal(v)) for name, v in own.items() if v != table[name].default]
        if node.kind in ("effect", "vst3"):
            head = node.effect
            if node.kind == "vst3" or "." in head:
                self.looked_up = True
                head = f'effect("{"VST3" if node.kind == "vst3" else head}")'
                given = [("path", repr(node.effect)), *given] if node.kind == "vst3" else given
            else:
                self.effects.add(head)
            return self.called(head, [("", "rate"), *given], indent)
        head = _CLASSES[node.kind]
        self.routings.add(head)
        heard = [child if child is not None and not child.bypass else None for child in node.children]
        if node.kind in BRANCHED:
            parts = [
                (name, "None" if child is None else self.built(child, deeper))
                for name, child in zip(node.branches, heard, strict=True)
            ]
            parts += [("sample_rate", "rate")] if node.kind == "mid_side" else []
        elif node.kind == "multi_band":
            parts = [("", self.built(child, deeper)) for child in heard if child is not None]
        else:
            parts = [(child.name, self.built(child, deeper)) for child in heard if child is not None]
        return self.called(head, [*parts, *given], indent)

    def called(self, head: str, given: list[tuple[str, str]], indent: str) -> str:
        """A call, on one line where it fits."""
        plain = [text if not name else f"{name}={text}" for name, text in given if not name or _is_keyword(name)]
        dotted = [f'"{name}": {text}' for name, text in given if name and not _is_keyword(name)]
        plain += [f"**{{{', '.join(dotted)}}}"] if dotted else []
        line = f"{head}({', '.join(plain)})"
        if len(indent) + len(line) <= _WIDTH and "\n" not in line:
            return line
        deeper = indent + "    "
        return f"{head}(\n" + "".join(f"{deeper}{part},\n" for part in plain) + f"{indent})"


def _is_keyword(name: str) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name)


def _literal(value: Any) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return repr(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{at!r}: {v!r}" for at, v in value.items()) + "}"
    return repr(value)
