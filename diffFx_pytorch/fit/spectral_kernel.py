"""Distances of spectra and their gradient in one pass over the sound, a row and a resolution at a time.

A row's frames and their spectrum stay in the processor's cache: framed, transformed, compared, turned into the
gradient where they stand, transformed back and added up. The logarithms of sixteen bins are one, of the product of
their ratios.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from diffFx_pytorch.kernels import njit, run_rows

_FAST: dict[str, Any] = {
    "nogil": True,
    "cache": True,
    "fastmath": {"contract", "nsz"},
    "boundscheck": False,
    "error_model": "numpy",
}
_SUMS = {**_FAST, "fastmath": {"contract", "nsz", "reassoc"}}
"""Of loops that add up: in any order."""
_GROUP = 16
"""Ratios whose product is taken before a logarithm: of up to 1e19 each it stays a float64."""


class Transform(NamedTuple):
    """How the spectra of one resolution are taken."""

    n_fft: int
    hop: int
    window: Tensor
    """(n_fft,), zero where the window is shorter."""


class Weights(NamedTuple):
    """What the terms weigh, and what counts as nothing."""

    log: float
    convergence: float
    linear: float
    floor: float
    """Power that is added under the root, or the least power where the floor is hard."""
    hard: bool
    silence: float
    equal: float


class Spectrum(NamedTuple):
    """A target's magnitudes (rows, frames, bins), and their energies (rows,)."""

    magnitude: Tensor
    energy: Tensor


def spectrum(x: Tensor, at: Transform, floor: float, hard: bool) -> Spectrum:
    """The magnitudes of (rows, T), to be compared with again and again; floors as in ``Weights``."""
    frames, Z = _room(x, at)
    magnitude = x.new_empty(len(x), *Z.shape)
    window, parts = at.window.to(x.dtype).numpy(), torch.view_as_real(Z).flatten(1).numpy()
    for row, found in zip(x.detach().contiguous(), magnitude, strict=True):
        _frame(row.numpy(), window, at.hop, frames.numpy())
        torch.fft.rfft(frames, out=Z)
        _magnitudes(parts, parts.dtype.type(floor), hard, found.numpy())
    return Spectrum(magnitude, magnitude.square().sum((1, 2), dtype=torch.float64))


