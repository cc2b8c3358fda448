"""The short-time Fourier transform and its exact least-squares inverse."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..kernels.transforms import is_traced
from .padding import PAD_MODES, fold_padding, pad_signal

WINDOWS: dict[str, Callable[..., Tensor]] = {
    "hann": torch.hann_window,
    "hamming": torch.hamming_window,
    "blackman": torch.blackman_window,
    "sine": lambda n, **kw: torch.hann_window(n, **kw).sqrt(),
    "rectangular": lambda n, periodic, **kw: torch.ones(n, **kw),
}


class Caching:
    """Tensors shared by later calls, by name, device and dtype; neither copied nor pickled."""

    _cache: dict[Any, Tensor]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_cache": {}}

    def _cached(self, name: str, like: Tensor, make: Callable[[], Tensor], *key: int) -> Tensor:
        """The result of ``make`` on the device and in the precision of ``like``; at most nine are stored per name."""
        where = (name, like.device, like.dtype.to_real(), *key)
        if where not in self._cache:
            same = [k for k in self._cache if k[0] == name]
            if len(same) > 8:
                self._cache.pop(same[0], None)
            # Made outside of any graph or inference mode, as later calls share it.
            with torch.inference_mode(False), torch.no_grad():
                made, real = make(), like.dtype.to_real()
                self._cache[where] = made.to(like.device, real.to_complex() if made.is_complex() else real)
        return self._cache[where]


@dataclass(frozen=True)
class STFT(Caching):
    """X[f, m] = sum_n w[n] x[n + m H] e^(-2 pi j f n / N), and the signal whose X is nearest to a given S.

    ``inverse`` is the pseudo-inverse of ``forward``, the padding at both ends included: what a sample's mirror image
    adds to a frame counts as that sample's. So ``project`` is the orthogonal projection onto the spectra that signals
    have (in the norm that counts a bin for itself and its negative frequency), in the first frame as in any other.
    Signals are real; under a complex window their negative frequencies are a spectrum of their own.

    Args:
        n_fft: N, samples of a frame; may be odd.
        hop_length: H, samples from frame to frame; N // 4 by default.
        win_length: samples of the window, centred in the frame; N by default.
        window: one of ``WINDOWS`` (periodic), or the samples, (win_length,), which may be complex. None is rectangular,
            as in ``torch.stft``.
        center: frame m is centred on sample m H, and the signal is continued at both ends by N // 2.
        pad_mode: how it is continued: "reflect", "constant" (zeros), "replicate" or "circular".
        normalized: divide the spectrum by sqrt(N).
        onesided: spectra have the frequencies 0 to Nyquist, else all N of them; by default unless the window is
            complex.

    Raises:
        ValueError: for sizes that do not fit, a window with NaN, a complex one with ``onesided``, or one whose squares,
            H apart, do not add up to something above zero everywhere, so that samples would be lost.

    References:
        Griffin and Lim, "Signal estimation from modified short-time Fourier transform", IEEE Trans. ASSP 32(2), 1984,
        equation (6).
    """

    n_fft: int
    hop_length: int = None  # pyright: ignore[reportAssignmentType]  # an int once built
    win_length: int = None  # pyright: ignore[reportAssignmentType]
    window: str | tuple[complex, ...] | Tensor | None = "hann"
    center: bool = True
    pad_mode: str = "reflect"
    normalized: bool = False
    onesided: bool = None  # pyright: ignore[reportAssignmentType]
    _cache: dict[Any, Tensor] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.n_fft, int) or self.n_fft < 2:
            raise ValueError(f"STFT: n_fft must be an integer of at least 2. Got {self.n_fft!r}.")
        for name, default in (("hop_length", max(1, self.n_fft // 4)), ("win_length", self.n_fft)):
            given = getattr(self, name)
            object.__setattr__(self, name, default if given is None else given)
        if not isinstance(self.hop_length, int) or self.hop_length < 1:
            raise ValueError(f"STFT: hop_length must be a positive integer. Got {self.hop_length!r}.")
        if not isinstance(self.win_length, int) or not 1 <= self.win_length <= self.n_fft:
            raise ValueError(f"STFT: win_length must be in 1 .. n_fft ({self.n_fft}). Got {self.win_length!r}.")
        if self.pad_mode not in PAD_MODES:
            raise ValueError(f"STFT: pad_mode must be one of {', '.join(PAD_MODES)}. Got {self.pad_mode!r}.")
        if self.window is None:
            object.__setattr__(self, "window", "rectangular")
            if self.hop_length < self.win_length:
                warnings.warn(
                    "STFT: window=None is a rectangular window: its frames overlap, so leakage costs the accuracy of a "
                    'recovered phase. If that is meant, say window="rectangular"; "hann" is the default.',
                    stacklevel=3,
                )
        elif isinstance(self.window, Tensor):
            # Plain numbers: immutable, hashable, of no device; the tensor handed in may change later.
            numbers = self.window.detach().cpu().flatten()
            numbers = numbers.to(torch.complex128 if numbers.is_complex() else torch.float64)
            object.__setattr__(self, "window", tuple(numbers.tolist()))
        real = not self._window64().is_complex()
        if self.onesided is None:
            object.__setattr__(self, "onesided", real)
        if self.onesided and not real:
            raise ValueError("STFT: under a complex window the negative frequencies differ; onesided must be False.")
        self._check_overlap()

    @classmethod
    def of(cls, spectrum: Tensor, **settings: Any) -> STFT:
        """The transform with as many frequencies as a spectrum or magnitude (..., F, frames).

        Its n_fft is F, or 2 (F - 1) where it is one-sided: an odd n_fft cannot be told from the frequencies.

        Args:
            spectrum: real or complex.
            settings: keywords of ``STFT``, all but ``n_fft``.
        """
        F, window = spectrum.shape[-2], settings.get("window", "hann")
        onesided = settings.get("onesided")
        if onesided is None:
            onesided = isinstance(window, str) or window is None or not torch.as_tensor(window).is_complex()
        return cls(2 * (F - 1) if onesided else F, **settings)

    def _window64(self) -> Tensor:
        if isinstance(self.window, str):
            if self.window not in WINDOWS:
                raise ValueError(f"STFT: window must be one of {', '.join(WINDOWS)}. Got {self.window!r}.")
            window = WINDOWS[self.window](self.win_length, periodic=True, dtype=torch.float64)
        else:
            samples: Any = self.window
            is_complex = any(isinstance(v, complex) for v in samples)
            window = torch.tensor(samples, dtype=torch.complex128 if is_complex else torch.float64)
        if window.shape != (self.win_length,):
            raise ValueError(f"STFT: the window has {window.numel()} samples, win_length is {self.win_length}.")
        if not window.isfinite().all():
            raise ValueError("STFT: the window has NaN or infinite samples.")
        left = (self.n_fft - self.win_length) // 2
        return F.pad(window, (left, self.n_fft - self.win_length - left))

    def _check_overlap(self) -> None:
        squares = self._window64().abs().square()
        blocks = -(-self.n_fft // self.hop_length)
        total = F.pad(squares, (0, blocks * self.hop_length - self.n_fft)).view(blocks, self.hop_length).sum(0)
        if not total.min() > 1e-10 * total.max():
            name = self.window if isinstance(self.window, str) else "given"
            raise ValueError(
                f"STFT: the {name} window of {self.win_length} samples violates the overlap-add condition at "
                f"hop_length {self.hop_length}: sample {int(total.argmin())} of every hop has no weight in any frame "
                "and could not be recovered. Choose a smaller hop_length or a window that is nowhere zero."
            )

    @property
    def bins(self) -> int:
        """Number of frequencies of a spectrum, F: N // 2 + 1 from 0 to Nyquist, or all N."""
        return self.n_fft // 2 + 1 if self.onesided else self.n_fft

    @property
    def padding(self) -> int:
        """Number of samples that the signal is continued by at either end."""
        return self.n_fft // 2 if self.center else 0

    def frames(self, length: int) -> int:
        """Number of frames of a signal of ``length`` samples.

        Raises:
            ValueError: without centring, for a signal shorter than a frame.
        """
        padded = length + 2 * self.padding
        if length < 1 or padded < self.n_fft:
            raise ValueError(
                f"STFT: a signal of {length} samples fills no frame of n_fft={self.n_fft} (center={self.center})."
            )
        return 1 + (padded - self.n_fft) // self.hop_length

    def length(self, frames: int) -> int:
        """Length of the shortest signal with this number of frames; up to H - 1 more samples have as many."""
        return max(1, (frames - 1) * self.hop_length + self.n_fft - 2 * self.padding)

    def window_for(self, like: Tensor) -> Tensor:
        """The window, (N,), in the precision and on the device of ``like``."""
        return self._cached("window", like, self._window64)

    def weight(self, frames: int, length: int, like: Tensor) -> Tensor:
        """1 / sum of the squared windows over a sample and its mirror images, (length,); 0 where no frame sees it."""

        def make() -> Tensor:
            squares = self._window64().abs().square().expand(1, frames, -1)
            total = fold_padding(overlap_add(squares, self.hop_length), length, self.padding, self.pad_mode)[0]
            seen = total > torch.finfo(like.dtype.to_real()).eps ** 2 * total.max()
            return torch.where(seen, 1 / torch.where(seen, total, 1.0), 0.0)

        return self._cached("weight", like, make, frames, length)

    def forward(self, x: Tensor) -> Tensor:
        """The spectrum of x.

        Args:
            x: (..., T), float32 or float64.

        Returns:
            Complex (..., F, frames).
        """
        if x.is_complex() or not x.is_floating_point():
            raise ValueError(f"STFT: the signal must be real floating point. Got {x.dtype}.")
        self.frames(x.shape[-1])
        batch_shape = x.shape[:-1]
        padded = pad_signal(x.reshape(math.prod(batch_shape), x.shape[-1]), self.padding, self.pad_mode)
        frames = padded.unfold(-1, self.n_fft, self.hop_length) * self.window_for(x)
        # Not every FFT library takes an empty batch.
        spectrum = self.to_spectrum(frames) if len(frames) else frames[..., : self.bins].to(x.dtype.to_complex())
        return spectrum.transpose(-1, -2).reshape(*batch_shape, self.bins, frames.shape[1])

    def inverse(self, S: Tensor, length: int | None = None) -> Tensor:
        """The signal whose spectrum is nearest to S.

        Args:
            S: complex (..., F, frames).
            length: of the signal; the shortest with so many frames by default. The signal is cut where it is
                shorter than what the frames carry.

        Returns:
            (..., length).

        Raises:
            ValueError: for a wrong number of bins, or a length beyond what the frames carry.
        """
        self.check_bins(S)
        frames = S.shape[-1]
        solved = self.solved_length(frames, length)
        batch_shape = S.shape[:-2]
        rows = S.transpose(-1, -2).reshape(math.prod(batch_shape), frames, self.bins)
        if len(rows):
            pieces = self.to_frames(rows, self.window_for(S).conj())
        else:
            pieces = rows.real.new_zeros(0, frames, self.n_fft)
        x = fold_padding(overlap_add(pieces, self.hop_length), solved, self.padding, self.pad_mode)
        x = x * self.weight(frames, solved, S)
        return x[..., :length].reshape(*batch_shape, min(length or solved, solved))

    def to_spectrum(self, frames: Tensor) -> Tensor:
        """Windowed frames (..., N) to their spectra (..., F)."""
        return (torch.fft.rfft if self.onesided else torch.fft.fft)(frames, norm=self._norm)

    def to_frames(self, spectra: Tensor, window: Tensor) -> Tensor:
        """The frames (..., N) of spectra (..., F), times a window: their real part."""
        if self.onesided:
            return torch.fft.irfft(spectra, n=self.n_fft, norm=self._norm) * window
        return (torch.fft.ifft(spectra, norm=self._norm) * window).real

    def project(self, S: Tensor, length: int | None = None) -> Tensor:
        """The spectrum nearest to S that some signal (of ``length`` samples) has: forward(inverse(S))."""
        self.check_bins(S)
        return self.forward(self.inverse(S, self.solved_length(S.shape[-1], length)))

    def magnitude(self, x: Tensor) -> Tensor:
        """|forward(x)|, (..., F, frames)."""
        return self.forward(x).abs()

    def solved_length(self, frames: int, length: int | None) -> int:
        """The length of a signal with exactly ``frames`` frames that holds ``length`` samples.

        Raises:
            ValueError: for no frames, or a length beyond what the frames carry.
        """
        if frames < 1:
            raise ValueError("STFT: a spectrum needs at least one frame.")
        shortest = self.length(frames)
        if length is None or length < shortest:
            if length is not None and length < 1:
                raise ValueError(f"STFT: length must be positive. Got {length}.")
            return shortest
        if length >= shortest + self.hop_length:
            raise ValueError(
                f"STFT: {frames} frames carry {shortest} to {shortest + self.hop_length - 1} samples. "
                f"Got length={length}, which has {self.frames(length)} frames."
            )
        return length

    def check_bins(self, S: Tensor) -> None:
        """Refuse what cannot be a spectrum of this transform.

        Raises:
            ValueError: with the n_fft that would fit.
        """
        if S.dim() < 2:
            raise ValueError(f"STFT: a spectrum has shape (..., bins, frames). Got {tuple(S.shape)}.")
        got = S.shape[-2]
        if got != self.bins:
            fits = f"n_fft={2 * got - 2} or {2 * got - 1}" if got > 1 else "no n_fft"
            fits = fits if self.onesided else f"n_fft={got}"
            swapped = " Are bins and frames exchanged?" if S.shape[-1] == self.bins else ""
            raise ValueError(
                f"STFT: n_fft={self.n_fft} has {self.bins} bins, this spectrum {got} (shape {tuple(S.shape)}); "
                f"{fits} would fit.{swapped}"
            )

    def check_magnitude(self, caller: str, magnitude: Tensor, onesided: bool = False) -> None:
        """Refuse what cannot be a magnitude of this transform, (..., F, frames).

        Args:
            caller: named in the message.
            magnitude: what was given.
            onesided: whether the caller knows spectra from 0 to Nyquist only.

        Raises:
            ValueError: complex, negative, NaN or infinite; not float32 or float64; a wrong number of bins; no frames;
                two sides where one is asked for.
        """
        if onesided and not self.onesided:
            raise ValueError(f"{caller}: the transform must be onesided; give the frequencies from 0 to Nyquist.")
        if magnitude.is_complex():
            raise ValueError(f"{caller}: the magnitude must be real; take .abs() of a complex spectrum.")
        if magnitude.dtype not in (torch.float32, torch.float64):
            raise ValueError(f"{caller}: the magnitude must be float32 or float64. Got {magnitude.dtype}.")
        try:
            self.check_bins(magnitude)
        except ValueError as error:
            raise ValueError(f"{caller}: {error}") from None
        if not magnitude.shape[-1]:
            raise ValueError(f"{caller}: the magnitude needs at least one frame.")
        if magnitude.numel():
            low, high = magnitude.detach().aminmax()
            if not (low.isfinite() and high.isfinite()):
                raise ValueError(f"{caller}: the magnitude has NaN or infinite values.")
            if low < 0:
                raise ValueError(
                    f"{caller}: the magnitude has negative values (down to {float(low):.3g}). "
                    "Is it in dB, or a log magnitude? It must be linear: 10 ** (db / 20)."
                )

    @property
    def _norm(self) -> str:
        return "ortho" if self.normalized else "backward"


def overlap_add(frames: Tensor, hop: int) -> Tensor:
    """y[n] = sum_m frames[m, n - m H]: (B, M, N) to (B, (M - 1) H + N).

    One reshape and as many additions as frames overlap, instead of ``fold``.
    """
    B, M, N = frames.shape
    blocks = -(-N // hop)
    if blocks * hop != N:
        frames = F.pad(frames, (0, blocks * hop - N))
    rows = frames.reshape(B, M, blocks, hop)
    if is_traced():
        # One graph node for all of them: block k is k rows late where a row of each is M + blocks - 1 long.
        skewed = F.pad(rows.transpose(1, 2), (0, 0, 0, blocks)).flatten(1, 2)[:, :-blocks]
        return skewed.reshape(B, blocks, M + blocks - 1, hop).sum(1).flatten(1)[:, : (M - 1) * hop + N]
    y = frames.new_zeros(B, M + blocks - 1, hop)
    for k in range(blocks):
        y[:, k : k + M] += rows[:, :, k]
    return y.flatten(1)[:, : (M - 1) * hop + N]
