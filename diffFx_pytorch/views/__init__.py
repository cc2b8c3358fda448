"""What an effect does, as pictures: measured from the effect, chosen by what it claims and has, drawn when asked."""

from .choice import Mechanism, mechanism, views_of
from .drawing import draw_view, figure_of
from .palette import COLOURS, DASHES, LEVELS, Theme
from .subject import Subject
from .vector import svg_of
from .view import Axis, Image, Line, Mark, View, number, ticks, view_of

__all__ = [
    "COLOURS",
    "DASHES",
    "LEVELS",
    "Axis",
    "Image",
    "Line",
    "Mark",
    "Mechanism",
    "Subject",
    "Theme",
    "View",
    "draw_view",
    "figure_of",
    "mechanism",
    "number",
    "svg_of",
    "ticks",
    "view_of",
    "views_of",
]
