"""The attack/release smoother of dynamics processors, as an operator and as a public function."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from diffFx_pytorch.kernels import Kernel, bound_rows, define, run_rows
from diffFx_pytorch.kernels.bound import refreshed
from diffFx_pytorch.kernels.cuda import triton_kernel
from diffFx_pytorch.kernels.precision import where_float64_is
from diffFx_pytorch.kernels.rows import as_rows, as_whole_rows, denormal_threshold, indexed_rows
from diffFx_pytorch.recursion.checks import broadcast_batch, check_signal, coefficients, initial_state
from diffFx_pytorch.recursion.cpu.attack_release import (
    NARROW,
    STEPS,
    WIDE,
    attack_release_backward_rows,
    attack_release_rows,
)
from diffFx_pytorch.recursion.fallback.attack_release import attack_release_adjoint, attack_release_levels
from diffFx_pytorch.recursion.fallback.scan import first_order_scan


def _coefficient_dtype(attack: Tensor, release: Tensor) -> torch.dtype:
    """Constants are few: always float64, and the kernels are compiled for one type less."""
    if attack.shape[-1] == release.shape[-1] == 1 or attack.dtype == release.dtype == torch.float64:
        return torch.float64
    return torch.promote_types(attack.dtype, release.dtype)


def _bind(batch_shape: tuple[int, ...], inputs: Any, outputs: Any) -> Callable[[], None]:
    x, attack, release, zi = inputs
    rows, dtype = math.prod(batch_shape), _coefficient_dtype(attack, release)
    # Eight rows take a little over half the time of sixteen: they pay where there are no more, or where threads would
    # stand idle. Backwards there is enough to do at every step for eight to cost no more per row.
    width = NARROW if rows <= max(len(NARROW), len(WIDE) * (torch.get_num_threads() - 1)) else WIDE
    return bound_rows(
        attack_release_rows,
        rows,
        len(width),
        width,
        *indexed_rows(x, 1, batch_shape),
        *indexed_rows(refreshed(attack.to(dtype), attack), 1, batch_shape),
        *indexed_rows(refreshed(release.to(dtype), release), 1, batch_shape),
        as_whole_rows(zi, 1, batch_shape)[:, 0],
        denormal_threshold(x.dtype),
        as_rows(outputs.y),
        as_rows(outputs.zf)[:, 0],
        as_rows(outputs.checkpoints),
    )


def _backward(batch_shape: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any) -> list[Tensor]:
    x, attack, release, _ = inputs
    dtype = _coefficient_dtype(attack, release)
    to_x = x.new_empty(*batch_shape, x.shape[-1])
    to_attack = x.new_empty(*batch_shape, attack.shape[-1] if needs.attack else 0, dtype=dtype)
    to_release = x.new_empty(*batch_shape, release.shape[-1] if needs.release else 0, dtype=dtype)
    to_zi = grads.zf.expand(*batch_shape, 1).to(torch.float64, copy=True).contiguous()
    run_rows(
        attack_release_backward_rows,
        math.prod(batch_shape),
        len(NARROW),
        *indexed_rows(x, 1, batch_shape),
        *indexed_rows(attack.to(dtype), 1, batch_shape),
        *indexed_rows(release.to(dtype), 1, batch_shape),
        as_whole_rows(saved.checkpoints, 1, batch_shape),
        *indexed_rows(grads.y, 1, batch_shape),
        as_rows(to_zi.clone())[:, 0],
        as_rows(to_x),
        as_rows(to_attack),
        as_rows(to_release),
        as_rows(to_zi)[:, 0],
    )
    return [to_x, to_attack, to_release, to_zi]


def _tangent(inputs: Any, _: Any, along: Any) -> tuple[Tensor, Tensor]:
    """Directional derivative of levels and last level: a first-order linear recursion with the chosen coefficients."""
    x, attack, release, zi = (p.double() for p in inputs)
    dx, d_attack, d_release, d_zi = (None if t is None else t.double() for t in along)
    y, _ = _attack_release(x, attack, release, zi)
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
    return dy.to(inputs.x.dtype), (dy[..., -1:] if y.shape[-1] else start).clone()


def _equation(x: Tensor, attack: Tensor, release: Tensor, zi: Tensor) -> tuple[Tensor, Tensor]:
    levels = attack_release_levels(x, attack, release, zi)
    return levels, levels[..., -1:] if x.shape[-1] else zi


def _adjoint(batch_shape: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any) -> tuple[Tensor, ...]:
    x, attack, release, zi = inputs
    if not saved.y.numel():
        return grads.y, torch.zeros_like(attack), torch.zeros_like(release), grads.zf
    return attack_release_adjoint(grads.y, grads.zf, x, attack, release, zi, saved.y)


_attack_release = define(
    "attack_release",
    inputs={"x": 1, "attack": 1, "release": 1, "zi": 1},
    outputs={"y": lambda x, *_: (x.shape[-1:], x.dtype), "zf": lambda *_: ((1,), torch.float64)},
    equation=_equation,
    kernel=Kernel.bound(_bind, _backward, {"checkpoints": lambda x, *_: ((-(-x.shape[-1] // STEPS),), torch.float64)}),
    saves=dict.fromkeys(("x", "attack", "release", "zi", "y", "checkpoints"), ()),
    adjoint=_adjoint,
    tangent=_tangent,
)
_attack_release.register(device="cuda", kernel=triton_kernel("diffFx_pytorch.recursion.cuda.attack_release"))


@where_float64_is
def attack_release(
    x: Tensor,
    attack: Tensor | float,
    release: Tensor | float,
    zi: Tensor | None = None,
    return_zf: bool = False,
    *,
    time_varying: bool | None = None,
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
        attack: coefficient while rising, in [0, 1]: a number or a tensor, (...) constant or (..., T) time-varying; in
            the dtype of ``x`` or float64. Batch dimensions broadcast with those of ``x``.
        release: coefficient otherwise, likewise.
        zi: level before the first sample (...); zero if None.
        return_zf: also return the last level.
        time_varying: None takes a coefficient with as many axes as ``x`` as time-varying, with fewer as constant; True
            or False says it for both.

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
    up = coefficients(caller, "attack", attack, x, "", time_varying)
    down = coefficients(caller, "release", release, x, "", time_varying)
    start = initial_state(caller, zi, x, (), "(...)")
    if start.dim() >= x.dim():
        raise ValueError(
            f"{caller}: zi of shape {tuple(start.shape)} must broadcast against "
            f"{tuple(x.shape[:-1])}: one level per row."
        )
    start = start.unsqueeze(-1)
    broadcast_batch(caller, x=(x, 1), attack=(up, 1), release=(down, 1), zi=(start, 1))
    y, zf = _attack_release(x, up, down, start)
    return (y, zf.squeeze(-1)) if return_zf else y
