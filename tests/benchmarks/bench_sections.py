"""Second-order sections beside scipy, and beside themselves where the target is a ratio of our own times."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from harness import Call, Memory, Scaling, Speed

from diffFx_pytorch.dsp.biquad import peak
from diffFx_pytorch.recursion import sosfilt, svfilt
from diffFx_pytorch.recursion.ops.svf import sos_to_svf

T = 441_000
SHORT = 110_250
"""Moving coefficients are 144 bytes a sample in float32; their gradients as many again."""


def equaliser(count: int) -> torch.Tensor:
    """Peaks from 80 Hz to 16 kHz, Q 1.4, +4 dB, float64."""
    freqs = torch.logspace(1.9, 4.2, count, dtype=torch.float64)
    return peak(freqs, 1.4, 4.0, 44100)


def signal(batch: int, samples: int = T) -> torch.Tensor:
    return torch.randn(batch, samples, generator=torch.Generator().manual_seed(0))


def work(run: Callable[..., torch.Tensor], x: torch.Tensor, coef: torch.Tensor, gradient: bool) -> Call:
    """Forward, or forward and backward to x and the coefficients."""
    if not gradient:
        return lambda: run(x, coef)
    x, coef, upstream = x.requires_grad_(), coef.requires_grad_(), torch.ones_like(x)
    return lambda: torch.autograd.grad(run(x, coef), (x, coef), upstream)


def constant(batch: int, count: int, gradient: bool = False, samples: int = T) -> Call:
    return work(sosfilt, signal(batch, samples), equaliser(count), gradient)


def time_varying(form: str, gradient: bool = False, samples: int = T, shared: bool = False) -> Call:
    """Six sections in float32; ``shared`` by all rows, or with their own coefficients each."""
    sos = equaliser(6)
    coef = (sos if form == "sosfilt" else sos_to_svf(sos)).float()
    coef = coef.expand(1 if shared else 16, samples, *coef.shape).contiguous()
    return work(sosfilt if form == "sosfilt" else svfilt, signal(16, samples), coef, gradient)


def scipys(batch: int, count: int, samples: int = T) -> Call:
    """scipy's cascade in float32, constant: it has no other."""
    import scipy.signal

    x, sos = signal(batch, samples).numpy(), equaliser(count).numpy().astype(np.float32)
    return lambda: scipy.signal.sosfilt(sos, x)


def against_scipy(batch: int, count: int, target: float | None) -> Speed:
    name = f"sosfilt, constant, {count} sections, B={batch}, forward"
    ours, peer = (lambda: constant(batch, count)), (lambda: scipys(batch, count))
    return Speed(name, ours, peer, "scipy", target, batch * T)


def against_forward(batch: int) -> Speed:
    name = f"sosfilt, constant, 6 sections, B={batch}, forward + backward to x and sos"
    ours, peer = (lambda: constant(batch, 6, True)), (lambda: constant(batch, 6))
    return Speed(name, ours, peer, "its own forward", 1 / 4, batch * T)


def time_varying_forward(form: str, shared: bool, target: float | None) -> Speed:
    name = f"{form}, time-varying, 6 sections, B=16, forward{', coefficients shared' if shared else ''}"
    ours, peer = (lambda: time_varying(form, shared=shared)), (lambda: scipys(16, 6))
    return Speed(name, ours, peer, "scipy, constant", target, 16 * T)


def time_varying_both(form: str) -> Speed:
    name = f"{form}, time-varying, 6 sections, B=16, T={SHORT}, forward + backward to x and coefficients"
    ours, peer = (lambda: time_varying(form, True, SHORT)), (lambda: time_varying(form, False, SHORT))
    return Speed(name, ours, peer, "its own forward", None, 16 * SHORT)


