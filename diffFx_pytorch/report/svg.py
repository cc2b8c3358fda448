"""Plots as inline SVG, without a plotting library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

WIDTH, HEIGHT = 720, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 72, 12, 10, 40


@dataclass(frozen=True)
class Line:
    """A line of a plot.

    Args:
        x: positions, (N,).
        y: values, (N,).
        style: CSS class that colours it.
        base: with values (N,), the area between them and ``y`` is filled instead.
    """

    x: np.ndarray
    y: np.ndarray
    style: str = "wet"
    base: np.ndarray | None = None


def plot(
    lines: Sequence[Line],
    x_label: str,
    y_label: str,
    *,
    x_log: bool = False,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    height: int = HEIGHT,
) -> str:
    """Draw lines over a grid with numbered axes.

    Args:
        lines: drawn in order, the last on top.
        x_label: what x is, with its unit.
        y_label: what y is, with its unit.
        x_log: whether x is drawn on a logarithmic axis.
        x_range: lowest and highest x shown; None shows all.
        y_range: lowest and highest y shown; None shows all.
        height: in pixels at full size.

    Returns:
        An ``<svg>`` element, coloured by the page's style sheet.
    """
    x_low, x_high = x_range or (
        min(float(line.x.min()) for line in lines),
        max(float(line.x.max()) for line in lines),
    )
    low, high = y_range or _limits(lines)
    bottom = height - _BOTTOM

    def across(x: np.ndarray | float) -> np.ndarray:
        span = math.log(x_high / x_low) if x_log else (x_high - x_low) or 1.0
        share = np.log(np.asarray(x) / x_low) / span if x_log else (np.asarray(x) - x_low) / span
        return _LEFT + share * (WIDTH - _LEFT - _RIGHT)

    def down(y: np.ndarray | float) -> np.ndarray:
        return bottom - (np.clip(y, low, high) - low) / (high - low) * (bottom - _TOP)

    parts = [f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(f"{y_label} over {x_label}")}">']
    for value in _log_ticks(x_low, x_high) if x_log else _ticks(x_low, x_high, 8):
        x = float(across(value))
        parts.append(f'<path class="grid" d="M{x:.1f} {_TOP}V{bottom}"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 15}" text-anchor="middle">{_number(value)}</text>')
    for value in _ticks(low, high, max(3, height // 45)):
        y = float(down(value))
        parts.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_number(value)}</text>')
    for line in lines:
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in zip(across(line.x), down(line.y), strict=True))
        if line.base is None:
            parts.append(f'<path class="line {line.style}" d="M{path}"/>')
        else:
            back = "L".join(
                f"{x:.1f} {y:.1f}" for x, y in zip(across(line.x)[::-1], down(line.base)[::-1], strict=True)
            )
            parts.append(f'<path class="area {line.style}" d="M{path}L{back}Z"/>')
    middle = (_LEFT + WIDTH - _RIGHT) / 2
    parts.append(f'<text class="label" x="{middle}" y="{height - 6}" text-anchor="middle">{escape(x_label)}</text>')
    turn = f'transform="translate(12 {(_TOP + bottom) / 2}) rotate(-90)"'
    parts.append(f'<text class="label" {turn} text-anchor="middle">{escape(y_label)}</text></svg>')
    return "".join(parts)


def _limits(lines: Sequence[Line]) -> tuple[float, float]:
    values = np.concatenate([line.y for line in lines] + [line.base for line in lines if line.base is not None])
    values = values[np.isfinite(values)]
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    margin = 0.06 * (high - low) or 1.0
    return low - margin, high + margin


def _ticks(low: float, high: float, most: int) -> list[float]:
    rough = (high - low) / most
    if rough <= 0:
        return [low]
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough)
    first = math.ceil(low / step - 1e-9)
    return [k * step for k in range(first, math.floor(high / step + 1e-9) + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [m * 10.0**p for p in powers for m in (1, 2, 5)]
    return [t for t in ticks if low * 0.999 <= t <= high * 1.001]


def _number(value: float) -> str:
    return f"{value / 1000:g}k" if abs(value) >= 1000 else f"{round(value, 10):g}"
