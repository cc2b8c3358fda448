"""Room acoustics measured from an impulse response: decay, clarity, echo density, spectral flatness."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from diffFx_pytorch.kernels.constants import constant

TINY = 1e-30
"""Energies below this count as silence, so that no logarithm or division is of zero."""


def energy_decay_curve(h: Tensor, noise_share: float = 0.0) -> Tensor:
    r"""Level of the remaining energy, by Schroeder's backward integration.

    .. math:: L_n = 10 \log_{10} \frac{\sum_{m \ge n} h_m^2}{\sum_m h_m^2}

    Args:
        h: impulse responses (..., T).
        noise_share: the share of the end of ``h`` that holds nothing but noise, 0 .. 0.5; its mean square is taken
            away from every sample before summing (Chu 1978), which straightens the end of a measured response.

    Returns:
        (..., T) in dB, 0 at the first sample, falling (rising a little only where noise was taken away), -300 where
        nothing is left; all -300 on silence.

    Raises:
        ValueError: for a share outside 0 .. 0.5.

    References:
        M. R. Schroeder, "New method of measuring reverberation time", JASA 37, 1965.
        W. T. Chu, "Comparison of reverberation measurements using Schroeder's impulse method and decay-curve
        averaging method", JASA 63(5), 1978.
    """
    if not 0 <= noise_share <= 0.5:
        raise ValueError(f"energy_decay_curve: noise_share must lie in 0 .. 0.5, got {noise_share!r}")
    energy = h.double().square()
    if noise_share:
        energy = energy - energy[..., math.floor(h.shape[-1] * (1 - noise_share)) :].mean(-1, keepdim=True)
    left = energy.flip(-1).cumsum(-1).flip(-1)
    return _level(left, left[..., :1]).to(h.dtype)


PINK_HZ = (20.0, 3500.0)
"""The noise of ``pink_power``, in Hz: what every sample rate from 8 kHz up can hold."""


def pink_power(h: Tensor, sample_rate: float) -> Tensor:
    r"""Power of the response to pink noise of power 1, which has as much of it in every octave of 20 Hz .. 3.5 kHz.

    .. math:: E = \frac{\sum_k |H(f_k)|^2 / f_k}{\sum_k 1 / f_k}, \qquad 20 \le f_k \le 3500

    Noise of that band is what every sample rate can hold, so one response has one power at all of them; music has
    little more than a tenth of its own above it.

    Args:
        h: impulse responses (..., T).
        sample_rate: in Hz.

    Returns:
        (...).
    """
    # Points no farther apart than the response has bins, or than 2 Hz.
    points = max(2 * h.shape[-1], math.ceil(sample_rate / 2))
    freqs = torch.arange(points // 2 + 1, device=h.device, dtype=torch.float64) * (sample_rate / points)
    heard = (freqs >= PINK_HZ[0]) & (freqs <= PINK_HZ[1])
    weight = torch.where(heard, 1 / freqs.clamp_min(1.0), 0.0)
    spectrum = torch.fft.rfft(h, points)
    return (spectrum.real.square() + spectrum.imag.square()) @ (weight / weight.sum()).to(h.dtype)


def octave_centres(sample_rate: float, low_hz: float = 125.0, high_hz: float = 8000.0) -> list[float]:
    """The octave bands' nominal centres from ``low_hz`` to ``high_hz`` whose upper edge lies below Nyquist, in Hz."""
    centres = [1000.0 * 2.0**i for i in range(-6, 5)]
    return [c for c in centres if low_hz * 0.99 <= c <= high_hz * 1.01 and c * math.sqrt(2) < sample_rate / 2]


def octave_bands(h: Tensor, sample_rate: float, centres_hz: Sequence[float] | None = None) -> Tensor:
    """Octave bands of a signal, without phase shift, by filters whose powers add up to one.

    A band is flat for a quarter of an octave on either side of its centre, 3 dB down at half an octave, silent from
    three quarters on. Its ringing, equal before and after, is over within some 4 / centre seconds, and what would
    ring before time zero is cut off.

    Args:
        h: signals (..., T).
        sample_rate: in Hz.
        centres_hz: centres in Hz, those of ``octave_centres(sample_rate)`` if None.

    Returns:
        (..., bands, T).
    """
    centres = octave_centres(sample_rate) if centres_hz is None else list(centres_hz)
    samples = h.shape[-1]
    if not samples or not centres:
        return h.new_zeros(*h.shape[:-1], len(centres), samples)
    size = 1 << (samples + math.ceil(8 * sample_rate / min(centres))).bit_length()
    freq = torch.fft.rfftfreq(size, 1 / sample_rate, dtype=torch.float64, device=h.device)
    centre = constant(tuple(centres), torch.float64, h.device)[:, None]
    away = (freq.clamp_min(1e-9) / centre).log2().abs()
    gain = torch.cos((2 * away - 0.5).clamp(0, 1) * (math.pi / 2))
    bands = torch.fft.irfft(torch.fft.rfft(h.double(), size).unsqueeze(-2) * gain, size)
    return bands[..., :samples].to(h.dtype)


