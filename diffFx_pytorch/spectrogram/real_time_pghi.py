"""Phase gradient integration forwards in time, frame by frame."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .gradient import bin_slope, centring, gaussian_width, time_slope, with_centred_phase
from .phase_sweep import carry_phase, loudest_path
from .stft import STFT

FLOOR = 1e-10
"""Lowest level, relative to the loudest bin so far: quieter bins count as this."""


class RealTimePGHI:
    r"""Phases from a stream of magnitudes, by the phase gradient between a frame and the one before.

    A bin continues a bin of the last frame by the mean of their ``time_slope``, or inherits from it along frequency by
    ``bin_slope``, on the path whose weakest bin is loudest (``loudest_path``). The slope along frequency is a
    difference of frames n - 1 and n + 1, so a frame's phase is known when the next frame is; without look-ahead it is
    a difference of frames n - 2, n - 1 and n.

    Blocks of any sizes give the same numbers as everything at once. Within 1 to 2 dB of ``pghi``, several hundred times
    faster than real time, and without a heap, so that it runs on any device.

    Args:
        stft: the transform that the magnitudes belong to.
        look_ahead: frames of latency, 0 or 1.
        gamma: width of the Gaussian nearest to the window, in samples squared; None fits it (``gaussian_width``).

    Raises:
        ValueError: for a look-ahead that is neither 0 nor 1, or a gamma that is not positive.

    References:
        Prusa and Sondergaard, "Real-time spectrogram inversion using phase gradient heap integration", DAFx 2016.
    """

    def __init__(self, stft: STFT, look_ahead: int = 1, gamma: float | None = None):
        if look_ahead not in (0, 1):
            raise ValueError(f"RealTimePGHI: look_ahead must be 0 or 1 frames. Got {look_ahead!r}.")
        if gamma is not None and not gamma > 0:
            raise ValueError(f"RealTimePGHI: gamma must be positive. Got {gamma!r}.")
        self.stft, self.look_ahead = stft, look_ahead
        self.gamma = gaussian_width(stft) if gamma is None else gamma
        self._centre = centring(stft)
        self.reset()

    def reset(self) -> None:
        """Start a new stream: the next frame is the first."""
        self._loudest: Tensor | None = None
        self._magnitude: Tensor | None = None  # frames that wait for the next one
        self._levels: Tensor | None = None  # of up to two frames that have left, then of those that wait
        self._last: tuple[Tensor, Tensor, Tensor] | None = None  # level, time slope and phase of the last frame out

    def push(self, magnitude: Tensor) -> Tensor:
        """Give phases to the next frames.

        Args:
            magnitude: (..., F, frames), float32 or float64, not negative; any number of frames.

        Returns:
            Complex (..., F, frames'): as many frames, but ``look_ahead`` fewer in the first call.
        """
        self.stft.check_magnitude("RealTimePGHI", magnitude, onesided=True)
        return self.extend(magnitude)

    def extend(self, magnitude: Tensor, last: Tensor | None = None) -> Tensor:
        """``push`` without its checks.

        Args:
            magnitude: (..., F, frames).
            last: the spectrum that the last frame out has got since, (..., F), to go on from instead.

        Returns:
            As ``push``.
        """
        if last is not None and self._last is not None:
            self._last = (*self._last[:2], (last * self._centre.to(last.device, last.dtype)).angle())
        frames = magnitude.detach().transpose(-1, -2)
        peaks = frames.amax(-1, keepdim=True)
        if self._loudest is not None:
            peaks = torch.cat((self._loudest, peaks), -2)
        # The floor follows the loudest bin so far, as the loudest of all is not known yet.
        peaks = peaks.cummax(-2).values[..., -frames.shape[-2] :, :]
        self._loudest = peaks[..., -1:, :]
        levels = frames.maximum((peaks * FLOOR).clamp(min=torch.finfo(frames.dtype).tiny)).log()
        if self._levels is not None and self._magnitude is not None:
            levels = torch.cat((self._levels, levels), -2)
            magnitude = torch.cat((self._magnitude, magnitude), -1)
        return self._leave(magnitude, levels, magnitude.shape[-1] - self.look_ahead)

    def flush(self) -> Tensor:
        """Return the last ``look_ahead`` frames, (..., F, look_ahead), and ``reset``."""
        if self._levels is None or self._magnitude is None:
            raise ValueError("RealTimePGHI: nothing was pushed, so there is nothing to flush.")
        spectrum = self._leave(self._magnitude, self._levels, self._magnitude.shape[-1])
        self.reset()
        return spectrum

    def _leave(self, magnitude: Tensor, levels: Tensor, count: int) -> Tensor:
        """Give the first ``count`` frames of ``magnitude``, the last ones of ``levels``, their phase."""
        waiting = magnitude.shape[-1] - count
        past = levels.shape[-2] - magnitude.shape[-1]
        if count > 0:
            here = levels[..., past : past + count, :]
            slope = time_slope(here, self.stft, self.gamma)
            along = self._bin_slope(levels)[..., past : past + count, :]
            phase = self._integrate(here, slope, along)
            self._last = here[..., -1, :], slope[..., -1, :], phase[..., -1, :]
            spectrum = with_centred_phase(magnitude[..., :count], phase.transpose(-1, -2), self.stft)
        else:
            spectrum = (magnitude[..., :0] + 0j).to(magnitude.dtype.to_complex())
        self._magnitude = magnitude[..., max(0, count) :].detach()
        self._levels = levels[..., -(min(2, past + max(0, count)) + min(waiting, magnitude.shape[-1])) :, :]
        return spectrum

    def _bin_slope(self, levels: Tensor) -> Tensor:
        if self.look_ahead or levels.shape[-2] < 3:
            return bin_slope(levels, self.stft, self.gamma)
        s = levels
        inner = (3 * s[..., 2:, :] - 4 * s[..., 1:-1, :] + s[..., :-2, :]) / 2
        rate = torch.cat((torch.zeros_like(s[..., :1, :]), s[..., 1:2, :] - s[..., :1, :], inner), -2)
        return (-self.gamma / (self.stft.hop_length * self.stft.n_fft)) * rate

    def _integrate(self, level: Tensor, slope: Tensor, along: Tensor) -> Tensor:
        climb = torch.cat((torch.zeros_like(along[..., :1]), (along[..., 1:] + along[..., :-1]) / 2), -1).cumsum(-1)
        if self._last is None:
            # The first frame spreads from its loudest bin, which gets 0.
            loudest = level[..., 0, :].argmax(-1, keepdim=True)
            state = torch.full_like(level[..., 0, :], -math.inf).scatter(-1, loudest, math.inf)
            last_slope, last_phase = -slope[..., 0, :], torch.zeros_like(state)
        else:
            state, last_slope, last_phase = self._last
        source = loudest_path(level.contiguous(), state.contiguous())
        step = (slope + torch.cat((last_slope.unsqueeze(-2), slope[..., :-1, :]), -2)) / 2
        return carry_phase(source, (step - climb).gather(-1, source) + climb, last_phase)


def real_time_pghi(magnitude: Tensor, stft: STFT, *, look_ahead: int = 1, gamma: float | None = None) -> Tensor:
    """:class:`RealTimePGHI` over a whole spectrogram.

    Args:
        magnitude: (..., F, frames), float32 or float64, not negative.
        stft: the transform it belongs to.
        look_ahead: 0 or 1 frames.
        gamma: as for :class:`RealTimePGHI`.

    Returns:
        Complex (..., F, frames). Gradients pass to the magnitude; the phase is detached.
    """
    stream = RealTimePGHI(stft, look_ahead, gamma)
    spectrum = stream.push(magnitude)
    return torch.cat((spectrum, stream.flush()), -1) if look_ahead else spectrum
