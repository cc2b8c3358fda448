"""Plots of sound: waveforms, spectra, spectrograms, before and after. Needs matplotlib."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..control import Knobs
from ..curve import pyplot
from ..dsp.power_spectrogram import power_spectrogram
from ..processor import Processor

BEFORE, AFTER = "#7a8793", "#d1495b"
"""Colours of the dry and the wet signal, everywhere."""

_FLOOR_DB = -100.0


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
        axes["curve"].set_title("")
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
    return image


def loss_history(history: list[list[float]], ax: Any = None) -> Any:
    """Draw the loss of a fit over its steps, one line per stage."""
    ax = _axes(ax)
    done = 0
    for number, losses in enumerate(history, 1):
        ax.plot(range(done, done + len(losses)), losses, label=f"stage {number}")
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
