r"""Linear convolution by FFT, over any range of its samples, differentiable any number of times."""

from __future__ import annotations

import functools
import math
from typing import Any

import torch
from torch import Tensor

from ..kernels import define
from ..kernels.transforms import forward_mode_active, is_traced, transforms_active

_LARGEST = 1 << 20
"""Points of the largest transform of a long signal: larger ones leave the cache and cost more per point."""

_ALONE = 8192
"""From this length on MKL transforms one row more slowly than two."""


def convolve(x: Tensor, h: Tensor, *, start: int = 0, samples: int | None = None, matrix: bool = False) -> Tensor:
    r"""Samples ``start .. start + samples - 1`` of :math:`y_n = \sum_k h_k x_{n-k}`, by FFT.

    A long signal is cut into overlapping segments (overlap-save), so memory and time grow with its length alone. One
    backward pass costs a transform forth and one back, as the forward pass does: correlations by the same spectra.

    Args:
        x: signal (..., T), zero outside; with ``matrix`` (..., I, T).
        h: response (..., L), zero outside; with ``matrix`` (..., O, I, L). Leading dimensions broadcast.
        start: index of the first sample returned; samples outside the convolution are zero.
        samples: number of samples returned; None gives T: the output as long as the input.
        matrix: sum over inputs: :math:`y_o = \sum_i h_{oi} * x_i`.

    Returns:
        (..., samples) in the dtype of x; with ``matrix`` (..., O, samples).

    References:
        T. G. Stockham, "High-speed convolution and correlation", AFIPS Spring Joint Computer Conference, 1966.
    """
    if is_traced():
        return recorded(x, h, start=start, samples=samples, matrix=matrix)
    return _convolve(x, h, start, samples, matrix)


def _convolve(x: Tensor, h: Tensor, start: int, samples: int | None, matrix: bool) -> Tensor:
    """`convolve` by transforms whose sizes are chosen by the lengths of x and h."""
    T = x.shape[-1]
    samples = T if samples is None else samples
    stop = max(start + samples, 0)
    # Later samples do not reach the last one returned.
    x, h = x[..., :stop], h[..., :stop]
    h = h[(None,) * (x.dim() + matrix - h.dim())]
    x = (x.unsqueeze(-3) if matrix else x)[(None,) * (h.dim() - x.dim() - matrix)]
    if not matrix and h.shape[-1] > x.shape[-1]:
        x, h = h, x
    if not (x.numel() and h.numel() and samples):
        nothing = x.sum(-1, keepdim=True) * h.sum(-1, keepdim=True)
        return (nothing.sum(-2) if matrix else nothing).expand(*nothing.shape[: nothing.dim() - 1 - matrix], samples)
    eager = (
        transforms_active()
        or forward_mode_active()
        or not (torch.is_grad_enabled() and (x.requires_grad or h.requires_grad))
    )
    if eager:
        return _convolved(x, h, start, samples, matrix)[0]
    return _Convolution.apply(x, h, start, samples, matrix)  # type: ignore[return-value]


def _equation(x: Tensor, h: Tensor) -> Tensor:
    if h.shape[-3:-1] == (1, 1):
        return _convolve(x, h.squeeze(-2), 0, None, False)
    return _convolve(x, h, 0, None, True)


def _adjoint(_: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any) -> tuple[Tensor | None, ...]:
    (x, h), gy = inputs, grads.y
    gx = _convolve(gy, h.transpose(-3, -2).flip(-1), h.shape[-1] - 1, x.shape[-1], True) if needs.x else None
    if not needs.h:
        return gx, None
    # Later taps are not heard.
    heard = min(x.shape[-1], h.shape[-1])
    gh = _convolve(gy.unsqueeze(-2), x.unsqueeze(-3).flip(-1), x.shape[-1] - 1, heard, False)
    return gx, torch.nn.functional.pad(gh, (0, h.shape[-1] - heard))


_causal = define(
    "convolve",
    inputs={"x": 2, "h": 3},
    outputs={"y": lambda x, h: ((h.shape[-3], x.shape[-1]), x.dtype)},
    equation=_equation,
    adjoint=_adjoint,
)
"""``y_o[n] = sum_i sum_k h_oi[k] x_i[n - k]``, as long as x: what is traced has no sizes of transforms in it."""


def recorded(x: Tensor, h: Tensor, *, start: int = 0, samples: int | None = None, matrix: bool = False) -> Tensor:
    """`convolve` as one operator, which is what compile, export and trace record.

    Latency is zeros before the response, another length zeros behind the signal.
    """
    pad = torch.nn.functional.pad
    if start < 0:
        h, start = pad(h, (-start, 0)), 0
    if samples is not None or start:
        x = pad(x, (0, start + (x.shape[-1] if samples is None else samples) - x.shape[-1]))
    y = _causal(x, h) if matrix else _causal(x.unsqueeze(-2), h[..., None, None, :]).squeeze(-2)
    return y[..., start:] if start else y


