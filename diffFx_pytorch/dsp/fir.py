"""Convolution with a few fixed coefficients, and the two half-band filters that are made of it."""

from __future__ import annotations

from collections.abc import Callable
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
    length: Callable[[int, int], int],
    equation: Any,
    adjoint: Any,
    room: Callable[[int, int], tuple[int, ...]],
) -> Operator:
    """An operator that is linear in a signal and in fixed taps; its kernel is ``<name>_rows``.

    Args:
        name: of the operator.
        length: of the output, for that of the signal and the number of taps.
        equation: of a signal (..., L) and taps (..., K).
        adjoint: the gradient of the signal, for that of the output, the signal and the taps.
        room: lengths of what the kernel computes on the way, for the number of taps and the samples of a tile.
    """

    def bind(batch_shape: tuple[int, ...], inputs: Any, outputs: Any) -> Callable[[], None]:
        from .cpu import fir_rows

        read = [part for t in inputs for part in indexed_rows(t, 1, batch_shape)]
        y, sizes = as_rows(outputs.y), room(inputs.taps.shape[-1], fir_rows.TILE)
        kernel = getattr(fir_rows, f"{name}_rows")
        return bound_rows(kernel, len(y), 1, *read, y, room=lambda: tuple(np.empty(n, y.dtype) for n in sizes))

    def gradients(_: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any) -> tuple[Tensor | None, ...]:
        along_taps = None
        if needs.taps:  # every tap alone: they are few, and hardly anyone asks
            (padded, taps), K = inputs, inputs.taps.shape[-1]
            alone = [operator(padded, one) for one in torch.eye(K, dtype=taps.dtype, device=taps.device)]
            fixed = operator(padded, torch.zeros_like(taps))
            along_taps = torch.stack([((y - fixed) * grads.y).sum(-1) for y in alone], -1)
        return adjoint(grads.y, *inputs) if needs.padded else None, along_taps

    def tangent(inputs: Any, _: Any, along: Any) -> Tensor:
        padded, taps = inputs
        total = torch.zeros_like(padded) if along.padded is None else along.padded
        total = operator(total, taps)
        if along.taps is None:
            return total
        return total + operator(padded, along.taps) - operator(padded, torch.zeros_like(taps))

    operator = define(
        f"fixed_{name}",
        inputs={"padded": 1, "taps": 1},
        outputs={"y": lambda padded, taps: ((length(padded.shape[-1], taps.shape[-1]),), padded.dtype)},
        equation=equation,
        kernel=Kernel.bound(bind),
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


def _doubled(padded: Tensor, taps: Tensor) -> Tensor:
    m = taps.shape[-1] // 2
    odd = 2 * _products(padded, taps)
    even = padded[..., m - 1 : m - 1 + odd.shape[-1]].expand_as(odd)
    return torch.stack((even, odd), -1).flatten(-2)


def _doubled_adjoint(gy: Tensor, padded: Tensor, taps: Tensor) -> Tensor:
    K = taps.shape[-1]
    return 2 * half_band_halve(torch.nn.functional.pad(gy, (2 * K - 3, 2 * K - 2)), taps.flip(-1))


def _halved(padded: Tensor, taps: Tensor) -> Tensor:
    K = taps.shape[-1]
    T = _half_length(padded.shape[-1], K)
    return 0.5 * padded[..., K - 1 :: 2][..., :T] + _products(padded[..., ::2][..., : T + K - 1], taps)


def _halved_adjoint(gy: Tensor, padded: Tensor, taps: Tensor) -> Tensor:
    L, K, T = padded.shape[-1], taps.shape[-1], gy.shape[-1]
    doubled = half_band_double(torch.nn.functional.pad(gy, (K - 1, L // 2 + 1 - T)), taps.flip(-1))
    return 0.5 * doubled[..., 1 : L + 1]


def _half_length(L: int, K: int) -> int:
    return (L - 2 * K + 3) // 2


fixed_fir = _linear("fir", lambda L, K: L - K + 1, _products, _fir_adjoint, lambda K, tile: ())
"""``y[n] = sum_k taps[k] padded[n + K - 1 - k]``: (..., T + K - 1) and (..., K) to (..., T)."""

half_band_double = _linear("double", lambda L, K: 2 * (L - K + 1), _doubled, _doubled_adjoint, lambda K, tile: (tile,))
"""``y[2 n] = padded[n + m - 1]``, ``y[2 n + 1] = 2 sum_j taps[j] padded[n + 2 m - 1 - j]``.

(..., T + 2 m - 1) and 2 m taps to (..., 2 T).
"""

half_band_halve = _linear("halve", _half_length, _halved, _halved_adjoint, lambda K, tile: (tile + K,) * 2)
"""``y[n] = padded[2 n + 2 m - 1] / 2 + sum_j taps[j] padded[2 n + 4 m - 2 - 2 j]``: the other's adjoint.

(..., 2 T + 4 m - 3), or one more, and 2 m taps to (..., T).
"""
