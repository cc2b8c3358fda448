"""What a sound engineer measures, with gradients: loudness, its range, crest, envelopes, width and balance.

Each measure is a function of (B, C, T), finite on silence and at any length; ``FeatureError`` compares by one.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..dsp.loudness import lufs_from
from ..dsp.mid_side import to_mid_side
from ..render.loudness import integrated_loudness, window_powers
from .losses import Reduction, check_pair, known_reduction, reduced

_TINY = 1e-10
"""Power that counts as silence, -100 dB."""
_QUIET_LUFS = -70.0
_SHORT_TERM = 30


class FeatureError(nn.Module):
    r"""Absolute difference of one measure of two sounds, in its unit.

    .. math:: L = \mathrm{mean}\, |f(y) - f(t)|

    Args:
        feature: a function of (B, C, T) that gives (B, ...): one of those here with its options bound, such as
            ``lambda x: loudness_lufs(x, 44100)``, or any other.
        reduction: "mean" gives one number, "none" one per item, (B,).

    Shape:
        y (B, C, T), target (B, C, T) or (1, C, T).

    Raises:
        ValueError: for another reduction, or shapes that do not fit.
    """

    def __init__(self, feature: Callable[[Tensor], Tensor], *, reduction: Reduction = "mean") -> None:
        super().__init__()
        self.feature = feature
        self.reduction: Reduction = known_reduction(reduction)

    def forward(self, y: Tensor, target: Tensor) -> Tensor:
        """The difference."""
        check_pair(y, target)
        difference = (self.feature(y) - self.feature(target)).abs()
        return reduced(difference.flatten(1).mean(1) if difference.dim() > 1 else difference, self.reduction)


def loudness_lufs(x: Tensor, sample_rate: float, *, mask: int | None = None, dual_mono: bool = False) -> Tensor:
    """Integrated loudness of (B, C, T) by ITU-R BS.1770-4, (B,) in LUFS; -70 for silence.

    Gates are as in the meter, so what they shut out has no gradient. A sound under 400 ms is measured as if it were one
    block.

    Args:
        x: (B, C, T).
        sample_rate: in Hz.
        mask: channel mask, as for ``diffFx_pytorch.render.integrated_loudness``.
        dual_mono: whether a mono signal is played by two speakers.
    """
    least = -(-4 * sample_rate // 10)
    short = x.shape[-1] < least
    padded = nn.functional.pad(x, (0, int(least) - x.shape[-1])) if short else x
    found = integrated_loudness(padded, sample_rate, mask=mask, dual_mono=dual_mono)
    if short and x.shape[-1]:
        found = found + 10 * torch.tensor(least / x.shape[-1], dtype=found.dtype, device=found.device).log10()
    return torch.where(found.isfinite(), found, _QUIET_LUFS).clamp_min(_QUIET_LUFS).to(x.dtype)


def loudness_range_lu(x: Tensor, sample_rate: float) -> Tensor:
    """Loudness range of (B, C, T), (B,) in LU: from the 10th to the 95th percentile of short-term loudness.

    Windows of 3 s every 100 ms, gated at -70 LUFS and 20 LU below what is left; 0 for silence and under 3 s.

    References:
        EBU Tech 3342, 2016.
    """
    powers = window_powers(x, sample_rate, _SHORT_TERM)
    found = []
    for power in powers.unbind(0):
        power = power[lufs_from(power.detach()) > _QUIET_LUFS]
        power = power[power > power.mean() / 100]
        if not len(power):
            found.append(powers.new_zeros(()) + 0 * powers.sum())
            continue
        ends = power.new_tensor([0.1, 0.95])
        low, high = torch.quantile(lufs_from(power), ends).unbind()
        found.append(high - low)
    return torch.stack(found).to(x.dtype)


def crest_db(x: Tensor) -> Tensor:
    """Crest factor of each channel, peak over root mean square: (B, C, T) to (B, C) in dB; 0 for silence."""
    peak, power = x.square().amax(-1), x.square().mean(-1)
    return 10 * ((peak + _TINY) / (power + _TINY)).log10()


def envelope_db(x: Tensor, sample_rate: float, window_ms: float = 20.0, floor_db: float = -80.0) -> Tensor:
    """Level over time of each channel: root mean squares of windows that overlap by half.

    Args:
        x: (B, C, T); a sound shorter than the window is one.
        sample_rate: in Hz.
        window_ms: length of a window; 5 ms shows attacks, 500 ms phrases.
        floor_db: level of silence.

    Returns:
        (B, C, windows) in dB.
    """
    width = max(2, round(window_ms / 1000 * sample_rate))
    power = x.square()
    if x.shape[-1] < width:
        power = nn.functional.pad(power, (0, width - x.shape[-1]))
    mean = nn.functional.avg_pool1d(power, width, max(1, width // 2))
    return 10 * (mean + 10 ** (floor_db / 10)).log10()


def width_db(x: Tensor) -> Tensor:
    """Width of a stereo image, (B, 2, T) to (B,): level of the side over that of the mid, in dB.

    Silence is 0, mono far below (-60 and lower), a signal in one channel 0.
    """
    mid, side = (_power(part) for part in to_mid_side(x))
    return 10 * ((side + _TINY) / (mid + _TINY)).log10().squeeze(-1)


def balance_db(x: Tensor) -> Tensor:
    """Balance of a stereo image, (B, 2, T) to (B,): level of the right channel over that of the left, in dB."""
    left, right = _power(x).unbind(1)
    return 10 * ((right + _TINY) / (left + _TINY)).log10()


def _power(x: Tensor) -> Tensor:
    return x.square().mean(-1)
