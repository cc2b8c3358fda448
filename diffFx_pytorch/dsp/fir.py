"""Convolution with a few fixed coefficients, and the two half-band filters that are made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..kernels import Kernel, Operator, bound_rows, define
from ..kernels.constants import constant
from ..kernels.rows import as_rows, indexed_rows


def fir(padded: Tensor, taps: tuple[float, ...]) -> Tensor:
    """y[n] = sum_k taps[k] padded[n + K - 1 - k]: (..., T + K - 1) to (..., T)."""
    return fixed_fir(padded, constant(taps, padded.dtype, padded.device))


def _linear(
    name: str,
    length: Callable[..., int],
    equation: Any,
    adjoint: Any,
    room: Callable[[int, int], tuple[int, ...]],
    settings: Mapping[str, type] | None = None,
) -> Operator:
    """An operator that is linear in a signal and in fixed taps; its kernel is ``<name>_rows``.

    Args:
        name: of the operator.
        length: of the output, for that of the signal, the number of taps and the settings.
        equation: of a signal (..., L), taps (..., K) and the settings.
        adjoint: the gradient of the signal, for that of the output, the signal, the taps and the settings.
        room: lengths of what the kernel computes on the way, for the number of taps and the samples of a tile.
        settings: names and types of what is no tensor.
    """

    def bind(batch_shape: tuple[int, ...], inputs: Any, outputs: Any, *given: Any) -> Callable[[], None]:
        from .cpu import fir_rows

        read = [part for t in inputs for part in indexed_rows(t, 1, batch_shape)]
        y, sizes = as_rows(outputs.y), room(inputs.taps.shape[-1], fir_rows.TILE)
        kernel = getattr(fir_rows, f"{name}_rows")
        rooms = lambda: tuple(np.empty(n, y.dtype) for n in sizes)  # noqa: E731
        return bound_rows(kernel, len(y), 1, *read, *given, y, room=rooms)

    def gradients(
        _: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any, *given: Any
    ) -> tuple[Tensor | None, ...]:
        along_taps = None
        if needs.taps:  # every tap alone: they are few, and hardly anyone asks
            (x, taps), K = inputs, inputs.taps.shape[-1]
            alone = [operator(x, one, *given) for one in torch.eye(K, dtype=taps.dtype, device=taps.device)]
            fixed = operator(x, torch.zeros_like(taps), *given)
            along_taps = torch.stack([((y - fixed) * grads.y).sum(-1) for y in alone], -1)
        return adjoint(grads.y, *inputs, *given) if needs.x else None, along_taps

    def tangent(inputs: Any, _: Any, along: Any, *given: Any) -> Tensor:
        x, taps = inputs
        total = torch.zeros_like(x) if along.x is None else along.x
        total = operator(total, taps, *given)
        if along.taps is None:
            return total
        return total + operator(x, along.taps, *given) - operator(x, torch.zeros_like(taps), *given)

    operator = define(
        f"fixed_{name}",
        inputs={"x": 1, "taps": 1},
        outputs={"y": lambda x, taps, *given: ((length(x.shape[-1], taps.shape[-1], *given),), x.dtype)},
        equation=equation,
        kernel=Kernel.bound(bind),
        settings=settings,
        adjoint=gradients,
        tangent=tangent,
    )
    return operator


def _products(padded: Tensor, taps: Tensor) -> Tensor:
    """As products of overlapping frames with a band matrix: many times faster than conv1d with one channel."""
    K = taps.shape[-1]
    frame = 16 if K <= 16 else 64
    width, T = frame + K - 1, padded.shape[-1] - K + 1
    # Column j holds the reversed taps shifted down by j: a period of K + frame written out in rows of K + frame - 1.
    band = torch.nn.functional.pad(taps.flip(-1), (0, frame)).repeat(*[1] * (taps.dim() - 1), frame)
    band = band[..., : frame * width].unflatten(-1, (frame, width)).mT
    blocks = T // frame + 1
    frames = torch.nn.functional.pad(padded, (0, blocks * frame - T)).unfold(-1, width, frame)
    return (frames @ band).flatten(-2)[..., :T]


def _fir_adjoint(gy: Tensor, padded: Tensor, taps: Tensor) -> Tensor:
    reach = taps.shape[-1] - 1
    return fixed_fir(torch.nn.functional.pad(gy, (reach, reach)), taps.flip(-1))


def interleave(even: Tensor, odd: Tensor) -> Tensor:
    """Even and odd samples (..., T) as one signal (..., 2 T)."""
    return torch.stack((even, odd), -1).flatten(-2)


def _doubled(x: Tensor, taps: Tensor, before: int, after: int, skip: int, drop: int, gain: float) -> Tensor:
    m, padded = taps.shape[-1] // 2, torch.nn.functional.pad(x, (before, after))
    odd = 2 * _products(padded, taps)
    even = padded[..., m - 1 : m - 1 + odd.shape[-1]].expand_as(odd)
    y = gain * interleave(even, odd)
    return y[..., skip : y.shape[-1] - drop]


def _doubled_length(L: int, K: int, before: int, after: int, skip: int, drop: int, *_: Any) -> int:
    return 2 * (L + before + after - K + 1) - skip - drop


def _doubled_adjoint(
    gy: Tensor, x: Tensor, taps: Tensor, before: int, after: int, skip: int, drop: int, gain: float
) -> Tensor:
    K = taps.shape[-1]
    return halved(gy, taps.flip(-1), 2 * K - 3 + skip - 2 * before, 2 * K - 2 + drop - 2 * after, 2 * gain)


def _halved(x: Tensor, taps: Tensor, before: int, after: int, gain: float) -> Tensor:
    K, padded = taps.shape[-1], torch.nn.functional.pad(x, (before, after))
    T = _half_length(padded.shape[-1], K, 0, 0)
    return gain * (0.5 * padded[..., K - 1 :: 2][..., :T] + _products(padded[..., ::2][..., : T + K - 1], taps))


def _half_length(L: int, K: int, before: int, after: int, *_: Any) -> int:
    return (L + before + after - 2 * K + 3) // 2


def _halved_adjoint(gy: Tensor, x: Tensor, taps: Tensor, before: int, after: int, gain: float) -> Tensor:
    K, first = taps.shape[-1], 1 + before
    front, skip = K - 1 - first // 2, first % 2
    # What is left of the doubled signal behind the skipped sample is as long as x.
    behind = x.shape[-1] - 2 * (gy.shape[-1] + front - K + 1) + skip
    drop = behind % 2
    return doubled(gy, taps.flip(-1), front, (behind + drop) // 2, skip, drop, 0.5 * gain)


fixed_fir = _linear("fir", lambda L, K: L - K + 1, _products, _fir_adjoint, lambda K, tile: ())
"""``y[n] = sum_k taps[k] x[n + K - 1 - k]``: (..., T + K - 1) and (..., K) to (..., T)."""

_ZEROS = {"before": int, "after": int}

doubled = _linear(
    "double",
    _doubled_length,
    _doubled,
    _doubled_adjoint,
    lambda K, tile: (tile + K, tile),
    _ZEROS | {"skip": int, "drop": int, "gain": float},
)
"""``half_band_double`` times ``gain``, without the first ``skip`` and the last ``drop`` samples, each 0 or 1."""

halved = _linear(
    "halve",
    _half_length,
    _halved,
    _halved_adjoint,
    lambda K, tile: (2 * (tile + K), tile + K, tile + K),
    _ZEROS | {"gain": float},
)
"""``half_band_halve`` times ``gain``."""


def half_band_double(x: Tensor, taps: Tensor, before: int = 0, after: int = 0) -> Tensor:
    """``y[2 n] = p[n + m - 1]``, ``y[2 n + 1] = 2 sum_j taps[j] p[n + 2 m - 1 - j]``.

    Args:
        x: (..., L).
        taps: the 2 m odd coefficients of the half-band.
        before: zeros in front of x, which together are p; where negative, samples that are left out.
        after: zeros behind it.

    Returns:
        (..., 2 (before + L + after - 2 m + 1)).
    """
    return doubled(x, taps, before, after, 0, 0, 1.0)


def half_band_halve(x: Tensor, taps: Tensor, before: int = 0, after: int = 0) -> Tensor:
    """``y[n] = p[2 n + 2 m - 1] / 2 + sum_j taps[j] p[2 n + 4 m - 2 - 2 j]``: the adjoint of ``half_band_double``.

    Arguments as there.

    Returns:
        (..., (before + L + after - 4 m + 3) // 2).
    """
    return halved(x, taps, before, after, 1.0)
