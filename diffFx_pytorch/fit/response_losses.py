"""Distances of responses: magnitudes, decays, matrices. Every loss is finite on silence and at zeros of H.

Losses take outputs (..., C, M) or (..., C, T) and targets that broadcast with them; a loss of several channels is the
mean of the channels'.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from ..dsp.power_spectrogram import power_spectrogram
from ..dsp.room_analysis import octave_bands, octave_centres
from ..spectrogram.mel import MelScale

_SILENCE = 1e-12
"""Energy that counts as none: -120 dB."""


class MagnitudeError(nn.Module):
    r"""Mean squared error of magnitudes, all of them or a random part at a time.

    .. math:: L = \frac{1}{|S|} \sum_{k \in S} (|H_k| - |T_k|)^2

    Against a target of 1 it is the colourlessness of a network of delays.

    Args:
        points: number of points compared in a call, drawn at random each time; None compares all.
        seed: of the random numbers.
        sum_outputs: whether the magnitudes of all outputs are added first, as FLAMO's ``mse_loss`` does: the target is
            then that of their sum, and one output may make up for another. Else each output is compared.

    Shape:
        output (..., C, M), target broadcasts with it; complex ones count by their magnitude.

    Raises:
        ValueError: with ``sum_outputs``, for a target of several channels.

    References:
        G. Dal Santo, K. Prawda, S. J. Schlecht, V. Valimaki, "Optimizing tiny colorless feedback delay networks",
        EURASIP JASMP 2025, equation 12.
    """

    def __init__(self, points: int | None = None, seed: int = 0, *, sum_outputs: bool = False) -> None:
        super().__init__()
        self.points, self.sum_outputs = points, sum_outputs
        self._generator = torch.Generator().manual_seed(seed)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """The mean square of the difference."""
        output, target = _magnitude(output), _magnitude(target)
        if self.sum_outputs:
            if target.dim() > 1 and target.shape[-2] != 1:
                raise ValueError(f"MagnitudeError: a sum has a target of one channel, got {target.shape[-2]} channels")
            output = output.sum(-2, keepdim=True)
        error = output - target
        if self.points is not None and self.points < error.shape[-1]:
            chosen = torch.randperm(error.shape[-1], generator=self._generator)[: self.points]
            error = error[..., chosen.to(error.device)]
        return error.square().mean()


def sparsity(matrix: Tensor) -> Tensor:
    r"""Sparsity of an orthogonal matrix: 1 for a permutation, 0 where all entries are of equal size (Hadamard's).

    .. math:: L = \frac{N \sqrt{N} - \sum_{ij} |A_{ij}|}{N (\sqrt{N} - 1)}

    A dense matrix makes the echo density grow fast, so this is minimised beside ``MagnitudeError``.

    Args:
        matrix: (..., N, N), N above 1.

    Returns:
        The mean over leading dimensions.

    References:
        Dal Santo et al. 2025, equation 14.
    """
    n = matrix.shape[-1]
    if n < 2 or matrix.shape[-2] != n:
        raise ValueError(f"sparsity: a square matrix of at least 2 rows is needed, got {tuple(matrix.shape)}")
    return ((n * math.sqrt(n) - matrix.abs().sum((-2, -1))) / (n * (math.sqrt(n) - 1))).mean()


class EnergyDecayCurve(nn.Module):
    r"""Error of the energy decay curves in dB, broadband or by octave.

    .. math:: L = \frac{\sum_{b,n} (E_{b,n} - \hat E_{b,n})^2}{\sum_{b,n} E_{b,n}^2}, \quad
        E_n = 10 \log_{10} \frac{\sum_{m \ge n} h_m^2}{\sum_m h_m^2}

    Args:
        sample_rate: Hz.
        bands: "broadband" or "octave" (125 Hz to 8 kHz, as far as the sample rate goes).
        normalise: whether each curve starts at 0 dB; else levels count too.
        floor_db: where curves are cut off, below the start of the target's; None never cuts, so that the last samples,
            whose curves fall without end, count most.
        relative: whether the error is divided by the square of the target's curve; else it is the mean square, dB^2.
        discard: share of the end of both sounds that is left out, such as what a filter bank does there.

    Shape:
        output and target (..., C, T).

    References:
        M. R. Schroeder, "New method of measuring reverberation time", JASA 37, 1965.
        A. I. Mezza, R. Giampiccolo, E. De Sena, A. Bernardini, "Data-driven room acoustic modeling via differentiable
        feedback delay networks with learnable delay lines", EURASIP JASMP 2024, equation 10.
    """

    def __init__(
        self,
        sample_rate: float,
        *,
        bands: Literal["broadband", "octave"] = "octave",
        normalise: bool = False,
        floor_db: float | None = -60.0,
        relative: bool = True,
        discard: float = 0.0,
    ) -> None:
        super().__init__()
        if bands not in ("broadband", "octave"):
            raise ValueError(f"EnergyDecayCurve: bands must be 'broadband' or 'octave', got {bands!r}")
        if not 0 <= discard < 1:
            raise ValueError(f"EnergyDecayCurve: discard must lie in 0 .. 1, below 1, got {discard!r}")
        self.sample_rate, self.bands, self.normalise, self.floor_db = sample_rate, bands, normalise, floor_db
        self.relative, self.discard = relative, discard

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """The normalised square of the difference of levels, or with ``relative=False`` its mean in dB^2."""
        kept = round((1 - self.discard) * output.shape[-1])
        output, target = output[..., :kept], target[..., :kept]
        if self.bands == "octave":
            centres = octave_centres(self.sample_rate)
            output, target = (octave_bands(x, self.sample_rate, centres) for x in (output, target))
        levels = _decay_levels(output.square(), target.square(), self.normalise, self.floor_db)
        squared = (levels[0] - levels[1]).square()
        return squared.sum() / (levels[1].square().sum() + _SILENCE) if self.relative else squared.mean()


class EnergyDecayRelief(nn.Module):
    r"""Error of the energy decay relief: the remaining energy of each mel band of a spectrogram, in dB.

    .. math:: L = \frac{\sum_{f,t} |R_{f,t} - \hat R_{f,t}|}{\sum_{f,t} |R_{f,t}|}

    Args:
        sample_rate: Hz.
        n_fft: length of the windows, 20 ms where None.
        n_mels: number of bands.
        normalise: whether each band starts at 0 dB; else levels count too.
        floor_db: where it is cut off, below the start of the target's.

    Shape:
        output and target (..., C, T).

    References:
        J.-M. Jot, "An analysis/synthesis approach to real-time artificial reverberation", ICASSP 1992.
        A. I. Mezza, R. Giampiccolo, A. Bernardini, "Modeling the frequency-dependent sound energy decay of acoustic
        environments with differentiable feedback delay networks", DAFx 2024, equation 15.
    """

    def __init__(
        self,
        sample_rate: float,
        *,
        n_fft: int | None = None,
        n_mels: int = 64,
        normalise: bool = False,
        floor_db: float = -60.0,
    ) -> None:
        super().__init__()
        self.spectrogram = MelPower(sample_rate, n_fft or 2 * round(0.01 * sample_rate), n_mels)
        self.normalise, self.floor_db = normalise, floor_db

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """The normalised absolute difference, in dB."""
        energies = self.spectrogram(output), self.spectrogram(target)
        levels = _decay_levels(*energies, self.normalise, self.floor_db)
        return (levels[0] - levels[1]).abs().sum() / (levels[1].abs().sum() + _SILENCE)


class MultiResolutionMel(nn.Module):
    """Distance of mel spectrograms at several resolutions, absolute and logarithmic.

    Args:
        sample_rate: Hz.
        n_ffts: window lengths in samples; the hop is a quarter of each.
        n_mels: number of bands of each resolution.
        log_weight: of the logarithmic part.

    Shape:
        output and target (..., C, T).

    References:
        J. Engel, L. Hantrakul, C. Gu, A. Roberts, "DDSP: differentiable digital signal processing", ICLR 2020, eq. 4.
    """

    def __init__(
        self,
        sample_rate: float,
        n_ffts: Sequence[int] = (512, 1024, 2048),
        n_mels: Sequence[int] = (32, 64, 128),
        *,
        log_weight: float = 1.0,
    ) -> None:
        super().__init__()
        if len(n_ffts) != len(n_mels) or not n_ffts:
            raise ValueError(f"MultiResolutionMel: {len(n_ffts)} window lengths for {len(n_mels)} numbers of bands")
        self.scales = nn.ModuleList(MelPower(sample_rate, n, m) for n, m in zip(n_ffts, n_mels, strict=True))
        self.log_weight = log_weight

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """The mean over resolutions."""
        loss = output.new_zeros(())
        for scale in self.scales:
            s, t = (scale(output) + _SILENCE).sqrt(), (scale(target) + _SILENCE).sqrt()
            loss = loss + (s - t).abs().mean() + self.log_weight * (s.log() - t.log()).abs().mean()
        return loss / len(self.scales)


class AveragePower(nn.Module):
    r"""Difference of spectrograms smoothed over time and frequency: ignores the realisation of a noise, not its power.

    .. math:: L = \frac{\| S_1 * w - S_2 * w \|_F}{\| S_1 * w \|_F^{1/2} \| S_2 * w \|_F^{1/2}}

    with magnitudes S, w a Hann window of 64 by 64 frames and bins, and every fourth value of the result.

    Args:
        n_fft: length of the spectrogram's windows; the hop is a quarter.
        smoothing: side of the window w.

    Shape:
        output and target (..., C, T), long enough for ``smoothing`` frames.

    References:
        G. Dal Santo, K. Prawda, S. J. Schlecht, V. Valimaki, "Similarity metrics for late reverberation", Asilomar
        2024, equation 10.
    """

    def __init__(self, n_fft: int = 1024, smoothing: int = 64) -> None:
        super().__init__()
        self.n_fft, self.smoothing = n_fft, smoothing
        window = torch.hann_window(smoothing, dtype=torch.float64)
        self.register_buffer("window", (window / window.sum())[None, None], persistent=False)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """The mean over channels of the normalised difference."""
        a, b = self._smoothed(output), self._smoothed(target)
        difference = (a - b).square().sum((-2, -1))
        scale = (a.square().sum((-2, -1)) * b.square().sum((-2, -1))).sqrt()
        return ((difference + _SILENCE).sqrt() - _SILENCE**0.5).div((scale + _SILENCE).sqrt()).mean()

    def _smoothed(self, x: Tensor) -> Tensor:
        S = (power_spectrogram(x.reshape(-1, x.shape[-1]), self.n_fft) + _SILENCE).sqrt()
        if S.shape[-1] < self.smoothing:
            least = (self.smoothing - 1) * self.n_fft // 4
            raise ValueError(f"AveragePower: at least {least} samples are needed, got {x.shape[-1]}")
        w = self.get_buffer("window").to(S)
        rows = nn.functional.conv1d(S.flatten(0, 1).unsqueeze(1), w, stride=4)
        rows = rows.squeeze(1).unflatten(0, S.shape[:2]).mT
        columns = nn.functional.conv1d(rows.flatten(0, 1).unsqueeze(1), w, stride=4)
        return columns.squeeze(1).unflatten(0, rows.shape[:2])


class MelPower(nn.Module):
    """Mel spectrogram of powers, 1 for a full-scale sine: (..., T) to (..., n_mels, frames)."""

    def __init__(self, sample_rate: float, n_fft: int, n_mels: int) -> None:
        super().__init__()
        self.scale = MelScale(n_mels, sample_rate, n_fft, norm=None)

    def forward(self, x: Tensor) -> Tensor:
        """Powers by band and frame."""
        power = power_spectrogram(x, self.scale.n_fft)
        return self.scale.filters(power) @ power


def _magnitude(x: Tensor) -> Tensor:
    return x.abs() if x.is_complex() else x


def _decay_levels(output: Tensor, target: Tensor, normalise: bool, floor_db: float | None) -> tuple[Tensor, Tensor]:
    """Levels in dB of the remaining energy along the last axis, down to a floor."""
    left = [x.flip(-1).cumsum(-1).flip(-1) for x in (output, target)]
    reference = left[1][..., :1]
    floor = 0.0 if floor_db is None else 10.0 ** (floor_db / 10.0)

    def level(x: Tensor) -> Tensor:
        return 10 * ((x + _SILENCE) / ((x[..., :1] if normalise else reference) + _SILENCE) + floor).log10()

    return level(left[0]), level(left[1])
