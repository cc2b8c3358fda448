"""Views as SVG, without a plotting library: small, alike on every machine, light or dark with the page."""

from __future__ import annotations

import base64
import math
import struct
import zlib
from collections.abc import Callable, Sequence
from html import escape

import numpy as np
import torch
from torch import Tensor

from .drawing import places
from .palette import COLOURS, DASHES, LEVELS, Theme
from .view import Axis, Image, Line, Mark, View, number, ticks

WIDTH, HEIGHT, GAP = 520, 260, 16
"""Size of one view, and what stands between two, in pixels at full size."""

Place = Callable[[Tensor | float], Tensor]
"""Values of an axis to places on the page."""

_LEFT, _RIGHT, _TOP, _BOTTOM, _BAR = 62, 14, 30, 42, 66
_TALL = 2 * HEIGHT + GAP
_CHARACTER = 6.1
_SHADES = 33


def svg_of(views: Sequence[View], theme: Theme | None = None, *, columns: int = 2, whole: bool = True) -> str:
    """Views as one SVG, two beside each other.

    Args:
        views: at least one.
        theme: "light" or "dark"; None follows the page: ``prefers-color-scheme``, and on a page with its own switch the
            CSS variables ``--plot-paper``, ``--plot-ink``, ``--plot-soft``, ``--plot-grid``, ``--plot-mark`` and one
            for each role of a line.
        columns: how many views stand beside each other, 1 or 2.
        whole: whether it is a file of its own, with a background; False is an element for a page.

    Returns:
        The text of an ``<svg>``.
    """
    columns = min(columns, len(views))
    found = places(len(views)) if columns == 2 else [(slice(i, i + 1), slice(0, 1)) for i in range(len(views))]
    rows = max(row.stop for row, _ in found)
    width, height = columns * (WIDTH + GAP) - GAP, rows * (HEIGHT + GAP) - GAP
    parts = []
    for i, (view, (row, column)) in enumerate(zip(views, found, strict=True)):
        at = column.start * (WIDTH + GAP), row.start * (HEIGHT + GAP)
        tall = _TALL if row.stop - row.start == 2 else HEIGHT
        parts.append(f'<g transform="translate({at[0]} {at[1]})">{_drawn(view, tall, i)}</g>')
    label = escape("; ".join(view.name for view in views))
    box = '<rect class="p-paper" width="100%" height="100%"/>' if whole else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="plot" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{label}"><style>{style(theme)}</style>{box}{"".join(parts)}</svg>'
    )


def style(theme: Theme | None = None) -> str:
    """The style sheet of the drawings; see ``svg_of`` for the theme."""

    def colours(which: Theme) -> str:
        return "".join(f"--p-{name}:{colour};" for name, colour in COLOURS[which].items())

    sheet = f".plot{{{colours(theme or 'light')}font:11px system-ui,sans-serif}}"
    if theme is None:
        sheet += f"@media(prefers-color-scheme:dark){{.plot{{{colours('dark')}}}}}"

    def of(name: str) -> str:
        return f"var(--plot-{name},var(--p-{name}))" if theme is None else f"var(--p-{name})"

    sheet += f".plot .p-paper{{fill:{of('paper')}}}.plot text{{fill:{of('soft')};stroke:none}}"
    sheet += f".plot .p-name{{fill:{of('ink')};font-size:12.5px;font-weight:600}}"
    sheet += f".plot .p-grid{{stroke:{of('grid')};fill:none}}"
    sheet += f".plot .p-halo{{fill:{of('ink')};stroke:{of('paper')};"
    sheet += "stroke-width:3px;paint-order:stroke;stroke-linejoin:round}"
    sheet += f".plot .p-dot{{fill:{of('paper')};stroke:{of('mark')};stroke-width:1.3}}"
    sheet += ".plot .p-line{fill:none;stroke-width:2;stroke-linejoin:round}.plot .p-thin{stroke-width:1.2}"
    for role, dashes in DASHES.items():
        dash = f"stroke-dasharray:{' '.join(f'{d:g}' for d in dashes)}" if dashes else ""
        sheet += f".plot .p-{role}{{stroke:{of(role)};{dash}}}.plot .p-{role}-fill{{fill:{of(role)};stroke:none}}"
    return sheet


