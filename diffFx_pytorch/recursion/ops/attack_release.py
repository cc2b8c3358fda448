"""The attack/release smoother of dynamics processors, as an operator and as a public function."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from diffFx_pytorch.kernels import run_rows
from diffFx_pytorch.recursion.cpu.attack_release import (
    NARROW,
    STEPS,
    WIDE,
    attack_release_backward_rows,
    attack_release_rows,
)
from diffFx_pytorch.recursion.fallback.attack_release import attack_release_gradients, attack_release_levels
from diffFx_pytorch.recursion.fallback.scan import first_order_scan
from diffFx_pytorch.recursion.ops.rows import (
    as_rows,
    broadcast_lead,
    check_signal,
    lead_of,
    parameter_rows,
    row_index,
)
from diffFx_pytorch.recursion.ops.transforms import with_transforms

# Levels this small become zero between tiles: far under any audio, far over the denormals of the dtype.
TINY = {torch.float32: 1e-30, torch.float64: 1e-290}


def _coefficient_dtype(attack: Tensor, release: Tensor) -> torch.dtype:
    """Constants are few: always float64, and the kernels are compiled for one type less."""
    if attack.shape[-1] == release.shape[-1] == 1:
        return torch.float64
    return torch.promote_types(attack.dtype, release.dtype)


@torch.library.custom_op("diffFx::attack_release", mutates_args=())
def _attack_release(
    x: Tensor, attack: Tensor, release: Tensor, zi: Tensor, keep: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Levels, last level (..., 1) in float64, and the levels before each tile (..., tiles) if ``keep``."""
    levels = attack_release_levels(x, attack, release, zi)
    zf = levels[..., -1:] if x.shape[-1] else zi.double().expand(*levels.shape[:-1], 1)
    return levels.to(x.dtype), zf.clone(), levels.new_empty(*levels.shape[:-1], 0)


