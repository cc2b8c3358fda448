"""Octaves and thirds of octaves: bands that add up to the signal, and the bands of sound level meters."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from diffFx_pytorch.kernels.constants import made_once

from .grid import Grid
from .response import Dense, Response
from .system import System

BankKind = Literal["linear_phase", "butterworth"]

_OCTAVE = 10**0.3
"""The ratio of an octave in IEC 61260, a little under 2, so that ten thirds are a decade."""


class FilterBank(System):
    r"""One signal to its bands, an octave or a third wide, whose centres are those of IEC 61260.

    .. math:: f_k = 1000 \text{ Hz} \cdot G^{k / b}, \quad G = 10^{3 / 10}, \quad b = 1, 3

    with edges :math:`G^{\pm 1 / 2 b}` from the centre.

    ``"linear_phase"`` bands add up to the signal, delayed by ``latency_samples``, to rounding errors: the lowest takes
    all below it, the highest all above. They cross at -6 dB at the edges and are down to -30 dB at the centres of their
    neighbours.

    ``"butterworth"`` bands are causal, -3.01 dB at both edges and of order 2 ``order``. Octaves keep to the limits of
    class 1 up to a centre of 1 / 48 of the sample rate at order 3 and of 1 / 12 at order 4; above, the bilinear
    transform bends their slopes. At order 3 and rates of 16 to 48 kHz the powers add up to 1 within 0.8 dB from the
    lowest centre to the highest; the sum of the bands themselves is up to 3.4 dB off, for their phases differ.

    Args:
        bands_per_octave: b.
        sample_rate: Hz.
        kind: see above.
        low_hz: the lowest centre is this or the next above, with a few per cent of tolerance for nominal frequencies.
        high_hz: the highest centre is this or the next below; no band's upper edge reaches half the sample rate.
        order: of the Butterworth low-pass that each band is made from, 1 .. 8.

    Shape:
        x (..., 1, T) to (..., K, T); a signal of channels is ``bank(x.unsqueeze(-2))``, (..., channels, K, T).

    Raises:
        ValueError: for another kind or number of bands, an order out of range, or fewer than two bands in the range.

    References:
        IEC 61260-1:2014, 5.2 to 5.5 (frequencies); IEC 61260:1995, table 1 (limits).
    """

    anchor: Tensor

    def __init__(
        self,
        bands_per_octave: Literal[1, 3] = 1,
        *,
        sample_rate: float,
        kind: BankKind = "linear_phase",
        low_hz: float = 31.5,
        high_hz: float = 16000.0,
        order: int = 3,
    ) -> None:
        super().__init__()
        if kind not in get_args(BankKind):
            raise ValueError(f"FilterBank: kind must be {' or '.join(map(repr, get_args(BankKind)))}, got {kind!r}")
        if not 1 <= order <= 8:
            raise ValueError(f"FilterBank: order must lie in 1 .. 8, got {order}")
        self.kind: BankKind = kind
        self.sample_rate, self.order = sample_rate, order
        self.centres_hz = exact_centres(bands_per_octave, sample_rate, low_hz, high_hz)
        if len(self.centres_hz) < 2:
            raise ValueError(f"FilterBank: {low_hz:g} .. {high_hz:g} Hz holds {len(self.centres_hz)} bands, not two")
        half = _OCTAVE ** (0.5 / bands_per_octave)
        self.edges_hz = tuple((c / half, c * half) for c in self.centres_hz)
        self.inputs, self.outputs = 1, len(self.centres_hz)
        transition = self.edges_hz[0][1] * (half - 1 / half)
        self.taps = 2 * math.ceil(3 * sample_rate / transition) + 1
        self.register_buffer("anchor", torch.zeros(()), persistent=False)  # has the type and the device

    @property
    def latency_samples(self) -> int:
        """By how much the sum of the bands is late."""
        return self.taps // 2 if self.kind == "linear_phase" else 0

    def respond(self, grid: Grid) -> Response:
        """Return the responses of all bands."""
        design = (self.edges_hz, self.sample_rate)
        if self.kind == "linear_phase":
            taps = made_once(_taps, *design, self.taps, dtype=torch.float64, device=grid.device)
            return Dense(grid.fir(taps.to(self.anchor.dtype)).unsqueeze(-2))
        flat = made_once(_butterworth, *design, self.order, dtype=torch.float64, device=grid.device)
        return Dense(grid.sos(flat).unsqueeze(-2))

    def extra_repr(self) -> str:
        """Return the kind and the number of bands."""
        return f"{self.kind}, {self.outputs} bands from {self.centres_hz[0]:.4g} to {self.centres_hz[-1]:.4g} Hz"


def exact_centres(bands_per_octave: int, sample_rate: float, low_hz: float, high_hz: float) -> tuple[float, ...]:
    """Return the centres of IEC 61260 in a range, whose upper edges lie under half the sample rate, in Hz.

    Raises:
        ValueError: for other than 1 or 3 bands an octave.
    """
    if bands_per_octave not in (1, 3):
        raise ValueError(f"bands_per_octave must be 1 or 3, got {bands_per_octave}")
    steps = range(-7 * bands_per_octave, 6 * bands_per_octave + 1)
    centres = [1000.0 * _OCTAVE ** (k / bands_per_octave) for k in steps]
    near, half = _OCTAVE ** (0.25 / bands_per_octave), _OCTAVE ** (0.5 / bands_per_octave)
    return tuple(c for c in centres if low_hz / near <= c <= high_hz * near and c * half < 0.499 * sample_rate)


def _taps(edges_hz: tuple[tuple[float, float], ...], sample_rate: float, taps: int) -> Any:
    """Symmetric responses (K, taps) whose sum is a pulse in their middle."""
    size = 1 << (4 * taps).bit_length()
    freq = np.fft.rfftfreq(size, 1 / sample_rate)
    inner = np.array([high for _, high in edges_hz[:-1]])[:, None]
    octaves = math.log2(edges_hz[0][1] / edges_hz[0][0])
    away = np.log2(np.maximum(freq, 1e-9) / inner) / octaves  # in bands, from the edge
    above = np.sin((np.clip(away, -0.5, 0.5) + 0.5) * (np.pi / 2)) ** 2
    steps = np.concatenate([np.ones((1, len(freq))), above, np.zeros((1, len(freq)))])
    h = np.roll(np.fft.irfft(steps[:-1] - steps[1:], size), taps // 2, axis=-1)[:, :taps]
    return h * np.hanning(taps + 2)[1:-1]


def _butterworth(edges_hz: tuple[tuple[float, float], ...], sample_rate: float, order: int) -> Any:
    """Band-passes (K, order, 6) by the bilinear transform, both edges exact, 0 dB at the centre on its axis."""
    low, high = (np.tan(np.pi * np.array(e) / sample_rate)[:, None] for e in zip(*edges_hz, strict=True))
    prototype = np.exp(1j * np.pi * (2 * np.arange((order + 1) // 2) + order + 1) / (2 * order))  # upper half plane
    half = prototype * (high - low) / 2
    root = np.sqrt(half**2 - low * high)
    first, second = half + root, half - root
    paired = first.shape[-1] - order % 2  # a complex pole gives two with their conjugates, the real one a pair
    first, second = (
        np.concatenate([first[:, :paired], second[:, :paired], first[:, paired:]], -1),
        np.concatenate([first[:, :paired].conj(), second[:, :paired].conj(), second[:, paired:]], -1),
    )
    first, second = (1 + first) / (1 - first), (1 + second) / (1 - second)
    one, zero = np.ones(first.shape), np.zeros(first.shape)
    sections = np.stack([one, zero, -one, one, -(first + second).real, (first * second).real], -1)
    at = np.exp(1j * 2 * np.arctan(np.sqrt(low * high)))  # where the analogue centre lands
    sections[..., :3] /= np.abs((at**2 - 1) / ((at - first) * (at - second)))[..., None]
    return sections