def _room(x: Tensor, at: Transform) -> tuple[Tensor, Tensor]:
    """Memory for the frames of a row of (rows, T), and for their spectrum."""
    count = 1 + (x.shape[-1] + 2 * (at.n_fft // 2) - at.n_fft) // at.hop
    Z = torch.empty(count, at.n_fft // 2 + 1, dtype=torch.complex64 if x.dtype == torch.float32 else torch.complex128)
    return torch.empty(count, at.n_fft, dtype=x.dtype), Z


def distances(
    y: Tensor, targets: Sequence[Spectrum], transforms: Sequence[Transform], weights: Weights, wants_gradient: bool
) -> tuple[Tensor, Tensor | None]:
    """The sum over resolutions of the weighted distances, by row, and its gradient.

    Args:
        y: (rows, T), contiguous, on the CPU, without a graph.
        targets: of each resolution; row r is compared with row r mod the target's rows.
        transforms: of each resolution.
        weights: see there.
        wants_gradient: whether the gradient is computed.

    Returns:
        (rows,) float64, and (rows, T) or None.
    """
    loss = torch.zeros(len(y), dtype=torch.float64)
    gradient = torch.zeros_like(y) if wants_gradient else None
    run_rows(_rows, len(y), -(-len(y) // torch.get_num_threads()), y, targets, transforms, weights, loss, gradient)
    return loss, gradient


def _rows(
    start: int,
    stop: int,
    y: Tensor,
    targets: Sequence[Spectrum],
    transforms: Sequence[Transform],
    weights: Weights,
    loss: Tensor,
    gradient: Tensor | None,
) -> None:
    number = y.numpy().dtype.type
    floor = number(weights.floor)
    held = np.sqrt(floor) if weights.hard else number(-1)
    terms = tuple(float(v) for v in (weights.log, weights.convergence, weights.linear, weights.silence, weights.equal))
    sounds, slopes = y.numpy(), None if gradient is None else gradient.numpy()
    with torch.no_grad():
        for at, (target, energies) in zip(transforms, targets, strict=True):
            window, wanted, energy = at.window.to(y.dtype).numpy(), target.numpy(), energies.tolist()
            framed, Z = _room(y, at)
            frames, magnitude = framed.numpy(), np.empty(Z.shape, number)
            parts = torch.view_as_real(Z).flatten(1).numpy()
            for row in range(start, stop):
                other = row % len(wanted)
                _frame(sounds[row], window, at.hop, frames)
                torch.fft.rfft(framed, out=Z)
                value, scales = _compare(parts, magnitude, wanted[other], floor, weights.hard, energy[other], terms)
                loss[row] += value
                if slopes is not None:
                    _turn(parts, magnitude, wanted[other], *map(number, scales), held, at.n_fft % 2 == 0)
                    torch.fft.irfft(Z, at.n_fft, norm="forward", out=framed)
                    _add(frames, window, at.hop, slopes[row])


@njit(**_FAST)
def _frame(x, window, hop, frames):
    count, size = frames.shape
    for f in range(count):
        first = f * hop - size // 2
        start = min(max(0, -first), size)
        stop = max(start, min(size, len(x) - first))
        frames[f, :start] = 0.0
        frames[f, stop:] = 0.0
        part, of, by = frames[f, start:stop], x[first + start : first + stop], window[start:stop]
        for n in range(len(part)):  # slices, whose indices cannot be negative, are read side by side
            part[n] = of[n] * by[n]


@njit(**_FAST)
def _roots(z, floor, hard, magnitude):
    """Magnitudes of a frame: of equal sounds they are equal to the last bit, so this is one function for both."""
    for k in range(len(magnitude)):
        power = z[2 * k] * z[2 * k] + z[2 * k + 1] * z[2 * k + 1]
        magnitude[k] = math.sqrt(max(power, floor) if hard else power + floor)


@njit(**_FAST)
def _magnitudes(parts, floor, hard, magnitude):
    for f in range(len(magnitude)):
        _roots(parts[f], floor, hard, magnitude[f])


@njit(inline="always", **_SUMS)
def _sums(s, t, first, stop):
    """Of bins ``first`` to ``stop``: squared error, absolute error, absolute difference of logarithms."""
    squares, apart, product = s[0] * 0, s[0] * 0, 1.0
    for k in range(first, stop):
        d = abs(s[k] - t[k])
        squares += d * d
        apart += d
        # Without the choice the quotients of equals would be taken in another order, and not be 1 but nearly.
        product *= np.float64(max(s[k], t[k]) / min(s[k], t[k])) if s[k] != t[k] else 1.0
    return squares, apart, math.log(product)


@njit(**_SUMS)
def _compare(parts, magnitude, target, floor, hard, energy, terms):
    """The distance of a row, and what its derivative by a magnitude takes of each term; fills ``magnitude``."""
    of_log, of_convergence, of_linear, silence, equal = terms
    count, bins = target.shape
    error, linear, logs = 0.0, 0.0, 0.0
    whole = bins // _GROUP * _GROUP
    for f in range(count):
        s, t = magnitude[f], target[f]
        _roots(parts[f], floor, hard, s)
        squares, apart, apart_logs = _sums(s, t, whole, bins)
        for first in range(0, whole, _GROUP):
            more_squares, more_apart, more_logs = _sums(s, t, first, first + _GROUP)
            squares, apart, apart_logs = squares + more_squares, apart + more_apart, apart_logs + more_logs
        error, linear, logs = error + squares, linear + apart, logs + apart_logs
    energy += silence
    root = math.sqrt(error / energy + equal)
    value = of_convergence * (root - math.sqrt(equal)) + (of_log * logs + of_linear * linear) / target.size
    return value, (of_convergence / (root * energy), of_log / target.size, of_linear / target.size)


@njit(**_FAST)
def _turn(parts, magnitude, target, of_error, of_log, of_linear, held, even):
    """The spectrum becomes the derivative by it: half of it in the bins that stand for two.

    Magnitudes up to ``held`` are those of a hard floor, and have none.
    """
    count, bins = target.shape
    none = held * 0
    one = none + 1
    half = one / 2
    for f in range(count):
        z, s, t = parts[f], magnitude[f], target[f]
        for k in range(bins):
            inverse = one / s[k]
            d = s[k] - t[k]
            sign = one if d > none else (-one if d < none else none)
            g = (of_error * d + sign * (of_log * inverse + of_linear)) * inverse * half
            g = g if s[k] > held else none
            z[2 * k] *= g
            z[2 * k + 1] *= g
        z[0] *= 2
        if even:
            z[2 * bins - 2] *= 2


@njit(**_FAST)
def _add(frames, window, hop, gradient):
    count, size = frames.shape
    for f in range(count):
        first = f * hop - size // 2
        start = min(max(0, -first), size)
        stop = max(start, min(size, len(gradient) - first))
        part, of, by = gradient[first + start : first + stop], frames[f, start:stop], window[start:stop]
        for n in range(len(part)):
            part[n] += of[n] * by[n]
