"""Writing session files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ..presets.saving import as_text, plain, steps_of
from ..presets.steps import VERSION
from ..render.atomic import replacing
from ..routing.mixer import MASTER
from .session import Session
from .strip import Clip, Strip

_OF_A_CLIP = ("start_s", "offset_s", "length_s", "gain_db", "fade_in_s", "fade_out_s")


def save_session(path: str | os.PathLike[str], session: Session) -> None:
    """Write a session as a file; ``load_session(path)`` gives the same mix.

    Sound files are named as seen from the folder of ``path``. Every knob of the inserts is written, defaults too.

    Args:
        path: of the file, replaced in one step.
        session: the mix.

    Raises:
        ValueError: for inserts that a file cannot say, and for knobs that hold a batch.
    """
    text = dump_session(session, Path(path).parent)
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def dump_session(session: Session, folder: str | os.PathLike[str] = ".") -> str:
    """The text of a session file in ``folder``; errors as for ``save_session``."""
    top: dict[str, Any] = {"version": VERSION, "sample_rate": session.sample_rate}
    top["tracks"] = {
        name: {"clips": [_clip(clip, Path(folder)) for clip in track.clips], **_strip(name, track)}
        for name, track in session.tracks.items()
    }
    if session.buses:
        top["buses"] = {name: _strip(name, bus) for name, bus in session.buses.items()}
    master = _strip(MASTER, session.master)
    return as_text(top | ({"master": master} if master else {}))


def _clip(clip: Clip, folder: Path) -> dict[str, Any]:
    file = Path(clip.file)
    try:
        named = os.path.relpath(file.resolve(), folder.resolve())
    except ValueError:  # on another drive
        named = str(file.resolve())
    default = Clip(file)
    values = {name: getattr(clip, name) for name in _OF_A_CLIP}
    return {"file": named, **{name: value for name, value in values.items() if value != getattr(default, name)}}


def _strip(name: str, strip: Strip) -> dict[str, Any]:
    default, said = Strip(), {}
    if strip.inserts is not None:
        said["inserts"] = steps_of(strip.inserts, strip.inserts.settings)
    for knob in ("gain_db", "pan", "width"):
        value = plain(f"{name}.{knob}", getattr(strip, knob))
        if value != getattr(default, knob):
            said[knob] = value
    if strip.output != default.output:
        said["output"] = strip.output
    for kind in ("sends", "pre_sends"):
        if levels := getattr(strip, kind):
            said[kind] = {bus: plain(f"{name} to {bus}", level) for bus, level in levels.items()}
    if strip.sidechain is not None:
        said["sidechain"] = strip.sidechain
    return said | {flag: True for flag in ("solo", "mute") if getattr(strip, flag)}
