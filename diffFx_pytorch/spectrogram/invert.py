"""A signal from the magnitude of its spectrogram."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from .cycle import KernelCycle, TensorCycle
from .descend import Callback, Inversion, descend
from .initial import broadcasts, initial_spectrum
from .projections import Descent
from .representation import invert_magnitude
from .rules import Rule
from .schedule import schedule_for
from .stft import STFT


def invert_spectrogram(
    magnitude: Tensor,
    stft: STFT,
    method: str | Rule | Sequence[Rule] = "auto",
    n_iter: int = 100,
    init: str | Tensor = "pghi",
    length: int | None = None,
    generator: torch.Generator | None = None,
    known_phase: Tensor | None = None,
    callback: Callback | None = None,
    progress: bool = False,
    return_info: bool = False,
    *,
    tolerance_db: float = 0.0,
    differentiable: bool = False,
    checkpoints: bool = False,
) -> Tensor | tuple[Tensor, Inversion]:
    """Find a signal whose magnitude spectrogram is as near as can be to the one given.

    Args:
        magnitude: A >= 0, (..., F, frames), float32 or float64.
        stft: the transform it is the magnitude of.
        method: "auto" (the best known: see ``schedule``), one of ``METHODS``, "lbfgs" (``invert``), a rule with numbers
            of your own, such as ``Momentum(alpha=0.5)``, or a rule for each iteration.
        n_iter: iterations; 0 is the signal of the initial phase.
        init: phase to start from: "pghi", "spsi", "random", "zero", or that of a complex tensor (..., F, frames).
        length: samples of the result; the shortest with so many frames by default. Give it where it is known: the last
            frames then fit too.
        generator: of init="random".
        known_phase: radians, (..., F, frames), NaN where the phase is to be found.
        callback: called after each iteration with its number (from 1), the last of ``Inversion.history`` (...), and a
            function that returns the signal as it stands; ends the retrieval by returning True.
        progress: write iterations to the error stream.
        return_info: return an ``Inversion`` too.
        tolerance_db: an item is done when ten iterations gain less; 0 makes all.
        differentiable: let gradients flow to ``magnitude`` through all iterations. The initial phase is a constant.
        checkpoints: of those, keep one spectrum an iteration in memory, and iterate a second time in the backward pass.

    Returns:
        (..., length), and with ``return_info`` how it went.

    Raises:
        ValueError: for a magnitude that is complex, negative, NaN or has another number of bins than the transform
            (saying which n_fft would fit), an unknown method or init, or a length that the frames do not carry.
    """
    _check_magnitude(magnitude, stft)
    if not isinstance(n_iter, int) or n_iter < 0:
        raise ValueError(f"invert_spectrogram: n_iter must be an integer of at least 0. Got {n_iter!r}.")
    if method == "lbfgs":
        if known_phase is not None or differentiable:
            raise ValueError('invert_spectrogram: "lbfgs" keeps no known_phase and is not differentiable; "auto" does.')
        return invert_magnitude(
            magnitude, stft, n_iter, init, length, generator, callback, progress, return_info, tolerance_db=tolerance_db
        )
    schedule = schedule_for(method, n_iter)
    frames = magnitude.shape[-1]
    solved = stft.solved_length(frames, length)
    lead = magnitude.shape[:-2]
    with torch.set_grad_enabled(differentiable and torch.is_grad_enabled()):
        A = magnitude if torch.is_grad_enabled() else magnitude.detach()
        with torch.no_grad():
            c = initial_spectrum(init, A.detach(), stft, generator)
        scale = _power_of_two(A.detach().amax((-1, -2), keepdim=True))
        rows = math.prod(lead)
        items = A.reshape(rows, *A.shape[-2:]).mT, scale.reshape(rows, 1, 1), c.reshape(rows, *A.shape[-2:]).mT
        known = None if known_phase is None else _known(known_phase, A).reshape(rows, *A.shape[-2:]).mT
        # By kernels, item by item, or by tensor operations, all at once.
        alone = not torch.is_grad_enabled() and known is None and A.device.type == "cpu"

        def start(A: Tensor, scale: Tensor, c: Tensor) -> Descent:
            target = (A / scale).contiguous()
            if alone:
                cycle = KernelCycle(stft, target, solved)
            else:
                fixed = None if known is None else torch.polar(target.detach(), known)
                cycle = TensorCycle(stft, target, solved, fixed)
            c = c / _power_of_two(torch.view_as_real(c).abs().amax((-1, -2, -3))[:, None, None])
            return Descent(cycle, cycle.begin(c), schedule, tolerance_db, checkpoints)

        if alone:
            parts = zip(*(part.split(1) for part in items), strict=True) if rows else ()
            starts = [partial(start, *part) for part in parts]
        else:
            starts = [partial(start, *items)]

        def finish(x: Tensor) -> Tensor:
            return (x.reshape(*lead, solved) * scale.squeeze(-1))[..., :length]

        x, info = descend(starts, lead, n_iter, finish, callback, progress, tolerance_db, return_info)
        if not starts:
            x = finish(A.new_zeros(0, solved))
        return x if info is None else (x, info)


def _power_of_two(peak: Tensor) -> Tensor:
    """Above a positive number; 1 for 0. Dividing by it is exact: scaling the target scales the result to the bit."""
    mantissa, _ = torch.frexp(peak)
    return torch.where(peak > 0, peak / torch.where(peak > 0, mantissa, 1.0), 1.0)


def _check_magnitude(magnitude: Tensor, stft: STFT) -> None:
    if magnitude.is_complex():
        raise ValueError(
            "invert_spectrogram: the magnitude must be real; take .abs() of a spectrum, or give it as init."
        )
    if magnitude.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"invert_spectrogram: the magnitude must be float32 or float64. Got {magnitude.dtype}.")
    stft.check_bins(magnitude)
    if magnitude.numel():
        low, high = magnitude.detach().aminmax()
        if not (low.isfinite() and high.isfinite()):
            raise ValueError("invert_spectrogram: the magnitude has NaN or infinite values.")
        if low < 0:
            raise ValueError(
                f"invert_spectrogram: a magnitude is not negative; the least value is {float(low):g}. In decibels? "
                "Give 10 ** (db / 20)."
            )


def _known(phase: Tensor, A: Tensor) -> Tensor:
    if phase.is_complex() or not broadcasts(phase, A):
        raise ValueError(
            f"invert_spectrogram: known_phase must be real (radians) and of the magnitude's shape {tuple(A.shape)}. "
            f"Got {phase.dtype} of shape {tuple(phase.shape)}."
        )
    return phase.to(A.device, A.dtype).expand(A.shape)