def _drawn(view: View, height: int, index: int) -> str:
    right = WIDTH - (_BAR if view.image is not None else _RIGHT)
    left, top, bottom = _LEFT, _TOP, height - _BOTTOM
    if view.square:
        side = min(right - left, bottom - top)
        left += (right - left - side) // 2
        right, bottom = left + side, top + side
    (x_low, x_high), (y_low, y_high) = view.spans()
    across = _scale(view.x, (x_low, x_high), left, right)
    down = _scale(view.y, (y_low, y_high), bottom, top)
    parts = [f'<text class="p-name" x="{_LEFT}" y="17">{escape(view.name)}</text>']
    parts += _axes(view, (left, top, right, bottom), across, down)
    # What leaves the picture is cut off at its edges, by a nested one.
    inner = [f'<svg x="{left}" y="{top - 4}" width="{right - left}" height="{bottom - top + 8}" ']
    inner.append(f'viewBox="{left} {top - 4} {right - left} {bottom - top + 8}" overflow="hidden">')
    if view.image is not None:
        inner.append(_image(view.image, view, across, down))
    inner += [_line(line, across, down, (y_low, y_high)) for line in view.lines if len(line.x)]
    inner.append("</svg>")
    parts += inner
    taken: list[tuple[float, float, float]] = []
    parts += [_mark(mark, (left, top, right, bottom), across, down, taken) for mark in view.marks]
    if view.image is not None:
        parts.append(_bar(view.image, right, top, bottom))
    parts += _legend(view, WIDTH - _RIGHT)
    return "".join(parts)


def _scale(axis: Axis, span: tuple[float, float], start: int, end: int) -> Place:
    low, high = span

    def place(value: Tensor | float) -> Tensor:
        v = torch.as_tensor(value, dtype=torch.float64)
        share = (v.clamp_min(1e-12) / low).log() / math.log(high / low) if axis.log else (v - low) / (high - low)
        # Even steps end on halves of a tenth: a little beyond them, every machine rounds to the same side.
        return start + share.clamp(-2, 3) * (end - start) + 1e-4

    return place


