"""Effects in a notebook: players, and sliders made from the table of knobs. Needs IPython and ipywidgets."""

from __future__ import annotations

import asyncio
import importlib
import math
from collections.abc import Callable, Iterable, Mapping
from html import escape
from typing import Any

import torch
from torch import Tensor

from ..control import Knobs, unknown_name
from ..params import EffectParam
from ..processor import Processor
from ..views import svg_of
from .players import sound_address, takes_html, takes_of

_STEPS = 200
_REST_S = 0.25
"""Seconds for which a slider rests before the sound follows."""
_PANELS = 2
"""Pictures of an effect that are shown."""


def player(x: Tensor, sample_rate: float, label: str = "", *, normalize: bool = False, compressed: bool = True) -> Any:
    """A player of a sound, to be shown in a notebook.

    Args:
        x: (B, C, T), of which the first item is played, or (C, T).
        sample_rate: in Hz.
        label: a line above the player.
        normalize: whether the sound is scaled to full level; False plays it as it is, so that levels compare. What
            is above full scale is then scaled down, and the label says by how much.
        compressed: whether it is Ogg Vorbis, so that the notebook stays small, or WAV of 16 bits.

    Raises:
        ImportError: without IPython.
        ValueError: for what is neither mono nor stereo.
    """
    display = _import("IPython.display")
    sound = _first(x)
    if sound.shape[0] not in (1, 2):
        raise ValueError(f"a player takes mono or stereo, (B, C, T) or (C, T), got shape {tuple(x.shape)}")
    peak = float(sound.abs().max()) if sound.numel() else 0.0
    if peak > 1 or (normalize and peak > 0):
        sound = sound / peak
    if peak > 1 and not normalize:
        label = f"{label} (peaks at {20 * math.log10(peak):+.1f} dB full scale, turned down to 0)".strip()
    audio = f'<audio controls src="{sound_address(sound, sample_rate, compressed=compressed)}"></audio>'
    return display.HTML(f"<div>{escape(label)}</div>{audio}" if label else audio)


def compare(
    dry: Tensor, wet: Tensor, sample_rate: float, label: str = "", *, matched: bool = True, compressed: bool = True
) -> Any:
    """A player of two sounds and their difference, which go over into each other without losing the place.

    The second is brought to the loudness of the first (ITU-R BS.1770), for louder sounds better; the label says by how
    much. The difference is what remains then: after less before.

    Args:
        dry: (B, C, T), of which the first item is played, or (C, T).
        wet: in the same form, in step with it.
        sample_rate: in Hz.
        label: a line above the player.
        matched: whether loudness is matched; False plays both as they are.
        compressed: as for ``player``.

    Raises:
        ImportError: without IPython.
        ValueError: for what is neither mono nor stereo.
    """
    display = _import("IPython.display")
    return display.HTML(_compared(dry, wet, sample_rate, label, matched, compressed))


def listen(
    fx: Processor,
    x: Tensor,
    dsp_params: Knobs | None = None,
    *,
    label: str = "",
    matched: bool = True,
    plot: bool = True,
) -> Any:
    """What an effect does to a sound: ``compare`` before and after it, and its first pictures.

    Args:
        fx: the effect or chain; its latency is made up for.
        x: (1, C, T), the sound.
        dsp_params: as for ``fx``; what is left out takes the settings of ``fx``.
        label: a line above.
        matched: as for ``compare``.
        plot: whether pictures are drawn.

    Raises:
        ImportError: without IPython.
    """
    display = _import("IPython.display")
    html = _compared(x, processed(fx, x, dsp_params), fx.sample_rate, label or type(fx).__name__, matched)
    return display.HTML(html + (_drawn(fx, dsp_params) if plot else ""))


def processed(fx: Processor, x: Tensor, dsp_params: Knobs | None = None) -> Tensor:
    """The sound (B, C, T) through an effect, in step with it: the effect's latency is taken off."""
    late = fx.latency_samples
    with torch.no_grad():
        y = fx(torch.nn.functional.pad(x, (0, late)), dsp_params=dsp_params)
    return y[..., late:]


