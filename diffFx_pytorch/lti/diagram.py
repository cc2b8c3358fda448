"""Systems drawn in text."""

from __future__ import annotations

from .outline import Outline

Block = list[str]
"""Lines of equal width; the signal enters at one end of the first line and leaves at the other."""

Frame = tuple[str, str, str, str, str]

# What stands beside the lines of stacked blocks: beside the first line of the first block, of the middle ones and of
# the last one; beside all other lines above the last block, and below. MARK is where signals are joined.
_SPLIT = ("+->", "|->", "'->", "|  ", "   ")
_JOIN = ("->MARK", "---| ", "---' ", "   | ", "     ")
_SPLIT_BACKWARDS = ("<-+", "<-|", "<-'", "  |", "   ")
_JOIN_BACKWARDS = ("MARK<-", " |---", " '---", " |   ", "     ")
_LOOP_ENTRY = ("(+)->", "", " '---", " |   ", "     ")
_LOOP_EXIT = ("--+", "", "<-'", "  |", "   ")
_LOOP_ENTRY_BACKWARDS = ("<-(+)", "", "---' ", "   | ", "     ")
_LOOP_EXIT_BACKWARDS = ("+--", "", "'->", "|  ", "   ")


def block_diagram(system: Outline) -> str:
    """Draw a system as a block diagram in text, with signals from left to right and channel counts on the wires.

    In the feedback path of a loop signals run from right to left; ``(+)`` adds, ``(:)`` stacks channels.
    """
    first, *others = _draw(system)
    margin = f"--{system.inputs}-->"
    lines = [f"{margin}{first}--{system.outputs}-->", *(" " * len(margin) + line for line in others)]
    return "\n".join(line.rstrip() for line in lines)


def channel_mismatch(parent: str, first: Outline, second: Outline) -> str:
    """Describe, and draw, where the outputs of one system do not match the inputs of the next."""
    a, b = f"[{first.name}: {first.title}]", f"[{second.name}: {second.title}]"
    entry, wire = f"--{first.inputs}--> ", f" --{first.outputs}--x--{second.inputs}--> "
    return (
        f"{parent}: {first.name!r} gives {first.outputs} channels and {second.name!r} takes {second.inputs}\n"
        f"    {entry}{a}{wire}{b} --{second.outputs}-->\n"
        f"    {' ' * (len(entry) + len(a) + wire.index('x'))}^ here"
    )


def _draw(system: Outline, backwards: bool = False) -> Block:
    """Lines of a system; ``backwards`` draws it from right to left."""
    parts = system.parts
    if system.arrangement == "block":
        words = [f"{system.label}:" if system.label else "", system.title, system.caption]
        return [f"[{' '.join(filter(None, words))}]"]
    if system.arrangement == "series":
        return _in_row([(part, _draw(part, backwards)) for part in parts], backwards)
    if system.arrangement == "loop":
        forward, back = _draw(parts[0], backwards), _draw(parts[1], not backwards)
        left, right = (_LOOP_EXIT_BACKWARDS, _LOOP_ENTRY_BACKWARDS) if backwards else (_LOOP_ENTRY, _LOOP_EXIT)
        return _framed([(forward, backwards), (back, not backwards)], left, right)
    left, right = (_JOIN_BACKWARDS, _SPLIT_BACKWARDS) if backwards else (_SPLIT, _JOIN)
    mark = "(+)" if system.arrangement == "sum" else "(:)"
    return _framed([(_draw(part, backwards), backwards) for part in parts], left, right, mark)


def _in_row(parts: list[tuple[Outline, Block]], backwards: bool) -> Block:
    wires = [f"<-{part.inputs}--" if backwards else f"--{part.inputs}->" for part, _ in parts[1:]]
    if backwards:
        parts, wires = parts[::-1], wires[::-1]
    rows = [""] * max(len(lines) for _, lines in parts)
    for wire, (_, lines) in zip(["", *wires], parts, strict=True):
        for i in range(len(rows)):
            rows[i] += (" " * len(wire) if i else wire) + (lines[i] if i < len(lines) else " " * len(lines[0]))
    return rows


def _framed(blocks: list[tuple[Block, bool]], left: Frame, right: Frame, mark: str = "") -> Block:
    """Stack blocks, each with its direction, between the frames on their left and right."""
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
