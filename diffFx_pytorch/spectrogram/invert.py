"""A signal from the magnitude of its spectrogram."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .cycle import KernelCycle, TensorCycle
from .initial import broadcasts, initial_spectrum
from .projections import Descent
from .rules import METHODS, Rule
from .schedule import auto
from .stft import STFT

Callback = Callable[[int, Tensor, Callable[[], Tensor]], object]

SETTLED_DB = 0.01
"""An item whose last iterations gained less than this is reported as converged."""


@dataclass(frozen=True)
class Inversion:
    """How a retrieval went; one row for each item of the batch.

    Args:
        history: (..., n_iter + 1), spectral convergence in dB, from the initial estimate to the result; of the
            spectrum each iteration starts from, which for methods that reflect is not yet the estimate. An item that
            stopped early repeats its last value.
        iterations: (...), that were made.
        converged: (...), whether the last ten gained less than the tolerance (0.01 dB where none is set).
    """

    history: Tensor
    iterations: Tensor
    converged: Tensor


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
        method: "auto" (the best known: see ``schedule``), one of ``METHODS``, a rule with numbers of your own, such as
            ``Momentum(alpha=0.5)``, or a rule for each iteration.
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
    schedule = _schedule(method, n_iter)
    frames = magnitude.shape[-1]
    solved = stft.solved_length(frames, length)
    lead = magnitude.shape[:-2]
    with torch.set_grad_enabled(differentiable and torch.is_grad_enabled()):
        A = magnitude if torch.is_grad_enabled() else magnitude.detach()
        with torch.no_grad():
            c = initial_spectrum(init, A.detach(), stft, generator)
        # A power of two near the largest value: exact, so that scaling the target scales the result to the bit.
        peak = A.detach().amax((-1, -2), keepdim=True)
        scale = torch.where(peak > 0, torch.ldexp(torch.ones_like(peak), torch.frexp(peak).exponent), 1.0)
        rows = math.prod(lead)
        target = (A / scale).reshape(rows, *A.shape[-2:]).mT.contiguous()
        # Small against any scale, a start of zeros is still a phase.
        c = c.reshape(rows, *A.shape[-2:]).mT
        fixed = None
        if known_phase is not None:
            fixed = torch.polar(target.detach(), _known(known_phase, A).reshape(rows, *A.shape[-2:]).mT)
        cycles = _cycles(stft, target, solved, fixed)
        firsts = [cycle.onto(part) for cycle, part in zip(cycles, _parts(c, cycles), strict=True)]
        descents = [
            Descent(cycle, x, schedule, tolerance_db, checkpoints) for cycle, x in zip(cycles, firsts, strict=True)
        ]

        def signal() -> Tensor:
            x = torch.cat([d.cycle.signal(d.estimate) for d in descents]) if descents else target.new_zeros(0, solved)
            return (x.reshape(*lead, solved) * scale.squeeze(-1))[..., :length]

        _iterate(descents, lead, signal, callback, progress)
        x = signal()
        return (x, _info(descents, lead, n_iter, tolerance_db)) if return_info else x


def _iterate(
    descents: list[Descent], lead: torch.Size, signal: Callable[[], Tensor], callback: Callback | None, progress: bool
) -> None:
    """Item after item, which keeps each in the caches; side by side where a callback wants to see them all."""
    if callback is None:
        for i, descent in enumerate(descents):
            while not descent.ended:
                descent.step()
                if progress:
                    _show(f"item {i + 1} of {len(descents)}, " if len(descents) > 1 else "", [descent])
    else:
        step = 0
        while any(running := [not d.ended for d in descents]):
            step += 1
            for descent, runs in zip(descents, running, strict=True):
                if runs:
                    descent.step()
            if progress:
                _show("", descents)
            if callback(step, torch.cat([d.history[-1] for d in descents]).reshape(lead), signal):
                break
    if progress:
        sys.stderr.write("\n")


def _show(prefix: str, descents: list[Descent]) -> None:
    latest = torch.cat([d.history[-1] for d in descents]).mean()
    done, total = max(d.done for d in descents), len(descents[0].schedule)
    sys.stderr.write(f"\r{prefix}iteration {done} of {total}: {latest:.2f} dB ")
    sys.stderr.flush()


def _info(descents: list[Descent], lead: torch.Size, n_iter: int, tolerance_db: float) -> Inversion:
    if not descents:
        return Inversion(torch.zeros(*lead, n_iter + 1), torch.zeros(lead, dtype=torch.long), torch.ones(lead) > 0)
    rows = []
    for d in descents:
        values = [*d.history, d.final()]
        rows.append(torch.stack([*values, *values[-1:] * (n_iter + 1 - len(values))], -1))
    converged = torch.cat([d.converged | d.settled(tolerance_db or SETTLED_DB) for d in descents])
    return Inversion(
        torch.cat(rows).reshape(*lead, n_iter + 1),
        torch.cat([d.iterations for d in descents]).reshape(lead),
        converged.reshape(lead),
    )


def _cycles(stft: STFT, target: Tensor, length: int, fixed: Tensor | None) -> list[TensorCycle] | list[KernelCycle]:
    if fixed is None and target.device.type == "cpu" and not torch.is_grad_enabled():
        return [KernelCycle(stft, A, length) for A in target.unsqueeze(1)]
    return [TensorCycle(stft, target, length, fixed)]


def _parts(c: Tensor, cycles: Sequence[TensorCycle] | Sequence[KernelCycle]) -> Sequence[Tensor]:
    return [c] if cycles and isinstance(cycles[0], TensorCycle) else [row.contiguous() for row in c.unbind(0)]


def _schedule(method: str | Rule | Sequence[Rule], n_iter: int) -> Sequence[Rule]:
    if isinstance(method, str):
        if method == "auto":
            return auto(n_iter)
        if method not in METHODS:
            raise ValueError(f"invert_spectrogram: method must be auto, {', '.join(METHODS)}. Got {method!r}.")
        return [METHODS[method]] * n_iter
    if isinstance(method, Sequence):
        if len(method) != n_iter:
            raise ValueError(f"invert_spectrogram: {len(method)} rules were given for n_iter={n_iter} iterations.")
        return method
    return [method] * n_iter


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
