"""Views drawn with matplotlib."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..curve import pyplot
from .palette import COLOURS, DASHES, LEVELS, Theme, theme_of
from .view import Line, View, number, ticks

_WIDTH, _HEIGHT = 6.4, 3.0
_TICKS_X, _TICKS_Y = 11, 7


def figure_of(views: Sequence[View], title: str = "", theme: Theme | None = None) -> Any:
    """A figure of views, two beside each other.

    Args:
        views: at least one.
        title: above them.
        theme: of the page it will stand on; None takes that of matplotlib's settings.

    Returns:
        The matplotlib figure.

    Raises:
        ImportError: without matplotlib, with the command that installs it.
    """
    plt = pyplot()
    columns = 1 if len(views) == 1 else 2
    rows = math.ceil(len(views) / columns)
    theme = _theme(theme)
    size = (_WIDTH * (1.2 if columns == 1 else 1.9), _HEIGHT * rows + 0.4)
    figure = plt.figure(figsize=size, layout="constrained", facecolor=COLOURS[theme]["paper"])
    grid = figure.add_gridspec(rows, columns)
    for view, (row, column) in zip(views, places(len(views)), strict=True):
        draw_view(view, figure.add_subplot(grid[row, column]), theme)
    if title:
        figure.suptitle(title, color=COLOURS[theme]["ink"])
    return figure


def places(count: int) -> list[tuple[slice, slice]]:
    """Rows and columns of that many views in two columns; where one is left over, the first is as high as two."""
    if count == 1:
        return [(slice(0, 1), slice(0, 1))]
    tall = count % 2
    found = [(slice(0, 2), slice(0, 1)), (slice(0, 1), slice(1, 2)), (slice(1, 2), slice(1, 2))] if tall else []
    for k in range(len(found), count):
        row, column = divmod(k + tall, 2)
        found.append((slice(row, row + 1), slice(column, column + 1)))
    return found


def draw_view(view: View, ax: Any = None, theme: Theme | None = None) -> Any:
    """Draw one view on ``ax`` (new axes if None) and return the axes."""
    plt = pyplot()
    if ax is None:
        ax = plt.subplots(figsize=(_WIDTH, _HEIGHT + 0.4), layout="constrained")[1]
    colours = COLOURS[theme := _theme(theme)]
    spans = view.spans()
    if view.image is not None:
        from matplotlib.colors import LinearSegmentedColormap

        image = view.image
        grid = (t.detach().cpu().numpy() for t in (image.x, image.y, image.levels))
        shades = LinearSegmentedColormap.from_list("levels", LEVELS)
        low, high = image.span
        mesh = ax.pcolormesh(*grid, vmin=low, vmax=high, cmap=shades, shading="nearest", rasterized=True)
        bar = ax.figure.colorbar(mesh, ax=ax, pad=0.02)
        bar.set_label(image.label, color=colours["soft"])
        bar.ax.tick_params(colors=colours["soft"])
        bar.outline.set_visible(False)
    for line in view.lines:
        _draw_line(line, ax, colours, spans[1][0])
    _draw_marks(view, ax, colours, spans)
    ax.set_facecolor(colours["paper"])
    for axis, span, which in ((view.x, spans[0], "x"), (view.y, spans[1], "y")):
        side = ax.xaxis if which == "x" else ax.yaxis
        if axis.log:
            getattr(ax, f"set_{which}scale")("log")
            side.set_minor_formatter(lambda value, _: "")
        getattr(ax, f"set_{which}lim")(span)
        side.set_ticks(ticks(axis, span, _TICKS_X if which == "x" else _TICKS_Y))
        side.set_major_formatter(lambda value, _: number(value))
        side.label.set_color(colours["soft"])
    ax.set(xlabel=view.x.label, ylabel=view.y.label)
    ax.set_title(view.name, color=colours["ink"], loc="left", fontsize="medium")
    if view.square:
        ax.set_aspect("equal")
    ax.tick_params(colors=colours["soft"], which="both", length=0)
    for spine in ax.spines.values():
        spine.set_color(colours["grid"])
    if view.image is None:
        ax.grid(True, which="major", color=colours["grid"], linewidth=0.8)
        ax.set_axisbelow(True)
    if any(line.label for line in view.lines):
        legend = ax.legend(frameon=True, framealpha=0.8, facecolor=colours["paper"], edgecolor="none", fontsize="small")
        for text in legend.get_texts():
            text.set_color(colours["soft"])
    return ax


def _draw_line(line: Line, ax: Any, colours: dict[str, str], floor: float) -> None:
    x, y = (t.detach().cpu().numpy() for t in (line.x, line.y))
    colour = colours[line.role]
    dashes = (0, DASHES[line.role]) if DASHES[line.role] else "-"
    named = {"label": line.label} if line.label else {}
    if line.form == "area":
        base = 0.0 if line.base is None else line.base.detach().cpu().numpy()
        ax.fill_between(x, y, base, color=colour, linewidth=0.6, alpha=0.85, **named)
    elif line.form == "stems":
        bottom = floor if y.size and y.max() <= 0 else 0.0
        marker = "o" if line.role == "wet" else "D"
        ax.vlines(x, bottom, y, color=colour, linewidth=1.4, linestyle=dashes)
        ax.plot(x, y, marker, color=colour, markersize=4.5, fillstyle="full" if line.role == "wet" else "none", **named)
    elif line.form == "points":
        ax.plot(x, y, ".", color=colour, markersize=2.5, alpha=0.6, rasterized=True, **named)
    else:
        width = 1.2 if line.role in ("guide", "dry") else 1.9
        ax.plot(x, y, color=colour, linewidth=width, linestyle=dashes, **named)


def _draw_marks(view: View, ax: Any, colours: dict[str, str], spans: Any) -> None:
    (left, right), (_, top) = spans
    box = {"facecolor": colours["paper"], "edgecolor": "none", "alpha": 0.75, "pad": 0.8}
    text = {"textcoords": "offset points", "fontsize": "small", "color": colours["ink"], "bbox": box}
    style = {"color": colours["mark"], "linewidth": 1.0, "linestyle": (0, DASHES["mark"])}
    for mark in view.marks:
        if mark.x is not None and mark.y is not None:
            ax.plot(mark.x, mark.y, "o", markersize=6, markerfacecolor=colours["paper"], color=colours["mark"])
            if mark.label:
                where = {"xytext": (0, -8), "va": "top"} if mark.y < 0 else {"xytext": (0, 8)}
                ax.annotate(mark.label, (mark.x, mark.y), ha="center", **where, **text)
        elif mark.x is not None and left <= mark.x <= right:
            ax.axvline(mark.x, **style)
            ax.annotate(mark.label, (mark.x, top), (4, -12), **text)
        elif mark.y is not None:
            ax.axhline(mark.y, **style)
            ax.annotate(mark.label, (left, mark.y), (5, 4), **text)


def _theme(theme: Theme | None) -> Theme:
    if theme is not None:
        return theme
    from matplotlib import rcParams
    from matplotlib.colors import to_rgb

    face = rcParams["figure.facecolor"]
    return "light" if face == "none" else theme_of(to_rgb(face))
