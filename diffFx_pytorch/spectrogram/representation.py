"""A signal from any differentiable representation of it, by L-BFGS."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable

import torch
from torch import Tensor

from .descend import SETTLED_DB, Callback, Inversion
from .initial import initial_spectrum
from .lbfgs import Minimum, minimize
from .projections import PATIENCE
from .rules import with_magnitude
from .stft import STFT

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
) -> Tensor | tuple[Tensor, Inversion]:
    """Find a signal whose representation is as near as can be to the one given.

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
        n_iter: iterations of at most 12, on average a little over one evaluation of T and its gradient; 0 returns the
            start.
        init: start, (..., length) or (length,), left as it is; by default white noise of a level that fits. Zeros are
            a bad start where T has a magnitude, whose gradient there is zero.
        generator: of the noise.
        callback: called after each iteration with its number (from 1), the last of ``Inversion.history`` (...), and a
            function that returns the signal as it stands; ends the search by returning True.
        progress: write iterations to the error stream.
        return_info: return an ``Inversion`` too.
        tolerance_db: an item is done when ten iterations gain less; 0 makes all.
        memory: steps that L-BFGS remembers; it keeps two signals of each.

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
    for name, value, least in (("n_iter", n_iter, 0), ("length", length, 1), ("memory", memory, 1)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"invert: {name} must be an integer of at least {least}. Got {value!r}.")
    if not target.is_floating_point() and not target.is_complex():
        raise ValueError(f"invert: the target must be floating point or complex. Got {target.dtype}.")
    if not target.isfinite().all():
        raise ValueError("invert: the target has NaN or infinite values.")
    # Gradients are needed here whatever mode the caller is in.
    with torch.inference_mode(False), torch.enable_grad():
        lead, A = _rows(target.detach().clone(), transform, length)
        start = _start(A, transform, length, init, lead, generator)
        found, level = _minimize(A, transform, start, n_iter, callback, progress, lead, tolerance_db, memory)
    x = (found.x * level).reshape(*lead, length)
    return (x, _info(found, lead, n_iter, tolerance_db)) if return_info else x


def invert_magnitude(
    magnitude: Tensor,
    stft: STFT,
    n_iter: int = 100,
    init: str | Tensor = "pghi",
    length: int | None = None,
    generator: torch.Generator | None = None,
    callback: Callback | None = None,
    progress: bool = False,
    return_info: bool = False,
    *,
    tolerance_db: float = 0.0,
) -> Tensor | tuple[Tensor, Inversion]:
    """``invert_spectrogram(method="lbfgs")``: ``invert`` of a magnitude, from a phase; arguments as there."""
    solved = stft.solved_length(magnitude.shape[-1], length)
    with torch.no_grad():
        A = magnitude.detach()
        start = stft.inverse(with_magnitude(initial_spectrum(init, A, stft, generator), A), solved)
    found = invert(
        A,
        stft.magnitude,
        solved,
        n_iter,
        start,
        callback=callback and (lambda step, latest, signal: callback(step, latest, lambda: signal()[..., :length])),
        progress=progress,
        return_info=True,
        tolerance_db=tolerance_db,
    )
    assert isinstance(found, tuple)
    x = found[0][..., :length]
    return (x, found[1]) if return_info else x