def knob_sliders(
    fx: Processor,
    x: Tensor,
    dsp_params: Mapping[str, float] | None = None,
    *,
    only: Iterable[str] | None = None,
    plot: bool = True,
    matched: bool = True,
) -> Any:
    """Sliders for the knobs of an effect, made from its table; under them what it does, and how that sounds.

    A slider follows the knob's curve and shows its unit and, pointed at, what it does. The picture moves with it; the
    sound is rendered again when it rests.

    Args:
        fx: the effect or chain.
        x: (1, C, T), the sound.
        dsp_params: where the knobs begin, in their units; names left out begin where the effect holds them.
        only: names of the knobs that get a slider; None is all.
        plot: whether the effect's picture is drawn too.
        matched: as for ``compare``.

    Returns:
        A widget; its ``settings()`` gives the values of all knobs, its ``sliders`` are the sliders by name.

    Raises:
        ImportError: without ipywidgets, with the command that installs it.
        ValueError: for unknown names or values out of range.
    """
    widgets = _import("ipywidgets")
    fx.demap_parameters(dict(dsp_params or {}))  # refuses what is out of range, where a slider would move it
    held = {name: float(v) for name, v in fx.settings.items() if isinstance(v, (int, float))}
    values = fx.default_params() | held | {name: float(value) for name, value in (dsp_params or {}).items()}
    names = list(fx.params) if only is None else list(only)
    for name in names:
        if name not in fx.params:
            raise ValueError(f"{type(fx).__name__}: {unknown_name(name, fx.params, 'knob')}")
    sliders = {name: slider(name, fx.params[name], values[name]) for name in names}
    drawn, heard = widgets.HTML(), widgets.Output()

    def settings() -> dict[str, float]:
        return values | {name: s.value for name, s in sliders.items()}

    def draw() -> None:
        if plot:
            drawn.value = _drawn(fx, settings(), 1)

    def render() -> None:
        html = _compared(x, processed(fx, x, settings()), fx.sample_rate, "", matched, difference=False)
        # One assignment: clearing and showing in turn makes the page jump.
        heard.outputs = ({"output_type": "display_data", "data": {"text/html": html}, "metadata": {}},)

    rested = _Rested(render)

    def moved(change: object) -> None:
        draw()
        rested.wait()

    for s in sliders.values():
        s.observe(moved, "value")
    draw()
    render()
    columns = widgets.GridBox(
        list(sliders.values()),
        layout=widgets.Layout(grid_template_columns="repeat(auto-fill, minmax(420px, 1fr))"),
    )
    page = widgets.VBox([columns, drawn, heard] if plot else [columns, heard])
    page.settings, page.sliders, page.drawn, page.heard = settings, sliders, drawn, heard
    return page


class _Rested:
    """Calls a function once nothing has been asked for ``_REST_S`` seconds; at once where no event loop runs."""

    def __init__(self, call: Callable[[], None]) -> None:
        self.call = call
        self.handle: asyncio.TimerHandle | None = None

    def wait(self) -> None:
        """Ask for it."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.call()
            return
        if self.handle is not None:
            self.handle.cancel()
        self.handle = loop.call_later(_REST_S, self.call)


def slider(name: str, param: EffectParam, value: float) -> Any:
    """A slider for one knob: even steps for a linear curve, even ratios for a logarithmic one."""
    widgets = _import("ipywidgets")
    shared: dict[str, Any] = {
        "description": f"{name} ({param.unit})" if param.unit else name,
        "tooltip": f"{param.doc} {param.range_text()}".strip(),
        "readout_format": ".4g",
        "continuous_update": True,
        "style": {"description_width": "180px"},
        "layout": widgets.Layout(width="420px"),
    }
    if param.curve == "log":
        low, high = math.log10(param.min_val), math.log10(param.max_val)
        return widgets.FloatLogSlider(min=low, max=high, step=(high - low) / _STEPS, base=10.0, value=value, **shared)
    step = (param.max_val - param.min_val) / _STEPS
    return widgets.FloatSlider(min=param.min_val, max=param.max_val, step=step, value=value, **shared)


def _compared(
    dry: Tensor,
    wet: Tensor,
    sample_rate: float,
    label: str,
    matched: bool,
    compressed: bool = True,
    difference: bool = True,
) -> str:
    before, after = _first(dry), _first(wet)
    for name, sound in (("dry", before), ("wet", after)):
        if sound.shape[0] not in (1, 2):
            raise ValueError(f"a player takes mono or stereo, got {sound.shape[0]} channels as {name}")
    takes, gain_db = takes_of(before, after, sample_rate, matched=matched)
    if not difference:
        del takes["difference"]
    said = f"after is {gain_db:+.1f} dB, as loud as before" if matched else ""
    return takes_html(takes, sample_rate, ": ".join(filter(None, (label, said))), compressed=compressed)


def _first(x: Tensor) -> Tensor:
    """The first item of a batch as (C, T), on the CPU."""
    sound = x[0] if x.dim() == 3 else x
    if sound.dim() != 2:
        raise ValueError(f"a player takes mono or stereo, (B, C, T) or (C, T), got shape {tuple(x.shape)}")
    return sound.detach().float().cpu()


def _drawn(fx: Processor, dsp_params: Knobs | None, panels: int = _PANELS) -> str:
    """The first pictures of an effect, in a scroll box for narrow pages."""
    views = fx.views(dsp_params=dsp_params)[:panels]
    width = 540 * len(views)
    return f'<div style="max-width:{width}px">{svg_of(views, "light")}</div>' if views else ""


def _import(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.split(".")[0].lower()
        raise ImportError(f"this needs {package}: pip install {package}") from error