def at_points(batch: int, channels: int, count: int, gradient: bool = False, samples: int = SHORT) -> Call:
    """Peaks that move at control points every 32 samples, shared by the channels of an item, float32 audio."""
    at = torch.arange(0, samples + 32, 32)
    moved = 0.5 * torch.sin(0.03 * at[:, None] / 32 + torch.arange(count))
    freqs = torch.logspace(1.9, 4.1, count, dtype=torch.float64) * 2.0**moved
    points = sos_to_svf(peak(freqs, 1.4, 4.0 + 3.0 * moved, 44100))
    points = points.expand(batch, 1, *points.shape).contiguous()
    x = signal(batch * channels, samples).reshape(batch, channels, samples)
    return work(lambda x, points: svfilt(x, points, at=at), x, points, gradient)


def at_points_both(batch: int, channels: int, samples: int) -> Speed:
    name = f"svfilt, points every 32 samples, 6 sections, B={batch}, C={channels}, forward + backward to x and points"
    ours, peer = (
        (lambda: at_points(batch, channels, 6, True, samples)),
        (lambda: at_points(batch, channels, 6, False, samples)),
    )
    return Speed(name, ours, peer, "its own forward", 1 / 4, batch * channels * samples)


def _every_sample() -> Call:
    """Five sections of a stereo signal, designed at every sample."""
    svf = sos_to_svf(equaliser(5)).expand(1, 1, SHORT, 5, 5).contiguous()
    return work(svfilt, signal(2, SHORT)[None], svf, False)


def _six() -> Call:
    return constant(16, 6)


def _thirty_one() -> Call:
    return constant(16, 31)


def _two_threads(batch: int) -> Speed:
    def one() -> Call:
        call = constant(batch, 6)

        def alone() -> None:
            torch.set_num_threads(1)
            call()
            torch.set_num_threads(2)

        return alone

    name = f"sosfilt, constant, 6 sections, B={batch}, forward, two threads"
    return Speed(name, lambda: constant(batch, 6), one, "one thread", 1.7, batch * T, 2)


SPEED = [
    against_scipy(2, 6, 3.0),
    against_scipy(16, 6, 4.0),
    against_scipy(2, 31, None),
    against_scipy(16, 31, None),
    Speed("sosfilt, constant, 31 sections, B=16, forward", _thirty_one, _six, "6 sections", 1 / 3, 16 * T),
    against_forward(2),
    against_forward(16),
    _two_threads(16),
    time_varying_forward("sosfilt", False, 1.0),
    time_varying_forward("svfilt", False, None),
    time_varying_forward("sosfilt", True, None),
    time_varying_forward("svfilt", True, None),
    time_varying_both("sosfilt"),
    time_varying_both("svfilt"),
    at_points_both(16, 1, SHORT),
    at_points_both(8, 2, SHORT),
    at_points_both(1, 2, T),
    Speed(
        "svfilt, points every 32 samples, 5 sections, C=2, forward",
        lambda: at_points(1, 2, 5),
        _every_sample,
        "coefficients at every sample",
        1.0,
        2 * SHORT,
    ),
]


def memory(count: int) -> Memory:
    name = f"sosfilt, constant, {count} sections, forward + backward"
    return Memory(name, lambda: constant(16, count, True), 16 * T * 4, 4.0)


MEMORY = [
    memory(6),
    memory(31),
    Memory(
        "sosfilt, time-varying, 6 sections, forward + backward",
        lambda: time_varying("sosfilt", True, SHORT),
        16 * SHORT * 4,
        40,
    ),
    Memory(
        "svfilt, points every 32 samples, 6 sections, forward + backward",
        lambda: at_points(16, 1, 6, True),
        16 * SHORT * 4,
        6.0,
    ),
    Memory(
        "svfilt, points every 32 samples, 6 sections, C=2, forward + backward",
        lambda: at_points(1, 2, 6, True, T),
        2 * T * 4,
        6.0,
    ),
]


SCALING = [
    Scaling("sosfilt, constant, 6 sections, B=2, forward", lambda samples: constant(2, 6, samples=samples), 2),
    Scaling("sosfilt, constant, 31 sections, B=2, forward", lambda samples: constant(2, 31, samples=samples), 2),
]
