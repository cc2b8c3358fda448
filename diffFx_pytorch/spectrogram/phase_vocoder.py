"""The phase vocoder: the bin of the last frame that each bin continues, and time stretching."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .phase_sweep import carry_phase, loudest_path
from .spsi import peak_of_region
from .stft import overlap_add
from .transients import attacks, beginning_bins, placed

METHODS = ("locked", "gradient")
BLOCK = 512
"""Frames processed at once, which bounds the memory."""


@dataclass(frozen=True)
class Continuation:
    """From the turns of one frame to those of the next: a turn is the phase of a bin ahead of the analysis.

    "locked": every peak turns as its own frequency requires, and the bins around it, down to the troughs, with it. A
    region whose level jumps restarts with a turn of 0, so that its bins are in step as in an attack in the middle of
    the window.

    "gradient": every bin continues in time or along frequency, whichever way its weakest bin is louder
    (``loudest_path``), and a step along frequency is stretched as the time is. After silence all turns are 0.

    Channels share all of it, so that levels and phases between them stay.

    Args:
        n_fft: N.
        hop_length: H, samples from the frame before.
        method: "locked" or "gradient".

    References:
        Laroche and Dolson, "Improved phase vocoder time-scale modification of audio", IEEE TSAP 7(3), 1999 (identity
        phase locking). Prusa and Holighaus, "Phase vocoder done right", EUSIPCO 2017. Roebel, "A new approach to
        transient processing in the phase vocoder", DAFx 2003.
    """

    n_fft: int
    hop_length: int
    method: str = "locked"

    def turns(
        self,
        X: Tensor,
        earlier: Tensor,
        advance: Tensor,
        stretch: Tensor | float,
        state: Tensor,
        beginning: Tensor | None = None,
    ) -> Tensor:
        """Compute the turns of a block of frames.

        Args:
            X: spectra with phases from the frames' centres, (B, C, M, F).
            earlier: what the spectrum was a hop H earlier, (B, C, M, F).
            advance: of the turn where a bin continues itself, (B, M, F).
            stretch: of time at each frame, (B, M, 1) or a number; used by "gradient".
            state: turns of the frame before the first, (B, F).
            beginning: bins whose turn is 0, (B, M, F); with "locked" what their peak does.

        Returns:
            (B, M, F), within half a turn of 0.
        """
        start = X.shape[-1]
        with torch.no_grad():
            power, power_earlier = (_power(s.detach()) for s in (X, earlier))
            smallest = torch.finfo(power.dtype).tiny
            level, level_earlier = (0.5 * p.clamp(min=smallest).log() for p in (power, power_earlier))
            if self.method == "locked":
                source, _ = peak_of_region(level)
                begins = level - level_earlier > self.attack
                begins = (begins if beginning is None else begins | beginning).gather(-1, source)
            else:
                source = loudest_path(level.unsqueeze(-2), level_earlier).squeeze(-2)
                begins = (power_earlier <= smallest).all(-1, keepdim=True).expand(source.shape)
                begins = begins if beginning is None else begins | beginning
            # A bin beyond the last, whose turn is always 0, is what a beginning continues.
            source = F.pad(torch.where(begins, start, source), (0, 1), value=start)
        if self.method == "locked":
            step = F.pad(advance, (0, 1)).gather(-1, source)
        else:
            across = (X[..., 1:] * X[..., :-1].conj()).sum(1)
            climb = F.pad((stretch - 1) * safe_angle(across), (1, 0)).cumsum(-1)
            step = F.pad(advance - climb, (0, 1)).gather(-1, source) + F.pad(climb, (0, 1))
            step = step * (source != start)
        return carry_phase(source, step, F.pad(state, (0, 1)))[..., :start]

    @property
    def attack(self) -> float:
        """Rise of the log level over H when a sound that begins passes the middle of a Hann window."""
        h = self.hop_length / self.n_fft
        low, high = ((u - math.sin(2 * math.pi * u) / (2 * math.pi)) for u in (0.5 - h / 2, 0.5 + h / 2))
        return math.log(high / low)


def safe_angle(z: Tensor) -> Tensor:
    """The angle of z; angle and gradient are 0 where z is nearly zero."""
    heard = z.real.square() + z.imag.square() > torch.finfo(z.real.dtype).tiny ** 0.8
    return torch.atan2(torch.where(heard, z.imag, 0.0), torch.where(heard, z.real, 1.0))


def _power(X: Tensor) -> Tensor:
    return (X.real.square() + X.imag.square()).sum(1)


def centred_spectra(frames: Tensor, window: Tensor) -> Tensor:
    """Spectra (..., F) of frames (..., N), N even, their phases counted from the centre of the frame."""
    X = torch.fft.rfft(frames * window)
    return X * _alternating(X)


def _alternating(X: Tensor) -> Tensor:
    sign = torch.ones(X.shape[-1], dtype=X.real.dtype, device=X.device)
    sign[1::2] = -1
    return sign


def time_stretch(
    x: Tensor,
    rate: float,
    *,
    n_fft: int = 2048,
    hop_length: int | None = None,
    method: str = "locked",
    link: bool = True,
    transients: bool = True,
) -> Tensor:
    r"""Change the length of a sound and leave its pitch, by a phase vocoder.

    Frames H apart in the output are taken H r apart from the input, r being the rate. Each is compared with the frame
    one H before it in the input, X', so that a turn needs no unwrapped frequencies:

    .. math:: \theta_m[k] = \theta_{m-1}[j] + \arg \sum_c X_{m-1,c}[j]\, \overline{X'_{m,c}[j]}, \qquad
              Y_{m,c}[k] = X_{m,c}[k]\, e^{i \theta_m[k]}

    where j is the bin that k continues (``Continuation``). At a rate of 1 every turn is 0 and the output the input.

    Frames that hold an attack lie so that all of them put it in the same place: around it they advance in the input by
    H, and make up for it in between. The bins that begin with it (6 dB louder after it) have turns of 0 there, so that
    it comes out as it was, and the others go on.

    No effect in a chain, as its output is not as long as its input.

    Args:
        x: (T,), or (..., C, T) with channels that belong together; float32 or float64.
        rate: how much faster, above 0: 2 makes a sound half as long.
        n_fft: N, even; a longer window keeps low notes apart, a shorter one attacks together.
        hop_length: H; N // 4 by default.
        method: "locked" (identity phase locking) or "gradient" (phase gradient integration), see ``Continuation``.
        link: channels share their turns, so that the stereo image stays.
        transients: keep attacks together as above.

    Returns:
        (..., ceil(T / rate)), as many channels.

    Raises:
        TypeError: for a signal that is no tensor.
        ValueError: for a rate that is not positive and finite, an odd N, an H that leaves less than half overlap, an
            unknown method, a signal that is not float32 or float64.

    References:
        As ``Continuation``; Roebel, "A new approach to transient processing in the phase vocoder", DAFx 2003; Puckette,
        "Phase-locked vocoder", WASPAA 1995 (the frame H before).

    Examples:
        >>> time_stretch(torch.zeros(2, 1000), 1.25).shape
        torch.Size([2, 800])
    """
    if not (rate > 0 and math.isfinite(rate)):
        raise ValueError(f"time_stretch: rate must be positive and finite. Got {rate!r}.")
    if not isinstance(n_fft, int) or n_fft < 4 or n_fft % 2:
        raise ValueError(f"time_stretch: n_fft must be an even integer of at least 4. Got {n_fft!r}.")
    H = n_fft // 4 if hop_length is None else hop_length
    if not isinstance(H, int) or not 1 <= H <= n_fft // 2:
        raise ValueError(f"time_stretch: hop_length must be in 1 .. n_fft / 2 ({n_fft // 2}). Got {H!r}.")
    if method not in METHODS:
        raise ValueError(f"time_stretch: method must be one of {', '.join(METHODS)}. Got {method!r}.")
    if not isinstance(x, Tensor):
        raise TypeError(f"time_stretch: the signal must be a tensor, got {type(x).__name__}; use torch.as_tensor.")
    if x.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"time_stretch: the signal must be float32 or float64. Got {x.dtype}.")
    length = math.ceil(x.shape[-1] / rate)
    if not x.numel():
        return x.new_zeros(*x.shape[:-1], length)
    sounds = x.reshape(-1, *(x.shape[-2:] if x.dim() > 1 and link else (1, x.shape[-1])))
    continuation = Continuation(n_fft, H, method)
    count = -(-length // H) + 1
    found = [attacks(sound, n_fft) for sound in sounds] if transients and rate != 1 else []
    if not any(len(starts) for starts, _ in found):
        centres = (torch.arange(count, dtype=torch.float64) * (H * rate)).round().long()
        return _stretched(sounds, rate, length, continuation, centres).reshape(*x.shape[:-1], length)
    window = torch.hann_window(n_fft, dtype=x.dtype, device=x.device)
    stretched = []
    for sound, (starts, heights) in zip(sounds, found, strict=True):
        centres, which = (torch.from_numpy(v) for v in placed(starts, heights, rate, count, n_fft, H))
        # None of them begins in a frame that holds no attack, whose index is -1.
        bins = beginning_bins(sound, torch.from_numpy(starts).to(x.device), window)
        beginning = F.pad(bins, (0, 0, 0, 1))[which.to(x.device)]
        stretched.append(_stretched(sound.unsqueeze(0), rate, length, continuation, centres, beginning.unsqueeze(0)))
    return torch.cat(stretched).reshape(*x.shape[:-1], length)


def _stretched(
    x: Tensor, rate: float, length: int, continuation: Continuation, centres: Tensor, beginning: Tensor | None = None
) -> Tensor:
    """Stretch (B, C, T) to (B, C, length), from frames around centres (M,) in which bins (B, M, F) begin."""
    N, H = continuation.n_fft, continuation.hop_length
    window = torch.hann_window(N, dtype=x.dtype, device=x.device)
    count = len(centres)
    steps = centres.diff(prepend=centres[:1] - round(H * rate)).clamp_min(1)
    stretch = (H / steps.to(x)).unsqueeze(-1)
    # Sample n of frame m is padded[centres[m] + H + n]; H earlier lies X'.
    beyond = max(0, int(centres[-1]) + N // 2 - x.shape[-1])
    padded = F.pad(x, (N // 2 + H, beyond))
    offsets = (centres[:, None] + torch.arange(N)).to(x.device)
    theta = x.new_zeros(len(x), N // 2 + 1)
    last: Tensor | None = None
    y = x.new_zeros(*x.shape[:-1], (count - 1) * H + N)
    weight = x.new_zeros(y.shape[-1])
    for first in range(0, count, BLOCK):
        at = offsets[first : first + BLOCK]
        X = centred_spectra(padded[..., at + H], window)
        earlier = centred_spectra(padded[..., at], window)
        # The first frame continues the input before it.
        previous = torch.cat((earlier[..., :1, :] if last is None else last, X[..., :-1, :]), -2)
        advance = safe_angle((previous * earlier.conj()).sum(1))
        part = slice(first, first + BLOCK)
        local = 1 / rate if beginning is None else stretch[part]
        theta = continuation.turns(X, earlier, advance, local, theta, None if beginning is None else beginning[:, part])
        Y = X * torch.polar(torch.ones_like(theta), theta).unsqueeze(1)
        frames = torch.fft.irfft(Y * _alternating(Y), n=N) * window
        added = overlap_add(frames.flatten(0, 1), H).view(*x.shape[:-1], -1)
        span = slice(first * H, first * H + added.shape[-1])
        y[..., span] += added
        weight[span] += overlap_add(window.square().expand(1, len(at), N), H)[0]
        last, theta = X[..., -1:, :], theta[:, -1]
    centre = slice(N // 2, N // 2 + length)
    return y[..., centre] / weight[centre]
