"""Impulse responses: from files, tensors or a formula to what a convolution reverb needs."""

from __future__ import annotations

import math
import os

import numpy as np
import torch
from torch import Tensor

from ...dsp.room_analysis import energy_decay_curve, pink_power, reverberation_time
from ...options import Given

_SECONDS, _T60, _SEED = 1.2, 0.9, 20
BUILT_IN_RATE = 44100
"""Sample rate of the built-in room, in Hz: other rates hear the same one, resampled."""


def given_response(shapes: str, doc: str) -> Given:
    """The option of a response of one's own, for ``load``: a tensor of the shapes, a path or None."""
    return Given(None, Tensor | np.ndarray | str | os.PathLike[str] | None, f"a tensor {shapes}, a path or None", doc)


def built_in(channels: int) -> Tensor:
    r"""A room that is none in particular: decaying noise that swells for some milliseconds and darkens with time.

    .. math:: h(t) = (1 - e^{-t / 0.008})\, 10^{-3 t / 0.9}\, u(t), \quad u_n = (1 - c_n) v_n + c_n u_{n-1}, \quad
        c = e^{-2 \pi f(t) / f_s}, \quad f(t) = 1500 + 10500 e^{-t / 0.25}\ \mathrm{Hz}

    with v seeded Gaussian noise, and f_s of 44.1 kHz.

    Args:
        channels: how many, each with noise of its own.

    Returns:
        (channels, L) of 1.2 s, float64.
    """
    from ...recursion import one_pole

    sample_rate = BUILT_IN_RATE
    samples = round(_SECONDS * sample_rate)
    noise = torch.from_numpy(np.random.default_rng(_SEED).standard_normal((samples, channels)).T.copy())
    t = torch.arange(samples, dtype=torch.float64) / sample_rate
    coef = torch.exp(-2 * math.pi / sample_rate * (1500 + 10500 * torch.exp(-t / 0.25)))
    dark = one_pole(noise, coef, time_varying=True)
    return dark * (1 - torch.exp(-t / 0.008)) * torch.exp(-3 * math.log(10) / _T60 * t)


def load(
    ir: Tensor | np.ndarray | str | os.PathLike[str], sample_rate: float, ir_rate: float | None
) -> tuple[Tensor, float]:
    """A response from a tensor or a sound file, and its sample rate.

    Args:
        ir: (L,) or (C, L), or the path of a file.
        sample_rate: in Hz, of a tensor where ``ir_rate`` is None.
        ir_rate: of a tensor, in Hz. A file says its own.

    Returns:
        (C, L), float64, and Hz.

    Raises:
        OSError: if the file cannot be read, is damaged or cut short.
        TypeError: for what is neither tensor nor path.
        ValueError: for another shape, an empty or silent response, or one that holds NaN or infinity.
    """
    rate = sample_rate if ir_rate is None else ir_rate
    if isinstance(ir, (str, os.PathLike)):
        # soundfile is slow to import, and most reverbs read no file.
        from ...files import audio_info, read_sound

        response, rate = read_sound(ir).double(), audio_info(ir).sample_rate
    elif isinstance(ir, (Tensor, np.ndarray)):
        response = torch.as_tensor(ir).detach().to("cpu", torch.float64)
    else:
        raise TypeError(f"ir must be a tensor (C, L), a path or None, got {type(ir).__name__}")
    response = response[None] if response.dim() == 1 else response
    if response.dim() != 2:
        raise ValueError(f"ir must be (C, L) or (L,), got shape {tuple(response.shape)}")
    if not response.numel():
        raise ValueError(f"ir is empty: shape {tuple(response.shape)}")
    if not torch.isfinite(response).all():
        raise ValueError("ir holds NaN or infinity")
    if not response.any():
        raise ValueError("ir is silent")
    return response, rate


def normalized(response: Tensor, sample_rate: float, inputs: int) -> Tensor:
    """A response whose loudest output is as loud as its input, for pink noise that the inputs do not share.

    Args:
        response: (inputs * outputs, L), those of the first input first.
        sample_rate: in Hz.
        inputs: how many are heard on each output.
    """
    power = pink_power(response, sample_rate).view(inputs, -1).sum(0)
    return response / power.max().sqrt()


def resampled(response: Tensor, rate: float, sample_rate: float) -> Tensor:
    """A response (C, L) at another rate, with the level it had: the sum over more samples counts each less."""
    if rate == sample_rate:
        return response
    import soxr

    samples = soxr.resample(response.T.numpy(), rate, sample_rate, quality="VHQ").T
    return torch.from_numpy(samples.copy()) * (rate / sample_rate)


def trimmed(response: Tensor) -> Tensor:
    """Without what comes before 1 / 1000 of the peak, and after all but 1e-9 of the energy has been (C, L)."""
    loud = (response.abs() >= 1e-3 * response.abs().max()).any(0)
    left = energy_decay_curve(response.square().sum(0).sqrt())
    return response[:, int(loud.to(torch.uint8).argmax()) : max(1, int((left > -90.0).sum()))]


def decay_clock(response: Tensor, sample_rate: float) -> Tensor:
    r"""By how much a response has decayed, in nepers: :math:`3 \ln 10 \min(t, t_k) / T_{60}`, (L,).

    T60 is the response's own (T20 of the energy in all channels), counted from its peak; the clock stops at t_k, where
    60 dB are gone or the last of it is no 10 dB above the noise it ends in.
    """
    samples = response.shape[-1]
    energy = response.square().sum(0)
    arrival = int(energy.argmax())
    frame = max(1, round(0.01 * sample_rate))
    frames = torch.nn.functional.pad(energy, (0, -samples % frame)).view(-1, frame).mean(-1)
    floor = energy[math.floor(0.9 * samples) :].mean()
    above = (frames > 10 * floor).nonzero()
    end = min(samples, (int(above[-1]) + 1) * frame) if len(above) else samples
    decaying = energy[arrival : max(end, arrival + 1)].sqrt()
    t60 = float(reverberation_time(decaying, sample_rate, fit_db=(-5.0, -25.0)))
    t = (torch.arange(samples, dtype=torch.float64) - arrival).clamp(0, max(end - arrival - 1, 0)) / sample_rate
    return (3 * math.log(10) / t60 * t).clamp_max(3 * math.log(10)) if t60 > 0 else torch.zeros_like(t)
