"""Second-order sections beside scipy, and beside themselves where the target is a ratio of our own times.

``CASES`` is a list of (name, make_ours, make_peer, target_ratio); the two ``make_*`` return callables of no argument.
The ratio is the peer's time over ours. ``SAMPLES`` counts the samples of each case, for nanoseconds a sample. Outputs
are allocated anew in every call, from a warm allocator.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from diffFx_pytorch.dsp.biquad import peak
from diffFx_pytorch.recursion.ops.sections import sosfilt
from diffFx_pytorch.recursion.ops.svf import sos_to_svf, svfilt

T = 441_000
MOVING_T = 44_100
"""Moving coefficients are 144 bytes a sample."""


def equaliser(count: int) -> torch.Tensor:
    """Peaks from 80 Hz to 16 kHz, Q 1.4, +4 dB, float64."""
    freqs = torch.logspace(1.9, 4.2, count, dtype=torch.float64)
    return peak(freqs, 1.4, 4.0, 44100)


def signal(batch: int, samples: int = T) -> torch.Tensor:
    return torch.randn(batch, samples, generator=torch.Generator().manual_seed(0))


def constant(batch: int, count: int) -> Callable[[], object]:
    x, sos = signal(batch), equaliser(count)
    return lambda: sosfilt(x, sos)


def constant_both(batch: int, count: int) -> Callable[[], object]:
    x, sos = signal(batch).requires_grad_(), equaliser(count).requires_grad_()
    upstream = torch.ones_like(x)
    return lambda: torch.autograd.grad(sosfilt(x, sos), (x, sos), upstream)


def scipys(batch: int, count: int, samples: int = T) -> Callable[[], object]:
    import scipy.signal

    x, sos = signal(batch, samples).numpy(), equaliser(count).numpy().astype(np.float32)
    return lambda: scipy.signal.sosfilt(sos, x)


def moving(batch: int, form: str) -> Callable[[], object]:
    x, sos = signal(batch, MOVING_T), equaliser(6)
    coef = (sos if form == "sos" else sos_to_svf(sos)).float()
    coef = coef.expand(batch, MOVING_T, *coef.shape).contiguous()
    run = sosfilt if form == "sos" else svfilt
    return lambda: run(x, coef)


CASES = [
    *(
        (f"sosfilt, 6 sections, constant, forward, B={b}", lambda b=b: constant(b, 6), lambda b=b: scipys(b, 6), target)
        for b, target in ((2, 3.0), (16, 4.0))
    ),
    (
        "sosfilt, 31 sections, constant, forward, B=16, against 6 sections",
        lambda: constant(16, 31),
        lambda: constant(16, 6),
        1 / 3,
    ),
    (
        "sosfilt, 31 sections, constant, forward, B=2, against scipy",
        lambda: constant(2, 31),
        lambda: scipys(2, 31),
        None,
    ),
    *(
        (
            f"sosfilt, 6 sections, constant, forward + backward to x and sos, B={b}, against forward",
            lambda b=b: constant_both(b, 6),
            lambda b=b: constant(b, 6),
            1 / 4,
        )
        for b in (2, 16)
    ),
    *(
        (
            f"{name}, 6 sections, moving, forward, B=16, T={MOVING_T}, against scipy's constant ones",
            lambda form=form: moving(16, form),
            lambda: scipys(16, 6, MOVING_T),
            target,
        )
        for name, form, target in (("sosfilt", "sos", 1.0), ("svfilt", "svf", None))
    ),
]

SAMPLES = {name: (2 if "B=2" in name else 16) * (MOVING_T if "moving" in name else T) for name, *_ in CASES}
