"""What a session leaves in its folder, so that the next one takes it up: after a crash, too."""

from __future__ import annotations

import json
import os
from typing import Any

from ..render.atomic import replacing
from .folder import KEPT
from .nodes import Rack, as_json, from_json

VERSION = 1
_NAME = "session.json"

Session = Any
"""A ``session.Session``, which imports this module."""


def remember(session: Session) -> None:
    """Write down the racks, the sound and the loop."""
    with session.lock:
        said = {
            "version": VERSION,
            "source": session.source.name if session.source else None,
            "loop": session.loop,
            "file": session.file,
            "rate": session.desk.rate,
            "slot": session.rack.slot,
            "about": session.rack.about,
            "slots": {slot: [as_json(node) for node in nodes] for slot, nodes in session.rack.slots.items()},
        }
    home = session.folder.root / KEPT
    home.mkdir(exist_ok=True)
    with replacing(home / _NAME) as part:
        part.write_text(json.dumps(said), encoding="utf-8")


def recall(session: Session) -> None:
    """Take up what was written down; what cannot be read is put aside, and where the sound is gone the racks stay."""
    path = session.folder.root / KEPT / _NAME
    if not path.is_file():
        return
    before = session.desk.rate, session.rack
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        slots = {slot: tuple(from_json(node) for node in said["slots"][slot]) for slot in ("A", "B")}
        inside = [node for nodes in slots.values() for top in nodes if top is not None for node in top.walk()]
        session.folder.check_words([dict(node.options) for node in inside])
        for _ in range(max((int(node.id[1:]) for node in inside), default=0)):
            session.desk.new_id()
        session.desk.rate, session.file = said["rate"], str(said["file"])
        session.rack = Rack(slots, said["slot"], said["about"])  # type: ignore[arg-type]  # no wires at the top
        session.state()  # it can be built
    except (OSError, ValueError, KeyError, TypeError):
        session.desk.rate, session.rack = before
        os.replace(path, path.with_name("session.unreadable.json"))
        return
    try:
        if said["source"] is not None:
            session.open(said["source"])
            session.set_loop(*said["loop"])
    except (OSError, ValueError):
        session.source = None
