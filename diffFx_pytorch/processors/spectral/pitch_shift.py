"""Pitch shift."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ...control import can_look_at
from ...curve import Curve
from ...kernels.transforms import is_traced
from ...options import Choice, Flag, Number
from ...params import EffectParam
from ...processor import Processor, State
from ...spectrogram.phase_vocoder import BLOCK, METHODS, Continuation, centred_spectra, safe_angle
from ...spectrogram.stft import overlap_add
from .recorded import description_of, recorded

_OVERLAP = 8
"""Frames over a sample; an octave up, where frames get half as long, four are left, and two octaves up two."""


class PitchShift(Processor):
    r"""Pitch shift by a phase vocoder; the length stays.

    Frames of N samples, H = N / 8 apart, under a Hann window w; X_m[k] their spectra, phases counted from their
    centres, d_m[k] the phase that bin k really advances from frame m - 1 to m, r = 2^(semitones / 12 + cents / 1200):

        theta_m[k] = theta_(m-1)[j] + (r - 1) d_m[j]            bin k continues bin j: see ``method``
        y_m(l) = 1/N Re sum_k c_k X_m[k] e^(i theta_m[k]) e^(2 pi i k r l / N)      k r < N / 2; c_k = 2, 1 at the ends
        y[n] = sum_m w(r l) y_m(l) / sum_m w(r l)^2,  l = n - m H

    So every frame is played r times as fast around its centre, which stays where it was: a stretch by r and reading the
    result at the rate r, in one. The sum over k at steps of r is a chirp z-transform, exact where an interpolator is
    not, with nothing above half the sampling rate to fold back, and differentiable in r.

    The derivative by the semitones is that of the equations above, and exact, as no decision depends on them. It is
    that of a phase: it grows with time, and over more than some hundredths of a semitone it says little. To fit a
    pitch, compare spectra or fundamental frequencies, or search.

    References:
        Laroche and Dolson, "Improved phase vocoder time-scale modification of audio", IEEE TSAP 7(3), 1999. Prusa and
        Holighaus, "Phase vocoder done right", EUSIPCO 2017. Rabiner, Schafer and Rader, "The chirp z-transform
        algorithm", IEEE Trans. Audio Electroacoust. 17(2), 1969.
    """

    words = ("shifts the pitch by {semitones} semitones and {cents} cents",)
    params = {
        "semitones": EffectParam(-24.0, 24.0, 0.0, doc="Change of pitch; 12 semitones are an octave."),
        "cents": EffectParam(-100.0, 100.0, 0.0, doc="Fine change of pitch, added; 100 cents are a semitone."),
    }
    options = {
        "method": Choice(
            *METHODS,
            doc='"locked": bins turn with the peak they belong to, and in step at an attack (identity phase locking). '
            '"gradient": phases are integrated along the loudest path in time or frequency.',
        ),
        "window_ms": Number(
            2,
            500,
            46.0,
            "ms",
            doc="Window N, rounded to a power of two samples. Longer separates low notes, shorter keeps attacks.",
        ),
        "link": Flag(True, doc="Channels turn together, so that the image stays; False shifts each on its own."),
    }
    neutral = {"semitones": 0.0, "cents": 0.0}
    traits = {"odd"}
    streamable = False
    # Short windows, so that the contract's short signals hold several.
    variants = ({"window_ms": 8.0}, {"window_ms": 8.0, "method": "gradient", "link": False})

    def prepare(self) -> None:
        """The lengths of frames."""
        self.crosses_channels = self.link
        self.window = 2 ** round(math.log2(max(2 * _OVERLAP, self.window_ms * self.sample_rate / 1000)))
        self.hop = self.window // _OVERLAP
        self._description = description_of(self)

    def reach(self, semitones: Tensor, cents: Tensor) -> int:
        """Samples that a frame played at the lowest pitch takes on either side of its centre."""
        lowest = self.params["semitones"].min_val + self.params["cents"].min_val / 100
        if can_look_at(given := (semitones + cents / 100).detach()):
            lowest = max(lowest, float(given.min()))
        return self.hop * math.ceil(self.window / 2 * 2 ** (max(-lowest, 0.0) / 12) / self.hop)

    def process(self, x: Tensor, state: State, *, semitones: Tensor, cents: Tensor) -> tuple[Tensor, State]:
        """The whole sound; there is no state."""
        if is_traced():
            return recorded(self._description, x, None, semitones=semitones, cents=cents), state
        return self.whole(x, None, semitones=semitones, cents=cents), state

    def whole(self, x: Tensor, profile: None, *, semitones: Tensor, cents: Tensor) -> Tensor:
        """The whole sound, block by block of frames."""
        B, C, T = x.shape
        if x.numel() == 0:
            return x + 0 * (semitones + cents)
        N, H, reach = self.window, self.hop, self.reach(semitones, cents)
        count = -(-T // H) + 1
        ratio = ((semitones.double() + cents.double() / 100) / 12).exp2().squeeze(1)
        if ratio.shape[-1] > 1:
            ratio = ratio[:, (torch.arange(count, device=x.device) * H).clamp(max=T - 1)]
        window = torch.hann_window(N, dtype=x.dtype, device=x.device)
        padded = F.pad(x, (N // 2, (count - 1) * H + N // 2 - T))
        if not self.link:
            padded, ratio = padded.reshape(B * C, 1, -1), ratio.repeat_interleave(C, 0)
        silence = padded.new_zeros(*padded.shape[:2], 1, N // 2 + 1)
        last = torch.complex(silence, silence)
        theta = padded.new_zeros(padded.shape[0], N // 2 + 1)
        # Zeros of the knobs too: vmap may map those alone.
        nothing = 0 * ratio[:, :1].to(x.dtype)
        y = padded.new_zeros(*padded.shape[:2], (count - 1) * H + 2 * reach) + nothing.unsqueeze(-1)
        weight = padded.new_zeros(padded.shape[0], y.shape[-1]) + nothing
        last_ratio = ratio[:, :1]
        for first in range(0, count, BLOCK):
            block = slice(first, first + BLOCK)
            frames = padded.unfold(-1, N, H)[..., block, :]
            r = ratio if ratio.shape[-1] == 1 else ratio[:, block]
            X = centred_spectra(frames, window)
            previous = torch.cat((last, X[..., :-1, :]), -2)
            mean_ratio = (r + torch.cat((last_ratio, r[:, :-1]), -1)) / 2
            turns = self._turns(X, previous, r.unsqueeze(-1), mean_ratio.unsqueeze(-1), theta)
            played = self._play(X * torch.polar(torch.ones_like(turns), turns).unsqueeze(1), r.unsqueeze(-1), reach)
            fade = self._fade(r.unsqueeze(-1), reach).to(x.dtype)
            added = overlap_add((played * fade.unsqueeze(1)).flatten(0, 1), H)
            span = slice(first * H, first * H + added.shape[-1])
            y[..., span] += added.view(*padded.shape[:2], -1)
            weight[:, span] += overlap_add(fade.square().expand(-1, X.shape[-2], -1), H)
            last, theta, last_ratio = X[..., -1:, :], turns[:, -1], r[:, -1:]
        heard = slice(reach, reach + T)
        return (y[..., heard] / weight[:, None, heard]).reshape(B, C, T)

    def _turns(self, X: Tensor, previous: Tensor, r: Tensor, mean_ratio: Tensor, last: Tensor) -> Tensor:
        """Theta of a block of frames, (B, M, F), from X and the spectra a hop earlier, (B, C, M, F)."""
        N, H = self.window, self.hop
        k = torch.arange(X.shape[-1], device=X.device)
        # What a bin's centre advances by, in exact eighths of a turn, and how much more the sound in it does.
        eighths = torch.arange(_OVERLAP, device=X.device).to(last.dtype) * (-2 * math.pi / _OVERLAP)
        centre = torch.polar(torch.ones_like(eighths), eighths)[k % _OVERLAP]
        more = safe_angle((X * previous.conj()).sum(1) * centre)
        advance = (mean_ratio - 1) * (k.double() * (2 * math.pi * H / N) + more)
        advance = advance - 2 * math.pi * (advance / (2 * math.pi)).round()
        step = Continuation(N, H, self.method)
        return step.turns(X, previous, advance.to(last.dtype), r.to(last.dtype), last)

    def _play(self, Y: Tensor, r: Tensor, reach: int) -> Tensor:
        """Spectra (B, C, M, F) as sound, r (B, M or 1, 1) times as fast around the centre: (B, C, M, 2 reach).

        With k l = (k^2 + l^2 - (l - k)^2) / 2 the sum is a convolution with a chirp (Bluestein).
        """
        N, bins = self.window, Y.shape[-1]
        size = _fast_size(2 * reach + bins - 1)
        k = torch.arange(bins, dtype=torch.float64, device=Y.device)
        place = torch.arange(-reach, reach, dtype=torch.float64, device=Y.device)
        distance = torch.arange(size, dtype=torch.float64, device=Y.device)
        distance = torch.where(distance < 2 * reach, distance, distance - size) - reach  # from the first place on

        def chirp(n: Tensor, sign: float) -> Tensor:
            turn = r * (n.square() / (2 * N))
            angle = ((sign * 2 * math.pi) * (turn - turn.round())).to(Y.real.dtype)
            return torch.polar(torch.ones_like(angle), angle).unsqueeze(1)

        share = torch.where((k == 0) | (k == N // 2), 1.0, 2.0) / N
        # Two bins too many are left, so that at r = 1 nothing moves; they fold back to the bins beside them.
        share = (share * (N / (2 * r) - k + 2).clamp(0, 1)).to(Y.real.dtype).unsqueeze(1)
        played = torch.fft.fft(Y * share * chirp(k, 1.0), n=size) * torch.fft.fft(chirp(distance, -1.0))
        z, turn = torch.fft.ifft(played)[..., : 2 * reach], chirp(place, 1.0)
        return z.real * turn.real - z.imag * turn.imag

    def _fade(self, r: Tensor, reach: int) -> Tensor:
        """The window played r times as fast, (B, M or 1, 2 reach)."""
        u = r * torch.arange(-reach, reach, dtype=torch.float64, device=r.device)
        return torch.where(u.abs() < self.window / 2, 0.5 + 0.5 * (2 * math.pi / self.window * u).cos(), 0.0)

    def tail(self, *, semitones: Tensor, cents: Tensor) -> Tensor:
        """Half a frame behind the end, and half a played one."""
        ratio = ((semitones + cents / 100) / 12).exp2()
        return self.window / 2 * (1 + 1 / ratio.clamp(max=1.0)) / self.sample_rate

    def curve(self, *, semitones: Tensor, cents: Tensor) -> Curve:
        """Frequency of a sine after the effect over that before."""
        top = 0.49 * self.sample_rate
        freq = torch.logspace(math.log10(20.0), math.log10(top), 200, dtype=semitones.dtype)
        shifted = freq * ((semitones[0, 0, 0] + cents[0, 0, 0] / 100) / 12).exp2()
        return Curve(freq, shifted, "frequency in (Hz)", "frequency out (Hz)", title="PitchShift")


def _fast_size(least: int) -> int:
    """The smallest power of two, or 9/8, 5/4 or 3/2 of one, that is not below ``least``."""
    power = 2 ** math.ceil(math.log2(least))
    return next(n for n in (power // 16 * 9, power // 8 * 5, power // 4 * 3, power) if n >= least)
