"""What a dry and a wet sound say about oscillators: rates at which gain or colour come and go, periods of a hold."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from ..dsp.power_spectrogram import power_spectrogram
from .task import Task

_RATES = 6
_LINES = 6
_PERIODS = 6


def rates(task: Task) -> list[float]:
    """Rates in Hz at which gain and colour of the wet come and go beside the dry, the likeliest first."""
    colours, lines = _colour_rates(task), _gain_rates(task)
    # Colour that goes up and down in both halves of a turn shows at twice the rate, three voices at three times.
    slow = [rate * share for rate in colours for share in (1.0, 0.5, 1 / 3)]
    return [rate for pair in zip(lines, slow, strict=False) for rate in pair] + lines[len(slow) :] + slow[len(lines) :]


def periods(task: Task) -> list[float]:
    """Samples after which what the wet adds to the dry repeats its rise and fall, the likeliest first."""
    x, y = _mono(task)
    added = y - x * ((x * y).sum() / x.square().sum().clamp_min(1e-20))
    envelope = added.square()
    envelope = envelope / (_smoothed(envelope, 512) + 1e-6 * envelope.mean() + 1e-20)
    lines = _lines(envelope - envelope.mean(), 1.0, 1 / 128, _PERIODS)
    return [period for f in lines for period in (1 / f, 1 / (1 - f))]


def _mono(task: Task) -> tuple[Tensor, Tensor]:
    T = task.wet.shape[-1]
    return tuple(s[0, :, :T].double().mean(0).cpu() for s in (task.in_step, task.wet))  # type: ignore[return-value]


def _gain_rates(task: Task) -> list[float]:
    """Lines in the spectrum of the gain from sample to sample, y x / x^2."""
    x, y = _mono(task)
    length = min(len(x), len(y))
    x, y = x[:length], y[:length]
    power = x.square()
    gain = y * x / (power + 0.1 * _smoothed(power, 2048) + 1e-12)
    return _lines(gain - _smoothed(gain, 1 + 2 * (length // 3)), task.fx.sample_rate, 0.0, _LINES)


def _lines(signal: Tensor, rate: float, lowest: float, count: int) -> list[float]:
    """Frequencies of the strongest peaks over what is around them."""
    length = len(signal)
    if length < 64:
        return []
    padded = 2 ** math.ceil(math.log2(2 * length))
    window = torch.hann_window(length, dtype=signal.dtype)
    strength = torch.fft.rfft(signal * window, padded).abs()
    strength = strength / (_smoothed(strength, 513) + 1e-20)
    strength[: max(2, round(lowest * padded / rate))] = 0.0
    peaks = (strength[1:-1] > strength[:-2]) & (strength[1:-1] >= strength[2:])
    at = peaks.nonzero()[:, 0] + 1
    return [
        vertex(strength, int(n)) * rate / padded for n in at[strength[at].argsort(descending=True)[:count]] if n > 0
    ]


def _colour_rates(task: Task) -> list[float]:
    hop, n_fft = 256, 1024
    T = task.wet.shape[-1]
    if 8 * n_fft > T:
        return []
    channels = min(task.dry.shape[1], task.wet.shape[1])
    dry, wet = (power_spectrogram(s[0, :channels, :T], n_fft, hop) for s in (task.dry, task.wet))
    floor = 1e-5 * dry.max().clamp_min(1e-12)
    change = ((wet + floor) / (dry + floor)).log()  # (C, bins, frames)
    edges = torch.tensor([1, 2, 4, 8, 16, 32, 64, 128, 256, 513])
    sums = F.pad(change.cumsum(1), (0, 0, 1, 0))
    bands = (sums[:, edges[1:]] - sums[:, edges[:-1]]) / (edges[1:] - edges[:-1])[:, None]
    bands = bands - bands.mean(-1, keepdim=True)
    padded = 8 * bands.shape[-1]
    window = torch.hann_window(bands.shape[-1], dtype=bands.dtype)
    strength = torch.fft.rfft(bands * window, padded).abs().square().flatten(0, 1).sum(0)
    peaks = (strength[1:-1] > strength[:-2]) & (strength[1:-1] >= strength[2:])
    at = peaks.nonzero()[:, 0] + 1
    strongest = at[strength[at].argsort(descending=True)[:_RATES]]
    return [float(n) * task.fx.sample_rate / hop / padded for n in strongest]


def _smoothed(x: Tensor, width: int) -> Tensor:
    """Mean over ``width`` samples around each; fewer at the ends."""
    width |= 1
    sums = F.pad(x.cumsum(0), (1, 0))
    n = torch.arange(len(x))
    first, last = (n - width // 2).clamp_min(0), (n + width // 2 + 1).clamp_max(len(x))
    return (sums[last] - sums[first]) / (last - first)


def vertex(h: Tensor, n: int) -> float:
    """Where the parabola through a peak and its neighbours is highest."""
    if not 0 < n < len(h) - 1:
        return float(n)
    before, at, after = (float(h[i]) for i in (n - 1, n, n + 1))
    bend = before - 2 * at + after
    return n + 0.5 * (before - after) / bend if bend < 0 else float(n)
