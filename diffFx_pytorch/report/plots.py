"""Plots of effects and of sound. Needs matplotlib.

``effect`` (or ``fx.plot``) draws what an effect does, ``compare`` two sounds, ``room`` an impulse response,
``response`` the frequency response of one, ``echoes`` its echoes, ``stereo`` the image of a sound,
``gain_over_time`` what was done to a level. Colours are those of ``views.palette``, for light pages and dark.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..control import Knobs
from ..curve import pyplot
from ..dsp.power_spectrogram import power_spectrogram
from ..processor import Processor
from ..sound import Sound
from ..views import COLOURS, Theme, View, figure_of, number
from ..views.compared import compared_views
from ..views.filters import response_views
from ..views.levels import sounds_views
from ..views.rooms import echo_views, room_views
from ..views.stereo import correlation_view, goniometer_view

BEFORE, AFTER = COLOURS["light"]["dry"], COLOURS["light"]["wet"]
"""Colours of the dry and the wet signal, everywhere."""

_FLOOR_DB = -100.0


def effect(
    fx: Processor,
    *,
    norm_params: Knobs | None = None,
    dsp_params: Knobs | None = None,
    x: Sound | None = None,
    theme: Theme | None = None,
) -> Any:
    """A figure of what an effect does; ``fx.plot``, which see."""
    return fx.plot(norm_params=norm_params, dsp_params=dsp_params, x=x, theme=theme)


def compare(dry: Sound, wet: Sound, sample_rate: float, *, theme: Theme | None = None) -> Any:
    """A figure of two sounds, (T,), (C, T) or (1, C, T): levels over time, spectra, the change of the spectrum.

    Two stereo sounds show their images too: goniometers, and the correlation of the sides over frequency.
    """
    before, after = sound_of(dry), sound_of(wet)
    views = compared_views(before, after, sample_rate)
    if before.shape[0] == after.shape[0] == 2:
        sides = (goniometer_view(before, "goniometer, before", "dry"), goniometer_view(after, "goniometer, after"))
        views = [*views, correlation_view(before, after, sample_rate), *sides]
    return figure_of(views, theme=theme)


def room(h: Sound, sample_rate: float, *, theme: Theme | None = None) -> Any:
    """A figure of an impulse response, (T,) or (C, T): itself, energy decay, echo density, T60 by octave."""
    return figure_of(room_views(sound_of(h), sample_rate), theme=theme)


def response(h: Sound, sample_rate: float, *, theme: Theme | None = None) -> Any:
    """A figure of the magnitude and phase of an impulse response, (T,) or (C, T)."""
    return figure_of(response_views(sound_of(h), sample_rate), theme=theme)


def echoes(h: Sound, sample_rate: float, *, theme: Theme | None = None) -> Any:
    """A figure of the echoes of an impulse response, (T,) or (C, T), in time and level, by side."""
    return figure_of(echo_views(sound_of(h), sample_rate), theme=theme)


def gain_over_time(dry: Sound, wet: Sound, sample_rate: float, *, theme: Theme | None = None) -> Any:
    """A figure of two sounds' levels, and the gain that one has over the other, by frequency where it differs there."""
    return figure_of(sounds_views(sound_of(dry), sound_of(wet), sample_rate), theme=theme)


def stereo(x: Sound, sample_rate: float, *, theme: Theme | None = None) -> Any:
    """A figure of the goniometer of a stereo sound (2, T) and the correlation of its sides over frequency."""
    sound = sound_of(x)
    if sound.shape[0] != 2:
        raise ValueError(f"stereo takes two channels, (2, T), got shape {tuple(sound.shape)}")
    correlation = correlation_view(sound, None, sample_rate)
    return figure_of([goniometer_view(sound), correlation], theme=theme)


def views(views: Sequence[View], title: str = "", *, theme: Theme | None = None) -> Any:
    """A figure of views, as ``fx.views()`` gives them."""
    return figure_of(views, title, theme)


def sound_of(x: Sound) -> Tensor:
    """The first sound of a batch, (T,), (C, T) or (B, C, T), as (C, T) in float64."""
    sound = torch.atleast_2d(torch.as_tensor(x)).detach().double().cpu()
    return sound[0] if sound.dim() == 3 else sound


def before_after(
    fx: Processor,
    x: Tensor,
    norm_params: Knobs | None = None,
    dsp_params: Knobs | None = None,
    *,
    y: Tensor | None = None,
) -> Any:
    """A figure of an effect and a sound: its curve, waveforms, spectra and spectrograms, before and after.

    Args:
        fx: the effect; one without a curve gets a page without one.
        x: (1, C, T) or (B, C, T), of which the first item is shown, its channels averaged.
        norm_params: as for ``fx``.
        dsp_params: as for ``fx``.
        y: the processed signal, where it is at hand; None runs ``fx``.

    Returns:
        The matplotlib figure.

    Raises:
        ImportError: without matplotlib, with the command that installs it.
    """
    plt = pyplot()
    with torch.no_grad():
        processed = fx(x, norm_params=norm_params, dsp_params=dsp_params) if y is None else y
    dry, wet, rate = mono(x), mono(processed), fx.sample_rate
    layout = [["wave", "spectrum"], ["dry", "wet"]]
    if _has_curve(fx):
        layout = [["curve", "curve"], *layout]
    figure, axes = plt.subplot_mosaic(layout, figsize=(11, 2.8 * len(layout)), layout="constrained")
    figure.suptitle(type(fx).__name__)
    if "curve" in axes:
        fx.plot(norm_params=norm_params, dsp_params=dsp_params, ax=axes["curve"])
    # The louder is drawn behind, so that neither hides the other.
    order = sorted([(dry, "before", BEFORE), (wet, "after", AFTER)], key=lambda s: -float(s[0].abs().max()))
    for signal, label, colour in order:
        waveform(signal, rate, axes["wave"], label=label, color=colour)
    for signal, label, colour in ((dry, "before", BEFORE), (wet, "after", AFTER)):
        spectrum(signal, rate, axes["spectrum"], label=label, color=colour)
    axes["spectrum"].legend()
    top = max(float(_levels(s).max()) for s in (dry, wet))
    for name, signal, title in (("dry", dry, "before"), ("wet", wet, "after")):
        image = spectrogram(signal, rate, axes[name], top_db=top)
        axes[name].set_title(title)
    figure.colorbar(image, ax=[axes["dry"], axes["wet"]], label="level (dB)")
    return figure