def _plan(taps: int, samples: int) -> tuple[int, int, int]:
    """Points of a transform, samples per segment and number of segments, of least cost."""
    sizes = [size for k in range(1, 40) for size in (1 << k, 5 << k)]
    fits = [n for n in sizes if n >= taps + min(samples, max(taps, _LARGEST // 2)) - 1 or n >= 2 * taps]
    costs = []
    for points in sorted(fits):
        hop = points - taps + 1
        segments = -(-samples // hop)
        costs.append((segments * points * math.log2(points), points, hop, segments))
        if segments == 1 or points >= _LARGEST:
            break
    return min(costs)[1:]


_remembered_plan = functools.lru_cache(maxsize=512)(_plan)


def _segments(x: Tensor, taps: int, start: int, plan: tuple[int, int, int]) -> Tensor:
    """Overlapping pieces of x, (..., S, N), that give the samples from ``start`` on."""
    points, hop, count = plan
    first = start - taps + 1
    return _window(x, first, first + count * hop + taps - 1).unfold(-1, points, hop)


def _window(x: Tensor, begin: int, end: int) -> Tensor:
    """Samples ``begin .. end - 1`` of x, zero outside it."""
    left = min(max(-begin, 0), end - begin)
    inside = x[..., max(begin, 0) : max(end, 0)]
    return torch.nn.functional.pad(inside, (left, end - begin - left - inside.shape[-1]))


def _to_spectrum(x: Tensor, points: int) -> Tensor:
    if points >= _ALONE and x.shape[:-1].numel() == 1 and x.device.type == "cpu":
        return torch.fft.rfft(x.expand(2, *x.shape), points)[0]
    return torch.fft.rfft(x, points)


def _to_signal(spectrum: Tensor, points: int) -> Tensor:
    if points >= _ALONE and spectrum.shape[:-1].numel() == 1 and spectrum.device.type == "cpu":
        return torch.fft.irfft(spectrum.expand(2, *spectrum.shape), points)[0]
    return torch.fft.irfft(spectrum, points)


def _convolved(x: Tensor, h: Tensor, start: int, samples: int, matrix: bool) -> tuple[Tensor, Tensor, Tensor]:
    """The samples asked for, and the spectra (..., S, F) and (..., 1, F) they came from."""
    taps = h.shape[-1]
    plan = points, _, _ = _remembered_plan(taps, samples)
    X = _to_spectrum(_segments(x, taps, start, plan), points)
    H = _to_spectrum(h, points).unsqueeze(-2)
    Y = (X * H).sum(-3) if matrix else X * H
    return _to_signal(Y, points)[..., taps - 1 :].flatten(-2)[..., :samples], X, H


class _Convolution(torch.autograd.Function):
    """Gradients by the spectra of the forward pass; autograd's own of rfft uses complex transforms."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, h: Tensor, start: int, samples: int, matrix: bool) -> Tensor:
        y, X, H = _convolved(x, h, start, samples, matrix)
        ctx.save_for_backward(x, h, X if ctx.needs_input_grad[1] else None, H if ctx.needs_input_grad[0] else None)
        ctx.start, ctx.matrix = start, matrix
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, h, X, H = ctx.saved_tensors
        (gy,) = grads
        if ctx.matrix:
            gy = gy.unsqueeze(-2)
        if torch.is_grad_enabled() or transforms_active():
            gx, gh = _correlations(gy, x, h, ctx.start)
        else:
            gx, gh = _gradients(gy, x, h, X, H, ctx.start)
        return gx, gh, None, None, None


def _correlations(gy: Tensor, x: Tensor, h: Tensor, start: int) -> tuple[Tensor, Tensor]:
    """Both gradients as convolutions, themselves differentiable."""
    T, taps = x.shape[-1], h.shape[-1]
    gx = convolve(gy, h.flip(-1), start=taps - 1 - start, samples=T).sum_to_size(x.shape)
    gh = convolve(gy, x.flip(-1), start=T - 1 - start, samples=taps).sum_to_size(h.shape)
    return gx, gh


def _gradients(
    gy: Tensor, x: Tensor, h: Tensor, X: Tensor | None, H: Tensor | None, start: int
) -> tuple[Tensor | None, Tensor | None]:
    """Both gradients by one transform of gy, placed where the forward pass took its samples from a segment."""
    taps = h.shape[-1]
    points, hop, count = _remembered_plan(taps, gy.shape[-1])
    pieces = torch.nn.functional.pad(gy, (0, count * hop - gy.shape[-1]))
    pieces = pieces.reshape(*gy.shape[:-1], count, hop)
    G = _to_spectrum(torch.nn.functional.pad(pieces, (taps - 1, 0)), points)
    gx = gh = None
    if H is not None:
        shape = (*x.shape[:-1], count, G.shape[-1])
        parts = _to_signal((G * H.conj()).sum_to_size(shape), points)
        wide = parts[..., 0, :]
        if count > 1:
            # Segments overlap by taps - 1 samples, less than they advance.
            wide = torch.nn.functional.pad(parts[..., :hop].flatten(-2), (0, taps - 1))
            if taps > 1:
                wide[..., hop:].unfold(-1, taps - 1, hop).add_(parts[..., hop:])
        gx = _window(wide, taps - 1 - start, taps - 1 - start + x.shape[-1])
    if X is not None:
        shape = (*h.shape[:-1], G.shape[-1])
        gh = _to_signal((G * X.conj()).sum(-2).sum_to_size(shape), points)[..., :taps]
    return gx, gh
