"""What the effects share that play frames of a sound at another pitch."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ...control import can_look_at
from ...options import Choice, Flag, Number
from ...spectrogram.envelope import lifter_of, true_envelope
from ...spectrogram.phase_vocoder import BLOCK, METHODS, Continuation, centred_spectra, safe_angle
from ...spectrogram.stft import overlap_add

_OVERLAP = 8
"""Frames over a sample; an octave up, where frames get half as long, four are left, and two octaves up two."""
_MOST_RAISED_DB = 24.0
"""By how much the kept envelope raises a bin at most, so that what was silent stays so."""
_FLOOR = 1e-7
"""Power of the loudest bin of a frame, times which is what a bin counts as at least."""
_SILENT = 1e-24

SHIFTING = {
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
    "formants": Choice(
        "move",
        "keep",
        doc='"move": the whole spectrum moves, and a voice gets a smaller or a larger head; "keep": its envelope stays '
        "where it was.",
    ),
    "envelope_ms": Number(
        0.3,
        10.0,
        3.5,
        "ms",
        doc="How fine the envelope is that is kept: the longest time in its cepstrum, about a period of the highest "
        "note; 3.5 is 286 Hz.",
    ),
    "link": Flag(True, doc="Channels turn together, so that the image stays; False shifts each on its own."),
}
"""Options of what is made with a ``Shifter``, and its arguments."""


class Shifter:
    """The equations of ``PitchShift``.

    Args:
        sample_rate: in Hz.
        method: of carrying the phases on, one of ``METHODS``.
        window_ms: length of a frame.
        formants: "move" or "keep".
        envelope_ms: the longest cepstral time of the envelope that is kept.
        link: whether channels turn together.
    """

    def __init__(
        self, sample_rate: float, method: str, window_ms: float, formants: str, envelope_ms: float, link: bool
    ) -> None:
        self.method, self.link = method, link
        self.window = 2 ** round(math.log2(max(2 * _OVERLAP, window_ms * sample_rate / 1000)))
        self.hop = self.window // _OVERLAP
        order = max(2, min(self.window // 2, round(envelope_ms * sample_rate / 1000)))
        self.order = order if formants == "keep" else None

    def reach(self, semitones: Tensor, lowest: float) -> int:
        """Samples that a frame played at the lowest pitch takes on either side of its centre."""
        if can_look_at(given := semitones.detach()):
            lowest = max(lowest, float(given.min()))
        return self.hop * math.ceil(self.window / 2 * 2 ** (max(-lowest, 0.0) / 12) / self.hop)

    def __call__(self, x: Tensor, semitones: Tensor, lowest: float) -> Tensor:
        """The whole sound, block by block of frames.

        Args:
            x: (B, C, T).
            semitones: (B, 1, 1 or T), float64.
            lowest: of what the semitones may be.
        """
        B, C, T = x.shape
        if x.numel() == 0:
            return x + 0 * semitones.to(x.dtype)
        N, H, reach = self.window, self.hop, self.reach(semitones, lowest)
        count = -(-T // H) + 1
        ratio = (semitones / 12).exp2().squeeze(1)
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
            kept = X if self.order is None else X * self._kept(X, r.unsqueeze(-1))
            played = self._play(kept * torch.polar(torch.ones_like(turns), turns).unsqueeze(1), r.unsqueeze(-1), reach)
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

    def _kept(self, X: Tensor, r: Tensor) -> Tensor:
        """By what the spectra (B, C, M, F) are multiplied so that, r (B, M or 1, 1) times as high, the envelope stays.

        What comes out at r k was at k: it gets the level of the envelope at r k, and loses that at k.
        """
        assert self.order is not None
        power = X.real.square().sum(1) + X.imag.square().sum(1)
        loudest = power.amax(-1, keepdim=True)
        level = 0.5 * (power + _FLOOR * loudest + _SILENT).log()
        envelope = true_envelope(level, lifter_of(self.order, self.window, X.device).to(level.dtype))
        top = envelope.shape[-1] - 1
        place = (r * torch.arange(top + 1, device=X.device)).clamp(max=float(top))
        below = place.detach().floor().clamp(max=top - 1.0)
        t, index = (place - below).to(level.dtype), below.long()
        # Catmull and Rom's cubic, whose slope is continuous: at r = 1 all bins stand on its joints.
        weights = (
            t * (t * (1 - 0.5 * t) - 0.5),
            1 + t * t * (1.5 * t - 2.5),
            t * (t * (2 - 1.5 * t) + 0.5),
            t * t * (0.5 * t - 0.5),
        )
        moved = torch.zeros_like(envelope)
        for step, weight in enumerate(weights, -1):
            beside = top - (top - (index + step).abs()).abs()  # the envelope is even about both ends
            moved = moved + weight * envelope.gather(-1, beside.expand(envelope.shape))
        raised = (moved - envelope).clamp(max=_MOST_RAISED_DB * math.log(10) / 20)
        return raised.exp().unsqueeze(1)


def _fast_size(least: int) -> int:
    """The smallest power of two, or 9/8, 5/4 or 3/2 of one, that is not below ``least``."""
    power = 2 ** math.ceil(math.log2(least))
    return next(n for n in (power // 16 * 9, power // 8 * 5, power // 4 * 3, power) if n >= least)