def waveform(x: Tensor, sample_rate: float, ax: Any = None, **style: Any) -> Any:
    """Draw a signal (T,) over time as its envelope: highest and lowest sample of each of up to 1000 pieces."""
    ax = _axes(ax)
    piece = max(1, x.shape[-1] // 1000)
    pieces = x.detach().cpu()[: x.shape[-1] // piece * piece].reshape(-1, piece)
    seconds = torch.arange(len(pieces)) * (piece / sample_rate)
    ax.fill_between(
        seconds.numpy(), pieces.amin(1).numpy(), pieces.amax(1).numpy(), linewidth=0.6, **{"alpha": 0.8, **style}
    )
    ax.set(xlabel="time (s)", ylabel="amplitude", xlim=(0, max(float(seconds[-1]), 1 / sample_rate)))
    ax.grid(True, alpha=0.3)
    return ax


def spectrum(x: Tensor, sample_rate: float, ax: Any = None, **style: Any) -> Any:
    """Draw the long-term spectrum of a signal (T,), averaged over sixths of an octave, in dB of a full-scale sine."""
    ax = _axes(ax)
    power = 10 ** (_levels(x) / 10)
    freqs = torch.linspace(0, sample_rate / 2, power.shape[0])
    power = power.mean(1)
    centres = 20.0 * 2 ** (torch.arange(6 * 10) / 6)
    centres = centres[centres < sample_rate / 2]
    inside = (freqs >= centres[:, None] * 2 ** (-1 / 12)) & (freqs < centres[:, None] * 2 ** (1 / 12))
    nearest = torch.nn.functional.one_hot((freqs - centres[:, None]).abs().argmin(1), len(freqs)).bool()
    weights = torch.where(inside.any(1, keepdim=True), inside, nearest).to(power)
    level = 10 * ((weights @ power) / weights.sum(1)).log10()
    ax.plot(centres.numpy(), level.numpy(), **{"linewidth": 1.5, **style})
    ax.set(xlabel="frequency (Hz)", ylabel="level (dB)", xscale="log")
    ax.xaxis.set_major_formatter(lambda value, _: number(value))
    ax.grid(True, which="both", alpha=0.3)
    return ax


def spectrogram(
    x: Tensor, sample_rate: float, ax: Any = None, *, range_db: float = 80.0, top_db: float | None = None
) -> Any:
    """Draw the spectrogram of a signal (T,), frequency on a logarithmic axis, and return the image.

    Args:
        x: (T,).
        sample_rate: in Hz.
        ax: to draw on; None makes new axes.
        range_db: level of the darkest colour below the top.
        top_db: the brightest colour's level; None is the signal's own top.
    """
    ax = _axes(ax)
    levels = _levels(x)
    top = float(levels.max()) if top_db is None else top_db
    freqs = torch.linspace(0, sample_rate / 2, levels.shape[0])
    seconds = torch.arange(levels.shape[1]) * (_hop(x) / sample_rate)
    grid = (t.numpy() for t in (seconds, freqs[1:], levels[1:]))
    image = ax.pcolormesh(*grid, vmin=top - range_db, vmax=top, cmap="magma", shading="nearest", rasterized=True)
    ax.set(xlabel="time (s)", ylabel="frequency (Hz)", yscale="log", ylim=(40, sample_rate / 2))
    ax.yaxis.set_major_formatter(lambda value, _: number(value))
    return image


def loss_history(history: list[list[float]], ax: Any = None) -> Any:
    """Draw the loss of a fit over its steps, one line per stage."""
    ax = _axes(ax)
    done = 0
    for stage, losses in enumerate(history, 1):
        ax.plot(range(done, done + len(losses)), losses, label=f"stage {stage}")
        done += len(losses)
    ax.set(xlabel="step", ylabel="loss", yscale="log")
    ax.grid(True, which="both", alpha=0.3)
    ax.legend()
    return ax


def mono(x: Tensor) -> Tensor:
    """The first item of a batch, its channels averaged: (B, C, T) to (T,)."""
    return x[0].detach().mean(0).float().cpu()


def _hop(x: Tensor) -> int:
    # About 600 columns, whatever the length: more than a screen resolves would cost time and file size.
    return max(256, x.shape[-1] // 600)


def _levels(x: Tensor, n_fft: int = 2048) -> Tensor:
    power = power_spectrogram(x.detach().cpu().float(), n_fft, _hop(x))
    return (10 * power.log10()).clamp_min(_FLOOR_DB)


def _has_curve(fx: Processor) -> bool:
    return type(fx).curve is not Processor.curve


def _axes(ax: Any) -> Any:
    return pyplot().subplots(figsize=(7, 3.5), layout="constrained")[1] if ax is None else ax
