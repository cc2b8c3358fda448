"""The delay that an oscillator sweeps in a chorus or flanger, read off a dry and a wet sound."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from .task import Task

_RATE = 11025
"""Samples a second that are compared: what sways by milliseconds is told by what is below 5 kHz."""
_FRAME, _HOP = 1024, 512
_SLOPES = torch.linspace(-0.24, 0.24, 33, dtype=torch.float64)
"""By how much the delay may grow in a second, in seconds: a frame in which it moves is compared to a warped sound."""
_LONGEST_S = 0.06
_RATES, _ANGLES, _WIDTHS, _CENTRES = 80, 16, 12, 64
_BLUR = 4
_TRIED, _STEPS, _FOUND = 10, 1500, 4
_APART = 0.05
"""Difference of the logarithms of two rates from which they are two."""
_FRAMES, _SCREENED = 160, 80
"""Frames that are compared, of a long sound the loudest: four seconds without a pause; and of these over the grid."""


class Sweep(NamedTuple):
    """A delay D + A sin(2 pi f t + phi): f in Hz, D in ms, phi in degrees."""

    rate_hz: float
    centre_ms: float
    angle_deg: float


def sweeps(task: Task) -> list[Sweep]:
    """Sweeps whose delay fits best, the best first.

    In every frame what wet adds to dry is correlated with dry at every delay and at every speed at which the delay may
    grow; then the sinusoid is looked for along which the correlations are highest, a delay and its derivative.
    """
    x, added = _sounds(task)
    if len(added) < 8 * _FRAME:
        return []
    return _along(*_correlations(x, added))


def _sounds(task: Task) -> tuple[Tensor, Tensor]:
    """Dry and what wet adds to it, on the left side, as they are compared: at ``_RATE``, whitened."""
    T = task.wet.shape[-1]
    x = task.in_step[0, 0].double().cpu()
    y = task.wet[0, 0, :T].double().cpu()
    y = y - x * ((x * y).sum() / x.square().sum().clamp_min(1e-20))
    samples = round(T * _RATE / task.fx.sample_rate)
    both = torch.fft.rfft(torch.stack([x, y]))[:, : samples // 2 + 1]
    strength = F.avg_pool1d(both.abs()[:, None], 65, 1, 32)[:, 0]
    return tuple(torch.fft.irfft(both / (strength + 1e-3 * strength.amax(1, keepdim=True) + 1e-20), samples))  # type: ignore[return-value]


def _correlations(x: Tensor, added: Tensor) -> tuple[Tensor, Tensor]:
    """Correlations (frames, slopes, delays), of samples of delay, and the times in seconds of the frames."""
    longest, T = round(_LONGEST_S * _RATE), len(added)
    centres = torch.arange(longest + _FRAME, T - _FRAME // 2, _HOP)
    window = torch.hann_window(_FRAME, dtype=x.dtype)
    loudness = added.unfold(0, _FRAME, 1)[centres - _FRAME // 2].square().sum(1)
    centres = centres[loudness.argsort(descending=True)[:_FRAMES].sort().values]
    n = torch.arange(_FRAME) - _FRAME // 2
    size = 2 ** math.ceil(math.log2(2 * _FRAME + longest))
    frames = added[centres[:, None] + n] * window
    theirs = torch.fft.rfft(frames, size)
    energy = frames.square().sum(1)
    padded = F.pad(x, (0, 2 * _FRAME))
    found = []
    for slope in _SLOPES:
        # The sound around a frame at every delay, warped as a delay that grows so fast warps it.
        u = torch.arange(-_FRAME // 2 - longest, _FRAME // 2, dtype=x.dtype)
        at = (centres[:, None] + u * (1 - slope)).clamp(0, len(padded) - 2)
        below = at.long()
        warped = torch.lerp(padded[below], padded[below + 1], at - below)
        ours = torch.fft.rfft(warped, size)
        products = torch.fft.irfft(theirs.conj() * ours, size)[:, : longest + 1].flip(1)
        sums = F.pad(warped.square().cumsum(1), (1, 0))
        loud = (sums[:, _FRAME:] - sums[:, :-_FRAME]).flip(1)
        found.append(products / (loud * energy[:, None]).sqrt().clamp_min(1e-12))
    # At index k of ``u`` the delay is k (1 - slope) in samples of the sound.
    return torch.stack(found, 1), centres.to(x.dtype) / _RATE


def _along(found: Tensor, times: Tensor) -> list[Sweep]:
    """The sinusoids along which the correlations are highest: over a grid, then nearer and nearer to its best."""
    # Delays of the grid lie farther apart than a peak is wide.
    blurred, softer = (F.max_pool1d(found, 2 * reach + 1, 1, reach) for reach in (_BLUR, 2))
    every = max(1, math.ceil(len(times) / _SCREENED))
    ranked = _screened(blurred[::every].float(), times[::every].float())
    ranked.sort(key=lambda one: -one[0])
    generator = torch.Generator().manual_seed(0)
    near = []
    for _, sweep in ranked[:_TRIED]:
        for spread, seen in ((0.1, softer), (0.03, softer), (0.01, found)):
            steps = spread * torch.randn(_STEPS, 4, generator=generator, dtype=times.dtype)
            steps[0] = 0.0
            # Rates, widths and centres in ratios, angles by up to a part of a turn.
            others = sweep * (1 + steps)
            others[:, 1] = sweep[1] + 2 * math.pi * steps[:, 1]
            sweep = others[_score(seen, times, others).argmax()]
        near.append((float(_score(found, times, sweep[None])), sweep.tolist()))
    near.sort(reverse=True)
    chosen: list[Sweep] = []
    for _, (rate, angle, _, centre) in near:
        if all(abs(math.log(rate / c.rate_hz)) > _APART for c in chosen):
            chosen.append(Sweep(rate, 1000 * centre, (math.degrees(angle) + 180) % 360 - 180))
    return chosen[:_FOUND]


def _screened(found: Tensor, times: Tensor) -> list[tuple[float, Tensor]]:
    """Of every rate of a grid the highest mean of correlations (frames, slopes, delays), and the sweep (4,)."""
    frames, slopes, delays = found.shape
    # What lies beside the slopes or delays is zero.
    table = F.pad(found, (1, 1, 0, 1)).flatten()
    angles = torch.arange(_ANGLES) / _ANGLES * 2 * math.pi
    widths = torch.logspace(math.log10(0.2), math.log10(12.0), _WIDTHS)[:, None] / 1000
    centres = torch.logspace(math.log10(0.5), math.log10(40.0), _CENTRES) / 1000
    ranked = []
    for rate in torch.logspace(-1, 1, _RATES).tolist():
        turns = 2 * math.pi * rate * times + angles[:, None, None]  # (angles, 1, frames)
        slope = 2 * math.pi * rate * widths * turns.cos()  # (angles, widths, frames)
        s = ((slope - float(_SLOPES[0])) / float(_SLOPES[1] - _SLOPES[0])).round().long()
        rows = torch.where((s >= 0) & (s < slopes), s, slopes) + torch.arange(frames) * (slopes + 1)
        scale = _RATE / (1 - slope)
        first = widths * turns.sin() * scale + 1.5
        k = torch.addcmul(first[..., None, :], centres[:, None], scale[..., None, :]).clamp_(0, delays + 1).long()
        score = table[k.add_(rows[..., None, :], alpha=delays + 2)].mean(-1)  # (angles, widths, centres)
        score.masked_fill_(widths >= centres, -1.0)
        angle, width, centre = (int(i) for i in torch.unravel_index(score.argmax(), score.shape))
        sweep = torch.stack([torch.tensor(rate), angles[angle], widths[width, 0], centres[centre]])
        ranked.append((float(score.max()), sweep.double()))
    return ranked


def _score(found: Tensor, times: Tensor, sweeps: Tensor) -> Tensor:
    """Means over the frames of the correlation at the delays and speeds of sweeps (N, 4): f, phi, A, D."""
    frames, slopes, delays = found.shape
    rate, angle, width, centre = (column[:, None] for column in sweeps.unbind(1))
    turn = 2 * math.pi * rate * times + angle
    slope = 2 * math.pi * rate * width * turn.cos()
    s = ((slope - _SLOPES[0]) / (_SLOPES[1] - _SLOPES[0])).round().long()
    k = ((centre + width * turn.sin()) * _RATE / (1 - slope)).round().long()
    legal = (s >= 0) & (s < slopes) & (k >= 0) & (k < delays)
    at = (torch.arange(frames) * slopes + s.clamp(0, slopes - 1)) * delays + k.clamp(0, delays - 1)
    return (found.flatten()[at] * legal).mean(1)
