"""The overshoot of a compressor whose key is its own output: attack and release in a loop, solved at each sample."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from diffFx_pytorch.kernels import define, row_kernel
from diffFx_pytorch.kernels.cuda import triton_kernel
from diffFx_pytorch.kernels.precision import where_float64_is
from diffFx_pytorch.recursion.checks import broadcast_batch, check_signal, coefficients, initial_state
from diffFx_pytorch.recursion.cpu.loop_overshoot import backward, forward
from diffFx_pytorch.recursion.fallback.loop_overshoot import loop_overshoot_adjoint, loop_overshoot_equation

_loop_overshoot = define(
    "loop_overshoot",
    inputs={"level": 1, "knobs": 2, "zi": 1},
    outputs={"y": lambda level, *_: (level.shape[-1:], level.dtype), "zf": lambda *inputs: ((1,), inputs[-1].dtype)},
    equation=loop_overshoot_equation,
    kernel=row_kernel(forward, backward),
    saves=dict.fromkeys(("level", "knobs", "zi", "y"), ()),
    adjoint=loop_overshoot_adjoint,
)
"""Of knobs (..., T or 1, 4): width, slope, attack and release."""
_loop_overshoot.register(device="cuda", kernel=triton_kernel("diffFx_pytorch.recursion.cuda.loop_overshoot"))


@where_float64_is
def loop_overshoot(
    level: Tensor,
    width: Tensor | float,
    slope: Tensor | float,
    attack: Tensor | float,
    release: Tensor | float,
    zi: Tensor | None = None,
    return_zf: bool = False,
    *,
    time_varying: bool | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    r"""How far the output of a feed-back compressor is over its threshold, smoothed with attack and release.

    .. math:: o_t = c_t o_{t-1} + (1 - c_t)\, \kappa(L_t - m_t o_t), \qquad
        c_t = \begin{cases} \text{attack} & \kappa(L_t - m_t o_{t-1}) \ge o_{t-1} \\ \text{release} & \text{otherwise}
        \end{cases}

    L is the level of the input over the threshold, m o what the compressor takes off it; :math:`\kappa` is the knee, 0
    under :math:`-W / 2`, :math:`(v + W / 2)^2 / 2 W` about 0, v over :math:`W / 2`. There is no delay in the loop: the
    equation is solved at each sample, so it is stable at every slope. Settled, :math:`o = L / (1 + m)` over the knee: a
    slope of R - 1 compresses R to 1.

    Args:
        level: L (..., T), float32 or float64, in neper or dB.
        width: W > 0 in the unit of the level: a number or a tensor, (...) constant or (..., T) time-varying; in the
            dtype of ``level`` or float64. Batch dimensions broadcast with those of ``level``.
        slope: m >= 0, likewise.
        attack: coefficient while it grows, in [0, 1], likewise.
        release: coefficient otherwise, likewise.
        zi: overshoot before the first sample (...); zero if None.
        return_zf: also return the last overshoot.
        time_varying: None takes a coefficient with as many axes as ``level`` as time-varying, with fewer as constant;
            True or False says it for all.

    Returns:
        ``o``, of the shape all arguments broadcast to and the dtype of ``level``; with ``return_zf`` also the last one
        (...), in float64.

    Raises:
        TypeError: ``level`` or a coefficient is no float tensor, or a coefficient is narrower than ``level``.
        ValueError: shapes that do not broadcast.

    References:
        D. Giannoulis, M. Massberg, J. D. Reiss, "Digital dynamic range compressor design: a tutorial and analysis",
        JAES 60(6), 2012 (feed-forward and feed-back designs), equations 4 (knee) and 16 (attack and release).
    """
    caller = "loop_overshoot"
    check_signal(caller, level)
    given = {"width": width, "slope": slope, "attack": attack, "release": release}
    rows = {name: coefficients(caller, name, value, level, "", time_varying) for name, value in given.items()}
    start = initial_state(caller, zi, level, (), "(...)").unsqueeze(-1)
    broadcast_batch(caller, x=(level, 1), zi=(start, 1), **{name: (row, 1) for name, row in rows.items()})
    dtype = functools.reduce(torch.promote_types, (row.dtype for row in rows.values()))
    knobs = torch.stack(torch.broadcast_tensors(*(row.to(dtype) for row in rows.values())), -1)
    y, zf = _loop_overshoot(level, knobs, start)
    return (y, zf.squeeze(-1)) if return_zf else y
