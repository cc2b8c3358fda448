"""A signal from any differentiable representation of it, by L-BFGS."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .descent import CONVERGED_DB, PATIENCE, Callback, Inversion, Run, decibels
from .lbfgs import minimize
from .metrics import Metric

Transform = Callable[[Tensor], Tensor]
"""Signals (b, length) to what is known of them, (b, ...): differentiable, and item by item."""


def invert(
    target: Tensor,
    transform: Transform,
    length: int,
    n_iter: int = 100,
    init: Tensor | None = None,
    generator: torch.Generator | None = None,
    callback: Callback | None = None,
    progress: bool = False,
    return_info: bool = False,
    *,
    tolerance_db: float = 0.0,
    memory: int = 10,
    max_evaluations: int = 12,
    tolerance_grad: float = 0.0,
    tolerance_change: float = 0.0,
    evaluate_every: int = 1,
    metric: str | Metric | None = None,
) -> Tensor | tuple[Tensor, Inversion]:
    """Find a signal whose representation is nearest to the one given.

    Minimises || T(x) - A ||^2 / || A ||^2 over x by L-BFGS, each item of the batch with a line search of its own, from
    a start whose level makes || T(x) || = || A ||. The variable is x over the level of the start, so that nothing
    depends on the units of A.

    ::

        mel = MelScale(80, 22050, 1024)
        x = invert(target, lambda x: mel.forward(stft.magnitude(x)).clamp_min(1e-5).log(), length=44100)

    Args:
        target: A, (..., *shape of the representation), float32 or float64, or complex.
        transform: T, from (b, length) to (b, *shape). It is called with those items that are still being searched, b
            of them; items must not depend on each other.
        length: samples of the result.
        n_iter: iterations of at most ``max_evaluations``, on average a little over one evaluation of T and its
            gradient; 0 returns the start.
        init: start, (..., length) or (length,), left as it is; by default white noise of a level that fits. Zeros are
            a bad start where T has a magnitude, whose gradient there is zero.
        generator: of the noise.
        callback: called after each iteration with its number (from 1), the last of ``Inversion.history`` (...), and a
            function that returns the present signal; ends the search by returning True.
        progress: write iterations to the error stream.
        return_info: return an ``Inversion`` too.
        tolerance_db: an item ends when ten iterations gain less; 0 makes all iterations.
        memory: steps that L-BFGS remembers; it keeps two signals of each (``history_size`` of ``torch.optim.LBFGS``).
        max_evaluations: largest number of evaluations of a line search.
        tolerance_grad: an item ends at a gradient whose largest entry is no larger.
        tolerance_change: an item ends at a step whose largest entry is no larger, relative to the level of the start.
        evaluate_every: as for ``invert_spectrogram``.
        metric: as for ``invert_spectrogram``, over all values of a representation.

    Returns:
        (..., length), detached; with ``return_info`` an ``Inversion``, its history being
        20 log10 (|| T(x) - A || / || A ||).

    Raises:
        ValueError: for a target with NaN, of a shape that T does not make of so many samples, a T without gradient, an
            init of another shape.

    References:
        Decorsiere, Sondergaard, MacDonald and Dau, "Inversion of auditory spectrograms, traditional spectrograms, and
        other envelope representations", IEEE/ACM Trans. ASLP 23(1), 2015, section III.
    """
    for name, value in (("length", length), ("memory", memory), ("max_evaluations", max_evaluations)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"invert: {name} must be an integer of at least 1. Got {value!r}.")
    if not target.is_floating_point() and not target.is_complex():
        raise ValueError(f"invert: the target must be floating point or complex. Got {target.dtype}.")
    if not target.isfinite().all():
        raise ValueError("invert: the target has NaN or infinite values.")
    # Gradients are needed here whatever mode the caller is in.
    with torch.inference_mode(False), torch.no_grad():
        A = target.detach().clone()
        probe = transform(A.real.new_zeros(1, length))
        shape = probe.shape[1:]
        batch_shape = target.shape[: max(0, target.dim() - len(shape))]
        if probe.dim() < 2 or probe.shape[0] != 1 or target.shape[len(batch_shape) :] != shape:
            raise ValueError(
                f"invert: the transform makes {tuple(probe.shape)} of (1, {length}) samples; the target must be "
                f"(..., {', '.join(map(str, shape))}). Got {tuple(target.shape)}."
            )
        if probe.is_complex() != target.is_complex():
            raise ValueError(f"invert: the transform makes {probe.dtype}, the target is {target.dtype}.")
        A = A.reshape(math.prod(batch_shape), *shape)
        if init is None:
            start = _noise(A, transform, (*batch_shape, length), generator)
        elif init.is_complex() or tuple(init.shape) not in {(*batch_shape, length), (length,)}:
            raise ValueError(
                f"invert: init must be a signal of shape {(*batch_shape, length)}. Got {init.dtype} of shape "
                f"{tuple(init.shape)}."
            )
        else:
            start = init.to(A.device, A.dtype.to_real()).expand(*batch_shape, length).reshape(len(A), length)

    def compared(x: Tensor) -> tuple[Tensor, Tensor]:
        return transform(x).reshape(len(A), 1, -1), A.reshape(len(A), 1, -1)

    reported = callback, progress, evaluate_every, metric, compared
    run = Run("invert", batch_shape, n_iter, tolerance_db, *reported)
    x, info = search(
        A,
        transform,
        start,
        lambda x: x.reshape(*batch_shape, length),
        run,
        memory=memory,
        max_evaluations=max_evaluations,
        tolerance_grad=tolerance_grad,
        tolerance_change=tolerance_change,
    )
    return (x, info) if return_info else x


def search(
    target: Tensor, transform: Transform, start: Tensor, finish: Callable[[Tensor], Tensor], run: Run, **options: Any
) -> tuple[Tensor, Inversion]:
    """``invert`` from a start, without its checks.

    Args:
        target: A, (B, *shape).
        transform: T.
        start: (B, length), left as it is.
        finish: from signals (B, length) to what is returned and what a callback sees.
        run: when to end, and whom to report to.
        options: of ``minimize``.

    Returns:
        The finished signals, and the ``Inversion``.
    """
    with torch.inference_mode(False), torch.enable_grad():
        A, start = target.detach().clone(), start.detach().clone()
        level = torch.linalg.vector_norm(start, dim=-1, keepdim=True) / math.sqrt(start.shape[-1])
        # A power of two: the scaling is exact.
        level = torch.where(level > 0, level, 1.0).log2().round().exp2()
        power = _power(A)
        power = torch.where(power > 0, power, 1.0)

        def evaluate(z: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
            z = z.detach().requires_grad_()
            loss = _power(transform(z * level[items]) - A[items]) / power[items]
            if not loss.requires_grad:
                raise ValueError("invert: the transform gives no gradient; make it of differentiable operations.")
            (gradient,) = torch.autograd.grad(loss.sum(), z)
            return loss.detach(), gradient

        def report(iteration: int, z: Tensor, loss: Tensor) -> bool:
            return run.report(iteration, lambda: decibels(loss, z.dtype), lambda: z * level, finish)

        share = 1 - 10 ** (-run.tolerance_db / 10)
        found = minimize(
            evaluate, start / level, run.n_iter, tolerance=share, patience=PATIENCE, callback=report, **options
        )
    run.close()
    history = decibels(found.history, found.x.dtype).mT
    patience = min(PATIENCE, run.n_iter)
    gained = history[:, max(0, history.shape[1] - 1 - patience)] - history[:, -1]
    converged = (gained < (run.tolerance_db or CONVERGED_DB)) & (found.iterations >= patience)
    return finish(found.x * level), run.inversion([history], found.iterations, found.converged | converged)


def _noise(A: Tensor, transform: Transform, shape: tuple[int, ...], generator: torch.Generator | None) -> Tensor:
    """White noise (B, length) of a level that makes || T(x) || = || A ||; ``shape`` is that of the result."""
    device = torch.device("cpu") if generator is None else generator.device
    # Drawn in float64: one seed is the same noise in every precision.
    x = torch.randn(shape, dtype=torch.float64, device=device, generator=generator)
    x = x.to(A.device, A.dtype.to_real()).reshape(len(A), shape[-1])
    size, once, twice = (_power(a).sqrt() for a in (A, transform(x), transform(2 * x)))
    # Of a homogeneous T, ||T(s x)|| = s^degree ||T(x)||; of any other, whatever the level, only the start is worse.
    degree = (twice / once).log2()
    near = degree.round()
    degree = torch.where((degree - near).abs() < 1e-3, near, degree)
    sensible = degree.isfinite() & (degree > 0.2) & (degree < 5)
    gain = torch.where(sensible, (size / once) ** (1 / torch.where(sensible, degree, 1.0)), 1.0)
    return x * gain.to(x.dtype).unsqueeze(-1)


def _power(a: Tensor) -> Tensor:
    """Sum of squares per item, (B,), in float64."""
    squares = a.real.square() + a.imag.square() if a.is_complex() else a.square()
    return squares.flatten(1).sum(-1, dtype=torch.float64)
