"""Real-time iterative spectrogram inversion with look-ahead, frame by frame."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .gradient import centring
from .initial import both_sides, one_sided
from .real_time_pghi import RealTimePGHI
from .stft import STFT, overlap_add

STARTS = ("gradient", "overlap")
READINGS = ("weighted", "plain", "asymmetric")
DAMPING = 0.03
"""Added to the weight of a sample so far (1 when complete), so that samples of little weight count little."""


class RTISI:
    r"""A signal from a stream of magnitudes, refined while it passes through a buffer of ``look_ahead`` + 1 frames.

    The oldest frame of the buffer leaves, a new one enters, and all frames in it go ``n_iter`` times through

    .. math:: S_i = \mathrm{FFT}\left(w \frac{y}{W + \epsilon}\right), \quad
              T_i = S_i + \alpha (S_i - S_i'), \quad x_i = \mathrm{IFFT}\left(A_i \frac{T_i}{|T_i|}\right)

    where y is the overlap-add of the frames that left and those in the buffer, W the weight of the windows in it, and
    S' the spectrum of the iteration before. Where later frames are still missing, y / W is the signal under a
    smaller window: what the paper's asymmetric window does for the newest frame, here for every frame, from the
    windows themselves.

    Blocks of any sizes give the same numbers as everything at once.

    Args:
        stft: the transform that the magnitudes belong to.
        look_ahead: frames that a frame waits for; 0 is the first RTISI, -1 all that the window overlaps.
        n_iter: iterations whenever a frame enters, or leaves at the end; 0 keeps the phases that frames start with.
        momentum: alpha; 0 is the paper's algorithm. 0.99, as in fast Griffin-Lim, gains 2 to 4 dB.
        start: "gradient": a frame starts with the phase that ``RealTimePGHI`` gives it, given the present
            last frame; "overlap": with that of what the earlier frames left in its place, as in the paper.
        reading: "weighted": w y / W, as above; "plain": w y, with the frames still missing as silence; "asymmetric":
            the paper's, plain but for the newest frame, which is read under sum_i w[N - 1 - n + i H]: the window
            reversed, and copies of it hops later; or under the copies alone (i > 0) when the frame enters.
        differentiable: let gradients flow to the magnitudes through all iterations; of the first phases of
            start="gradient" they see none.

    Raises:
        ValueError: for a look-ahead below -1, a negative number of iterations or momentum, an unknown start or reading.

    References:
        Zhu, Beauregard and Wyse, "Real-time signal estimation from modified short-time Fourier transform magnitude
        spectra", IEEE Trans. ASLP 15(5), 2007. Perraudin, Balazs and Sondergaard, "A fast Griffin-Lim algorithm",
        WASPAA 2013. Prusa and Sondergaard, "Real-time spectrogram inversion using phase gradient heap integration",
        DAFx 2016.
    """

    def __init__(
        self,
        stft: STFT,
        look_ahead: int = 3,
        n_iter: int = 4,
        momentum: float = 0.99,
        start: str = "gradient",
        *,
        reading: str = "weighted",
        differentiable: bool = False,
    ):
        for name, value, least in (("look_ahead", look_ahead, -1), ("n_iter", n_iter, 0)):
            if not isinstance(value, int) or value < least:
                raise ValueError(f"RTISI: {name} must be an integer of at least {least}. Got {value!r}.")
        if not momentum >= 0:
            raise ValueError(f"RTISI: momentum must not be negative. Got {momentum!r}.")
        for name, value, names in (("start", start, STARTS), ("reading", reading, READINGS)):
            if value not in names:
                raise ValueError(f"RTISI: {name} must be one of {', '.join(names)}. Got {value!r}.")
        self.look_ahead = (stft.win_length - 1) // stft.hop_length if look_ahead < 0 else look_ahead
        self.stft, self.n_iter, self.momentum = stft, n_iter, momentum
        self.start, self.reading, self.differentiable = start, reading, differentiable
        self.reset()

    @property
    def latency_samples(self) -> int:
        """Delay of the output: its sample i is the signal's sample i - ``latency_samples``.

        The first sample of the first frame is the signal's sample -N // 2 where the transform is centred.
        """
        return self.look_ahead * self.stft.hop_length + self.stft.padding

    def reset(self) -> None:
        """Start a new stream: the next frame is the first."""
        self._half = one_sided(self.stft)
        self._phases = RealTimePGHI(self._half, 0)
        self._batch_shape: torch.Size | None = None
        self._newest: Tensor | None = None  # the present spectrum of the last frame that entered

    def _begin(self, magnitude: Tensor) -> None:
        N, H = self.stft.n_fft, self.stft.hop_length
        self._batch_shape = magnitude.shape[:-2]
        B = math.prod(self._batch_shape)
        window = self.stft.window_for(magnitude)
        blocks = -(-N // H)
        squares = F.pad(window.abs().square(), (0, blocks * H - N)).view(blocks, H)
        self._analysis = window
        # The frames' weights add up to 1 once all have come.
        self._synthesis = window.conj() / squares.sum(0).repeat(blocks)[:N]
        self._weight = (self._analysis * self._synthesis).real
        self._later = torch.zeros_like(window)  # the windows of the frames before the newest, reversed in time
        for position in range(H, N, H):
            self._later[position:] += window.flip(0)[:-position]
        self._centre = centring(self.stft).to(magnitude.device, magnitude.dtype.to_complex())
        self._target = magnitude.new_zeros(B, 0, self.stft.bins)
        self._frames = magnitude.new_zeros(B, 0, N)  # in time, windowed: those that may change
        self._estimate = torch.zeros_like(self._target, dtype=self._centre.dtype)  # their S'
        span = self.look_ahead * H + N
        self._left = magnitude.new_zeros(B, span)  # what frames that left add to the buffer's samples
        self._left_weight = magnitude.new_zeros(span)

    def push(self, magnitude: Tensor) -> Tensor:
        """Invert the next frames.

        Args:
            magnitude: (..., F, frames), float32 or float64, not negative; any number of frames.

        Returns:
            (..., frames * H), delayed by ``latency_samples``: zeros first.

        Raises:
            ValueError: what is no magnitude of this transform, or other leading dimensions than before.
        """
        self.stft.check_magnitude("RTISI", magnitude)
        with torch.set_grad_enabled(self.differentiable and torch.is_grad_enabled()):
            return self._push(magnitude)

    def _push(self, magnitude: Tensor) -> Tensor:
        if self._batch_shape is None:
            self._begin(magnitude)
        if magnitude.shape[:-2] != self._batch_shape:
            raise ValueError(
                f"RTISI: the stream began with leading dimensions {tuple(self._batch_shape or ())}, "
                f"this block has {tuple(magnitude.shape[:-2])}."
            )
        rows = magnitude.reshape(-1, *magnitude.shape[-2:])
        scale = self.stft.n_fft**0.5 if self.stft.normalized else 1.0
        out = []
        for n in range(rows.shape[-1]):
            self._enter(rows[..., n] * scale)
            self._iterate()
            full = self._frames.shape[1] > self.look_ahead
            out.append(self._leave() if full else rows.new_zeros(len(rows), self.stft.hop_length))
        return torch.cat(out, -1).view(*magnitude.shape[:-2], -1)

    def flush(self) -> Tensor:
        """Return the samples after the last frame, (..., look_ahead H + N - H) or fewer, and ``reset``.

        With no more frames than ``look_ahead`` everything is still to come, and every frame has waited for the last.
        """
        if self._batch_shape is None:
            raise ValueError("RTISI: nothing was pushed, so there is nothing to flush.")
        with torch.set_grad_enabled(self.differentiable and torch.is_grad_enabled()):
            return self._flush(self._batch_shape)

    def _flush(self, batch_shape: torch.Size) -> Tensor:
        out = []
        missing = self.look_ahead - self._frames.shape[1]
        out.append(self._left.new_zeros(len(self._left), missing * self.stft.hop_length))
        while self._frames.shape[1]:
            self._iterate()
            out.append(self._leave())
        rest = self.stft.n_fft - self.stft.hop_length
        if rest > 0:
            out.append(self._samples(rest))
        self.reset()
        return torch.cat(out, -1).view(*batch_shape, -1)

    def _enter(self, magnitude: Tensor) -> None:
        """Add a frame (B, F) with its initial phase."""
        count = self._frames.shape[1]
        if self.start == "gradient":
            F = self._half.bins
            last = None if self._newest is None else self._newest[..., :F]
            spectrum = self._phases.extend(magnitude[..., :F].unsqueeze(-1), last)
            spectrum = spectrum if self.stft.onesided else both_sides(spectrum, magnitude.unsqueeze(-1))
            spectrum = spectrum.squeeze(-1)
        else:
            position = count * self.stft.hop_length
            there = self._overlap()[:, position : position + self.stft.n_fft]
            seen = self._to_spectrum(there * self._reading(count)[count])
            spectrum = magnitude * self._unit(seen)
        self._target = torch.cat((self._target, magnitude.unsqueeze(1)), 1)
        self._estimate = torch.cat((self._estimate, spectrum.unsqueeze(1)), 1)
        frame = self._to_frames(spectrum)
        self._frames = torch.cat((self._frames, frame.unsqueeze(1)), 1)
        self._newest = spectrum

    def _overlap(self) -> Tensor:
        """Overlap-add of the frames in the buffer and of those that left, (B, span)."""
        y = self._left.clone()
        if self._frames.shape[1]:
            added = overlap_add(self._frames, self.stft.hop_length)
            y[:, : added.shape[-1]] += added
        return y

    def _reading(self, count: int) -> Tensor:
        """What each frame of the buffer is read under, (look_ahead + 1, N), given the first ``count`` frames.

        The analysis window over the weight of these and of those that left, or whatever ``reading`` says.
        """
        if self.reading != "weighted":
            window = self._analysis.expand(self.look_ahead + 1, -1)
            if self.reading == "plain":
                return window
            # A frame that enters is not among the first ``count`` yet: nothing of it is in the buffer.
            enters = torch.arange(self.look_ahead + 1, device=window.device).unsqueeze(-1)
            newest = torch.where(enters == count - 1, self._later + self._analysis.flip(0), window)
            return torch.where(enters == count, self._later, newest)
        weight = self._left_weight.clone()
        if count:
            own = self._weight.expand(1, count, -1)
            added = overlap_add(own, self.stft.hop_length)[0]
            weight[: len(added)] += added
        return self._analysis / (weight + DAMPING).unfold(-1, self.stft.n_fft, self.stft.hop_length)

    def _iterate(self) -> None:
        N, H = self.stft.n_fft, self.stft.hop_length
        count = self._frames.shape[1]
        reading = self._reading(count)[:count]
        for _ in range(self.n_iter):
            y = self._overlap()[:, : (count - 1) * H + N]
            S = self._to_spectrum(y.unfold(-1, N, H) * reading)
            T = torch.lerp(self._estimate, S, 1 + self.momentum) if self.momentum else S
            self._estimate = S
            T = self._target * self._unit(T)
            self._frames = self._to_frames(T)
            self._newest = T[:, -1]

    def _unit(self, spectrum: Tensor) -> Tensor:
        """Its phases, and that of a pulse in the middle of the frame where it is zero, or too small to divide by."""
        size = spectrum.abs()
        sound = size >= torch.finfo(size.dtype).tiny
        return torch.where(sound, spectrum / torch.where(sound, size, 1.0), self._centre.conj())

    def _leave(self) -> Tensor:
        """Emit the first H samples of the buffer; the oldest frame takes its final form."""
        N, H = self.stft.n_fft, self.stft.hop_length
        self._left[:, :N] += self._frames[:, 0]
        self._left_weight[:N] += self._weight
        self._frames, self._estimate = self._frames[:, 1:], self._estimate[:, 1:]
        self._target = self._target[:, 1:]
        out = self._samples(H)
        self._left = F.pad(self._left[:, H:], (0, H))
        self._left_weight = F.pad(self._left_weight[H:], (0, H))
        return out

    def _samples(self, count: int) -> Tensor:
        # Errors of samples under the edge of a single window are not amplified.
        return self._left[:, :count] / self._left_weight[:count].clamp(min=DAMPING)

    def _to_spectrum(self, frames: Tensor) -> Tensor:
        """The spectra of (..., N), on the CPU by NumPy.

        A handful of frames is not worth a region of OpenMP threads, which costs a thousand times the transform where
        other work occupies a core.
        """
        if frames.device.type != "cpu" or frames.requires_grad:
            return (torch.fft.rfft if self.stft.onesided else torch.fft.fft)(frames)
        spectra = (np.fft.rfft if self.stft.onesided else np.fft.fft)(frames.numpy())
        return torch.from_numpy(spectra).to(frames.dtype.to_complex())

    def _to_frames(self, spectra: Tensor) -> Tensor:
        """The frames of spectra under the synthesis window."""
        N = self.stft.n_fft
        if spectra.device.type != "cpu" or spectra.requires_grad:
            frames = torch.fft.irfft(spectra, n=N) if self.stft.onesided else torch.fft.ifft(spectra)
        elif self.stft.onesided:
            frames = torch.from_numpy(np.fft.irfft(spectra.numpy(), N)).to(spectra.dtype.to_real())
        else:
            frames = torch.from_numpy(np.fft.ifft(spectra.numpy())).to(spectra.dtype)
        return (frames * self._synthesis).real


def rtisi_la(
    magnitude: Tensor,
    stft: STFT,
    look_ahead: int = 3,
    n_iter: int = 4,
    length: int | None = None,
    *,
    momentum: float = 0.99,
    start: str = "gradient",
    reading: str = "weighted",
    differentiable: bool = False,
) -> Tensor:
    """:class:`RTISI` over a whole spectrogram.

    Args:
        magnitude: (..., F, frames), float32 or float64, not negative.
        stft: the transform it belongs to.
        look_ahead: frames that a frame waits for; -1: all that the window overlaps. With as many frames or fewer, each
            waits for the last.
        n_iter: iterations per frame.
        length: of the signal; the shortest with so many frames by default.
        momentum: as for :class:`RTISI`; 0, ``start="overlap"`` and ``reading="asymmetric"`` are the paper's algorithm.
        start: "gradient" or "overlap".
        reading: "weighted", "plain" or "asymmetric".
        differentiable: let gradients flow to the magnitude.

    Returns:
        (..., length).

    Raises:
        ValueError: what is no magnitude of this transform, settings out of range, a length that the frames do not
            carry.
    """
    stream = RTISI(stft, look_ahead, n_iter, momentum, start, reading=reading, differentiable=differentiable)
    solved = stft.solved_length(magnitude.shape[-1], length)
    x = torch.cat((stream.push(magnitude), stream.flush()), -1)[..., stream.latency_samples :]
    return F.pad(x, (0, max(0, solved - x.shape[-1])))[..., : solved if length is None else length]
