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
