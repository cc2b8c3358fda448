"""The colours of every plot, light and dark, in one place.

Lines are those of M. Okabe and K. Ito, "Color universal design", 2008, which the colour-blind tell apart, lightened
where the page is dark; lines of different roles also differ in dash, for print without colour. The colours of images
are stops of "viridis" (N. Smith, S. van der Walt, 2015), evenly brighter to every eye.
"""

from __future__ import annotations

from typing import Literal

Theme = Literal["light", "dark"]
"""What pictures are drawn for."""

COLOURS: dict[Theme, dict[str, str]] = {
    "light": {
        "paper": "#ffffff",
        "ink": "#1d2330",
        "soft": "#5b6472",
        "grid": "#dfe2e7",
        "wet": "#0072b2",
        "dry": "#8a93a0",
        "second": "#d55e00",
        "third": "#007a5a",
        "guide": "#9aa1ad",
        "mark": "#1d2330",
    },
    "dark": {
        "paper": "#14171f",
        "ink": "#e8eaf0",
        "soft": "#a4adbb",
        "grid": "#2f3644",
        "wet": "#56b4e9",
        "dry": "#7c8799",
        "second": "#f0a044",
        "third": "#3fc49a",
        "guide": "#6d7686",
        "mark": "#e8eaf0",
    },
}
"""By theme, the colour of each role of a line and of the page about it."""

DASHES: dict[str, tuple[float, ...]] = {
    "wet": (),
    "dry": (),
    "second": (6, 2),
    "third": (6, 2, 1.5, 2),
    "guide": (3, 3),
    "mark": (1.5, 2.5),
}
"""By role, lengths of dashes and gaps; none is a whole line."""

LEVELS = (
    "#440154",
    "#482475",
    "#414487",
    "#355f8d",
    "#2a788e",
    "#21918c",
    "#22a884",
    "#44bf70",
    "#7ad151",
    "#bddf26",
    "#fde725",
)
"""Colours of an image, from its lowest level to its highest, at equal steps."""


def theme_of(colour: tuple[float, float, float]) -> Theme:
    """The theme that a page of this colour (red, green, blue in 0 .. 1) has."""
    return "dark" if 0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2] < 0.4 else "light"
