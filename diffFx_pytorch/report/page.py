"""A page to hear and see the effect of a chain, as one HTML file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources

import numpy as np
import torch
from torch import Tensor

from ..automation import values_of
from ..control import Knobs, KnobValue, as_dict
from ..params import EffectParam
from ..processor import Processor
from ..render.atomic import replacing
from ..routing import Chain
from .players import sound_address
from .svg import WIDTH, Line, plot

_LOWEST_HZ = 20.0
_BANDS_AN_OCTAVE = 12
_FFT = 8192


def write_page(
    path: str | os.PathLike[str],
    title: str,
    takes: Mapping[str, Tensor],
    sample_rate: int,
    chain: Chain,
    dsp_params: Knobs | None = None,
) -> None:
    """Write a page with players that switch between takes, waveforms, spectra, and every effect's curve and knobs.

    Args:
        path: of the page.
        title: heading.
        takes: name to sound (C, T); the first is drawn behind, the last in front.
        sample_rate: in Hz.
        chain: what made the last take of the first.
        dsp_params: its settings, one item.
    """
    given = as_dict({} if dsp_params is None else dsp_params, chain.params)
    values = {name: values_of(given.get(name, param.default)) for name, param in chain.params.items()}
    cards = "".join(
        _card(name, fx, {knob: values[f"{name}.{knob}"] for knob in fx.params})
        for name, fx in chain.steps.items()
        if isinstance(fx, Processor)
    )
    about = " &rarr; ".join(escape(type(fx).__name__) for fx in chain.steps.values())
    write_takes(path, title, takes, sample_rate, about, cards)


def write_takes(
    path: str | os.PathLike[str],
    title: str,
    takes: Mapping[str, Tensor],
    sample_rate: int,
    about: str = "",
    cards: str = "",
    *,
    styles: Sequence[str] | None = None,
    gains: Sequence[float] | None = None,
    shown: str | None = None,
    compressed: bool = False,
) -> None:
    """Write a page with players that switch between takes, waveforms and spectra.

    Args:
        path: of the page.
        title: heading.
        takes: name to sound (C, T); the first is drawn behind, the last in front.
        sample_rate: in Hz.
        about: HTML below the heading.
        cards: HTML below the spectra.
        styles: CSS class of each take, its colour; None is "dry" and "wet".
        gains: of each take, at which all are as loud; a switch then plays them so.
        shown: the take that is heard first; None is the last.
        compressed: whether sounds are Ogg Vorbis in place of 16-bit WAV: a tenth of the size.
    """
    styles_of = dict(zip(takes, styles or ("dry", *("wet",) * (len(takes) - 1)), strict=True))
    switches = "".join(
        f'<button data-take="{i}" title="{escape(name)}">{escape(name)}</button>' for i, name in enumerate(takes)
    )
    sounds = "".join(
        f'<audio preload="auto" data-gain="{gain:.4f}" '
        f'src="{sound_address(x, sample_rate, compressed=compressed)}"></audio>'
        for x, gain in zip(takes.values(), gains or (1.0,) * len(takes), strict=True)
    )
    keys = {name: f'<span class="key {style}">{escape(name)}</span>' for name, style in styles_of.items()}
    longest = max(x.shape[-1] for x in takes.values()) / sample_rate
    loudest = max(float(x.abs().max()) for x in takes.values()) or 1.0
    waves = "".join(
        keys[name]
        + plot(
            [_wave(x, sample_rate, styles_of[name])],
            "time (s)",
            "amplitude",
            x_range=(0.0, longest),
            y_range=(-1.05 * loudest, 1.05 * loudest),
            height=130,
        )
        for name, x in takes.items()
    )
    spectra = plot(
        [spectrum(x, sample_rate, styles_of[n]) for n, x in takes.items()], "frequency (Hz)", "level (dB)", x_log=True
    )
    page = resources.files("diffFx_pytorch.report").joinpath("data/page.html").read_text(encoding="utf-8")
    parts = {
        "title": escape(title),
        "chain": about,
        "switches": switches,
        "shown": str([*takes].index(shown) if shown else len(takes) - 1),
        "match": "" if gains is None else '<label><input type="checkbox" id="match"> same loudness</label>',
        "sounds": sounds,
        "legend": "".join(keys.values()),
        "waves": waves,
        "spectra": spectra,
        "cards": cards,
    }
    for name, part in parts.items():
        page = page.replace(f"{{{{{name}}}}}", part)
    with replacing(path) as file:
        file.write_text(page, encoding="utf-8")


def _wave(x: Tensor, sample_rate: int, style: str) -> Line:
    columns = min(WIDTH, x.shape[-1])
    edges = np.linspace(0, x.shape[-1], columns + 1).astype(int)[:-1]
    sound = x.cpu().numpy()
    low, high = (f(axis=0) for f in (sound.min, sound.max))
    return Line(edges / sample_rate, np.maximum.reduceat(high, edges), style, np.minimum.reduceat(low, edges))


def spectrum(x: Tensor, sample_rate: int, style: str) -> Line:
    """Mean power of the channels in bands of a twelfth of an octave; 0 dB is a full-scale sine."""
    size = min(_FFT, x.shape[-1])
    window = torch.hann_window(size, dtype=torch.float64)
    frames = x.cpu().double().unfold(-1, size, max(1, size // 2))
    power = (2 * torch.fft.rfft(frames * window).abs() / window.sum()).square().mean(dim=(0, 1)).numpy()
    frequency = np.fft.rfftfreq(size, 1 / sample_rate)
    octaves = np.log2(0.5 * sample_rate / _LOWEST_HZ)
    centres = _LOWEST_HZ * 2 ** np.linspace(0, octaves, int(octaves * _BANDS_AN_OCTAVE))
    width = 2 ** (0.5 / _BANDS_AN_OCTAVE)
    cumulated = np.concatenate([[0.0], np.cumsum(power)])
    bins = np.arange(len(cumulated)) * (frequency[1] if size > 1 else 1.0)
    # Interpolating the cumulated power gives bands narrower than a bin their share of it.
    low, high = (np.interp(centres * w, bins, cumulated) for w in (1 / width, width))
    return Line(centres, 10 * np.log10(np.maximum(high - low, 1e-12)), style)


def _card(name: str, fx: Processor, values: Mapping[str, KnobValue]) -> str:
    summary = (type(fx).__doc__ or "").strip().split("\n\n")[0]
    rows = "".join(_row(knob, fx.params[knob], value) for knob, value in values.items())
    return (
        f"<section class=card><h2>{escape(name)} <small>{escape(type(fx).__name__)}</small></h2>"
        f"<p>{escape(summary)}</p>{curve_of(fx, values)}"
        f"<table><thead><tr><th>Knob<th>Setting<th>Position<th>Range<th>What it does</thead>{rows}</table></section>"
    )


def curve_of(fx: Processor, values: Mapping[str, KnobValue]) -> str:
    """The curve of an effect; for automated knobs, that of their last points behind that of their first."""
    ends = [{knob: _point(value, at) for knob, value in values.items()} for at in (-1, 0)]
    lines = []
    try:
        with torch.no_grad():
            curves = [fx.curve(**fx.knobs(torch.zeros(1, 1, 1, dtype=torch.float64), dsp_params=end)) for end in ends]
    except NotImplementedError:
        return ""
    for curve, style in zip(curves, ("later", "wet"), strict=True):
        x, y = (part.detach().double().cpu().numpy() for part in (curve.x, curve.y))
        shown = (x > 0) if curve.x_log else np.ones(len(x), bool)
        lines.append(Line(x[shown], y[shown], style))
    now = curves[-1]
    moves = any(isinstance(value, Tensor) and value.numel() > 1 for value in values.values())
    legend = '<span class="key wet">at the beginning</span><span class="key later">at the end</span>' if moves else ""
    return legend + plot(lines if moves else lines[1:], now.x_label, now.y_label, x_log=now.x_log, height=200)


def _point(value: KnobValue, at: int) -> KnobValue:
    return value[:, at] if isinstance(value, Tensor) and value.dim() == 2 else value


def _row(knob: str, param: EffectParam, value: KnobValue) -> str:
    points = torch.as_tensor(value, dtype=torch.float64).flatten()
    positions = (100 * param.to_norm(points)).tolist()
    left, right = min(positions), max(positions)
    setting = " &rarr; ".join(f"{v:.4g}" for v in points.tolist())
    bar = f'<i style="left:{left:.1f}%;width:{right - left:.1f}%"></i>'
    return (
        f"<tr><td><code>{escape(knob)}</code><td class=n>{setting} {escape(param.unit)}"
        f"<td><div class=knob>{bar}</div><td class=range>{escape(param.range_text())}<td>{escape(param.doc)}"
    )
