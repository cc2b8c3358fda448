"""Distances of a signal's spectrogram from a target, in dB; finite at a perfect match and on silence.

``reduction`` is "none" (one value per item, of shape (...)), "mean" or "sum" over items.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .stft import STFT

Metric = Callable[[Tensor, Tensor], Tensor]
"""Estimate X and target A, both (..., F, frames), to a value per item (...)."""

_BOTH = (-2, -1)


def spectral_convergence(estimate: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """20 log10 (|| |X| - A || / || A ||): the error of the magnitudes, over both axes; lower is better.

    Its negative is the signal to error ratio (SER) of Zhu, Beauregard and Wyse.

    Args:
        estimate: X, (..., F, frames), complex or its magnitude.
        target: A, likewise.
        reduction: "none", "mean" or "sum".

    References:
        Sturmel and Daudet, "Signal reconstruction from STFT magnitude: a state of the art", DAFx, 2011, equation (10).
        Zhu, Beauregard and Wyse, "Real-time signal estimation from modified short-time Fourier transform magnitude
        spectra", IEEE Trans. Audio, Speech and Language Processing 15(5), 2007, equation (9).
    """
    X, A = _pair("spectral_convergence", estimate, target)
    return _reduce(_ratio_db(_norm(X - A), _norm(A)), reduction)


def magnitude_snr(estimate: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """-20 log10 || X / ||X|| - A / ||A|| ||: the magnitudes' signal to noise ratio, levels aside; higher is better.

    Args:
        estimate: X, (..., F, frames), complex or its magnitude.
        target: A, likewise.
        reduction: "none", "mean" or "sum".
    """
    X, A = _pair("magnitude_snr", estimate, target)
    a, x = _norm(A)[..., None, None], _norm(X)[..., None, None]
    tiny = torch.finfo(A.dtype).tiny
    difference = _norm(X / x.clamp_min(tiny) - A / a.clamp_min(tiny))
    return _reduce(-_ratio_db(difference, torch.ones_like(difference)), reduction)


def inconsistency(spectrum: Tensor, stft: STFT, length: int | None = None, reduction: str = "mean") -> Tensor:
    """20 log10 (|| S - P_C S || / || S ||): distance of a complex spectrum from those of signals; lower is better.

    Args:
        spectrum: S, complex (..., F, frames).
        stft: the transform.
        length: of the signal; the shortest with so many frames by default.
        reduction: "none", "mean" or "sum".

    References:
        Le Roux, Ono and Sagayama, "Explicit consistency constraints for STFT spectrograms and their application to
        phase reconstruction", SAPA, 2008.
    """
    if not spectrum.is_complex():
        raise ValueError(f"inconsistency: the spectrum must be complex. Got {spectrum.dtype}.")
    distance = _norm(spectrum - stft.project(spectrum, length))
    return _reduce(_ratio_db(distance, _norm(spectrum)), reduction)


def log_spectral_distance(estimate: Tensor, target: Tensor, floor_db: float = -80.0, reduction: str = "mean") -> Tensor:
    """Mean over frames of the root mean square over bins of 20 log10 (|X| / A), in dB; lower is better.

    Args:
        estimate: X, (..., F, frames), complex or its magnitude.
        target: A, likewise.
        floor_db: both are raised to at least so much below the target's largest value.
        reduction: "none", "mean" or "sum".

    References:
        Rabiner and Juang, "Fundamentals of speech recognition", Prentice Hall, 1993, section 4.5.
    """
    X, A = _pair("log_spectral_distance", estimate, target)
    floor = (A.detach().amax(_BOTH, keepdim=True) * 10 ** (floor_db / 20)).clamp_min(torch.finfo(A.dtype).tiny)
    gap = 20 * (torch.maximum(X, floor) / torch.maximum(A, floor)).log10()
    # The norm, not the root of a mean: its gradient at zero is zero.
    return _reduce((torch.linalg.vector_norm(gap, dim=-2) / gap.shape[-2] ** 0.5).mean(-1), reduction)


METRICS = {f.__name__: f for f in (spectral_convergence, magnitude_snr, log_spectral_distance)}


def metric_of(caller: str, metric: str | Metric) -> Metric:
    """A metric from its name or itself, one value per item; errors name the ``caller``."""
    if not isinstance(metric, str):
        return metric
    if metric not in METRICS:
        raise ValueError(f"{caller}: metric must be one of {', '.join(METRICS)}, or a function. Got {metric!r}.")
    return lambda X, A: METRICS[metric](X, A, reduction="none")


def _pair(name: str, estimate: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    if estimate.shape[-2:] != target.shape[-2:]:
        raise ValueError(f"{name}: shapes differ: {tuple(estimate.shape)} and {tuple(target.shape)}.")
    return estimate.abs(), target.abs()


def _norm(x: Tensor) -> Tensor:
    return torch.linalg.vector_norm(x, dim=_BOTH)


def _ratio_db(numerator: Tensor, denominator: Tensor) -> Tensor:
    """20 log10 of a ratio, bounded on both sides by the precision."""
    info = torch.finfo(numerator.dtype)
    ratio = numerator / denominator.clamp_min(info.tiny)
    return 20 * ratio.clamp(info.eps, 1 / info.eps).log10()


def _reduce(values: Tensor, reduction: str) -> Tensor:
    if reduction == "none":
        return values
    if reduction == "mean":
        return values.mean()
    if reduction == "sum":
        return values.sum()
    raise ValueError(f'reduction must be "none", "mean" or "sum". Got {reduction!r}.')
