"""Looking for settings with which the rack makes a wet recording of its sound, or sounds like a reference."""

from __future__ import annotations

import copy
import math
import threading
import time
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor

from ..files import audio_info, read_blocks, resampled_frames
from ..fit import Certainty, Likeness, fit, fit_like
from ..processor import Processor
from ..routing import Chain
from . import pictures
from .engine import heard_of
from .jobs import StoppedError, Tell
from .nodes import Node
from .session import Session

How = Literal["wet", "reference"]
_LONGEST, _REFERENCE_LONGEST = 10.0, 60.0
"""Seconds of the sounds that are compared."""
_SHOWN_EVERY, _MOST_SHOWN = 0.25, 400


def matching(
    session: Session, name: str, how: How = "wet", seconds: float = 20.0, frozen: tuple[str, ...] = ()
) -> Callable[[Tell, threading.Event], dict[str, Any]]:
    """The job that looks for the settings of the rack that is heard; bypassed effects stay out of it.

    Args:
        session: its sound, from the beginning of the loop on, is the dry one.
        name: of a sound file of the folder: the same take after the effects ("wet"), whose samples are compared, or
            any other sound ("reference"), to which the rack is brought near by what does not depend on the notes; see
            ``fit_like``.
        how: see ``name``.
        seconds: that it may take.
        frozen: knobs that stay where they are, ``step.knob``.

    Raises:
        ValueError: for nothing to find, a knob that moves, a file outside of the folder.
        OSError: for a file that cannot be read.
    """
    if how not in ("wet", "reference"):
        raise ValueError(f"how must be 'wet' or 'reference', got {how!r}")
    with session.lock:
        if session.source is None:
            raise ValueError("open the dry sound first")
        nodes, rate = heard_of(session.nodes), session.desk.rate
        if not nodes:
            raise ValueError("put the effects whose settings are looked for into the rack first")
        chain = session.bench.chain(nodes, rate)[0]
        if moving := [knob for knob, value in chain.settings.items() if not isinstance(value, (int, float))]:
            raise ValueError(f"{', '.join(moving)} moves; a match looks for settings that stand still")
        source = session.folder.path(session.source.name)
        start, stop = session.loop
    path = session.folder.path(name)
    stop = min(stop, start + _LONGEST)
    dry = _part(source, rate, start, stop)
    wet = _part(path, rate, start, stop) if how == "wet" else _part(path, rate, 0.0, _REFERENCE_LONGEST)
    if how == "reference":
        pass  # measures of mono and stereo compare
    elif dry.shape[1] == 1 and wet.shape[1] == 2 and chain.channels_out != 2:
        dry = dry.expand(-1, 2, -1)
    elif wet.shape[1] == 1 and dry.shape[1] == 2 and chain.channels_out in (None, 2):
        wet = wet.expand(-1, 2, -1)

    def work(tell: Tell, stop: threading.Event) -> dict[str, Any]:
        watch = _Watch(nodes, chain, how, tell, stop)
        if how == "reference":
            like = fit_like(copy.deepcopy(chain), dry, wet, frozen=frozen, time_budget_s=seconds, progress=watch)
            return {**_told(nodes, like.fx, like.after, how, {}, like.notices), "measures": _measures(like)}
        try:
            found = fit(copy.deepcopy(chain), dry, wet, frozen=frozen, time_budget_s=seconds, progress=watch)
        except KeyboardInterrupt:
            raise StoppedError from None
        return _told(nodes, found.fx, found.residual_db, how, found.certainty, found.notices)

    return work


def _measures(like: Likeness) -> list[dict[str, Any]]:
    """What was matched, as a page lists it."""
    return [
        {"name": m.name, "unit": m.unit, "before": m.before, "after": m.after, "reference": m.reference}
        for m in like.measures
    ]


class _Watch:
    """Tells a page how a fit goes, now and then: the error, and curves at the settings by now."""

    def __init__(self, nodes: list[Node], chain: Chain, how: How, tell: Tell, stop: threading.Event) -> None:
        self.how: How = how
        self.nodes, self.chain, self.tell, self.stop = nodes, copy.deepcopy(chain), tell, stop
        self.told, self.steps = 0.0, 0
        self.errors: list[float] = []

    def __call__(self, error: float, place: Tensor) -> None:
        if self.stop.is_set():
            raise KeyboardInterrupt
        self.steps += 1
        shown = _shown(error, self.how)
        self.errors.append(min(shown, self.errors[-1]) if self.errors else shown)
        if len(self.errors) > _MOST_SHOWN:
            self.errors = self.errors[::2]
        now = time.monotonic()
        if now - self.told < _SHOWN_EVERY:
            return
        self.told = now
        self._set(place)
        curves = {
            node.id: pictures.curve(self.chain[node.name]) for node in self.nodes if _is_light(self.chain[node.name])
        }
        self.tell(errors=list(self.errors), steps=self.steps, curves=curves, how=self.how)

    def _set(self, place: Tensor) -> None:
        flat: Any = self.chain.map_parameters(place[None])
        self.chain.set({name: float(value) for name, value in self.chain.to_dict(flat).items()})


def _is_light(fx: Processor) -> bool:
    """Whether a curve is drawn at once: not of what rings for seconds."""
    return ("linear" in fx.traits and fx.tail_seconds() < 0.1) or not fx.traits & {"linear"}


def _shown(error: float, how: How) -> float:
    """An error as a page shows it: of the waveform in dB of the wet one, or in differences that are about heard."""
    return round(10 * math.log10(max(error, 1e-12)), 2) if how == "wet" else round(math.sqrt(error), 3)


def _value(fx: Processor, name: str) -> float:
    held: Any = fx.setting(name)
    return fx.params[name].default if held is None else float(held)


def _told(
    nodes: list[Node], fx: Processor, error: float, how: How, certainty: dict[str, Certainty], notices: list[str]
) -> dict[str, Any]:
    of = {node.name: node for node in nodes}
    rows = []
    for name, param in fx.params.items():
        step, _, knob = name.partition(".")
        known, value = certainty.get(name), _value(fx, name)
        rows.append(
            {
                "node": of[step].id,
                "step": step,
                "path": knob,
                "value": value,
                "unit": param.unit,
                "at": float(param.to_norm(value)),
                "low": None if known is None else float(param.to_norm(known.low)),
                "high": None if known is None else float(param.to_norm(known.high)),
                "said": None if known is None else [known.low, known.high],
                "determined": known is None or known.determined,
            }
        )
    return {"error": error, "how": how, "rows": rows, "notices": notices}


def _part(path: Any, rate: float, start: float, stop: float) -> Tensor:
    """Samples (1, C, T) of a file at a rate."""
    info = audio_info(path)
    first = round(start * rate)
    frames = min(round((stop - start) * rate), resampled_frames(info, round(rate)) - first)
    if frames <= 0:
        raise ValueError(f"{path.name}: ends before the loop begins")
    blocks = [torch.from_numpy(b.T.copy()) for b in read_blocks(path, frames, round(rate), first, frames)]
    return torch.cat(blocks, -1)[None]
