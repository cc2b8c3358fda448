"""Distances of one signal from another: of their spectra, or sample by sample. Every loss is finite on silence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from ..dsp.mid_side import to_mid_side
from ..dsp.power_spectrogram import power_spectrogram

Reduction = Literal["mean", "none"]
Stereo = Literal["channels", "mid_side"]

_SILENCE = 1e-10
"""Energy per sample of a signal that counts as silent (-100 dB): keeps ratios finite."""


class MultiResolutionSTFT(nn.Module):
    """Distance of magnitude spectra at several resolutions: ignores phase, so smooth where a waveform loss is not.

    L = (1/R) sum_r [ w_sc || |Y_r| - |S_r| ||_F / || |Y_r| ||_F + w_log mean |log |Y_r| - log |S_r|| ]

    with Y the target's and S the signal's spectrum. The first term, spectral convergence, weighs the loud parts, the
    second all parts alike. Spectra are scaled so that a full-scale sine has magnitude 1, and |Z| is
    sqrt(Re^2 + Im^2 + floor^2), so that silence has a logarithm and a gradient.

    Args:
        n_ffts: window length in samples of each resolution; the hop is a quarter of it.
        log_weight: w_log.
        convergence_weight: w_sc.
        floor_db: level of a spectral line below which differences do not count.
        stereo: "channels" compares channel by channel; "mid_side" compares sum and difference (stereo only): sensitive
            to the width of the image, not to its rotation.
        reduction: "mean" gives one number, "none" one per item, (B,).

    Shape:
        y (B, C, T), target (B, C, T) or (1, C, T); the loss is 0-d or (B,).

    Raises:
        ValueError: for shapes that do not fit, no resolutions, mid/side of what is not stereo.

    References:
        R. Yamamoto, E. Song, J.-M. Kim, "Parallel WaveGAN", ICASSP 2020, equations 3 to 6.
        S. O. Arik, H. Jun, G. Diamos, "Fast spectrogram inversion using multi-head convolutional neural networks",
        IEEE SPL 26(1), 2019 (spectral convergence and log magnitude).
        C. J. Steinmetz, J. Pons, S. Pascual, J. Serra, "Automatic multitrack mixing with a differentiable mixing
        console of neural audio effects", ICASSP 2021 (sum and difference).
    """

    def __init__(
        self,
        n_ffts: Sequence[int] = (512, 1024, 2048),
        *,
        log_weight: float = 1.0,
        convergence_weight: float = 1.0,
        floor_db: float = -100.0,
        stereo: Stereo = "channels",
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__()
        if not n_ffts or any(n < 4 for n in n_ffts):
            raise ValueError(f"MultiResolutionSTFT: n_ffts must be lengths of at least 4, got {tuple(n_ffts)}")
        if stereo not in ("channels", "mid_side"):
            raise ValueError(f"MultiResolutionSTFT: stereo must be 'channels' or 'mid_side', got {stereo!r}")
        self.n_ffts = tuple(n_ffts)
        self.log_weight, self.convergence_weight = log_weight, convergence_weight
        self.floor = 10.0 ** (floor_db / 20.0)
        self.stereo: Stereo = stereo
        self.reduction: Reduction = _known_reduction(reduction)

    def forward(self, y: Tensor, target: Tensor) -> Tensor:
        """The distance of ``y`` from ``target``."""
        _check_pair(y, target)
        if self.stereo == "mid_side":
            y, target = mid_side(y), mid_side(target)
        loss = y.new_zeros(y.shape[0])
        for n in self.n_ffts:
            s, t = self._magnitude(y, n), self._magnitude(target, n)
            if self.convergence_weight:
                energy = t.square().sum((-2, -1)) + _SILENCE
                # The difference of two equal magnitudes is 0, where a plain norm has no derivative.
                convergence = ((s - t).square().sum((-2, -1)) / energy + _SILENCE).sqrt() - _SILENCE**0.5
                loss = loss + self.convergence_weight * convergence.mean(1)
            if self.log_weight:
                loss = loss + self.log_weight * (s.log() - t.log()).abs().mean((1, 2, 3))
        return _reduce(loss / len(self.n_ffts), self.reduction)

    def _magnitude(self, x: Tensor, n_fft: int) -> Tensor:
        return (power_spectrogram(x, n_fft) + self.floor**2).sqrt()


def error_to_signal_ratio(
    y: Tensor,
    target: Tensor,
    *,
    pre_emphasis: float = 0.0,
    level_blind: bool = False,
    reduction: Reduction = "mean",
) -> Tensor:
    """Energy of the error over the energy of the target, after a pre-emphasis filter.

    ESR = sum |t_p - y_p|^2 / sum |t_p|^2, with x_p[n] = x[n] - p x[n-1] (p = 0 is the plain waveform, 0.95 usual).

    Args:
        y: (B, C, T).
        target: (B, C, T) or (1, C, T).
        pre_emphasis: p, 0 .. 1.
        level_blind: whether y is first scaled to fit the target best, so that its level does not count:
            1 - <y, t>^2 / (|y|^2 |t|^2). For a scan while the level is still unknown.
        reduction: "mean" gives one number, "none" one per item, (B,).

    Returns:
        0 when equal, 1 when y is silent; finite for a silent target.

    Raises:
        ValueError: for shapes that do not fit.

    References:
        A. Wright, V. Valimaki, "Perceptual loss function for neural modelling of audio systems", ICASSP 2020,
        equations 1 and 2.
        J. Le Roux, S. Wisdom, H. Erdogan, J. R. Hershey, "SDR - half-baked or well done?", ICASSP 2019, equation 3
        (the scale-invariant ratio).
    """
    _check_pair(y, target)
    _known_reduction(reduction)
    silence = _SILENCE * max(target[0].numel(), 1)
    energy = emphasised(target, pre_emphasis).square().sum((1, 2)) + silence
    if level_blind:
        y, target = emphasised(y, pre_emphasis), emphasised(target, pre_emphasis)
        energies = (y.square().sum((1, 2)) + silence) * energy
        return _reduce(1 - (y * target).sum((1, 2)).square() / energies, reduction)
    return _reduce(emphasised(target - y, pre_emphasis).square().sum((1, 2)) / energy, reduction)


class ErrorToSignalRatio(nn.Module):
    """``error_to_signal_ratio`` as a module; arguments as there."""

    def __init__(self, pre_emphasis: float = 0.0, *, level_blind: bool = False, reduction: Reduction = "mean") -> None:
        super().__init__()
        self.pre_emphasis, self.level_blind = pre_emphasis, level_blind
        self.reduction: Reduction = _known_reduction(reduction)

    def forward(self, y: Tensor, target: Tensor) -> Tensor:
        """The ratio of ``y``'s error to ``target``."""
        return error_to_signal_ratio(
            y, target, pre_emphasis=self.pre_emphasis, level_blind=self.level_blind, reduction=self.reduction
        )


