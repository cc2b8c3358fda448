"""A signal from the magnitude of its spectrogram."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from .cycle import KernelCycle, TensorCycle
from .descent import Callback, Descent, Inversion, Run, descend
from .initial import broadcasts, initial_spectrum, power_of_two
from .metrics import Metric
from .redescent import Redescent
from .representation import search
from .rules import Rule, schedule_of, with_magnitude
from .stft import STFT


def invert_spectrogram(
    magnitude: Tensor,
    stft: STFT,
    method: str | Rule | Sequence[Rule] = "auto",
    n_iter: int = 100,
    init: str | Tensor | None = None,
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
    evaluate_every: int = 1,
    metric: str | Metric | None = None,
) -> Tensor | tuple[Tensor, Inversion]:
    """Find a signal whose magnitude spectrogram is nearest to the one given.

    Args:
        magnitude: A >= 0, (..., F, frames), float32 or float64; or complex, a magnitude and the phase to start from.
        stft: the transform it is the magnitude of.
        method: "auto" (ADMM, then accelerated Griffin-Lim, then ``Redescent``: the best known), one of ``METHODS``,
            "lbfgs" (``invert``), a rule with numbers of your own, such as ``Momentum(alpha=0.5)``, or a rule for each
            iteration.
        n_iter: iterations; 0 is the signal of the initial phase.
        init: phase to start from: "pghi", "spsi", "random", "zero", or that of a complex tensor (..., F, frames). By
            default that of a complex ``magnitude``, and "pghi" for a real one.
        length: samples of the result; the shortest with so many frames by default. Give it where it is known: the last
            frames then fit too.
        generator: of init="random".
        known_phase: radians, (..., F, frames), NaN where the phase is to be found.
        callback: called after each iteration with its number (from 1), the last of ``Inversion.history`` (...), and a
            function that returns the present signal; ends the retrieval by returning True.
        progress: write iterations to the error stream.
        return_info: return an ``Inversion`` too.
        tolerance_db: an item ends when ten iterations gain less; 0 makes all iterations.
        differentiable: let gradients flow to ``magnitude`` through all iterations. The initial phase is a constant.
        checkpoints: store one spectrum per iteration for the gradients, and iterate a second time in the backward pass.
        evaluate_every: iterations from one report to the callback and the error stream to the next.
        metric: what is reported, in place of the last of the history (which costs nothing): "spectral_convergence",
            "magnitude_snr", "log_spectral_distance", or a function of the present signal's magnitude and ``magnitude``
            that gives one value per item.

    Returns:
        (..., length), and with ``return_info`` how it went.

    Raises:
        ValueError: for a magnitude that is negative, NaN or has another number of bins than the transform
            (saying which n_fft would fit), an unknown method, init or metric, or a length that the frames do not
            carry.
    """
    if magnitude.is_complex():
        init, magnitude = magnitude.detach() if init is None else init, magnitude.abs()
    init = "pghi" if init is None else init
    stft.check_magnitude("invert_spectrogram", magnitude)
    batch_shape, frames = magnitude.shape[:-2], magnitude.shape[-1]
    solved = stft.solved_length(frames, length)
    B = math.prod(batch_shape)
    scale = (
        power_of_two(magnitude.detach().amax((-1, -2), keepdim=True)) if method != "lbfgs" else magnitude.new_ones(())
    )

    def compared(x: Tensor) -> tuple[Tensor, Tensor]:
        return stft.magnitude(x.detach().reshape(*batch_shape, solved)) * scale, magnitude.detach()

    reported = callback, progress, evaluate_every, metric, compared
    run = Run("invert_spectrogram", batch_shape, n_iter, tolerance_db, *reported)

    def rows(spectrum: Tensor) -> Tensor:
        return spectrum.reshape(B, *magnitude.shape[-2:]).mT

    if method == "lbfgs":
        if known_phase is not None or differentiable:
            raise ValueError('invert_spectrogram: "lbfgs" keeps no known_phase and is not differentiable; "auto" does.')
        with torch.no_grad():
            A = magnitude.detach()
            first = with_magnitude(initial_spectrum(init, A, stft, generator), A)
            first = stft.inverse(first, solved).reshape(B, solved)
        x, info = search(
            rows(A).mT, stft.magnitude, first, lambda x: x.reshape(*batch_shape, solved)[..., :length], run
        )
        return (x, info) if return_info else x
    schedule = schedule_of("invert_spectrogram", method, n_iter)
    with torch.set_grad_enabled(differentiable and torch.is_grad_enabled()):
        A = magnitude if torch.is_grad_enabled() else magnitude.detach()
        with torch.no_grad():
            c = initial_spectrum(init, A.detach(), stft, generator)
        items = rows(A), scale.reshape(B, 1, 1), rows(c)
        known = None if known_phase is None else rows(_known(known_phase, A))
        # By kernels, item by item, or by tensor operations, all at once.
        alone = bool(B) and not torch.is_grad_enabled() and known is None and stft.onesided and A.device.type == "cpu"

        def start(A: Tensor, scale: Tensor, c: Tensor) -> Descent:
            target = (A / scale).contiguous()
            if alone:
                cycle = KernelCycle(stft, target, solved)
            else:
                fixed = None if known is None else torch.polar(target.detach(), known)
                cycle = TensorCycle(stft, target, solved, fixed)
            c = c / power_of_two(torch.view_as_real(c).abs().amax((-1, -2, -3))[:, None, None])
            redescent = Redescent(cycle) if isinstance(cycle, KernelCycle) and method == "auto" else None
            return Descent(cycle, cycle.begin(c), schedule, tolerance_db, checkpoints, redescent)

        def finish(x: Tensor) -> Tensor:
            return (x.reshape(*batch_shape, solved) * scale.squeeze(-1))[..., :length]

        parts = zip(*(item.split(1) for item in items), strict=True) if alone else [items]
        x, info = descend([partial(start, *part) for part in parts], run, finish, return_info)
        return x if info is None else (x, info)


def _known(phase: Tensor, A: Tensor) -> Tensor:
    if phase.is_complex() or not broadcasts(phase, A):
        raise ValueError(
            f"invert_spectrogram: known_phase must be real (radians) and of the magnitude's shape {tuple(A.shape)}. "
            f"Got {phase.dtype} of shape {tuple(phase.shape)}."
        )
    return phase.to(A.device, A.dtype).expand(A.shape)
