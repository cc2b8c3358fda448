"""JSON Schema of session files."""

from __future__ import annotations

from ..presets.schema import DRAFT, Schema, closed, definitions, knob, steps_schema, tempo_schema
from ..presets.steps import VERSION
from ..routing.mixer import SEND
from .session_file import KNOBS, TIMES


def session_schema() -> Schema:
    """The schema of a session file, draft 7, with the steps of chain files in it."""
    seconds = {name: {"type": "number", "minimum": 0, "description": "Seconds."} for name in TIMES}
    when = {**seconds, "start_beats": {"type": "number", "minimum": 0, "description": "Beats of tempo_bpm."}}
    file = {"file": {"type": "string", "description": "Sound file, beside the session file."}}
    gain = {"gain_db": {"type": "number", "minimum": KNOBS["gain_db"].min_val, "maximum": KNOBS["gain_db"].max_val}}
    clip = closed({**file, **when, **gain}, ("file",))
    master = {
        "inserts": {"anyOf": [{"type": "string", "description": "Preset or chain file."}, steps_schema()]},
        **{name: knob(row) for name, row in KNOBS.items()},
        "sidechain": {"type": "string", "description": "Track or bus that keys the dynamics of the inserts."},
    }
    sends = {"type": "object", "additionalProperties": knob(SEND)}
    bus = {
        **master,
        "output": {"type": ["string", "null"], "description": "A bus, master, or nowhere."},
        "sends": sends,
        "pre_sends": sends,
        "solo": {"type": "boolean"},
        "mute": {"type": "boolean"},
    }
    track = {
        **closed({**file, **when, "clips": {"type": "array", "items": clip}, **bus}),
        "oneOf": [{"required": ["file"]}, {"required": ["clips"]}],
    }
    top = {
        "version": {"const": VERSION},
        "sample_rate": {"type": "integer", "minimum": 1000, "maximum": 768000, "description": "Hz."},
        "tempo_bpm": tempo_schema(),
        "tracks": {"type": "object", "minProperties": 1, "additionalProperties": track},
        "buses": {"type": "object", "additionalProperties": {"anyOf": [{"type": "null"}, closed(bus)]}},
        "master": {"anyOf": [{"type": "null"}, closed(master)]},
    }
    return {
        "$schema": DRAFT,
        "title": "Session file of diffFx_pytorch",
        **closed(top, ("version", "tracks")),
        "definitions": definitions(),
    }
