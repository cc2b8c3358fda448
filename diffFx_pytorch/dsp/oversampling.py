"""Up- and down-sampling by 2, 4 and 8 around a nonlinearity, in stages of half-band filters.

A half-band filter leaves the lower half of the band alone and removes the upper; every other coefficient of its impulse
response is zero, so at the lower rate it falls into two short branches, one of which is a plain delay (linear phase)
or a few first-order all-passes (minimum phase).
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ..recursion.ops.sections import sosfilt

Phase = Literal["linear", "minimum"]
FACTORS = (1, 2, 4, 8)

# Half lengths m of the linear-phase half-bands (4 m - 1 coefficients), first stage first. Kaiser's formula gives 90 dB
# for a transition from 20 to 24.1 kHz at 88.2 kHz, and for what each later stage still has to remove. The third must
# be even for the latency to be a whole number of samples.
_HALF_LENGTHS = (32, 8, 6)
_ATTENUATION_DB = 90.0
# Transition bands of the minimum-phase half-bands, as fractions of the higher rate, and numbers of all-passes.
_TRANSITIONS = (0.0465, 0.2268, 0.363)
_ALLPASSES = (7, 4, 3)


class Oversampler:
    """Changes the sample rate by ``factor`` and back; stateless itself, so blocks carry the state.

    Flat within 0.01 dB to 0.453 of the sample rate (20 kHz at 44.1 kHz), 88 dB down from 0.547 of it on.

    Args:
        factor: 1, 2, 4 or 8.
        phase: "linear" (symmetric FIR; everything is delayed alike) or "minimum" (all-pass branches; a delay of a few
            samples that grows towards the highest frequencies).

    Raises:
        ValueError: for another factor or phase.

    References:
        P. P. Vaidyanathan, Multirate Systems and Filter Banks, Prentice Hall 1993, sections 4.3 and 4.6.
        R. A. Valenzuela, A. G. Constantinides, "Digital signal processing schemes for efficient interpolation and
        decimation", IEE Proceedings G 130(6), 1983 (all-pass half-bands).
    """

    def __init__(self, factor: int = 1, phase: Phase = "linear") -> None:
        if isinstance(factor, bool) or factor not in FACTORS:
            raise ValueError(f"oversampling must be one of {', '.join(map(str, FACTORS))}, got {factor!r}")
        if phase not in ("linear", "minimum"):
            raise ValueError(f"phase must be 'linear' or 'minimum', got {phase!r}")
        self.factor = factor
        self.phase: Phase = phase
        stages = FACTORS.index(factor)
        if phase == "linear":
            self._taps = tuple(half_band_taps(m, _ATTENUATION_DB) for m in _HALF_LENGTHS[:stages])
            delays = [2.0 * m for m in _HALF_LENGTHS[:stages]]
        else:
            designs = zip(_ALLPASSES[:stages], _TRANSITIONS[:stages], strict=True)
            self._taps = tuple(half_band_allpasses(count, band) for count, band in designs)
            delays = [_allpass_delay(coefficients) for coefficients in self._taps]
        self.latency = round(sum(delay / 2**stage for stage, delay in enumerate(delays)))
        """Samples of delay, at the lower rate, of ``up`` followed by ``down``: exact for linear phase, for minimum
        phase the nearest whole number to the delay at low frequencies."""

    def up(self, x: Tensor, state: tuple | None = None) -> tuple[Tensor, tuple]:
        """Raise the sample rate.

        Args:
            x: (..., T).
            state: what the block before returned; None is silence.

        Returns:
            ``(y, state)`` with y (..., factor T).
        """
        up = _linear_up if self.phase == "linear" else _minimum_up
        after = []
        for stage, taps in enumerate(self._taps):
            x, left = up(x, taps, None if state is None else state[stage])
            after.append(left)
        return x, tuple(after)

    def down(self, x: Tensor, state: tuple | None = None) -> tuple[Tensor, tuple]:
        """Lower the sample rate: (..., factor T) to (..., T); state as for ``up``."""
        down = _linear_down if self.phase == "linear" else _minimum_down
        after = []
        for taps in reversed(self._taps):
            x, left = down(x, taps, None if state is None else state[len(after)])
            after.append(left)
        return x, tuple(after)


def half_band_taps(m: int, attenuation_db: float) -> tuple[float, ...]:
    """The odd coefficients of a linear-phase half-band filter: a windowed sinc, cut off at a quarter of the rate.

    h[k] = w[k] sin(pi (k - 2 m) / 2) / (pi (k - 2 m)); h[2 m] = 1/2 and the other even ones are zero. The ones returned
    sum to 1/2, so that a constant passes unchanged through both branches.

    Args:
        m: half length; the filter has 4 m - 1 coefficients.
        attenuation_db: of the stop band, for the Kaiser window.

    Returns:
        h[1], h[3], ..., h[4 m - 1].

    References:
        J. F. Kaiser, "Nonrecursive digital filter design using the I0-sinh window function", ISCAS 1974.
    """
    offset = np.arange(1 - 2 * m, 2 * m, 2)
    window = np.i0(0.1102 * (attenuation_db - 8.7) * np.sqrt(1 - (offset / (2 * m)) ** 2))
    taps = window * np.sin(np.pi * offset / 2) / offset
    return tuple((0.5 * taps / taps.sum()).tolist())


def half_band_allpasses(count: int, transition: float) -> tuple[float, ...]:
    """Coefficients of an elliptic half-band filter (A_0(z^2) + z^-1 A_1(z^2)) / 2, from the theta functions.

    Each c stands for an all-pass (c + z^-2) / (1 + c z^-2); taken in rising order they belong to A_0 and A_1 in turn.

    Args:
        count: number of all-passes; the filter has order 2 count + 1.
        transition: width of the transition band around a quarter of the rate, as a fraction of the rate.
    """
    k = math.tan(math.pi / 4 * (1 - 2 * transition)) ** 2
    root = (1 - k * k) ** 0.25
    e = 0.5 * (1 - root) / (1 + root)
    q = e + 2 * e**5 + 15 * e**9 + 150 * e**13
    order = 2 * count + 1
    coefficients = []
    for i in range(1, count + 1):
        angle = i * math.pi / order
        odd = sum((-1) ** j * q ** (j * (j + 1)) * math.sin((2 * j + 1) * angle) for j in range(8))
        even = 0.5 + sum((-1) ** j * q ** (j * j) * math.cos(2 * j * angle) for j in range(1, 8))
        w = (q**0.25 * odd / even) ** 2
        x = math.sqrt((1 - w * k) * (1 - w / k)) / (1 + w)
        coefficients.append((1 - x) / (1 + x))
    return tuple(sorted(coefficients))


def _fir(padded: Tensor, taps: tuple[float, ...]) -> Tensor:
    """y[n] = sum_k taps[k] padded[n + K - 1 - k]: (..., T + K - 1) to (..., T).

    As products of overlapping frames with a band matrix: many times faster on a CPU than a one-channel conv1d.
    """
    K = len(taps)
    T = padded.shape[-1] - K + 1
    frame = 16 if K <= 16 else 64
    blocks = -(-T // frame)
    kernel = torch.tensor(taps[::-1], dtype=padded.dtype, device=padded.device)
    width = frame + K - 1
    # Row j holds the reversed kernel shifted right by j: a period of K + frame written out in rows of K + frame - 1.
    band = torch.nn.functional.pad(kernel, (0, frame)).repeat(frame)[: frame * width].view(frame, width)
    frames = torch.nn.functional.pad(padded, (0, blocks * frame - T)).unfold(-1, width, frame)
    return (frames @ band.T).flatten(-2)[..., :T]


def _past(x: Tensor, samples: int, state: Tensor | None) -> Tensor:
    """Return x with the ``samples`` before it put in front."""
    return torch.cat((x.new_zeros(*x.shape[:-1], samples) if state is None else state, x), -1)


def _interleave(even: Tensor, odd: Tensor) -> Tensor:
    return torch.stack((even, odd), -1).flatten(-2)


def _linear_up(x: Tensor, taps: tuple[float, ...], state: Tensor | None) -> tuple[Tensor, Tensor]:
    m, T = len(taps) // 2, x.shape[-1]
    padded = _past(x, 2 * m - 1, state)
    left = padded[..., T:]
    if T == 0:
        return x, left
    return _interleave(padded[..., m - 1 : m - 1 + T], 2 * _fir(padded, taps)), left


def _linear_down(x: Tensor, taps: tuple[float, ...], state: tuple | None) -> tuple[Tensor, tuple]:
    m, T = len(taps) // 2, x.shape[-1] // 2
    even = _past(x[..., ::2], m, None if state is None else state[0])
    odd = _past(x[..., 1::2], 2 * m, None if state is None else state[1])
    left = even[..., T:], odd[..., T:]
    if T == 0:
        return x, left
    return 0.5 * even[..., :T] + _fir(odd[..., :-1], taps), left


def _allpass_delay(coefficients: tuple[float, ...]) -> float:
    """Delay at low frequencies, in samples of the lower rate, of one stage up and down."""
    # (c + z^-1) / (1 + c z^-1) delays low frequencies by (1 - c) / (1 + c); the branches agree there but for half a
    # sample, which the filter is designed to make good. Down reads the odd samples first: half a sample earlier.
    branches = [sum((1 - c) / (1 + c) for c in coefficients[i::2]) for i in (0, 1)]
    return 2 * (branches[0] + branches[1] + 0.5) / 2 - 0.5


def _allpass(x: Tensor, coefficients: tuple[float, ...], zi: Tensor | None) -> tuple[Tensor, Tensor]:
    sos = torch.tensor([[c, 1.0, 0.0, 1.0, c, 0.0] for c in coefficients], dtype=torch.float64, device=x.device)
    return sosfilt(x, sos, zi, return_zf=True)


def _minimum_up(x: Tensor, coefficients: tuple[float, ...], state: tuple | None) -> tuple[Tensor, tuple]:
    even, first = _allpass(x, coefficients[::2], None if state is None else state[0])
    odd, second = _allpass(x, coefficients[1::2], None if state is None else state[1])
    return _interleave(even, odd), (first, second)


def _minimum_down(x: Tensor, coefficients: tuple[float, ...], state: tuple | None) -> tuple[Tensor, tuple]:
    late, first = _allpass(x[..., 1::2], coefficients[::2], None if state is None else state[0])
    early, second = _allpass(x[..., ::2], coefficients[1::2], None if state is None else state[1])
    return 0.5 * (late + early), (first, second)
