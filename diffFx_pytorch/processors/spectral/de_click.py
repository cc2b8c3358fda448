"""De-click."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ...control import can_look_at
from ...curve import Curve
from ...options import Integer, Number
from ...params import EffectParam
from .framed import Framed
from .recorded import description_of

_FLOOR = 1e-12
"""Power of the errors of silence: -120 dB."""
_WHITE = 1e-7
"""Share of its power that a frame is taken to have as white noise: -70 dB, under which nothing is predicted."""
_SILENT = 1e-20
_KNEE_DB = 6.0
"""From the threshold on, the decibels over which a sample comes to count as wholly lost."""
_TRUST = 1e5
"""Power of what is lost, relative to the errors: how little of a lost sample is believed."""
_NEAR_S = 2.5e-5
"""How far around a sample its neighbours are lost with it."""
_TINY = 1e-60
_SIZES = (8, 16, 32, 64, 128)
"""Of the systems that are solved, by how many samples of a frame are lost."""


class DeClick(Framed):
    r"""Clicks and crackle taken out: what the sound around does not predict is replaced by what it does predict.

    Frames of N samples, N / 4 apart; A(z) = 1 + a_1 z^-1 + ... of ``order`` p the predictor of one (autocorrelation
    method under a Hann window), e_+ = A(z) x its error forwards, e_- = A(1 / z) x backwards. After a click e_+ rings
    for p samples, before it e_-; the harmonic mean of their powers rings on neither side:

        h = 2 e_+^2 e_-^2 / (e_+^2 + e_-^2) over three samples, as 1 2 1,
        u = 10 log10 h,    L its mean over N / 8 samples,
        D = u - the greater L of those that end ``longest_ms`` before and begin ``longest_ms`` after,
        z = (D - threshold) / 6 dB, held in 0 .. 1; D being the highest within 25 us, g = 3 z^2 - 2 z^3.

    What rises and does not fall within ``longest_ms``, as a drum, is its own measure and no click. A click d is what
    leaves the smallest errors where g says how far each sample is lost:

        minimise sum A(z)(x - d)^2 + sum d^2 / S^2,    S^2 = g / (1 - g + 10^-5):    d = S (1 + S R S)^-1 S R x,

    R being the autocorrelation of a, and S 0 but at a few samples: least-squares interpolation (Janssen) with degrees.
    Of x - d the predictor is found anew, ``passes`` times in all, since clicks spoil the first. At most N / 8 samples
    of a frame are lost, those with the highest D: the threshold rises to the next. The middle halves of the frames are
    faded into each other; y = x - mix d, late by N - 1 samples (``latency_samples``).

    References:
        A. J. E. M. Janssen, R. N. J. Veldhuis, L. B. Vries, "Adaptive interpolation of discrete-time signals that can
        be modeled as autoregressive processes", IEEE TASSP 34(2), 1986.
        S. J. Godsill, P. J. W. Rayner, "Digital Audio Restoration", Springer 1998, chapter 5.
        P. A. A. Esquef, L. W. P. Biscainho, P. S. R. Diniz, F. P. Freeland, "A double-threshold-based approach to
        impulsive noise detection in audio signals", EUSIPCO 2000.
    """

    words = (
        "takes clicks of up to {longest_ms} out that are {threshold_db} over the prediction error around, by {mix}",
    )
    params = {
        "threshold_db": EffectParam(
            1.0,
            60.0,
            20.0,
            "log",
            "dB",
            doc="Prediction error over that around it from which on a sample is a click.",
        ),
        "longest_ms": EffectParam(0.1, 2.0, 1.0, "log", "ms", doc="Longest click: what lasts longer is music."),
        "mix": EffectParam(0.0, 1.0, 1.0, doc="Share of the clicks that is taken out; 0 is neutral."),
    }
    options = {
        "window_ms": Number(5, 200, 46.0, "ms", doc="Frame N in milliseconds, rounded to a power of two samples."),
        "order": Integer(2, 128, 32, doc="p: more predict richer sounds; an eighth of a frame at most."),
        "passes": Integer(1, 8, 3, doc="How often the predictor is found: more for denser clicks."),
    }
    neutral = {"mix": 0.0}
    traits = {"causal", "odd"}
    in_pieces = True
    # Short frames, so that the contract's short signals come out of them.
    variants = ({"window_ms": 8.0, "order": 6, "passes": 2}, {"window_ms": 8.0, "order": 3, "passes": 1})

    def prepare(self) -> None:
        """The frames and how they are faded."""
        self.prepare_frames()
        N = self.window
        self.order_used, self.most = max(1, min(self.order, N // 8)), max(1, N // 8)
        self.near = max(1, round(_NEAR_S * self.sample_rate))
        self.register_buffer("_window", torch.hann_window(N, dtype=torch.float64), persistent=False)
        fade = F.pad(torch.hann_window(N // 2, dtype=torch.float64), (N // 4, N // 4))
        self.register_buffer("_fade", fade, persistent=False)
        self._description = description_of(self)

    def taken(
        self, frames: Tensor, state: Mapping[str, Any], profile: Tensor | None, **at: Tensor
    ) -> tuple[Tensor, dict[str, Any]]:
        """The clicks of frames; there is no state."""
        x = frames.double()
        knobs = [at[name].double().mT.expand(*x.shape[:-1], 1) for name in ("threshold_db", "longest_ms")]
        d = self._clicks(x, x, *knobs)
        if self.passes > 1 and can_look_at(d):
            # In the others nothing changes.
            found = (d.detach() != 0).any(-1)
            some, clicks = x[found], d[found]
            for _ in range(self.passes - 1) if len(some) else ():
                clicks = self._clicks(some, some - clicks, *(knob[found] for knob in knobs))
            d = d.masked_scatter(found.unsqueeze(-1), clicks)
        else:
            for _ in range(self.passes - 1):
                d = self._clicks(x, x - d, *knobs)
        return (at["mix"].double().mT * self._fade * d).to(frames.dtype), {}

    def _clicks(self, x: Tensor, clean: Tensor, threshold_db: Tensor, longest_ms: Tensor) -> Tensor:
        """Clicks of frames (..., N), whose predictor is that of what is ``clean`` of them; knobs (..., 1)."""
        n = self.window + self.window // 8  # so that no error wraps around
        X, A = torch.fft.rfft(x, n=n), torch.fft.rfft(self._predictor(clean), n=n)
        power = A.real.square() + A.imag.square()
        forwards, backwards, both = (
            torch.fft.irfft(Y, n=n)[..., : self.window] for Y in (X * A, X * A.conj(), X * power)
        )
        S = self._lost(forwards.square(), backwards.square(), threshold_db, longest_ms)
        r = torch.fft.irfft(power, n=n)[..., : self.order_used + 1]
        if not can_look_at(S):
            return _interpolated(S, both, r, self.most)
        # Frames with few lost samples are not to pay for those with many.
        d, many, fewer = torch.zeros_like(x), (S.detach() > 0).sum(-1), 0
        for count in sorted({min(self.most, size) for size in (*_SIZES, self.most)}):
            chosen = (many > fewer) & (many <= count)
            if chosen.any():
                d = d.masked_scatter(chosen.unsqueeze(-1), _interpolated(S[chosen], both[chosen], r[chosen], count))
            fewer = count
        return d

    def _predictor(self, x: Tensor) -> Tensor:
        """1, a_1, ..., a_p of frames: (..., p + 1)."""
        p, n = self.order_used, self.window + self.window // 8
        X = torch.fft.rfft(x * self._window, n=n)
        r = torch.fft.irfft(X.real.square() + X.imag.square(), n=n)[..., : p + 1] / self.window
        lag = torch.arange(p, device=x.device)
        white = (_WHITE * r[..., :1] + _SILENT).unsqueeze(-1) * torch.eye(p, dtype=x.dtype, device=x.device)
        toeplitz = r[..., (lag.unsqueeze(-1) - lag).abs()] + white
        a = torch.cholesky_solve(r[..., 1:, None], torch.linalg.cholesky_ex(toeplitz).L).squeeze(-1)
        return torch.cat((torch.ones_like(a[..., :1]), -a), -1)

    def _lost(self, forwards: Tensor, backwards: Tensor, threshold_db: Tensor, longest_ms: Tensor) -> Tensor:
        """S of samples by the powers of their errors, (..., N)."""
        p, W, near = self.order_used, self.window // 8, self.near
        h = F.pad(2 * forwards * backwards / (forwards + backwards + _TINY), (1, 1))
        h = (h[..., :-2] + 2 * h[..., 1:-1] + h[..., 2:]) / 4 + _FLOOR
        u = (10 / math.log(10)) * h[..., p:-p].log()  # what lies outside is predicted from beyond the frame
        mean = F.pad(u.cumsum(-1), (1, 0))
        mean = (mean[..., W:] - mean[..., :-W]) / W
        n, last = torch.arange(u.shape[-1], device=u.device), mean.shape[-1] - 1.0
        gap = longest_ms * (self.sample_rate / 1000)
        around = torch.maximum(_read(mean, (n - gap - W).clamp(0, last)), _read(mean, (n + gap + 1).clamp(0, last)))
        D = F.pad(u - around, (p, p), value=-1000.0)
        D = F.max_pool1d(D.reshape(-1, 1, D.shape[-1]), 2 * near + 1, 1, near).view_as(D)
        next_highest = D.topk(self.most + 1, -1).values[..., -1:]
        z = ((D - torch.maximum(threshold_db, next_highest)) / _KNEE_DB).clamp(0.0, 1.0)
        # The root of z^2 without a corner of its own.
        return z * ((3 - 2 * z) / (1 - z * z * (3 - 2 * z) + 1 / _TRUST)).sqrt()

    def curve(self, *, threshold_db: Tensor, mix: Tensor, **others: Tensor) -> Curve:
        """What is left of a sample alone in noise, by how far it sticks out."""
        level = torch.linspace(0.0, 72.0, 289, dtype=torch.float64)
        z = ((level - threshold_db[0, 0, 0]) / _KNEE_DB).clamp(0.0, 1.0)
        lost = z * z * (3 - 2 * z)
        left = 1 - mix[0, 0, 0] * lost / (1 + 1 / _TRUST)
        labels = "click over the error around (dB)", "what is left of it (dB)"
        return Curve(level, 20 * left.clamp_min(1e-3).log10(), *labels, title="DeClick")


def _interpolated(S: Tensor, both: Tensor, r: Tensor, count: int) -> Tensor:
    """S (1 + S R S)^-1 S R x of frames (..., N), S being 0 but at ``count`` samples; ``both`` is R x, r of R."""
    S, where = S.topk(count, -1)
    apart = (where.unsqueeze(-1) - where.unsqueeze(-2)).abs()
    r = F.pad(r, (0, 1))
    R = r.gather(-1, apart.clamp(max=r.shape[-1] - 1).flatten(-2)).view(apart.shape)
    M = torch.eye(count, dtype=S.dtype, device=S.device) + S.unsqueeze(-1) * R * S.unsqueeze(-2)
    u = torch.cholesky_solve((S * both.gather(-1, where)).unsqueeze(-1), torch.linalg.cholesky_ex(M).L)
    return torch.zeros_like(both).scatter(-1, where, S * u.squeeze(-1))


def _read(row: Tensor, place: Tensor) -> Tensor:
    """Between the values of rows, by straight lines."""
    below = place.detach().floor().clamp(max=row.shape[-1] - 2.0)
    index = below.long()
    return torch.lerp(row.gather(-1, index), row.gather(-1, index + 1), place - below)
