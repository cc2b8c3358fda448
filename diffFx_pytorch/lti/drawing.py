"""Systems drawn with matplotlib: block diagrams, and responses in frequency and in time."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from ..dsp.room_analysis import energy_decay_curve
from .outline import Outline

_GAP = 0.55
"""Length of a wire between two blocks, in units of the height of a block (as all lengths here)."""
_BESIDE = 0.5
"""Width of a split, a sum or the end of a loop."""
_RADIUS = 0.2
"""Radius of the circle of a sum."""
_BETWEEN = 0.45
"""Free space between stacked blocks."""
_LETTER = 0.155
_INCHES = 0.62
"""Size of a unit on paper."""
_MOST_LABELS = 8

WIRE, INK, FIXED, LEARNED = "#5b6770", "#22303a", "#f2f4f6", "#fbe3d3"
"""Colours of wires, of text, of blocks, and of blocks that learn."""


@dataclass
class _Picture:
    """Marks in units; the signal enters at (0, 0) and leaves at (width, 0).

    ``open`` means that it begins with a wire and not with a block, so that the wire leading to it needs no arrow.
    """

    width: float
    above: float
    below: float
    open: bool = False
    marks: list[tuple[Any, ...]] = field(default_factory=list)

    def placed(self, other: _Picture, x: float, y: float) -> None:
        """Add the marks of another picture, moved by (x, y)."""
        for kind, points, *rest in other.marks:
            self.marks.append((kind, [(px + x, py + y) for px, py in points], *rest))

    def wire(self, channels: int, *points: tuple[float, float], arrow: bool = True, labelled: bool = False) -> None:
        """Add a line through points, with an arrow head or not, its first piece labelled with its channels or not."""
        self.marks.append(("wire", list(points), channels, arrow, labelled))

    def mark(self, kind: str, x: float, y: float, *rest: Any) -> None:
        """Add a block, a dot or a sum."""
        self.marks.append((kind, [(x, y)], *rest))

    def mirrored(self) -> _Picture:
        """The same picture with signals from right to left."""
        flipped = [(kind, [(self.width - x, y) for x, y in points], *rest) for kind, points, *rest in self.marks]
        return _Picture(self.width, self.above, self.below, self.open, flipped)


def draw_diagram(system: Outline, ax: Any = None) -> Any:
    """Draw a system as a block diagram on matplotlib axes, and return them.

    Blocks that learn are tinted; numbers beside the wires count channels, and wires of several channels are thicker.

    Args:
        system: outline of any system.
        ax: axes; None makes a figure as large as the diagram.

    Raises:
        ImportError: without matplotlib, with the command that installs it.
    """
    plt = _pyplot()
    inner = _laid_out(system)
    whole = _Picture(inner.width + 2 * _GAP + 0.3, inner.above, inner.below)
    start = _GAP + 0.15
    whole.wire(system.inputs, (0, 0), (start, 0), arrow=not inner.open, labelled=True)
    whole.placed(inner, start, 0)
    whole.wire(system.outputs, (start + inner.width, 0), (whole.width, 0), labelled=True)
    margin = 0.2
    width, height = whole.width + 2 * margin, whole.above + whole.below + 2 * margin
    if ax is None:
        ax = plt.subplots(figsize=(width * _INCHES, height * _INCHES), layout="constrained")[1]
    ax.set(xlim=(-margin, whole.width + margin), ylim=(-whole.below - margin, whole.above + margin), aspect="equal")
    ax.axis("off")
    for kind, points, *rest in whole.marks:
        _MARKS[kind](ax, points, *rest)
    return ax


def draw_response(H: Tensor, h: Tensor, sample_rate: float, axes: Any = None, **style: Any) -> Any:
    """Draw magnitude, impulse response and energy decay, one line per pair of input and output and per batch item.

    Args:
        H: frequency response on the upper half of a circle, (..., outputs, inputs, nfft // 2 + 1).
        h: impulse response, (..., outputs, inputs, nfft).
        sample_rate: Hz.
        axes: three matplotlib axes; None makes a figure.
        style: options of the lines; a ``label`` is put before what distinguishes the lines.

    Returns:
        The three axes.

    Raises:
        ImportError: without matplotlib, with the command that installs it.
    """
    if axes is None:
        axes = _pyplot().subplots(1, 3, figsize=(12, 3.2), layout="constrained")[1]
    nfft = h.shape[-1]
    level = 20 * H.abs().clamp_min(1e-10).log10()
    freqs = torch.arange(H.shape[-1]) * (sample_rate / nfft)
    seconds = torch.arange(nfft) / sample_rate
    decay = energy_decay_curve(h.double())
    names = _line_names(tuple(H.shape[:-1]), style.pop("label", ""))
    several = len(names) > 1
    for i, name in enumerate(names):
        look = {"linewidth": 0.8, "alpha": 0.8 if several else 1.0, **style}
        label = name if len(names) <= _MOST_LABELS else None
        for ax, x, values in zip(axes, (freqs[1:], seconds, seconds), (level[..., 1:], h, decay), strict=True):
            ax.plot(x.numpy(), values.reshape(-1, values.shape[-1])[i].cpu().numpy(), label=label, **look)
    top = float(level[..., 1:].max())
    axes[0].set(xscale="log", xlim=(20, sample_rate / 2), ylim=(top - 60, top + 6))
    axes[0].set(xlabel="frequency (Hz)", ylabel="magnitude (dB)")
    axes[1].set(xlabel="time (s)", ylabel="impulse response", xlim=(0, nfft / sample_rate))
    axes[2].set(xlabel="time (s)", ylabel="energy decay (dB)", xlim=(0, nfft / sample_rate), ylim=(-80, 3))
    for ax in axes:
        ax.grid(True, which="major", alpha=0.3)
    if any(axes[2].get_legend_handles_labels()[1]):
        axes[2].legend(fontsize=8)
    return axes


def _line_names(shape: tuple[int, ...], prefix: str) -> list[str]:
    """Labels of the lines of (..., outputs, inputs): the index along each axis longer than 1."""
    *batch, outputs, inputs = shape
    words = [("item", n) for n in batch] + [("out", outputs), ("in", inputs)]
    names = []
    for index in torch.cartesian_prod(*(torch.arange(n) for _, n in words)).reshape(-1, len(words)).tolist():
        varying = [f"{word} {i}" for (word, n), i in zip(words, index, strict=True) if n > 1]
        names.append(" ".join(filter(None, [prefix, ", ".join(varying)])))
    return names


def _laid_out(system: Outline) -> _Picture:
    if system.arrangement == "block":
        return _block(system)
    if system.arrangement == "loop":
        return _loop(system, *(_laid_out(replace(part, name="")) for part in system.parts))
    pictures = [_laid_out(part) for part in system.parts]
    return _row(system, pictures) if system.arrangement == "series" else _branches(system, pictures)


def _block(system: Outline) -> _Picture:
    width = max(1.2, 0.3 + _LETTER * max(map(len, [system.label, system.title, system.caption])))
    picture = _Picture(width, 0.5 + (0.3 if system.label else 0.0), 0.5)
    text = "\n".join(filter(None, [system.title, system.caption]))
    picture.mark("block", width / 2, 0.0, width, system.label, text, system.learns)
    return picture


def _row(system: Outline, pictures: list[_Picture]) -> _Picture:
    width = sum(p.width for p in pictures) + _GAP * (len(pictures) - 1)
    row = _Picture(width, max(p.above for p in pictures), max(p.below for p in pictures), pictures[0].open)
    x = 0.0
    for i, (picture, part) in enumerate(zip(pictures, system.parts, strict=True)):
        if i:
            row.wire(part.inputs, (x, 0), (x + _GAP, 0), arrow=not picture.open, labelled=True)
            x += _GAP
        row.placed(picture, x, 0)
        x += picture.width
    return row


def _branches(system: Outline, pictures: list[_Picture]) -> _Picture:
    """Put the first branch on the line and the others below it, each joined to the sum of those below."""
    parts = system.parts
    sign = "+" if system.arrangement == "sum" else ":"
    inner = max(p.width for p in pictures)
    split, left, join = 0.15, 0.15 + _BESIDE, 0.15 + 2 * _BESIDE + inner + _RADIUS
    whole = _Picture(join + _RADIUS + 0.15, pictures[0].above, 0.0, open=True)
    heights = [0.0]
    for upper, lower in itertools.pairwise(pictures):
        heights.append(heights[-1] - upper.below - _BETWEEN - lower.above)
    for i, (picture, part, y) in enumerate(zip(pictures, parts, heights, strict=True)):
        x = left + (inner - picture.width) / 2
        start = [(split, heights[i - 1]), (split, y)] if i else [(0.0, 0.0)]
        whole.wire(part.inputs, *start, (x, y), arrow=not picture.open)
        whole.placed(picture, x, y)
        x += picture.width
        if i and i == len(parts) - 1:
            whole.wire(part.outputs, (x, y), (join, y), (join, heights[i - 1] - _RADIUS), labelled=sign == ":")
            continue
        whole.mark("sum", join, y, sign)
        whole.mark("dot", split, y)
        whole.wire(part.outputs, (x, y), (join - _RADIUS, y), labelled=sign == ":")
        if i:
            below = part.outputs if sign == "+" else sum(p.outputs for p in parts[i:])
            whole.wire(below, (join, y + _RADIUS), (join, heights[i - 1] - _RADIUS))
    whole.wire(system.outputs, (join + _RADIUS, 0), (whole.width, 0), arrow=False)
    whole.below = pictures[-1].below - heights[-1]
    return whole


def _loop(system: Outline, forward: _Picture, back: _Picture) -> _Picture:
    inner = max(forward.width, back.width)
    add = 0.15 + _RADIUS
    left = add + _RADIUS + _BESIDE
    split = left + inner + _BESIDE
    whole = _Picture(split + 0.15, forward.above, 0.0, open=True)
    y = -(forward.below + _BETWEEN + back.above)
    x = left + (inner - forward.width) / 2
    whole.wire(system.inputs, (0, 0), (add - _RADIUS, 0))
    whole.mark("sum", add, 0.0, "+")
    whole.wire(system.inputs, (add + _RADIUS, 0), (x, 0), arrow=not forward.open)
    whole.placed(forward, x, 0)
    whole.wire(system.outputs, (x + forward.width, 0), (whole.width, 0), arrow=False)
    whole.mark("dot", split, 0.0)
    x = left + (inner - back.width) / 2
    whole.wire(system.outputs, (split, 0), (split, y), (x + back.width, y), arrow=not back.open)
    whole.placed(back.mirrored(), x, y)
    whole.wire(system.inputs, (x, y), (add, y), (add, -_RADIUS))
    whole.below = back.below - y
    return whole


def _draw_block(ax: Any, points: list[tuple[float, float]], width: float, title: str, text: str, learns: bool) -> None:
    from matplotlib.patches import FancyBboxPatch

    ((x, y),) = points
    style = "round,pad=0,rounding_size=0.12"
    fill = LEARNED if learns else FIXED
    ax.add_patch(
        FancyBboxPatch((x - width / 2, y - 0.42), width, 0.84, boxstyle=style, fc=fill, ec=INK, lw=1.1, zorder=3)
    )
    ax.text(x, y, text, ha="center", va="center", fontsize=8, color=INK, zorder=4, linespacing=1.25)
    ax.text(x, y + 0.47, title, ha="center", va="bottom", fontsize=7.5, color=WIRE, style="italic", zorder=4)


def _draw_wire(ax: Any, points: list[tuple[float, float]], channels: int, arrow: bool, labelled: bool) -> None:
    wide, head = (1.8, 13) if channels > 1 else (1.0, 10)
    xs, ys = zip(*points, strict=True)
    ax.plot(xs, ys, color=WIRE, lw=wide, solid_capstyle="round", solid_joinstyle="round", zorder=1)
    if arrow:
        look = {"arrowstyle": "-|>,head_width=0.16,head_length=0.32", "color": WIRE, "lw": 0.8}
        look |= {"shrinkA": 0, "shrinkB": 0, "mutation_scale": head}
        ax.annotate("", xy=points[-1], xytext=points[-2], arrowprops=look, zorder=2)
    if labelled:
        (x0, y0), (x1, y1) = points[:2]
        ax.text((x0 + x1) / 2, (y0 + y1) / 2 + 0.09, str(channels), ha="center", va="bottom", fontsize=7, color=WIRE)


def _draw_dot(ax: Any, points: list[tuple[float, float]]) -> None:
    ax.plot(*points[0], marker="o", ms=4, color=WIRE, zorder=3)


def _draw_sum(ax: Any, points: list[tuple[float, float]], sign: str) -> None:
    from matplotlib.patches import Circle

    ax.add_patch(Circle(points[0], _RADIUS, fc="white", ec=INK, lw=1.1, zorder=3))
    ax.text(*points[0], sign, ha="center", va="center_baseline", fontsize=10, color=INK, zorder=4)


_MARKS = {"block": _draw_block, "wire": _draw_wire, "dot": _draw_dot, "sum": _draw_sum}


def _pyplot() -> Any:
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("plotting needs matplotlib: pip install matplotlib") from error
    return plt
