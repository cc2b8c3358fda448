"""A page of a fit: what was found, how sure it is, and how it sounds."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..fit.certainty import Certainty
from ..fit.level_losses import loudness_lufs
from ..fit.likeness import Likeness
from ..fit.loop import FitResult
from ..fit.outcome import percent
from ..processor import Processor
from ..routing import Chain
from .page import curve_of, spectrum, write_takes
from .svg import Line, plot

_HEARD_S = 30.0
"""Of a long sound only so much is put into the page."""
_FRAME_S = 0.05
_SILENT = 1e-6


def write_fit_page(
    path: str | os.PathLike[str],
    title: str,
    found: FitResult,
    dry: Tensor,
    wet: Tensor | None = None,
    *,
    said: Sequence[str] = (),
) -> None:
    """Write a page of a fit as one file that works offline: sentences, players, curves, knobs with their certainty.

    Args:
        path: of the page.
        title: heading.
        found: of ``fit``; its effect is a ``Chain`` or a single effect.
        dry: (1, C, T).
        wet: (1, C', T'), as it was recorded; None is the first that ``found`` was compared with, moved into step.
        said: sentences that come first.
    """
    fx = found.fx
    moved = found.alignments[0] if found.alignments else None
    target = wet if moved is None else moved.wet
    if target is None:
        raise ValueError("write_fit_page: give wet, for the result names no recording")
    skipped, rate = (0 if moved is None else moved.skipped), round(fx.sample_rate)
    length = min(target.shape[-1], round(_HEARD_S * rate))
    late = fx.latency_samples + skipped
    x = F.pad(dry, (0, max(0, length + late - dry.shape[-1])))[..., : length + late]
    with torch.no_grad():
        fitted = fx(x)[..., late:]
    takes = {
        "dry": x[0, :, skipped : skipped + length],
        "target": target[0, :, :length],
        "fitted": fitted[0],
    }
    channels = takes["target"].shape[0]
    takes = {n: t.expand(channels, -1) if t.shape[0] == 1 else t for n, t in takes.items()}
    takes["difference"] = takes["target"] - takes["fitted"]
    takes = {name: take.detach().float().cpu() for name, take in takes.items()}
    chain = fx if isinstance(fx, Chain) else None
    steps = {type(fx).__name__.lower(): fx} if chain is None else dict(chain.steps.items())
    cards = [
        _card(name, step, "" if chain is None else f"{name}.", found.settings, found.certainty)
        for name, step in steps.items()
    ]
    write_takes(
        path,
        title,
        takes,
        rate,
        " &rarr; ".join(escape(type(step).__name__) for step in steps.values()) + _words(found, said, length, target),
        _changes(takes, rate) + "".join(cards) + _loss(found.history),
        styles=("dry", "target", "wet", "left"),
        gains=_gains(takes, rate),
        shown="fitted",
        compressed=True,
    )


def write_likeness_page(
    path: str | os.PathLike[str], title: str, found: Likeness, dry: Tensor, reference: Tensor
) -> None:
    """Write a page of ``fit_like``: what was matched before and after, players, curves, knobs.

    Args:
        path: of the page.
        title: heading.
        found: the result.
        dry: (1, C, T).
        reference: (1, C', T').
    """
    fx = found.fx
    rate, late = round(fx.sample_rate), fx.latency_samples
    x = dry[..., : round(_HEARD_S * rate)]
    with torch.no_grad():
        y = fx(F.pad(x, (0, late)))[..., late:]
    takes = {"dry": x[0], "reference": reference[0, :, : round(_HEARD_S * rate)], "found": y[0]}
    takes = {name: take.detach().float().cpu() for name, take in takes.items()}
    rows = "".join(
        f"<tr><td>{escape(m.name)}<td class=n>{m.before:.1f}<td class=n>{m.after:.1f}<td class=n>{m.reference:.1f}"
        f"<td>{escape(m.unit)}"
        for m in found.measures
    )
    explained = [line.strip() for line in fx.explain().splitlines() if line.strip()]
    words = (
        f"<section class=card><div class=figure>Distance {found.before:.1f} before, {found.after:.1f} after</div>"
        "<p>In differences that are about heard. The spectrum is the difference of its bands from the reference's.</p>"
        f"<table><thead><tr><th>Matched<th>Before<th>After<th>Reference<th>Unit</thead>{rows}</table>"
        f"<h2>What it does</h2>{_list(explained)}"
        + (f"<h2>What to know</h2>{_list(found.notices)}" if found.notices else "")
        + "</section>"
    )
    steps = dict(fx.steps.items()) if isinstance(fx, Chain) else {type(fx).__name__.lower(): fx}
    paths = {name: f"{name}." if isinstance(fx, Chain) else "" for name in steps}
    cards = [_card(name, step, paths[name], found.settings, {}) for name, step in steps.items()]
    about = " &rarr; ".join(escape(type(step).__name__) for step in steps.values())
    styles = ("dry", "target", "wet")
    levels = [float(loudness_lufs(take[None], rate)[0]) for take in takes.values()]
    gains = [10 ** (max(min(levels) - level, -40.0) / 20) for level in levels]
    write_takes(
        path,
        title,
        takes,
        rate,
        about + words,
        "".join(cards),
        styles=styles,
        gains=gains,
        shown="found",
        compressed=True,
    )


def _words(found: FitResult, said: Sequence[str], length: int, target: Tensor) -> str:
    share = f"{percent(found.explained)} of the change explained"
    share = "The two recordings are equal" if math.isnan(found.explained) else share
    heard = [f"the page holds the first {_HEARD_S:g} s"] if length < target.shape[-1] else []
    explained = [line.strip() for line in found.fx.explain().splitlines() if line.strip()]
    # What is to be known of a knob is said beside it.
    notices = [text for text in (*said, *found.notices) if text.split(" ")[0] not in found.certainty]
    sure = sum(known.determined for known in found.certainty.values())
    knobs = f"{sure} of {len(found.certainty)} knobs are settled by the sound." if found.certainty else ""
    return (
        f"<section class=card><div class=figure>{escape(share)}</div>"
        f"<p>What is left is {found.residual_db:.1f} dB of the target. {knobs}</p>"
        f"<h2>What it does</h2>{_list(explained)}"
        + (f"<h2>What to know</h2>{_list([*notices, *heard])}" if notices or heard else "")
        + "</section>"
    )


def _list(texts: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(text)}' for text in texts)}</ul>"


def _gains(takes: dict[str, Tensor], rate: int) -> list[float]:
    """Gains, 1 at most, that make dry, target and fitted equally loud; the difference goes with the target."""
    levels = {name: float(loudness_lufs(take[None], rate)[0]) for name, take in takes.items()}
    levels["difference"] = levels["target"]
    lowest = min(levels.values())
    return [10 ** (max(lowest - level, -40.0) / 20) for level in levels.values()]


def _changes(takes: dict[str, Tensor], rate: int) -> str:
    """What was done to the spectrum and to the level over time, by the target and by what was found."""
    keys = '<span class="key target">target</span><span class="key wet">fitted</span>'
    dry = spectrum(takes["dry"], rate, "dry")
    response, level = [], []
    frame = max(1, round(_FRAME_S * rate))
    loud = _levels(takes["dry"], frame)
    for name, style in (("target", "target"), ("fitted", "wet")):
        seen = spectrum(takes[name], rate, style)
        heard = dry.y > dry.y.max() - 80
        response.append(Line(seen.x[heard], (seen.y - dry.y)[heard], style))
        change = 10 * np.log10(_levels(takes[name], frame) / loud)
        level.append(Line(np.arange(len(change)) * frame / rate, change, style))
    return (
        f"<section class=card><h2>Change of the spectrum</h2>{keys}"
        + plot(response, "frequency (Hz)", "change (dB)", x_log=True)
        + f"</section><section class=card><h2>Change of the level</h2>{keys}"
        + plot(level, "time (s)", "change (dB)", height=180)
        + "</section>"
    )


def _levels(x: Tensor, frame: int) -> np.ndarray:
    power = F.avg_pool1d(x.square().mean(0)[None, None], frame, ceil_mode=True)[0, 0].numpy()
    return power + _SILENT * max(float(power.max()), 1e-12)


def _card(name: str, fx: Any, path: str, settings: Mapping[str, float], certainty: Mapping[str, Certainty]) -> str:
    values = {knob: settings[path + knob] for knob in fx.params}
    rows = "".join(_row(knob, fx, values[knob], certainty.get(path + knob)) for knob in fx.params)
    curve = curve_of(fx, values) if isinstance(fx, Processor) else ""
    return (
        f"<section class=card><h2>{escape(name)} <small>{escape(type(fx).__name__)}</small></h2>{curve}"
        f"<table><thead><tr><th>Knob<th>Setting<th>Range<th>Could be<th>What it does</thead>{rows}</table></section>"
    )


def _row(knob: str, fx: Processor, value: float, known: Certainty | None) -> str:
    param = fx.params[knob]
    at = 100 * param.to_norm(param.inside(value))
    bar, could = "", f'<span class="range">{escape(param.range_text())}</span>'
    if known is not None:
        left, right = (100 * param.to_norm(param.inside(end)) for end in (known.low, known.high))
        loose = "" if known.determined else " class=loose"
        bar = f'<b{loose} style="left:{left:.1f}%;width:{max(right - left, 0.5):.1f}%"></b>'
        could = f"{known.low:.3g} to {known.high:.3g}"
        if not known.determined:
            against = f" with {', '.join(known.against)}" if known.against else ""
            could = f'<span class="loose">not settled: {could}{escape(against)}</span>'
        elif known.at_end:
            could += ' <span class="loose">at the end</span>'
    return (
        f"<tr><td><code>{escape(knob)}</code><td class=n>{value:.4g} {escape(param.unit)}"
        f'<td><div class=knob title="{escape(param.range_text())}">{bar}<i style="left:{at:.1f}%"></i></div>'
        f"<td>{could}<td>{escape(param.doc)}"
    )


def _loss(history: Sequence[Sequence[float]]) -> str:
    losses = np.array([loss for stage in history for loss in stage if math.isfinite(loss)])
    if len(losses) < 2:
        return ""
    line = Line(np.arange(1, len(losses) + 1), 10 * np.log10(np.maximum(losses, 1e-15)), "wet")
    return (
        "<section class=card><h2>Error by step</h2><p>The lowest so far, relative to the target.</p>"
        + plot([line], "step", "error (dB)", height=180)
        + "</section>"
    )
