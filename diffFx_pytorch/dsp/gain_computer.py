"""The memoryless parts of dynamics processors: from a key to its level over threshold, and from that to a gain.

Both have derivatives written by hand. They save their inputs for the backward pass; the rest is cheaper to compute
again than to store: a compressor written in eager operations stores nineteen times its input, this one about six.
Constant knobs over float32 on the CPU, and everything on CUDA devices with Triton, go through kernels of one pass; all
else, and what is to be differentiated again, through eager operations.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ..kernels.cuda import usable
from ..kernels.transforms import applied, is_traced
from . import gain_constant
from .levels import NEPER_PER_DB

_SHARPEST_KNEE_DB = 1e-3
FLOOR = 1e-15
"""Amplitudes below this count as this: -300 dB."""
_SMALL = 1e-12
DEVICE = "cuda"
ON_CUDA = "diffFx_pytorch.dsp.cuda.gain_rows"
_PIECE = 2**17


def knee(threshold_db: Tensor, knee_db: Tensor) -> tuple[Tensor, Tensor]:
    """Threshold and width of the knee in neper, as ``overshoot`` takes them.

    Args:
        threshold_db: T, any shape.
        knee_db: W >= 0; one narrower than 0.001 dB counts as 0.001 dB.
    """
    return NEPER_PER_DB * threshold_db, NEPER_PER_DB * knee_db.clamp_min(_SHARPEST_KNEE_DB)


def overshoot(key: Tensor, threshold: Tensor, width: Tensor, *, power: bool = False, link: bool = False) -> Tensor:
    """Level of a key over the threshold, with a soft knee; a compressor removes (1 - 1/R) of it.

    With L the level of the key, o = L - T and W the width of the knee,

        overshoot = 0                    where o <= -W/2,
                    (o + W/2)^2 / (2 W)  where |o| < W/2,
                    o                    where o >= W/2.

    That is m (v - m / 2) / W with v = max(o + W/2, 0) and m = min(v, W): no branch, and no division by zero. A level
    under -300 dB counts as -300 dB.

    Args:
        key: amplitudes of any sign, or powers, (B, C, T).
        threshold: T in neper, (B, 1, 1) or (B, 1, T), of ``knee``.
        width: W in neper, likewise.
        power: whether the key is a power, >= 0.
        link: the level of the loudest channel is used for all.

    Returns:
        Overshoot >= 0 in neper (natural logarithm of amplitude): (B, C, T), or (B, 1, T) where linked.

    References:
        D. Giannoulis, M. Massberg, J. D. Reiss, "Digital dynamic range compressor design: a tutorial and analysis",
        JAES 60(6), 2012, equation 4.
    """
    return _called(_Overshoot, _OvershootBothModes, key, threshold, width, power, link)


def quadratic_knee(over: Tensor, width: Tensor) -> Tensor:
    """The knee of ``overshoot`` for a level over threshold, (o + W/2)^2 / (2 W) within W/2 of it; broadcasts.

    Args:
        over: o = L - T, any shape.
        width: W > 0 in the unit of ``over``.
    """
    above = (over + 0.5 * width).clamp_min(0.0)
    inside = torch.minimum(above, width)
    return inside * (above - 0.5 * inside) / width


def exponential_knee(over: Tensor, width: Tensor) -> Tensor:
    r"""A level over threshold with a knee that has no ends: :math:`\beta \ln(1 + e^{o / \beta})`.

    With :math:`\beta = W / (8 \ln 2)` it is W / 8 at the threshold, as the parabola of ``overshoot`` is for the same
    width; it bends further out, and has derivatives of any order.

    Args:
        over: o = L - T, any shape.
        width: W > 0 in the unit of ``over``, broadcasting with it.

    References:
        S. Lee, M. Martinez-Ramirez, W.-H. Liao, S. Uhlich, G. Fabbro, K. Lee, Y. Mitsufuji, "GRAFX: an open-source
        library for audio processing graphs in PyTorch", DAFx 2024 (compressor, knee "exponential"; its knee parameter
        is minus the logarithm of beta).
    """
    beta = width / (8 * math.log(2))
    return beta * torch.logaddexp(over / beta, torch.zeros_like(over))


def compress(x: Tensor, overshoot: Tensor, slope: Tensor, makeup: Tensor, mix: Tensor) -> Tensor:
    """Gain of a compressor: y = x (1 + mix (G - 1)) with G = exp(makeup - slope overshoot).

    Args:
        x: (B, C, T).
        overshoot: in neper, (B, 1, T) or (B, C, T).
        slope: 1 - 1/R of a ratio R >= 1, (B, 1, 1) or (B, 1, T); so are the others.
        makeup: in neper.
        mix: 0 .. 1.
    """
    return _called(_Gain, _GainBothModes, x, overshoot, slope, makeup, mix)


def _kernels(signal: Tensor, over: Tensor | None, *knobs: Tensor) -> Any:
    """What computes these in one pass with nothing to record, if anything does."""
    if torch.is_grad_enabled():
        return None
    if gain_constant.fits(signal, over, *knobs):
        return gain_constant
    return importlib.import_module(ON_CUDA) if fits_on_cuda(signal, over, *knobs) else None


def fits_on_cuda(signal: Tensor, over: Tensor | None, *knobs: Tensor) -> bool:
    """Whether tensors are what the kernels of CUDA devices take: (B, C, T), and knobs (B, 1, 1) or (B, 1, T)."""
    if signal.device.type != DEVICE or not gain_constant.plain(
        *(signal, *knobs) if over is None else (signal, over, *knobs)
    ):
        return False
    if signal.ndim != 3 or not signal.numel() or signal.dtype not in (torch.float32, torch.float64):
        return False
    B, C, T = signal.shape
    fits = over is None or tuple(over.shape) in ((B, 1, T), (B, C, T))
    return fits and all(tuple(k.shape) in ((B, 1, 1), (B, 1, T)) for k in knobs) and usable(signal.device)


def _called(function: Any, both_modes: Any, *args: Any) -> Tensor:
    """Call a function of autograd; ``torch.jit.trace`` would record it as an object of Python."""
    if torch.compiler.is_compiling():
        return function.apply(*args)
    return function.forward(*args) if torch.jit.is_tracing() else applied(both_modes, *args)


def _slope(overshoot: Tensor, width: Tensor) -> Tensor:
    """Derivative of the overshoot by the level.

    Inside the knee overshoot is W slope^2 / 2, above it the slope is 1: no logarithm is needed again. The root starts a
    little above zero, where it has a derivative.
    """
    return (overshoot * (2 / width)).clamp(_SMALL**2, 1.0).sqrt() - _SMALL


def _in_pieces(function: Callable[..., Sequence[Tensor | None]], *tensors: Tensor) -> list[Tensor | None]:
    """``function`` of tensors (B, C, 1 or T), applied to one piece of time after the other.

    A dozen elementwise passes over a long signal are bound by memory; over pieces that stay in the cache they are not.
    Outputs (..., 1), the gradients of constant knobs, are summed over the pieces; others are put together again.
    """
    T = max(t.shape[-1] for t in tensors)
    elements = max(t.numel() for t in tensors)
    pieces = 1 if is_traced() else min(elements // _PIECE, T // 2)
    if pieces < 2:
        return list(function(*tensors))
    cuts = zip(*(t.tensor_split(pieces, -1) if t.shape[-1] > 1 else [t] * pieces for t in tensors), strict=True)
    if torch.is_grad_enabled():
        return [_together(parts) for parts in zip(*(function(*cut) for cut in cuts), strict=True)]
    # Each piece is written to its place at once: collecting all pieces first would take the memory twice.
    merged: list[Tensor | None] = []
    at = 0
    for cut in cuts:
        length = max(t.shape[-1] for t in cut)
        for i, part in enumerate(function(*cut)):
            if at == 0:
                time_varying = part is not None and part.shape[-1] > 1
                merged.append(part.new_empty(*part.shape[:-1], T) if part is not None and time_varying else part)
            whole = merged[i]
            if part is None or whole is None:
                continue
            if whole.shape[-1] == T:
                whole[..., at : at + length] = part
            elif at > 0:
                merged[i] = whole + part
        at += length
    return merged


def _together(parts: Sequence[Tensor | None]) -> Tensor | None:
    given = [part for part in parts if part is not None]
    if not given:
        return None
    return torch.stack(given).sum(0) if given[0].shape[-1] == 1 else torch.cat(given, -1)


class _Overshoot(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(key: Tensor, threshold: Tensor, width: Tensor, power: bool, link: bool) -> Tensor:
        def piece(key: Tensor, offset: Tensor, W: Tensor) -> tuple[Tensor]:
            level = key if power else key.abs()
            level = level.amax(1, keepdim=True) if link and level.shape[1] > 1 else level
            level = level.clamp_min(FLOOR**2 if power else FLOOR).log()
            v = torch.add(offset, level, alpha=0.5 if power else 1.0).clamp_min(0.0)
            m = torch.minimum(v, W)
            return (torch.sub(v, m, alpha=0.5) * m / W,)

        offset = 0.5 * width - threshold
        if kernels := _kernels(key, None, threshold, width):
            return kernels.overshoot(key, offset, width, FLOOR, power, link)
        (overshoot,) = _in_pieces(piece, key, offset, width)
        return overshoot  # pyright: ignore[reportReturnType]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs[:3], output)
        ctx.save_for_forward(*inputs[:3], output)
        ctx.power, ctx.link = inputs[3:]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        key, threshold, width, overshoot = ctx.saved_tensors
        to_key, to_threshold, to_width, _, _ = ctx.needs_input_grad

        def piece(
            grad: Tensor, key: Tensor, overshoot: Tensor, threshold: Tensor, width: Tensor
        ) -> tuple[Tensor | None, ...]:
            slope = _slope(overshoot, width)
            grad_level = grad * slope
            return (
                _through_level(grad_level, key, ctx.power, ctx.link) if to_key else None,
                -_like(grad_level, threshold) if to_threshold else None,
                0.5 * _like(grad_level - grad_level * slope, width) if to_width else None,
            )

        if kernels := _kernels(key, overshoot, threshold, width):
            given = (grads[0], key, overshoot, threshold, width)
            return *kernels.overshoot_adjoint(*given, FLOOR, ctx.power, to_key), None, None
        return *_in_pieces(piece, grads[0], key, overshoot, threshold, width), None, None


def _like(grad: Tensor, knob: Tensor) -> Tensor:
    """Gradient of a knob that was broadcast, (B, 1, 1) or (B, 1, T)."""
    overshoot = [d for d in (1, 2) if knob.shape[d] == 1 and grad.shape[d] > 1]
    return grad.sum(overshoot, keepdim=True) if overshoot else grad


def _through_level(grad: Tensor, key: Tensor, power: bool, link: bool) -> Tensor:
    """Gradient of the key from that of its level: over the amplitude, or over twice the power."""
    size = key if power else key.abs()
    together = link and key.shape[1] > 1
    top = size.amax(1, keepdim=True) if together else size
    grad = grad / ((2 * top).clamp_min(FLOOR**2) if power else top.square().clamp_min(FLOOR**2))
    if not together:
        return grad if power else grad * key
    loudest = (size == top).to(key.dtype)  # a sum over booleans would be one of int64
    # Channels that are loudest together share.
    grad = grad / loudest.sum(1, keepdim=True)
    return grad * (loudest if power else key * loudest)


class _Gain(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, overshoot: Tensor, slope: Tensor, makeup: Tensor, mix: Tensor) -> Tensor:
        def piece(x: Tensor, overshoot: Tensor, slope: Tensor, makeup: Tensor, mix: Tensor) -> tuple[Tensor]:
            return (x * (1 + mix * ((makeup - slope * overshoot).exp() - 1)),)

        if kernels := _kernels(x, overshoot, slope, makeup, mix):
            return kernels.gain(x, overshoot, slope, makeup, mix)
        (y,) = _in_pieces(piece, x, overshoot, slope, makeup, mix)
        return y  # pyright: ignore[reportReturnType]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        to_x, to_over, to_slope, to_makeup, to_mix = ctx.needs_input_grad

        def piece(
            grad: Tensor, x: Tensor, overshoot: Tensor, slope: Tensor, makeup: Tensor, mix: Tensor
        ) -> tuple[Tensor | None, ...]:
            gain = (makeup - slope * overshoot).exp()
            share = _like(grad * x, overshoot)
            grad_log = share * gain * mix
            return (
                (mix * (gain - 1) + 1) * grad if to_x else None,
                -slope * grad_log if to_over else None,
                -_like(grad_log * overshoot, slope) if to_slope else None,
                _like(grad_log, makeup) if to_makeup else None,
                _like(share * (gain - 1), mix) if to_mix else None,
            )

        x, overshoot, *knobs = ctx.saved_tensors
        if kernels := _kernels(x, overshoot, *knobs):
            return kernels.gain_adjoint(grads[0], x, overshoot, *knobs, to_x=to_x)
        return tuple(_in_pieces(piece, grads[0], *ctx.saved_tensors))


class _OvershootBothModes(_Overshoot):
    """`_Overshoot` with forward mode, which the compiler refuses to trace."""

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Tensor:
        key, _, width, overshoot = ctx.saved_tensors
        to_key, to_threshold, to_width = tangents[:3]
        slope = _slope(overshoot, width)
        total = torch.zeros_like(overshoot)
        if to_key is not None:
            # The adjoint is linear: its own adjoint goes forwards.
            pull = torch.func.vjp(lambda g: _through_level(g, key, ctx.power, ctx.link), total)[1]
            total = total + slope * pull(to_key)[0]
        if to_threshold is not None:
            total = total - slope * to_threshold
        if to_width is not None:
            total = total + 0.5 * (slope - slope * slope) * to_width
        return total


class _GainBothModes(_Gain):
    """`_Gain` with forward mode."""

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor | None) -> Tensor:
        x, overshoot, slope, makeup, mix = ctx.saved_tensors
        to_x, to_over, to_slope, to_makeup, to_mix = tangents
        gain = (makeup - slope * overshoot).exp()
        total = torch.zeros_like(x)
        if to_x is not None:
            total = total + to_x * (1 + mix * (gain - 1))
        if to_mix is not None:
            total = total + x * (gain - 1) * to_mix
        for tangent, weight in ((to_over, -slope), (to_slope, -overshoot), (to_makeup, 1.0)):
            if tangent is not None:
                total = total + x * mix * gain * weight * tangent
        return total
