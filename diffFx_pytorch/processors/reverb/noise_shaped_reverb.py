"""Reverb of filtered noise."""

from __future__ import annotations

import itertools
import math

import numpy as np
import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.levels import db_to_amp
from ...dsp.room_analysis import PINK_HZ
from ...options import Integer
from ...params import EffectParam
from ...recursion import delay_line
from ..choices import SEED
from .predelay import MIX
from .response import EARLIEST, SECONDS, WIDTH, ResponseReverb

_LOWEST_HZ, _HIGHEST_HZ = 31.5, 16000.0
_TRANSITION = 0.25
"""Width of the transition between two bands, as a share of the distance of their centres."""


class NoiseShapedReverb(ResponseReverb):
    r"""Reverberation by noise shaped in bands: y = (1 - m) x + m W(h * x).

    .. math:: h_n = \frac{1}{\sqrt E} \sum_b g_b\, 10^{-3 n / (f_s T_b)}\, v_{b, n - d}, \qquad
        E = \sum_b w_b g_b^2 \sum_n 10^{-6 n / (f_s T_b)}

    v_b are the K bands of Gaussian noise, one for each side, that is drawn once: every call, device and sample rate has
    the same (its spectrum is what is drawn, bin by bin; a higher rate only adds bins). T_b is the time in which a band
    decays by 60 dB. Normalised by E, pink noise of 20 Hz .. 3.5 kHz, of which band b has the share w_b, comes out as
    loud as it went in, whatever gains and decays are, so that gains matter relative to each other. Centres are spread
    evenly over 31.5 Hz .. 16 kHz (0.37 of lower sample rates): ten bands are octaves. Mono or stereo in, stereo out.

    References:
        C. J. Steinmetz, V. K. Ithapu, P. Calamia, "Filtered noise shaping for time domain room impulse response
        estimation from reverberant speech", WASPAA 2021, eq. 3 and 4.
        J. A. Moorer, "About this reverberation business", Computer Music Journal 3(2), 1979.
    """

    words = ("adds band # of a room at {band_#_gain_db}, dying in {band_#_decay_s}",)
    options = {
        "num_bands": Integer(1, 64, 12, doc="Number of bands of the noise."),
        "ir_seconds": SECONDS,
        "seed": SEED,
    }
    variants = ({}, {"num_bands": 3, "ir_seconds": 0.5, "seed": 7})

    def table(self) -> dict[str, EffectParam]:
        """Level and decay of every band, then what all reverbs of a response have."""
        table: dict[str, EffectParam] = {}
        for b, f in enumerate(band_centres(self.num_bands, self.sample_rate), 1):
            where = f"{float(format(f, '.3g')):g} Hz"
            table[f"band_{b}_gain_db"] = EffectParam(
                -36.0, 12.0, 0.0, unit="dB", doc=f"Level of the band at {where}.", automatable=False
            )
            decay = max(0.1, 0.6 * self.ir_seconds / (1 + f / 8000))
            doc = f"Time in which the band at {where} decays by 60 dB."
            table[f"band_{b}_decay_s"] = EffectParam(
                0.1, self.ir_seconds, decay, "log", "s", search="decay", doc=doc, automatable=False
            )
        return table | {"predelay_ms": EARLIEST, "width": WIDTH, "mix": MIX}

    def prepare(self) -> None:
        """Draw the noise."""
        centres = band_centres(self.num_bands, self.sample_rate)
        noise = band_noise(centres, self.sample_rate, self.ir_seconds, self.seed)
        self.register_buffer("_noise", noise, persistent=False)
        self._shares = pink_shares(centres)
        self.set_length(noise.shape[-1])

    def curve(self, *, predelay_ms: Tensor, width: Tensor, mix: Tensor, **bands: Tensor) -> Curve:
        """Decay times of the bands."""
        decays = torch.stack([bands[f"band_{b}_decay_s"].flatten()[0] for b in range(1, self.num_bands + 1)])
        centres = torch.tensor(band_centres(self.num_bands, self.sample_rate), dtype=decays.dtype)
        return Curve(centres, decays, "frequency (Hz)", "decay by 60 dB (s)", True, "NoiseShapedReverb", stems=True)

    def respond(self, samples: int, dtype: torch.dtype, *, predelay_ms: Tensor, **bands: Tensor) -> Tensor:
        """The bands of the noise, each with its level and decay, and the predelay."""
        noise = self._noise[..., :samples].to(dtype)
        length, n = self._noise.shape[-1], torch.arange(noise.shape[-1], dtype=dtype, device=noise.device)
        h, energy = torch.zeros((), dtype=dtype, device=noise.device), torch.zeros((), dtype=torch.float64)
        for b in range(self.num_bands):
            gain = db_to_amp(bands[f"band_{b + 1}_gain_db"].double())
            rate = -3 * math.log(10) / self.sample_rate / bands[f"band_{b + 1}_decay_s"].double()
            h = h + noise[:, b] * (gain.to(dtype) * torch.exp(rate.to(dtype) * n))
            energy = energy + self._shares[b] * gain**2 * torch.expm1(2 * length * rate) / torch.expm1(2 * rate)
        h = h * energy.rsqrt().to(dtype)
        h = torch.nn.functional.pad(h, (0, samples - h.shape[-1]))
        return delay_line(h, predelay_ms.double() * (self.sample_rate / 1000))


def band_centres(count: int, sample_rate: float) -> list[float]:
    """Centres of so many bands in Hz, spread evenly over the octaves."""
    highest = min(_HIGHEST_HZ, 0.37 * sample_rate)
    if count == 1:
        return [math.sqrt(_LOWEST_HZ * highest)]
    return [_LOWEST_HZ * (highest / _LOWEST_HZ) ** (b / (count - 1)) for b in range(count)]


def pink_shares(centres: list[float]) -> list[float]:
    """Share of each band in pink noise of ``PINK_HZ``: its octaves within it, between neighbours' middles."""
    low, high = PINK_HZ
    edges = [low, *(math.sqrt(a * b) for a, b in itertools.pairwise(centres)), math.inf]
    octaves = [max(0.0, math.log2(min(b, high) / max(a, low))) for a, b in itertools.pairwise(edges)]
    return [o / math.log2(high / low) for o in octaves]


def band_noise(centres: list[float], sample_rate: float, seconds: float, seed: int) -> Tensor:
    """White noise of variance 1 for two sides, cut into bands that add up to it: (2, K, L), float32.

    A band is flat to three eighths of the way to its neighbour's centre and has gone at five eighths; the lowest
    reaches down to 0 Hz, the highest up to Nyquist.
    """
    samples = round(seconds * sample_rate)
    bins = samples // 2 + 1
    drawn = np.random.default_rng(seed).standard_normal((bins, 2, 2)) * math.sqrt(samples / 2)
    spectrum = np.ascontiguousarray((drawn[..., 0] + 1j * drawn[..., 1]).T)
    octave = np.log2(np.maximum(np.arange(bins), 0.5) / seconds)
    below = [np.ones(bins)]
    for low, high in itertools.pairwise(centres):
        distance = math.log2(high / low)
        away = (octave - math.log2(low) - distance / 2) / (distance * _TRANSITION / 2)
        below.append(0.5 + 0.5 * np.sin(np.pi / 2 * np.clip(away, -1, 1)))
    below.append(np.zeros(bins))
    bands = [np.fft.irfft(spectrum * (a - b), samples) for a, b in itertools.pairwise(below)]
    return torch.from_numpy(np.stack(bands, 1).astype(np.float32))