def reverberation_time(
    h: Tensor,
    sample_rate: float,
    bands: str | Sequence[float] | None = None,
    fit_db: tuple[float, float] = (-5.0, -35.0),
    noise_share: float = 0.0,
) -> Tensor:
    """Reverberation time in seconds: the slope of the energy decay curve, extrapolated to 60 dB.

    The slope is the least-squares line through the curve between the two levels of ``fit_db``: (-5, -35) is T30,
    (-5, -25) is T20. A response should be long enough to fall 10 dB further, for its end bends the curve.

    Args:
        h: impulse responses (..., T).
        sample_rate: in Hz.
        bands: None for the whole spectrum; "octave" for the bands of ``octave_centres``, or centres in Hz.
        fit_db: upper and lower level of the fit, in dB, falling.
        noise_share: as for ``energy_decay_curve``.

    Returns:
        Seconds (...), or (..., bands); 0 where there is nothing to fit (silence, a lone impulse). Differentiable, with
        the samples of the fit held constant.

    Raises:
        ValueError: for levels that do not fall, or ``bands`` of another name.

    References:
        ISO 3382-1:2009, "Acoustics: measurement of room acoustic parameters", 5.3.3.
    """
    top, bottom = fit_db
    if not 0 >= top > bottom:
        raise ValueError(f"reverberation_time: fit_db must fall from 0 dB or below, got {fit_db!r}")
    if isinstance(bands, str):
        if bands != "octave":
            raise ValueError(f'reverberation_time: bands must be None, "octave" or centres in Hz, got {bands!r}')
        h = octave_bands(h, sample_rate)
    elif bands is not None:
        h = octave_bands(h, sample_rate, bands)
    level = energy_decay_curve(h.double(), noise_share)
    used = (_falling(level.detach()) & (level.detach() >= bottom) & (level.detach() <= top)).double()
    # Before the sound arrives the curve is exactly 0 dB; an early fit must not count that.
    used = used * (level.detach() < 0)
    time = torch.arange(h.shape[-1], dtype=torch.float64, device=h.device) / sample_rate
    count = used.sum(-1, keepdim=True).clamp_min(1.0)
    centred = (time - (used * time).sum(-1, keepdim=True) / count) * used
    variance, fall = (centred * time).sum(-1), (centred * level).sum(-1)
    measurable = fall < -TINY
    return torch.where(measurable, -60 * variance / torch.where(measurable, fall, -1.0), 0.0).to(h.dtype)


def early_decay_time(h: Tensor, sample_rate: float, bands: str | Sequence[float] | None = None) -> Tensor:
    """Early decay time in seconds: ``reverberation_time`` by the slope from 0 to -10 dB."""
    return reverberation_time(h, sample_rate, bands, (0.0, -10.0))


def onset(h: Tensor, threshold_db: float = -20.0) -> Tensor:
    """Index (...) of the first sample within ``threshold_db`` of the peak, arrival of the direct sound (ISO 3382)."""
    level = h.abs()
    loud = (level >= level.amax(-1, keepdim=True) * 10 ** (threshold_db / 20)).to(torch.uint8)
    return loud.argmax(-1)


def clarity(h: Tensor, sample_rate: float, early_ms: float = 80.0) -> Tensor:
    r"""Early against late energy, C80 (music) or C50 (speech): 10 log10 of energy before over after ``early_ms``.

    Args:
        h: impulse responses (..., T).
        sample_rate: in Hz.
        early_ms: end of the early part, counted from the direct sound (``onset``), 80 or 50 ms.

    Returns:
        dB (...), within +-300; 0 on silence.
    """
    early, late = _early_and_late(h, sample_rate, early_ms)
    return (10 * (early.clamp_min(TINY) / late.clamp_min(TINY)).log10()).clamp(-300.0, 300.0).to(h.dtype)


def definition(h: Tensor, sample_rate: float, early_ms: float = 50.0) -> Tensor:
    """Share of the energy that arrives within ``early_ms`` of the direct sound, D50: (...) in 0 .. 1, 0 on silence."""
    early, late = _early_and_late(h, sample_rate, early_ms)
    return (early / (early + late).clamp_min(TINY)).to(h.dtype)


