"""Spectral gate."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from ...curve import Curve
from ...dsp.ballistics import smoothing
from ...dsp.levels import db_to_amp
from ...options import Given, Number
from ...params import EffectParam
from ...recursion import attack_release, one_pole
from ..choices import LINK
from .framed import WINDOW, FramedGain
from .recorded import description_of

_KNEE_DB = 1.5
_FLOOR = 1e-12
"""Power of silence, relative to a sine of full scale: -120 dB, below any noise worth removing."""

_RISE_S, _FALL_S = 2.0, 0.05
"""Time constants of the followed noise: slow enough to pass under words and notes, fast into the gaps between."""

_DB = 10.0 / math.log(10.0)


class SpectralGate(FramedGain):
    """Noise reduction: a gate in every band of a short-time spectrum.

    Frames of N samples, N / 4 apart, under a root of a Hann window w; X[f, m] their spectrum, P its power spread over
    neighbouring bands with exp(-|df| / smoothing), L = 10 log10 P, n the level of the noise's mean power in that band.

        z[f, m] = 1 / (1 + exp((L - n - threshold) / 1.5 dB))            0 is open, 1 is shut
        s = z smoothed in time, with the time constant of the release while it rises (shutting) and of the attack
            while it falls,
        y = x - sum over frames of w (frame of (1 - 10^(-reduction s / 20)) X) / 2

    The spreading steadies the level of noise, which would otherwise open single bands at random (chirps), and lets what
    is loud open the bands around it, where it would mask the noise anyway.

    So what is taken away is computed and subtracted, and with nothing to take away the sound passes bit by bit. It is
    late by N - 1 samples (``latency_samples``).

    References:
        S. F. Boll, "Suppression of acoustic noise in speech using spectral subtraction", IEEE TASSP 27(2), 1979.
        R. Martin, "Noise power spectral density estimation based on optimal smoothing and minimum statistics", IEEE
        TSAP 9(5), 2001 (the noise as the floor of the level in a band, and how far the floor lies under the mean).
        E. B. Wilson, M. M. Hilferty, "The distribution of chi-square", PNAS 17(12), 1931 (its quantiles).
        W. K. Newey, J. L. Powell, "Asymmetric least squares estimation and testing", Econometrica 55(4), 1987
        (expectiles).
    """

    words = (
        "takes noise out by {reduction_db}, where a band is less than {threshold_db} above it, "
        "opening in {attack_ms} and closing in {release_ms}, smoothed over {smoothing_hz}",
    )
    params = {
        "threshold_db": EffectParam(
            0.0, 40.0, 5.0, unit="dB", doc="Level above the mean power of the noise in a band at which it opens."
        ),
        "reduction_db": EffectParam(0.0, 60.0, 18.0, unit="dB", doc="Reduction of a band that is shut; 0 is neutral."),
        "attack_ms": EffectParam(1.0, 200.0, 5.0, "log", "ms", doc="Time to 63 % of a band's opening."),
        "release_ms": EffectParam(5.0, 1000.0, 80.0, "log", "ms", doc="Time to 63 % of a band's shutting."),
        "smoothing_hz": EffectParam(
            10.0,
            2000.0,
            60.0,
            "log",
            "Hz",
            doc="Width over which levels are averaged: more is steadier, less is finer.",
        ),
    }
    options = {
        "noise": Given(
            "follow",
            Literal["follow", "quantile"] | Tensor | Sequence[float],
            "'follow', 'quantile' or a recording of noise: finite samples (..., T)",
            doc='Where n comes from. "follow": the level in the band, rising slowly (2 s) and falling fast (50 ms), so '
            "that it rests on the floor between words and notes; at the start it needs some seconds. "
            '"quantile": the level that the band stays below for a share quantile of the time, known only when the '
            "whole signal is. Or a recording of the noise alone at this sample rate; its mean power in each band.",
            check=lambda noise: noise in ("follow", "quantile") if isinstance(noise, str) else _is_recording(noise),
        ),
        "quantile": Number(0, 1, 0.1, doc='For noise="quantile".'),
        "window_ms": WINDOW,
        "link": LINK,
    }
    neutral = {"reduction_db": 0.0}
    traits = {"causal", "odd"}
    # Short windows, so that the contract's short signals come out of them.
    variants = ({"window_ms": 8.0}, {"window_ms": 4.0, "noise": "quantile", "link": False})

    def prepare(self) -> None:
        """The frames, and the profile of a recording of the noise."""
        self.prepare_frames()
        self.crosses_channels = self.link
        recording = None if isinstance(self.noise, str) else self.noise
        if recording is not None:
            self.noise = "recording"
        if self.noise == "quantile":
            self.streamable = False
            self.traits = {"odd"}
        self._normal_quantile = NormalDist().inv_cdf(min(max(self.quantile, 1e-3), 1 - 1e-3))
        self._expectile = _expectile(
            *(1 - math.exp(-self.hop / (self.sample_rate * tau)) for tau in (_RISE_S, _FALL_S))
        )
        self._description = description_of(self, *(["noise"] if recording is not None else []))
        self.register_buffer("_profile", None if recording is None else self._profile_of(recording))

    def shares(
        self, X: Tensor, state: Mapping[str, Any], profile: Tensor | None, **at: Tensor
    ) -> tuple[Tensor, dict[str, Any]]:
        """What a gate that is shut takes away; the states of noise and smoother."""
        spread, reduction = at.pop("smoothing_hz"), at.pop("reduction_db")
        shut, noise, last = self._gates(X, profile, spread, **at, state=state)
        return 1 - db_to_amp(-reduction.to(X.real.dtype) * shut), {"noise": noise, "shut": last}

    def _gates(
        self,
        X: Tensor,
        profile: Tensor | None,
        spread: Tensor,
        threshold_db: Tensor,
        attack_ms: Tensor,
        release_ms: Tensor,
        state: Mapping[str, Any],
    ) -> tuple[Tensor, Tensor | None, Tensor]:
        """How shut each band is, (B, C or 1, F, frames), and the states of noise and smoother."""
        # One pole up the bands and one down: a kernel with two exponential sides. Beyond the ends all is as at them.
        c = (-(self.sample_rate / self.window) / spread.double()).exp().squeeze(2)
        level = _level(_spread(self._power(X), c)).mT
        if profile is None:
            noise, noise_state = self._noise_level(level, state.get("noise"))
            noise = noise + self._below_mean(c, X.shape[1] if self.link else 1).unsqueeze(2).to(noise.dtype)
        else:
            heard = profile.to(X.real.dtype).expand(*c.shape, -1)
            noise, noise_state = _level(_spread(heard, c)).mT, None
        z = torch.sigmoid((threshold_db + noise - level) / _KNEE_DB)
        attack, release = (smoothing(ms, self.sample_rate / self.hop) for ms in (attack_ms, release_ms))
        start = state.get("shut", torch.ones_like(level[..., 0]))
        shut, shut_state = attack_release(z, release, attack, start, return_zf=True)
        return shut, noise_state, shut_state

    def _noise_level(self, level: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor | None]:
        if self.noise == "quantile":
            return _quantile(level, self.quantile), None
        rise, fall = (math.exp(-self.hop / (self.sample_rate * tau)) for tau in (_RISE_S, _FALL_S))
        if state is None:
            # Of the first frame only the last hop is not silence.
            seen = self._root[-self.hop :].square().sum() / self._root.square().sum()
            state = level[..., 0] - _DB * seen.log().to(level.dtype)
        return attack_release(level, rise, fall, state, return_zf=True)

    def _below_mean(self, c: Tensor, channels: int) -> Tensor:
        """By how many dB the estimate of noise lies under its mean power, for a spreading with pole c.

        A power of Gaussian noise is exponentially distributed. The kernel (1 - c) / (1 + c) c^|j| averages bands, of
        which neighbours under this window are correlated by 1/4, so that the variance, of a mean of 1, becomes
        1 / k = (1 - c^3) / (1 + c)^3; averages are near a gamma distribution of shape k. Its quantiles are Wilson and
        Hilferty's. What rises slowly and falls fast rests on an expectile, here of a normal distribution with the mean
        and the variance of the logarithm, digamma(k) - log k and trigamma(k).
        """
        k = channels * (1 + c) ** 3 / (1 - c**3)
        if self.noise == "quantile":
            return -3 * _DB * (1 - 1 / (9 * k) + self._normal_quantile / (3 * k.sqrt())).clamp_min(0.05).log()
        mean, spread = torch.digamma(k) - k.log(), torch.polygamma(1, k).sqrt()
        return -_DB * (mean + self._expectile * spread)

    def _power(self, X: Tensor) -> Tensor:
        """Of spectra (B, C, frames, F): 1 for a sine of full scale; the mean over channels where linked."""
        power = (X.real.square() + X.imag.square()) * (4 / self._root.sum().to(X.real.dtype).square())
        return power.mean(1, keepdim=True) if self.link else power

    def _profile_of(self, noise: Tensor | Sequence[float]) -> Tensor:
        samples = torch.as_tensor(noise, dtype=torch.float64).detach()
        missing = max(0, self.window - samples.shape[-1])
        # Silence beside less than a frame of noise would make it look quieter.
        samples = F.pad(samples, (0, missing)) * math.sqrt(self.window / (self.window - missing))
        X = torch.fft.rfft(samples.reshape(-1, samples.shape[-1]).unfold(-1, self.window, self.hop) * self._root)
        return X.abs().square().mean((0, 1)) * (4 / self._root.sum().square())

    def curve(self, *, threshold_db: Tensor, reduction_db: Tensor, **others: Tensor) -> Curve:
        """Output over input level of a steady band, relative to the noise."""
        level = torch.linspace(-20.0, 60.0, 321, dtype=reduction_db.dtype)
        shut = torch.sigmoid((threshold_db[0, 0, 0] - level) / _KNEE_DB)
        out = level - reduction_db[0, 0, 0] * shut
        return Curve(level, out, "input over noise (dB)", "output over noise (dB)", title="SpectralGate")


def _expectile(up: float, down: float) -> float:
    """Where a follower of normal noise rests that goes up and down by these shares of its distance."""
    low, high = -8.0, 8.0
    for _ in range(60):
        e = 0.5 * (low + high)
        above = NormalDist().pdf(e) - e * (1 - NormalDist().cdf(e))  # E[(z - e)+]
        low, high = (e, high) if up * above > down * (above + e) else (low, e)
    return low


def _is_recording(noise: Tensor | Sequence[float]) -> bool:
    samples = torch.as_tensor(noise, dtype=torch.float64)
    return samples.dim() > 0 and samples.numel() > 0 and bool(samples.isfinite().all())


def _spread(power: Tensor, c: Tensor) -> Tensor:
    """Powers (..., frames, F) over neighbouring bands; c (..., frames or 1)."""
    for _ in range(2):
        power = one_pole(power, c, power[..., 0]).flip(-1)
    return power


def _level(power: Tensor) -> Tensor:
    return _DB * (power + _FLOOR).log()


def _quantile(level: Tensor, share: float) -> Tensor:
    """The level that a band stays below for a share of its frames, between two of them linear: (..., 1)."""
    order = level.sort(-1).values
    # A tensor, not a number: it may be recorded for other lengths.
    last = torch.arange(level.shape[-1], device=level.device)[-1:]
    place = share * last.double()
    low = place.long()
    lower, upper = (order.index_select(-1, at) for at in (low, torch.minimum(low + 1, last)))
    return torch.lerp(lower, upper, (place - low).to(level.dtype))
