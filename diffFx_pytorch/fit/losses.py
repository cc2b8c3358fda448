"""Distances of one signal from another, sample by sample. Every loss is finite on silence."""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from ..dsp.mid_side import to_mid_side

Reduction = Literal["mean", "none"]
Scaling = Literal["none", "target", "dependent"]

_SILENCE = 1e-10
"""Energy per sample of a signal that counts as silent (-100 dB): keeps ratios finite."""
_TINY = 1e-8
"""What auraloss adds to energies to keep its ratios finite; the same here, so that values are the same."""


def error_to_signal_ratio(
    y: Tensor,
    target: Tensor,
    *,
    pre_emphasis: float = 0.0,
    level_blind: bool = False,
    by_channel: bool = False,
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
        by_channel: whether it is the mean of a ratio a channel, so that quiet channels count as much as loud ones; else
            the energies of all channels of an item are added first.
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
    check_pair(y, target)
    known_reduction(reduction)
    if by_channel:
        channels = y.shape[1]
        y, target = (x.reshape(-1, 1, x.shape[-1]) for x in (y, target.expand_as(y)))
        options = {"pre_emphasis": pre_emphasis, "level_blind": level_blind}
        each = error_to_signal_ratio(y, target, **options, reduction="none")
        return reduced(each.unflatten(0, (-1, channels)).mean(1), reduction)
    silence = _SILENCE * max(target[0].numel(), 1)
    energy = emphasised(target, pre_emphasis).square().sum((1, 2)) + silence
    if level_blind:
        y, target = emphasised(y, pre_emphasis), emphasised(target, pre_emphasis)
        energies = (y.square().sum((1, 2)) + silence) * energy
        return reduced(1 - (y * target).sum((1, 2)).square() / energies, reduction)
    return reduced(emphasised(target - y, pre_emphasis).square().sum((1, 2)) / energy, reduction)


class ErrorToSignalRatio(nn.Module):
    """``error_to_signal_ratio`` as a module; arguments as there."""

    def __init__(
        self,
        pre_emphasis: float = 0.0,
        *,
        level_blind: bool = False,
        by_channel: bool = False,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__()
        self.pre_emphasis, self.level_blind, self.by_channel = pre_emphasis, level_blind, by_channel
        self.reduction: Reduction = known_reduction(reduction)

    def forward(self, y: Tensor, target: Tensor) -> Tensor:
        """The ratio of ``y``'s error to ``target``."""
        return error_to_signal_ratio(
            y,
            target,
            pre_emphasis=self.pre_emphasis,
            level_blind=self.level_blind,
            by_channel=self.by_channel,
            reduction=self.reduction,
        )


def residual_db(y: Tensor, target: Tensor) -> Tensor:
    """Level of the difference of ``y`` and ``target`` relative to the target: 10 log10 ESR, (B,) in dB.

    At least -200 dB, which equal signals reach. Summed in float64.
    """
    ratio = error_to_signal_ratio(y.double(), target.double(), reduction="none")
    return 10 * ratio.clamp_min(1e-20).log10()


class SignalToDistortion(nn.Module):
    r"""Minus a signal-to-distortion ratio in dB, a mean over channels.

    .. math:: -10 \log_{10} \frac{\|\alpha t\|^2}{\|s\,t - y\|^2}, \quad \alpha = \frac{\langle y, t \rangle}{\|t\|^2}

    Args:
        scaling: ``"none"`` is the plain SNR (alpha and s are 1); ``"target"`` the scale-invariant SI-SDR (s = alpha),
            blind to level; ``"dependent"`` SD-SDR (s = 1), which pays for a wrong level twice.
        zero_mean: whether each channel's mean is taken away first.
        reduction: "mean" gives one number, "none" one per item, (B,).

    Shape:
        y (B, C, T), target (B, C, T) or (1, C, T).

    References:
        J. Le Roux, S. Wisdom, H. Erdogan, J. R. Hershey, "SDR - half-baked or well done?", ICASSP 2019, equations 2, 3
        and 7.
    """

    def __init__(self, scaling: Scaling = "target", *, zero_mean: bool = True, reduction: Reduction = "mean") -> None:
        super().__init__()
        if scaling not in get_args(Scaling):
            legal = ", ".join(map(repr, get_args(Scaling)))
            raise ValueError(f"SignalToDistortion: scaling must be one of {legal}, got {scaling!r}")
        self.scaling: Scaling = scaling
        self.zero_mean = zero_mean
        self.reduction: Reduction = known_reduction(reduction)

    def forward(self, y: Tensor, target: Tensor) -> Tensor:
        """Minus the ratio in dB."""
        check_pair(y, target)
        if self.zero_mean:
            y, target = y - y.mean(-1, keepdim=True), target - target.mean(-1, keepdim=True)
        scaled = target
        if self.scaling != "none":
            alpha = (y * target).sum(-1, keepdim=True) / (target.square().sum(-1, keepdim=True) + _TINY)
            scaled = target * alpha
        rest = (scaled if self.scaling == "target" else target) - y
        ratio = scaled.square().sum(-1) / (rest.square().sum(-1) + _TINY) + _TINY
        return reduced(-10 * ratio.log10().mean(1), self.reduction)


class LogCosh(nn.Module):
    r"""The mean of :math:`\ln \cosh(a e) / a` over the error e: square where it is small, absolute where it is large.

    Args:
        a: where one becomes the other, at errors of about 1 / a.
        reduction: "mean" gives one number, "none" one per item, (B,).

    References:
        P. Chen, G. Chen, S. Zhang, "Log hyperbolic cosine loss improves variational auto-encoder", 2019, equation 7.
    """

    def __init__(self, a: float = 1.0, *, reduction: Reduction = "mean") -> None:
        super().__init__()
        if not a > 0:
            raise ValueError(f"LogCosh: a must be positive, got {a!r}")
        self.a = a
        self.reduction: Reduction = known_reduction(reduction)

    def forward(self, y: Tensor, target: Tensor) -> Tensor:
        """The distance of ``y`` from ``target``."""
        check_pair(y, target)
        z = self.a * (y - target)
        # cosh itself overflows beyond 88
        value = z.abs() + nn.functional.softplus(-2 * z.abs()) - math.log(2)
        return reduced(value.mean((1, 2)) / self.a, self.reduction)


class ConstantError(nn.Module):
    """Energy of the error's mean over the energy of the target: what the error-to-signal ratio hardly sees of DC.

    Args:
        reduction: "mean" gives one number, "none" one per item, (B,).

    References:
        A. Wright, V. Valimaki, "Perceptual loss function for neural modelling of audio systems", ICASSP 2020,
        equation 3.
    """

    def __init__(self, *, reduction: Reduction = "mean") -> None:
        super().__init__()
        self.reduction: Reduction = known_reduction(reduction)

    def forward(self, y: Tensor, target: Tensor) -> Tensor:
        """The ratio."""
        check_pair(y, target)
        ratio = (target - y).mean(-1).square() / (target.square().mean(-1) + _TINY)
        return reduced(ratio.mean(1), self.reduction)


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


def reduced(loss: Tensor, reduction: Reduction) -> Tensor:
    """A loss per item, (B,), or its mean."""
    return loss.mean() if reduction == "mean" else loss


def known_reduction(reduction: Reduction) -> Reduction:
    """The reduction, refused where it is unknown."""
    if reduction not in ("mean", "none"):
        raise ValueError(f"reduction must be 'mean' or 'none', got {reduction!r}")
    return reduction


def check_pair(y: Tensor, target: Tensor) -> None:
    """Refuse signals that no loss compares."""
    if y.dim() != 3 or target.dim() != 3 or y.shape[1:] != target.shape[1:] or target.shape[0] not in (1, y.shape[0]):
        raise ValueError(
            f"a loss compares (B, C, T) with (B, C, T) or (1, C, T), got {tuple(y.shape)} and {tuple(target.shape)}"
        )