def residual_db(y: Tensor, target: Tensor) -> Tensor:
    """Level of the difference of ``y`` and ``target`` relative to the target: 10 log10 ESR, (B,) in dB.

    At least -200 dB, which equal signals reach. Summed in float64.
    """
    ratio = error_to_signal_ratio(y.double(), target.double(), reduction="none")
    return 10 * ratio.clamp_min(1e-20).log10()


def mid_side(x: Tensor) -> Tensor:
    """Mid and side of a stereo signal as two channels, m = (l + r) / 2 and s = (l - r) / 2: (B, 2, T) to (B, 2, T).

    Raises:
        ValueError: for other than two channels.
    """
    if x.shape[1] != 2:
        raise ValueError(f"mid and side need two channels, got {x.shape[1]}; use stereo='channels'")
    return torch.cat(to_mid_side(x), 1)


def emphasised(x: Tensor, p: float) -> Tensor:
    """x[n] - p x[n-1] along the last axis."""
    return torch.cat([x[..., :1], x[..., 1:] - p * x[..., :-1]], -1) if p else x


def _reduce(loss: Tensor, reduction: Reduction) -> Tensor:
    return loss.mean() if reduction == "mean" else loss


def _known_reduction(reduction: Reduction) -> Reduction:
    if reduction not in ("mean", "none"):
        raise ValueError(f"reduction must be 'mean' or 'none', got {reduction!r}")
    return reduction


def _check_pair(y: Tensor, target: Tensor) -> None:
    if y.dim() != 3 or target.dim() != 3 or y.shape[1:] != target.shape[1:] or target.shape[0] not in (1, y.shape[0]):
        raise ValueError(
            f"a loss compares (B, C, T) with (B, C, T) or (1, C, T), got {tuple(y.shape)} and {tuple(target.shape)}"
        )
