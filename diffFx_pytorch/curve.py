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


def draw(curve: Curve, ax: Any = None) -> Any:
    """Draw a curve with matplotlib on ``ax`` (new axes if None) and return the axes.

    Raises:
        ImportError: without matplotlib.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("plotting needs matplotlib: pip install matplotlib") from error
    if ax is None:
        ax = plt.subplots(figsize=(7, 3.5), layout="constrained")[1]
    x, y = (t.detach().cpu().numpy() for t in (curve.x, curve.y))
    if curve.stems:
        # Levels in dB stand on the least of them: the louder, the longer.
        ax.stem(x, y, bottom=y.min() if y.size and y.max() <= 0 else 0.0)
    else:
        ax.plot(x, y)
    ax.set(xlabel=curve.x_label, ylabel=curve.y_label, title=curve.title, xscale="log" if curve.x_log else "linear")
    ax.grid(True, which="both", alpha=0.3)
    return ax
