"""Systems drawn in text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

if TYPE_CHECKING:
    from .system import System

Block = list[str]
"""Lines of one width; the signal goes in at one end of the first line and out at the other."""

Frame = tuple[str, str, str, str, str]

# What stands beside the lines of blocks one below the other: beside the first line of the first, the first line of
# those between and of the last, other lines above the last block's, and below. MARK is where signals are joined.
_SPLIT = ("+->", "|->", "'->", "|  ", "   ")
_JOIN = ("->MARK", "---| ", "---' ", "   | ", "     ")
_SPLIT_BACKWARDS = ("<-+", "<-|", "<-'", "  |", "   ")
_JOIN_BACKWARDS = ("MARK<-", " |---", " '---", " |   ", "     ")
_LOOP_ENTRY = ("(+)->", "", " '---", " |   ", "     ")
_LOOP_EXIT = ("--+", "", "<-'", "  |", "   ")
_LOOP_ENTRY_BACKWARDS = ("<-(+)", "", "---' ", "   | ", "     ")
_LOOP_EXIT_BACKWARDS = ("+--", "", "'->", "|  ", "   ")


def block_diagram(system: System) -> str:
    """The system as a block diagram, signals going from left to right, the numbers of channels on the wires.

    In the way back of a loop signals go from right to left; ``(+)`` adds, ``(:)`` puts channels one below the other.
    """
    first, *others = _draw("", system)
    lead = f"--{system.inputs}-->"
    lines = [f"{lead}{first}--{system.outputs}-->", *(" " * len(lead) + line for line in others)]
    return "\n".join(line.rstrip() for line in lines)


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


def caption(system: System) -> str:
    """What a module is beside its class, in a word or two: a kind of matrix or filter, a range of delays, a length."""
    written = system.extra_repr()
    if written:
        return written
    kind, centres = getattr(system, "kind", None), getattr(system, "centres_hz", None)
    delays, taps = getattr(system, "base", None), getattr(system, "taps", None)
    if isinstance(kind, str):
        return kind
    if isinstance(delays, Tensor) and delays.numel():
        low, high = int(delays.min()), int(delays.max())
        return f"{low}" if low == high else f"{low}..{high}"
    if isinstance(taps, Tensor):
        return f"{taps.shape[-1]} taps"
    return f"{len(centres)} bands" if isinstance(centres, tuple) else ""


def _draw(name: str, system: System, backwards: bool = False) -> Block:
    """Lines of a system; ``backwards`` is from right to left."""
    from .connections import Parallel, Recursion, Series

    if isinstance(system, Series):
        return _in_row([(part, _draw(label, part, backwards)) for label, part in system.parts.items()], backwards)
    if isinstance(system, Parallel):
        branches = [(_draw(label, part, backwards), backwards) for label, part in system.parts.items()]
        left, right = (_JOIN_BACKWARDS, _SPLIT_BACKWARDS) if backwards else (_SPLIT, _JOIN)
        return _framed(branches, left, right, "(+)" if system.combine == "sum" else "(:)")
    if isinstance(system, Recursion):
        forward = _draw("feedforward", system.feedforward, backwards)
        back = _draw("feedback", system.feedback, not backwards)
        left, right = (_LOOP_EXIT_BACKWARDS, _LOOP_ENTRY_BACKWARDS) if backwards else (_LOOP_ENTRY, _LOOP_EXIT)
        return _framed([(forward, backwards), (back, not backwards)], left, right)
    words = [f"{name}:" if name and not name.isdigit() else "", type(system).__name__, caption(system)]
    return [f"[{' '.join(filter(None, words))}]"]


def _in_row(parts: list[tuple[System, Block]], backwards: bool) -> Block:
    wires = [f"<-{part.inputs}--" if backwards else f"--{part.inputs}->" for part, _ in parts[1:]]
    if backwards:
        parts, wires = parts[::-1], wires[::-1]
    rows = [""] * max(len(lines) for _, lines in parts)
    for wire, (_, lines) in zip(["", *wires], parts, strict=True):
        for i in range(len(rows)):
            rows[i] += (" " * len(wire) if i else wire) + (lines[i] if i < len(lines) else " " * len(lines[0]))
    return rows


def _framed(blocks: list[tuple[Block, bool]], left: Frame, right: Frame, mark: str = "") -> Block:
    """Blocks one below the other, each with its direction, between what stands on their left and right."""
    width = max(len(lines[0]) for lines, _ in blocks)
    rows = []
    for b, (lines, backwards) in enumerate(blocks):
        last = b == len(blocks) - 1
        for i, line in enumerate(lines):
            wire = (" " if i else "-") * (width - len(line))
            beside = (4 if last else 3) if i else (0 if b == 0 else 2 if last else 1)
            middle = wire + line if backwards else line + wire
            rows.append((left[beside] + middle + right[beside]).replace("MARK", mark))
    return rows
