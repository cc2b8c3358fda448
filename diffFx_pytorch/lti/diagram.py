"""Systems drawn in text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .system import System

Block = list[str]
"""Lines of one width; the signal goes in and out at the line ``_axis`` gives."""


def block_diagram(system: System) -> str:
    """The system as a block diagram, signals going from left to right, the numbers of channels on the wires."""
    drawn, axis = _draw("", system)
    lead, tail = f"--{system.inputs}-->", f"--{system.outputs}-->"
    return "\n".join(
        f"{lead if i == axis else ' ' * len(lead)}{line}{tail if i == axis else ''}".rstrip()
        for i, line in enumerate(drawn)
    )


def channel_mismatch(whole: str, left: str, first: System, right: str, second: System) -> str:
    """What to say, and draw, where the outputs of one system are not the inputs of the next."""
    a = f"[{left}: {type(first).__name__}]"
    b = f"[{right}: {type(second).__name__}]"
    arrow = f" --{first.outputs}--x--{second.inputs}--> "
    return (
        f"{whole}: {left!r} gives {first.outputs} channels and {right!r} takes {second.inputs}\n"
        f"    --{first.inputs}--> {a}{arrow}{b} --{second.outputs}-->\n"
        f"    {' ' * (len(f'--{first.inputs}--> ') + len(a) + arrow.index('x'))}^ here"
    )


def _draw(name: str, system: System, backwards: bool = False) -> tuple[Block, int]:
    """Lines of a system and the line its signal runs along; ``backwards`` is from right to left."""
    from .connections import Parallel, Recursion, Series

    if isinstance(system, Series):
        return _in_row([(part, _draw(label, part, backwards)) for label, part in system.parts.items()], backwards)
    if isinstance(system, Parallel):
        return _side_by_side(system, [_draw(label, part, backwards) for label, part in system.parts.items()])
    if isinstance(system, Recursion):
        return _looped(
            _draw("feedforward", system.feedforward, backwards), _draw("feedback", system.feedback, not backwards)
        )
    kind = type(system).__name__
    detail = system.extra_repr()
    inside = f"{name}: {kind}" if name and not name.isdigit() else kind
    return [f"[{inside}{' ' + detail if detail else ''}]"], 0


def _in_row(parts: list[tuple[System, tuple[Block, int]]], backwards: bool) -> tuple[Block, int]:
    wires = [f"<-{part.inputs}--" if backwards else f"--{part.inputs}->" for part, _ in parts[1:]]
    if backwards:
        parts, wires = parts[::-1], wires[::-1]
    axis = max(a for _, (_, a) in parts)
    below = max(len(lines) - a for _, (lines, a) in parts)
    rows = [""] * (axis + below)
    for wire, (_, (lines, a)) in zip(["", *wires], parts, strict=True):
        for row in range(len(rows)):
            k = row - axis + a
            drawn = lines[k] if 0 <= k < len(lines) else " " * len(lines[0])
            rows[row] += (wire if row == axis else " " * len(wire)) + drawn
    return rows, axis


def _side_by_side(system: System, branches: list[tuple[Block, int]]) -> tuple[Block, int]:
    width = max(len(lines[0]) for lines, _ in branches)
    rows: Block = []
    taps: list[int] = []
    for lines, a in branches:
        taps.append(len(rows) + a)
        wire = [line + ("-" if i == a else " ") * (width - len(line)) for i, line in enumerate(lines)]
        rows += wire
    mark = "(+)" if getattr(system, "combine", "sum") == "sum" else "(:)"
    out = []
    for i, row in enumerate(rows):
        tapped, inside = i in taps, taps[0] < i < taps[-1]
        join = mark if i == taps[0] else ("-' " if i == taps[-1] else "-| ") if tapped else (" | " if inside else "   ")
        split = "+" if i == taps[0] else ("'" if i == taps[-1] else "|") if tapped else ("|" if inside else " ")
        out.append(f"{split}{'-' if tapped else ' '}{row}{join}")
    return out, taps[0]


def _looped(forward: tuple[Block, int], back: tuple[Block, int]) -> tuple[Block, int]:
    (top, a), (bottom, b) = forward, back
    width = max(len(top[0]), len(bottom[0]))
    rows = []
    for i, line in enumerate(top):
        wire = "-" if i == a else " "
        side = "(+)-" if i == a else (" |  " if i > a else "    ")
        rows.append(side + line + wire * (width - len(line)) + (".-" if i == a else ("| " if i > a else "  ")))
    for i, line in enumerate(bottom):
        wire = "-" if i == b else " "
        side = " '--" if i == b else (" |  " if i < b else "    ")
        rows.append(side + line + wire * (width - len(line)) + ("' " if i == b else ("| " if i < b else "  ")))
    return rows, a