def _axes(view: View, box: tuple[int, int, int, int], across: Place, down: Place) -> list[str]:
    left, top, right, bottom = box
    parts = []
    spans = view.spans()
    for value in ticks(view.x, spans[0], max(3, (right - left) // 42)):
        x = float(across(value))
        if view.image is None:
            parts.append(f'<path class="p-grid" d="M{x:.1f} {top}V{bottom}"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 15}" text-anchor="middle">{number(value)}</text>')
    for value in ticks(view.y, spans[1], max(3, (bottom - top) // 30)):
        y = float(down(value))
        if view.image is None:
            parts.append(f'<path class="p-grid" d="M{left} {y:.1f}H{right}"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{number(value)}</text>')
    middle = (left + right) / 2
    parts.append(f'<text x="{middle:g}" y="{bottom + 33}" text-anchor="middle">{escape(view.x.label)}</text>')
    turn = f'transform="translate({left - 48} {(top + bottom) / 2:g}) rotate(-90)"'
    parts.append(f'<text {turn} text-anchor="middle">{escape(view.y.label)}</text>')
    return parts


def _line(line: Line, across: Place, down: Place, span: tuple[float, float]) -> str:
    xs, ys = across(line.x.detach().cpu()), down(line.y.detach().double().cpu())
    low, high = span
    if line.form == "stems":
        floor = low if float(line.y.max()) <= 0 else min(max(0.0, low), high)
        bottom = float(down(floor))
        stems = "".join(f"M{x:.1f} {bottom:.1f}V{y:.1f}" for x, y in zip(xs.tolist(), ys.tolist(), strict=True))
        shape = (
            '<circle class="p-{role}-fill" cx="{x:.1f}" cy="{y:.1f}" r="3.4"/>'
            if line.role == "wet"
            else '<path class="p-line p-thin p-{role}" style="stroke-dasharray:none" '
            'd="M{x:.1f} {y:.1f}m-4 0l4 -4l4 4l-4 4z"/>'
        )
        dots = "".join(shape.format(role=line.role, x=x, y=y) for x, y in zip(xs.tolist(), ys.tolist(), strict=True))
        return f'<path class="p-line p-thin p-{line.role}" d="{stems}"/>{dots}'
    if line.form == "points":
        dots = "".join(f"M{x:.0f} {y:.0f}h1" for x, y in zip(xs.tolist(), ys.tolist(), strict=True))
        plain = 'style="stroke-dasharray:none;stroke-width:1.6" opacity=".65"'
        return f'<path class="p-line p-{line.role}" {plain} d="{dots}"/>'
    if line.form == "line":
        xs, ys = _thinned(xs, ys)
    there = _path(xs, ys)
    if line.form == "area":
        base = torch.zeros_like(line.x) if line.base is None else line.base
        back = _path(xs.flip(0), down(base.detach().double().cpu()).flip(0))
        return f'<path class="p-{line.role}-fill" opacity=".85" d="M{there}L{back}Z"/>'
    thin = " p-thin" if line.role in ("guide", "dry") else ""
    return f'<path class="p-line{thin} p-{line.role}" d="M{there}"/>'


def _thinned(xs: Tensor, ys: Tensor) -> tuple[Tensor, Tensor]:
    """A line of far more points than the picture is wide: of each half pixel the first, lowest, highest and last."""
    if len(xs) <= 8 * WIDTH or bool((xs.diff() < 0).any()):
        return xs, ys
    column = (2 * xs).floor()
    starts = np.flatnonzero(np.diff(column.numpy(), prepend=-1.0))
    last = np.append(starts[1:], len(xs)) - 1
    values = ys.double().numpy()
    low, high = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
    x = np.stack([xs[starts].numpy(), xs[starts].numpy(), xs[last].numpy(), xs[last].numpy()], 1)
    y = np.stack([values[starts], low, high, values[last]], 1)
    return torch.from_numpy(x.ravel()), torch.from_numpy(y.ravel())


def _path(xs: Tensor, ys: Tensor) -> str:
    """Points to a tenth of a pixel, without those that a straight line passes anyway."""
    points = [(round(x, 1), round(y, 1)) for x, y in zip(xs.tolist(), ys.tolist(), strict=True)]
    kept: list[tuple[float, float]] = []
    for point in points:
        if kept and point == kept[-1]:
            continue
        if len(kept) > 1 and kept[-1][1] == kept[-2][1] == point[1]:
            kept[-1] = point
        else:
            kept.append(point)
    return "L".join(f"{x:g} {y:g}" for x, y in kept)


def _mark(
    mark: Mark, box: tuple[int, int, int, int], across: Place, down: Place, taken: list[tuple[float, float, float]]
) -> str:
    """A mark; of the names of dots, ``taken`` notes the middle, height and half width, so that none lies on another."""
    left, top, right, bottom = box
    text, half = escape(mark.label), _CHARACTER * len(mark.label) / 2
    line, words = (
        '<path class="p-line p-thin p-mark" d="{}"/>',
        '<text class="p-halo" x="{:.1f}" y="{:.1f}"{}>{}</text>',
    )
    if mark.x is not None and mark.y is not None:
        x, y = float(across(mark.x)), float(down(mark.y))
        dot = f'<circle class="p-dot" cx="{x:.1f}" cy="{y:.1f}" r="3.6"/>'
        middle = min(max(x, left + half), right - half)
        heights = [y - 8, y + 17, y - 20, y + 29] if mark.y >= 0 else [y + 17, y - 8, y + 29, y - 20]
        free = (
            h for h in heights if not any(abs(middle - m) < half + w + 2 and abs(h - at) < 11 for m, at, w in taken)
        )
        where = middle, next(free, heights[0])
        taken += [(*where, half)] if text else []
        return dot + (words.format(*where, ' text-anchor="middle"', text) if text else "")
    if mark.x is not None:
        x = float(across(mark.x))
        if not left <= x <= right:
            return ""
        beyond = x + 5 + 2 * half > right
        where = x - 5 if beyond else x + 5, top + 12, ' text-anchor="end"' if beyond else ""
        return line.format(f"M{x:.1f} {top}V{bottom}") + words.format(*where, text)
    y = float(down(mark.y or 0.0))
    if not top <= y <= bottom:
        return ""
    return line.format(f"M{left} {y:.1f}H{right}") + words.format(left + 5, y - 4, "", text)


def _legend(view: View, right: int) -> list[str]:
    """Names of the lines, above the picture on the right."""
    x, parts = float(right), []
    for line in reversed([line for line in view.lines if line.label]):
        x -= _CHARACTER * len(line.label)
        parts.append(f'<text x="{x:.1f}" y="17">{escape(line.label)}</text>')
        style = ' style="stroke-width:8;stroke-dasharray:none"' if line.form == "area" else ""
        parts.append(f'<path class="p-line p-{line.role}"{style} d="M{x - 26:.1f} 13h20"/>')
        x -= 38
    return parts


def _image(image: Image, view: View, across: Place, down: Place) -> str:
    (x_low, x_high), (y_low, y_high) = view.spans()
    left, right, top, bottom = (float(v) for v in (across(x_low), across(x_high), down(y_high), down(y_low)))
    place = f'x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}"'
    low, high = image.span
    shades = ((image.levels.flip(0) - low) / (high - low) * (_SHADES - 1)).round().clamp(0, _SHADES - 1)
    data = base64.b64encode(_png(shades.to(torch.uint8))).decode()
    return f'<image {place} preserveAspectRatio="none" href="data:image/png;base64,{data}"/>'


def _bar(image: Image, right: int, top: int, bottom: int) -> str:
    """The scale of an image's colours."""
    low, high = image.span
    x = right + 8
    strip = base64.b64encode(_png(torch.arange(_SHADES - 1, -1, -1, dtype=torch.uint8).unsqueeze(1))).decode()
    parts = [
        f'<image x="{x}" y="{top}" width="9" height="{bottom - top}" preserveAspectRatio="none" '
        f'href="data:image/png;base64,{strip}"/>'
    ]
    for value in ticks(Axis(image.label), (low, high), 5):
        y = bottom - (value - low) / (high - low) * (bottom - top)
        parts.append(f'<text x="{x + 13}" y="{y + 4:.1f}">{number(value)}</text>')
    parts.append(f'<text x="{WIDTH - 4}" y="17" text-anchor="end">{escape(image.label)}</text>')
    return "".join(parts)


def _png(shades: Tensor) -> bytes:
    """An image (Y, X) of shades as PNG with a palette, stored without compression: libraries of that differ."""
    rows, columns = shades.shape
    raw = b"".join(b"\0" + bytes(row.tolist()) for row in shades)
    blocks = [raw[i : i + 65535] for i in range(0, len(raw), 65535)]
    stored = b"".join(
        struct.pack("<BHH", i == len(blocks) - 1, len(block), 65535 - len(block)) + block
        for i, block in enumerate(blocks)
    )
    data = b"\x78\x01" + stored + struct.pack(">I", zlib.adler32(raw))
    header = struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"PLTE", _colours()), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


def _colours() -> bytes:
    stops = [[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in LEVELS]
    found = []
    for k in range(_SHADES):
        place = k / (_SHADES - 1) * (len(stops) - 1)
        below = min(int(place), len(stops) - 2)
        share = place - below
        found += [round(a + (b - a) * share) for a, b in zip(stops[below], stops[below + 1], strict=True)]
    return bytes(found)
