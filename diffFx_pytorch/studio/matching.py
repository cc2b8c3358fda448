"""Looking for settings with which the rack makes a wet recording of its sound, or sounds like a reference."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor

from ..dsp.power_spectrogram import power_spectrogram
from ..files import audio_info, read_blocks, resampled_frames
from ..fit import Certainty, Stage, fit
from ..processor import Processor
from ..routing import Chain
from . import pictures
from .engine import heard_of
from .jobs import StoppedError, Tell
from .nodes import Node
from .session import Session

How = Literal["wet", "reference"]
_LONGEST = 10.0
_SHOWN_EVERY, _MOST_SHOWN = 0.25, 400
_STEPS, _STARTS, _FFT = 120, 4, 2048


def matching(
    session: Session, name: str, how: How = "wet", seconds: float = 20.0, frozen: tuple[str, ...] = ()
) -> Callable[[Tell, threading.Event], dict[str, Any]]:
    """The job that looks for the settings of the rack that is heard; bypassed effects stay out of it.

    Args:
        session: its sound, from the beginning of the loop on, is the dry one.
        name: of a sound file of the folder: the same take after the effects ("wet"), whose samples are compared, or
            any other sound ("reference"), whose colour and level are.
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
    wet = _part(path, rate, start, stop) if how == "wet" else _part(path, rate, 0.0, stop - start)
    if how == "reference" and wet.shape[-1] < dry.shape[-1]:
        wet = wet.repeat(1, 1, -(-dry.shape[-1] // wet.shape[-1]))[..., : dry.shape[-1]]
    if dry.shape[1] == 1 and wet.shape[1] == 2 and chain.channels_out != 2:
        dry = dry.expand(-1, 2, -1)
    elif wet.shape[1] == 1 and dry.shape[1] == 2 and chain.channels_out in (None, 2):
        wet = wet.expand(-1, 2, -1)

    def work(tell: Tell, stop: threading.Event) -> dict[str, Any]:
        watch = _Watch(nodes, chain, how, tell, stop)
        # Kernels use the cores by themselves, and the sound that plays meanwhile needs one.
        stages = None if how == "wet" else [Stage(_STEPS, Likeness(), starts=_STARTS)]
        try:
            found = fit(
                copy.deepcopy(chain),
                dry,
                wet,
                stages=stages,
                frozen=frozen,
                time_budget_s=seconds,
                align=how == "wet",
                progress=watch,
            )
        except KeyboardInterrupt:
            raise StoppedError from None
        if how == "wet":
            return _told(nodes, found.fx, found.residual_db, how, found.certainty, found.notices)
        near = watch.set_to_best()  # the fit's own choice is by the waveform, which a reference does not share
        with torch.no_grad():
            return _told(nodes, near, float(Likeness()(near(dry), wet)[0]), how, {}, [])

    return work


class Likeness(torch.nn.Module):
    """How far two sounds are apart in colour and level, whatever they play: the mean spectra in thirds of an octave.

    L = mean |10 log10 P_y(b) - 10 log10 P_t(b)| over bands b, and half as much of their spread over time, in dB.

    Shape:
        y (B, C, T), target (1, C, T); one number an item, (B,).
    """

    def forward(self, y: Tensor, target: Tensor) -> Tensor:
        """The difference in dB."""
        (mean_y, spread_y), (mean_t, spread_t) = _colour(y), _colour(target)
        return (mean_y - mean_t).abs().mean((1, 2)) + 0.5 * (spread_y - spread_t).abs().mean((1, 2))


def _colour(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean level of each band in dB, and by how much it varies, (B, C, bands)."""
    powers = power_spectrogram(x, _FFT, _FFT // 2)
    edges = torch.logspace(0.3, 3.0, 28).round().long().unique().to(x.device)
    sums = torch.nn.functional.pad(powers.cumsum(-2), (0, 0, 1, 0))
    bands = sums[..., edges[1:], :] - sums[..., edges[:-1], :]
    floor = 1e-7 * bands.detach().amax((-2, -1), keepdim=True) + 1e-12
    levels = 10 * (bands + floor).log10()
    return 10 * (bands.mean(-1) + floor[..., 0]).log10(), (levels.var(-1, unbiased=False) + 1e-6).sqrt()


class _Watch:
    """Tells a page how a fit goes, now and then: the error, and curves at the settings by now."""

    def __init__(self, nodes: list[Node], chain: Chain, how: How, tell: Tell, stop: threading.Event) -> None:
        self.how: How = how
        self.nodes, self.chain, self.tell, self.stop = nodes, copy.deepcopy(chain), tell, stop
        self.told, self.steps = 0.0, 0
        self.errors: list[float] = []
        self.best: tuple[float, Tensor] | None = None

    def __call__(self, error: float, place: Tensor) -> None:
        if self.stop.is_set():
            raise KeyboardInterrupt
        self.steps += 1
        if self.best is None or error < self.best[0]:
            self.best = (error, place.detach().clone())
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

    def set_to_best(self) -> Chain:
        """The chain at the best setting that was seen; as it was, where none was."""
        if self.best is not None:
            self._set(self.best[1])
        return self.chain

    def _set(self, place: Tensor) -> None:
        flat: Any = self.chain.map_parameters(place[None])
        self.chain.set({name: float(value) for name, value in self.chain.to_dict(flat).items()})


def _is_light(fx: Processor) -> bool:
    """Whether a curve is drawn at once: not of what rings for seconds."""
    return ("linear" in fx.traits and fx.tail_seconds() < 0.1) or not fx.traits & {"linear"}


def _shown(error: float, how: How) -> float:
    """An error in dB: of the waveform relative to the wet one, or of the colour."""
    return round(10 * torch.tensor(max(error, 1e-12)).log10().item(), 2) if how == "wet" else round(error, 3)


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
