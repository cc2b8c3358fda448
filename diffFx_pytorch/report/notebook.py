"""Effects in a notebook: a player, and sliders made from the table of knobs. Needs IPython and ipywidgets."""

from __future__ import annotations

import base64
import importlib
import io
import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from ..control import unknown_name
from ..params import EffectParam
from ..processor import Processor

_STEPS = 200


def player(x: Tensor, sample_rate: float, label: str = "", *, normalize: bool = False) -> Any:
    """A player of a sound, to be shown in a notebook.

    Args:
        x: (B, C, T), of which the first item is played, or (C, T).
        sample_rate: in Hz.
        label: a line above the player.
        normalize: whether the sound is scaled to full level; False plays it as it is, so that levels compare. What
            is above full scale is then scaled down, and the label says by how much.

    Raises:
        ImportError: without IPython.
        ValueError: for what is neither mono nor stereo.
    """
    display = _import("IPython.display")
    sound = x[0] if x.dim() == 3 else x
    if sound.dim() != 2 or sound.shape[0] not in (1, 2):
        raise ValueError(f"a player takes mono or stereo, (B, C, T) or (C, T), got shape {tuple(x.shape)}")
    sound = sound.detach().float().cpu()
    peak = float(sound.abs().max()) if sound.numel() else 0.0
    if peak > 1 and not normalize:
        sound = sound / peak
        label = f"{label} (peaks at {20 * math.log10(peak):+.1f} dB full scale, turned down to 0)".strip()
    audio = display.Audio(sound.numpy(), rate=round(sample_rate), normalize=normalize)
    return display.HTML(f"<div>{label}</div>{audio._repr_html_()}" if label else audio._repr_html_())


def knob_sliders(
    fx: Processor,
    x: Tensor,
    dsp_params: Mapping[str, float] | None = None,
    *,
    only: Iterable[str] | None = None,
    plot: bool = True,
) -> Any:
    """Sliders for the knobs of an effect, made from its table; under them the processed sound.

    A slider follows the knob's curve and shows its unit and, pointed at, what it does. Letting go of one renders the
    sound again.

    Args:
        fx: the effect or chain.
        x: (1, C, T), the sound.
        dsp_params: where the knobs begin, in their units; names left out begin at their defaults.
        only: names of the knobs that get a slider; None is all.
        plot: whether the effect's curve, where it has one, is drawn too.

    Returns:
        A widget; its ``settings()`` gives the values of all knobs, its ``sliders`` are the sliders by name.

    Raises:
        ImportError: without ipywidgets, with the command that installs it.
        ValueError: for unknown names or values out of range.
    """
    widgets = _import("ipywidgets")
    fx.demap_parameters(dict(dsp_params or {}))  # refuses what is out of range, where a slider would move it
    values = fx.default_params() | {name: float(value) for name, value in (dsp_params or {}).items()}
    names = list(fx.params) if only is None else list(only)
    for name in names:
        if name not in fx.params:
            raise ValueError(f"{type(fx).__name__}: {unknown_name(name, fx.params, 'knob')}")
    sliders = {name: slider(name, fx.params[name], values[name]) for name in names}
    out = widgets.Output()
    draws = plot and type(fx).curve is not Processor.curve

    def settings() -> dict[str, float]:
        return values | {name: s.value for name, s in sliders.items()}

    def render(change: object = None) -> None:
        now = settings()
        with torch.no_grad():
            y = fx(x, dsp_params=now)
        shown = [{"text/html": player(y, fx.sample_rate).data}]
        if draws:
            shown.append({"image/png": _drawn(fx, now)})
        # One assignment: clearing and showing in turn makes the page jump.
        out.outputs = tuple({"output_type": "display_data", "data": data, "metadata": {}} for data in shown)

    for s in sliders.values():
        s.observe(render, "value")
    render()
    columns = widgets.GridBox(
        list(sliders.values()),
        layout=widgets.Layout(grid_template_columns="repeat(auto-fill, minmax(420px, 1fr))"),
    )
    page = widgets.VBox([columns, out])
    page.settings, page.sliders = settings, sliders
    return page


def slider(name: str, param: EffectParam, value: float) -> Any:
    """A slider for one knob: even steps for a linear curve, even ratios for a logarithmic one."""
    widgets = _import("ipywidgets")
    shared: dict[str, Any] = {
        "description": f"{name} ({param.unit})" if param.unit else name,
        "tooltip": f"{param.doc} {param.range_text()}".strip(),
        "readout_format": ".4g",
        "continuous_update": False,
        "style": {"description_width": "180px"},
        "layout": widgets.Layout(width="420px"),
    }
    if param.curve == "log":
        low, high = math.log10(param.min_val), math.log10(param.max_val)
        return widgets.FloatLogSlider(min=low, max=high, step=(high - low) / _STEPS, base=10.0, value=value, **shared)
    step = (param.max_val - param.min_val) / _STEPS
    return widgets.FloatSlider(min=param.min_val, max=param.max_val, step=step, value=value, **shared)


def _drawn(fx: Processor, settings: Mapping[str, float]) -> str:
    """The effect's curve as a PNG, base64."""
    figure = fx.plot(dsp_params=settings).figure
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=80)
    importlib.import_module("matplotlib.pyplot").close(figure)
    return base64.b64encode(png.getvalue()).decode()


def _import(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.split(".")[0].lower()
        raise ImportError(f"this needs {package}: pip install {package}") from error