def _minimize(
    A: Tensor,
    transform: Transform,
    start: Tensor,
    n_iter: int,
    callback: Callback | None,
    progress: bool,
    lead: torch.Size,
    tolerance_db: float,
    memory: int,
) -> tuple[Minimum, Tensor]:
    """The minimum in the scaled variable, and its scale (B, 1)."""
    level = torch.linalg.vector_norm(start, dim=-1, keepdim=True) / math.sqrt(start.shape[-1])
    # Of two: the scaling is exact.
    level = torch.where(level > 0, level, 1.0).log2().round().exp2()
    power = _power(A)
    power = torch.where(power > 0, power, 1.0)

    def evaluate(z: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        z = z.detach().requires_grad_()
        loss = _power(transform(z * level[items]) - A[items]) / power[items]
        if not loss.requires_grad:
            raise ValueError("invert: the transform gives no gradient; it must be made of differentiable operations.")
        (gradient,) = torch.autograd.grad(loss.sum(), z)
        return loss.detach(), gradient

    def told(iteration: int, z: Tensor, loss: Tensor) -> bool:
        history = _decibels(loss, z.dtype)
        if progress:
            sys.stderr.write(f"\riteration {iteration} of {n_iter}: {float(history.mean()):.2f} dB ")
            sys.stderr.flush()
        if callback is None:
            return False
        return bool(callback(iteration, history.reshape(lead), lambda: (z * level).reshape(*lead, -1)))

    share = 1 - 10 ** (-tolerance_db / 10)
    found = minimize(evaluate, start / level, n_iter, memory=memory, tolerance=share, patience=PATIENCE, callback=told)
    if progress:
        sys.stderr.write("\n")
    return found, level


def _rows(target: Tensor, transform: Transform, length: int) -> tuple[torch.Size, Tensor]:
    """The leading shape of a batch, and the batch as (B, *shape)."""
    real = target.dtype.to_real()
    with torch.no_grad():
        probe = transform(torch.zeros(1, length, dtype=real, device=target.device))
    shape = probe.shape[1:]
    lead = target.shape[: max(0, target.dim() - len(shape))]
    if probe.dim() < 2 or probe.shape[0] != 1 or target.shape[len(lead) :] != shape:
        raise ValueError(
            f"invert: the transform makes {tuple(probe.shape)} of (1, {length}) samples; the target must be "
            f"(..., {', '.join(map(str, shape))}). Got {tuple(target.shape)}."
        )
    if probe.is_complex() != target.is_complex():
        raise ValueError(f"invert: the transform makes {probe.dtype}, the target is {target.dtype}.")
    return lead, target.reshape(math.prod(lead), *shape)


def _start(
    A: Tensor,
    transform: Transform,
    length: int,
    init: Tensor | None,
    lead: torch.Size,
    generator: torch.Generator | None,
) -> Tensor:
    if init is not None:
        if init.is_complex() or tuple(init.shape) not in {(*lead, length), (length,)}:
            raise ValueError(
                f"invert: init must be a signal of shape {(*lead, length)}. Got {init.dtype} of shape "
                f"{tuple(init.shape)}."
            )
        return init.detach().to(A.device, A.dtype.to_real()).expand(*lead, length).reshape(len(A), length).clone()
    device = torch.device("cpu") if generator is None else generator.device
    # Drawn in float64: one seed is the same noise in every precision.
    x = torch.randn(*lead, length, dtype=torch.float64, device=device, generator=generator)
    x = x.to(A.device, A.dtype.to_real()).reshape(len(A), length)
    with torch.no_grad():
        size, once, twice = (_power(a).sqrt() for a in (A, transform(x), transform(2 * x)))
    # Of a homogeneous T, ||T(s x)|| = s^degree ||T(x)||; of any other, whatever the level, only the start is worse.
    degree = (twice / once).log2()
    near = degree.round()
    degree = torch.where((degree - near).abs() < 1e-3, near, degree)
    sensible = degree.isfinite() & (degree > 0.2) & (degree < 5)
    gain = torch.where(sensible, (size / once) ** (1 / torch.where(sensible, degree, 1.0)), 1.0)
    return x * gain.to(x.dtype).unsqueeze(-1)


def _power(a: Tensor) -> Tensor:
    """Sum of squares of every item, (B,), in float64."""
    squares = a.real.square() + a.imag.square() if a.is_complex() else a.square()
    return squares.flatten(1).sum(-1, dtype=torch.float64)


def _decibels(loss: Tensor, dtype: torch.dtype) -> Tensor:
    eps = torch.finfo(dtype).eps
    return 10 * loss.clamp(eps**2, eps**-2).log10()


def _info(found: Minimum, lead: torch.Size, n_iter: int, tolerance_db: float) -> Inversion:
    history = _decibels(found.history, found.x.dtype)
    history = torch.cat((history, history[-1:].expand(n_iter + 1 - len(history), -1)))
    gained = history[-1 - min(PATIENCE, n_iter)] - history[-1]
    settled = (gained < (tolerance_db or SETTLED_DB)) & (found.iterations >= min(PATIENCE, n_iter))
    return Inversion(
        history.mT.reshape(*lead, n_iter + 1),
        found.iterations.reshape(lead),
        (found.converged | settled).reshape(lead),
    )
