"""What an effect does, as a curve: data first, drawn when asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class Curve:
    """A line of points with named axes.

    Args:
        x: positions, (N,).
        y: values, (N,).
        x_label: what x is, with its unit.
        y_label: what y is, with its unit.
        x_log: whether x is drawn on a logarithmic axis.
        title: of the plot.
        stems: whether the points stand alone instead of forming a line.
    """

    x: Tensor
    y: Tensor
    x_label: str
    y_label: str
    x_log: bool = False
    title: str = ""
    stems: bool = False


LEAST_DB, LEAST_PART = 2.0, 1e-3
"""The least span of an axis, in dB, or beside the largest value."""


def thousands(value: float) -> str:
    """A number on an axis: 100, 1k, 10k."""
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"


def pyplot() -> Any:
    """Matplotlib's.

    Raises:
        ImportError: without matplotlib, with the command that installs it.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("plotting needs matplotlib: pip install matplotlib") from error
    return plt


def draw(curve: Curve, ax: Any = None) -> Any:
    """Draw a curve with matplotlib on ``ax`` (new axes if None) and return the axes.

    Raises:
        ImportError: without matplotlib.
    """
    plt = pyplot()
    if ax is None:
        ax = plt.subplots(figsize=(7, 3.5), layout="constrained")[1]
    x, y = (t.detach().cpu().numpy() for t in (curve.x, curve.y))
    if curve.stems:
        # Levels in dB stand on the least of them: the louder, the longer.
        ax.stem(x, y, bottom=y.min() if y.size and y.max() <= 0 else 0.0)
    else:
        ax.plot(x, y)
    if y.size:
        # What is flat is drawn flat: its rounding would else fill the picture.
        least = LEAST_DB if "dB" in curve.y_label else LEAST_PART * max(abs(y).max(), 1.0)
        short = max(least - (y.max() - y.min()), 0.0) / 2
        if short:
            ax.set_ylim(y.min() - short, y.max() + short)
    ax.set(xlabel=curve.x_label, ylabel=curve.y_label, title=curve.title, xscale="log" if curve.x_log else "linear")
    if curve.x_log:
        ax.xaxis.set_major_formatter(lambda value, _: thousands(value))
    ax.grid(True, which="both", alpha=0.3)
    return ax
