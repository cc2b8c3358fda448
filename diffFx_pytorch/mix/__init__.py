"""Mixes of sound files: a session, its file, and rendering it."""

from .render import Mixed, render_session
from .saving import dump_session, save_session
from .session import Session
from .session_file import load_session
from .strip import Clip, Strip, Track

__all__ = [
    "Clip",
    "Mixed",
    "Session",
    "Strip",
    "Track",
    "dump_session",
    "load_session",
    "render_session",
    "save_session",
]