@_attack_release.register_kernel("cpu")
def _(x: Tensor, attack: Tensor, release: Tensor, zi: Tensor, keep: bool) -> tuple[Tensor, Tensor, Tensor]:
    lead, T = lead_of(x, attack, release, zi), x.shape[-1]
    rows = math.prod(lead)
    dtype = _coefficient_dtype(attack, release)
    y = x.new_empty(*lead, T)
    zf = zi.expand(*lead, 1).to(torch.float64, copy=True).contiguous()
    checkpoints = zf.new_empty(*lead, -(-T // STEPS) if keep else 0)
    # Eight rows take a little over half the time of sixteen: they pay where there are no more, or where threads would
    # stand idle. Backwards there is enough to do at every step for eight to cost no more a row.
    width = NARROW if rows <= max(len(NARROW), len(WIDE) * (torch.get_num_threads() - 1)) else WIDE
    if y.numel():
        run_rows(
            attack_release_rows,
            rows,
            len(width),
            width,
            as_rows(x),
            row_index(tuple(x.shape[:-1]), lead),
            as_rows(attack.to(dtype)),
            row_index(tuple(attack.shape[:-1]), lead),
            as_rows(release.to(dtype)),
            row_index(tuple(release.shape[:-1]), lead),
            as_rows(zf.clone())[:, 0],
            TINY[x.dtype],
            as_rows(y),
            as_rows(zf)[:, 0],
            as_rows(checkpoints),
        )
    return y, zf, checkpoints


@_attack_release.register_fake
def _(x: Tensor, attack: Tensor, release: Tensor, zi: Tensor, keep: bool) -> tuple[Tensor, Tensor, Tensor]:
    lead, T = lead_of(x, attack, release, zi), x.shape[-1]
    tiles = -(-T // STEPS) if keep and x.device.type == "cpu" else 0
    return (
        x.new_empty(*lead, T),
        x.new_empty(*lead, 1, dtype=torch.float64),
        x.new_empty(*lead, tiles, dtype=torch.float64),
    )


@torch.library.custom_op("diffFx::attack_release_backward", mutates_args=())
def _attack_release_backward(
    grad_y: Tensor,
    grad_zf: Tensor,
    x: Tensor,
    attack: Tensor,
    release: Tensor,
    zi: Tensor,
    checkpoints: Tensor,
    to_attack: bool,
    to_release: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients to x, attack, release and zi, one for each output row; those not asked for are (..., 0)."""
    to_x, *to_coefficients, to_zi = attack_release_gradients(grad_y, grad_zf, x, attack, release, zi)
    dtype = _coefficient_dtype(attack, release)
    grads = []
    for grad, coefficient, wanted in zip(to_coefficients, (attack, release), (to_attack, to_release), strict=True):
        summed = grad if coefficient.shape[-1] == x.shape[-1] else grad.sum(-1, keepdim=True)
        grads.append((summed if wanted else summed[..., :0]).to(dtype, copy=True).contiguous())
    return to_x.to(x.dtype), grads[0], grads[1], to_zi.clone()


@_attack_release_backward.register_kernel("cpu")
def _(
    grad_y: Tensor,
    grad_zf: Tensor,
    x: Tensor,
    attack: Tensor,
    release: Tensor,
    zi: Tensor,
    checkpoints: Tensor,
    to_attack: bool,
    to_release: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    lead, T = lead_of(x, attack, release, zi, grad_y), x.shape[-1]
    rows = math.prod(lead)
    dtype = _coefficient_dtype(attack, release)
    grad_x = x.new_empty(*lead, T)
    grad_attack = x.new_empty(*lead, attack.shape[-1] if to_attack else 0, dtype=dtype)
    grad_release = x.new_empty(*lead, release.shape[-1] if to_release else 0, dtype=dtype)
    grad_zi = grad_zf.expand(*lead, 1).to(torch.float64, copy=True).contiguous()
    if grad_x.numel():
        run_rows(
            attack_release_backward_rows,
            rows,
            len(NARROW),
            NARROW,
            as_rows(x),
            row_index(tuple(x.shape[:-1]), lead),
            as_rows(attack.to(dtype)),
            row_index(tuple(attack.shape[:-1]), lead),
            as_rows(release.to(dtype)),
            row_index(tuple(release.shape[:-1]), lead),
            as_rows(checkpoints.expand(*lead, checkpoints.shape[-1])),
            as_rows(grad_y),
            row_index(tuple(grad_y.shape[:-1]), lead),
            as_rows(grad_zi.clone())[:, 0],
            as_rows(grad_x),
            as_rows(grad_attack),
            as_rows(grad_release),
            as_rows(grad_zi)[:, 0],
        )
    else:
        grad_attack.zero_()
        grad_release.zero_()
    return grad_x, grad_attack, grad_release, grad_zi


@_attack_release_backward.register_fake
def _(
    grad_y: Tensor,
    grad_zf: Tensor,
    x: Tensor,
    attack: Tensor,
    release: Tensor,
    zi: Tensor,
    checkpoints: Tensor,
    to_attack: bool,
    to_release: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    lead = lead_of(x, attack, release, zi, grad_y)
    dtype = _coefficient_dtype(attack, release)
    return (
        x.new_empty(*lead, x.shape[-1]),
        x.new_empty(*lead, attack.shape[-1] if to_attack else 0, dtype=dtype),
        x.new_empty(*lead, release.shape[-1] if to_release else 0, dtype=dtype),
        x.new_empty(*lead, 1, dtype=torch.float64),
    )


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    x, attack, release, zi, _ = inputs
    ctx.save_for_backward(x, attack, release, zi, output[2])
    ctx.save_for_forward(x, attack, release, zi)
    ctx.mark_non_differentiable(output[2])
    ctx.set_materialize_grads(False)


def _first_derivative(ctx: Any, grad_y: Tensor | None, grad_zf: Tensor | None, _: Any) -> tuple[Tensor | None, ...]:
    x, attack, release, zi, checkpoints = ctx.saved_tensors
    if grad_y is None and grad_zf is None:
        return None, None, None, None, None
    lead = lead_of(x, attack, release, zi)
    if grad_y is None:
        grad_y = x.new_zeros(*lead, x.shape[-1])
    if grad_zf is None:
        grad_zf = x.new_zeros(*lead, 1, dtype=torch.float64)
    needs = ctx.needs_input_grad[:4]
    grads = _call_backward(grad_y, grad_zf, x, attack, release, zi, checkpoints, needs[1], needs[2])
    wanted = zip(grads, (x, attack, release, zi), needs, strict=True)
    return (*(g.sum_to_size(p.shape).to(p.dtype) if need else None for g, p, need in wanted), None)


def _tangent(primals: Sequence[Tensor], tangents: Sequence[Tensor | None]) -> tuple[Tensor, Tensor]:
    """Directional derivative of levels and last level: a first-order linear recursion with the chosen coefficients."""
    x, attack, release, zi = (p.double() for p in primals)
    dx, d_attack, d_release, d_zi = (None if t is None else t.double() for t in tangents)
    y, _, _ = _call(x, attack, release, zi, True)
    previous = torch.cat([zi.expand(*y.shape[:-1], 1), y], -1)[..., :-1]
    rising = x > previous
    c = torch.where(rising, attack, release)
    drive = torch.zeros_like(y)
    if dx is not None:
        drive = drive + (1 - c) * dx
    none = torch.zeros((), dtype=torch.float64, device=x.device)
    if d_attack is not None:
        drive = drive + torch.where(rising, d_attack, none) * (previous - x)
    if d_release is not None:
        drive = drive + torch.where(rising, none, d_release) * (previous - x)
    start = (none if d_zi is None else d_zi).expand(*y.shape[:-1], 1)
    dy = first_order_scan(c, drive, start)
    return dy.to(primals[0].dtype), (dy[..., -1:] if y.shape[-1] else start).clone()


def _forward_mode(ctx: Any, *tangents: Any) -> tuple[Tensor, Tensor, None]:
    return *_tangent(ctx.saved_tensors[:4], tangents[:4]), None


def _setup_backward_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    ctx.save_for_backward(*inputs[:6])
    ctx.save_for_forward(*inputs[:7])
    ctx.wanted = inputs[7:]
    ctx.set_materialize_grads(False)


def _product_rule(
    grads: Sequence[Tensor], primals: Sequence[Tensor], along: Sequence[Tensor | None]
) -> tuple[Tensor, ...]:
    """Gradient of <grads, tangent along the directions> to grads and primals.

    That inner product is the one of the directions with the first derivative; the Hessian being symmetric, its
    gradient to the primals is also the tangent of the first derivative.
    """

    def inner(*tensors: Tensor) -> Tensor:
        dy, d_zf = _tangent(tensors[2:], along)
        return (tensors[0] * dy).sum().double() + (tensors[1] * d_zf).sum()

    value, pull = torch.func.vjp(inner, *grads, *primals)[:2]
    return pull(torch.ones_like(value))


def _second_derivative(ctx: Any, *directions: Tensor | None) -> tuple[Tensor | None, ...]:
    along = [None if d is None or d.shape[-1] == 0 else d for d in directions]
    saved = ctx.saved_tensors
    return (*_product_rule(saved[:2], saved[2:], along), None, None, None)


def _forward_over_gradient(ctx: Any, *tangents: Any) -> tuple[Tensor, ...]:
    grad_y, grad_zf, *primals, checkpoints = ctx.saved_tensors
    d_grads = [torch.zeros_like(g) if t is None else t for g, t in zip((grad_y, grad_zf), tangents, strict=False)]
    linear = _call_backward(*d_grads, *primals, checkpoints, *ctx.wanted)
    lead = lead_of(*primals, grad_y)
    rows = [p.expand(*lead, p.shape[-1]) for p in primals]
    curved = _product_rule((grad_y, grad_zf), rows, tangents[2:6])[2:]
    return tuple(a + b.to(a.dtype)[..., : a.shape[-1]] for a, b in zip(linear, curved, strict=True))


_call = with_transforms(_attack_release, _setup_context, _first_derivative, _forward_mode)
_call_backward = with_transforms(
    _attack_release_backward, _setup_backward_context, _second_derivative, _forward_over_gradient
)


def attack_release(
    x: Tensor, attack: Tensor | float, release: Tensor | float, zi: Tensor | None = None, return_zf: bool = False
) -> Tensor | tuple[Tensor, Tensor]:
    r"""Smooth a level or a gain with one coefficient while it rises and another while it falls.

    .. math:: y_t = c_t y_{t-1} + (1 - c_t) x_t, \qquad
        c_t = \begin{cases} \text{attack} & x_t > y_{t-1} \\ \text{release} & \text{otherwise} \end{cases}

    A coefficient is ``exp(-1 / (tau * sample_rate))`` for a time constant ``tau``; 0 follows at once, 1 holds. On a
    gain, where falling is the attack, exchange the two. With ``attack == release`` this is a one-pole low-pass.

    The choice is a constant of the derivative: where ``x_t`` equals ``y_{t-1}`` (silence, a settled level) gradients
    are those of the release branch, and finite. Coefficients outside [0, 1] in a tensor are computed as given.

    Args:
        x: signal (..., T), float32 or float64.
        attack: coefficient while rising, in [0, 1]: a number; a tensor with fewer dimensions than ``x``, constant in
            time; or one with as many, (..., T) moving or (..., 1). In the dtype of ``x`` or float64.
        release: coefficient otherwise, likewise.
        zi: level before the first sample, broadcastable to (...); zero if None.
        return_zf: also return the last level.

    Returns:
        ``y``, of the shape all arguments broadcast to and the dtype of ``x``; with ``return_zf`` also the last level
        (...), in float64, so that passing it on as ``zi`` loses nothing.

    Raises:
        TypeError: ``x`` or a coefficient is no float tensor, or a coefficient is narrower than ``x``.
        ValueError: shapes that do not broadcast, or a number outside [0, 1].

    References:
        D. Giannoulis, M. Massberg, J. D. Reiss, "Digital dynamic range compressor design", JAES 60(6), 2012, eq. 16.
        C.-Y. Yu et al., "Differentiable all-pole filters for time-varying audio systems", DAFx 2024, section 3.3.
    """
    caller = "attack_release"
    check_signal(caller, x)
    for name, value in (("attack", attack), ("release", release)):
        if isinstance(value, (int, float)) and not 0 <= value <= 1:
            raise ValueError(f"{caller}: {name} must lie in [0, 1], got {value}; it is exp(-1 / (tau * sample_rate)).")
    a = parameter_rows(caller, "attack", attack, x)
    r = parameter_rows(caller, "release", release, x)
    if zi is None:
        start = x.new_zeros((1,) * x.ndim, dtype=torch.float64)
    else:
        if isinstance(zi, Tensor) and zi.ndim >= x.ndim:
            raise ValueError(
                f"{caller}: zi of shape {tuple(zi.shape)} must broadcast against "
                f"{tuple(x.shape[:-1])}: one level a row."
            )
        start = parameter_rows(caller, "zi", zi, x).double()
    broadcast_lead(caller, {"x": x, "attack": a, "release": r, "zi": start})
    keep = torch.is_grad_enabled() and any(t.requires_grad for t in (x, a, r, start))
    y, zf, _ = _call(x, a, r, start, keep or torch._C._are_functorch_transforms_active())
    return (y, zf.squeeze(-1)) if return_zf else y