def echo_density(h: Tensor, sample_rate: float, window_ms: float = 20.0, hop_ms: float = 1.0) -> Tensor:
    r"""Echo density over time: 0 for isolated echoes, 1 for Gaussian noise.

    .. math:: \eta_t = \frac{1}{\operatorname{erfc}(1 / \sqrt 2)}
        \sum_{|\tau| \le \delta} w_\tau \, [\, |h_{t + \tau}| > \sigma_t \,], \qquad
        \sigma_t^2 = \sum_\tau w_\tau h_{t + \tau}^2

    with a Hann window w of sum 1. It counts, so it has no gradient.

    Args:
        h: impulse responses (..., T).
        sample_rate: in Hz.
        window_ms: length of the window; 20 to 30 ms is usual.
        hop_ms: step between values.

    Returns:
        (..., 1 + (T - 1) // hop), value k at k hops; 0 where it is silent, 120 dB below its loudest.

    References:
        J. S. Abel, P. Huang, "A simple, robust measure of reverberation echo density", AES 121, 2006, eq. 3.
    """
    half = max(1, round(window_ms * sample_rate / 2000))
    hop = max(1, round(hop_ms * sample_rate / 1000))
    window = torch.hann_window(2 * half + 3, periodic=False, dtype=torch.float64, device=h.device)[1:-1]
    window = window / window.sum()
    near = torch.nn.functional.pad(h.detach().double().abs(), (half, half)).unfold(-1, 2 * half + 1, hop)
    sigma = (near.square() @ window).sqrt().unsqueeze(-1)
    # What rounding leaves between two echoes is level, and would count as the densest of all.
    heard = sigma > 1e-6 * sigma.amax((-2, -1), keepdim=True)
    return (((near > sigma) & heard).to(window) @ window / math.erfc(1 / math.sqrt(2))).to(h.dtype)


def mixing_time(h: Tensor, sample_rate: float, density: float = 1.0) -> Tensor:
    """Seconds (...) from the direct sound until the echo density first reaches ``density``; the whole length if never.

    References:
        J. S. Abel, P. Huang, as for ``echo_density``.
    """
    reached = (echo_density(h, sample_rate) >= density).to(torch.uint8)
    never = reached.amax(-1) == 0
    hop = max(1, round(sample_rate / 1000))
    first = torch.where(never, h.shape[-1], reached.argmax(-1) * hop)
    return ((first - onset(h)).clamp_min(0) / sample_rate).to(h.dtype)


def spectral_flatness(
    h: Tensor, sample_rate: float, low_hz: float = 100.0, high_hz: float | None = None, bins: int = 1
) -> Tensor:
    r"""Geometric over arithmetic mean of the power spectrum: 1 is a flat spectrum, near 0 a few ringing modes.

    Of the late part of a reverb it is the modal flatness: Gaussian noise has exp(-0.5772) = 0.561, and colouration
    shows as less.

    Args:
        h: signals (..., T).
        sample_rate: in Hz.
        low_hz: lower end of the spectrum that counts, in Hz.
        high_hz: upper end, in Hz; 0.45 of the sample rate if None.
        bins: neighbouring bins whose power is averaged first; more look at the envelope rather than at single modes.

    Returns:
        (...) in 0 .. 1; 1 on silence.
    """
    high = 0.45 * sample_rate if high_hz is None else high_hz
    samples = h.shape[-1]
    power = torch.fft.rfft(h.double()).abs().square()
    first, last = math.ceil(low_hz * samples / sample_rate), math.floor(high * samples / sample_rate)
    power = power[..., first : last + 1]
    if bins > 1:
        whole = power.shape[-1] // bins * bins
        power = power[..., :whole].unflatten(-1, (-1, bins)).mean(-1)
    if not power.shape[-1]:
        return torch.ones_like(h[..., 0])
    power = power + TINY
    return (power.log().mean(-1).exp() / power.mean(-1)).to(h.dtype)


def _level(energy: Tensor, whole: Tensor) -> Tensor:
    heard = energy > TINY * whole.clamp_min(TINY)
    ratio = torch.where(heard, energy, 1.0) / torch.where(whole > TINY, whole, 1.0)
    return torch.where(heard & (whole > TINY), 10 * ratio.log10(), -300.0)


def _falling(level: Tensor) -> Tensor:
    """Where the curve is at its minimum so far: it rises only where noise was subtracted."""
    return level <= level.cummin(-1).values + 1e-9


def _early_and_late(h: Tensor, sample_rate: float, early_ms: float) -> tuple[Tensor, Tensor]:
    energy = h.double().square()
    age = torch.arange(h.shape[-1], device=h.device) - onset(h.detach()).unsqueeze(-1)
    early = age < round(early_ms * sample_rate / 1000)
    return (energy * early).sum(-1), (energy * ~early).sum(-1)
