"""Power in bands, what gains it asks for, and peaks whose gains move: what a dynamic equaliser is made of."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from diffFx_pytorch.kernels import Kernel, define, run_rows
from diffFx_pytorch.kernels.rows import as_rows, as_whole_rows, indexed_rows, whole_rows
from diffFx_pytorch.kernels.vector import SIDE
from diffFx_pytorch.recursion.cpu import band_power as powers
from diffFx_pytorch.recursion.cpu import level_parts as levels
from diffFx_pytorch.recursion.cpu import moving_peaks as peaks
from diffFx_pytorch.recursion.cpu.grouped_rows import TILE
from diffFx_pytorch.recursion.fallback.scan import first_order_scan
from diffFx_pytorch.recursion.fallback.sections import cascade, svf_matrices
from diffFx_pytorch.recursion.ops.cascade import DENORMAL_THRESHOLD


def _rows_together(of_row: np.ndarray, count: int) -> int:
    """How many neighbouring rows read each row of an input, where a group of eight holds them all; else 0."""
    share = len(of_row) // count
    return share if share <= SIDE and (of_row == np.repeat(np.arange(count), share)).all() else 0


def _kernel(forward: Any, backward: Any, checkpoint: Callable[..., Any], shared: int) -> Kernel:
    """Kernels over groups of eight rows whose inputs rows may share; the last two are coefficients and state.

    Args:
        forward: as `power_forward`.
        backward: as `power_backward`.
        checkpoint: from the inputs after x to the shape of a state.
        shared: the input that rows often share, whose gradient is summed in the kernel.
    """

    def wide(inputs: Any) -> list[Any]:
        """Coefficients and states are few: always float64, so that kernels are compiled for fewer types."""
        return list(zip([*inputs[:-2], *(t.double() for t in inputs[-2:])], inputs.cores, strict=True))

    def run_forward(batch_shape: tuple[int, ...], inputs: Any, outputs: Any) -> None:
        read = [part for t, c in wide(inputs) for part in indexed_rows(t, c, batch_shape)]
        last = outputs.zf.double()
        write = [as_rows(t, t.dim() - len(batch_shape)) for t in outputs._replace(zf=last)]
        run_rows(forward, -(-math.prod(batch_shape) // SIDE), 1, *read, DENORMAL_THRESHOLD, *write)
        if last is not outputs.zf:
            outputs.zf.copy_(last)

    def run_backward(batch_shape: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any) -> list[Tensor]:
        ends = grads._replace(zf=grads.zf.double())
        given = [as_whole_rows(g, g.dim() - len(batch_shape), batch_shape) for g in ends]
        pairs = wide(inputs)
        given += [part for t, c in pairs[:-2] for part in indexed_rows(t, c, batch_shape)]
        coef, core = pairs[-2]
        given.append(as_whole_rows(coef, core, batch_shape))
        checkpoints = saved.checkpoints
        given += [DENORMAL_THRESHOLD, as_whole_rows(checkpoints, checkpoints.dim() - len(batch_shape), batch_shape)]
        found = [t.new_empty(*batch_shape, *t.shape[t.dim() - c :]) for t, c in pairs]
        of_row, (own, _) = given[2 * shared + 3], pairs[shared]
        share = _rows_together(of_row, len(given[2 * shared + 2]))
        if share > 1:
            found[shared] = torch.empty_like(own, memory_format=torch.contiguous_format)
        width = SIDE // max(share, 1) * max(share, 1)
        write = [as_rows(t, c) for t, (_, c) in zip(found, pairs, strict=True)]
        run_rows(backward, -(-math.prod(batch_shape) // width), 1, width, *given, *write)
        return found

    def shape(x: Tensor, *others: Tensor) -> Any:
        return (-(-x.shape[-1] // TILE), *checkpoint(*others)), torch.float64

    return Kernel(run_forward, run_backward, {"checkpoints": shape})


def _band_pass(x: Tensor, g: Tensor, r: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
    """The band-pass of x (..., T) with g and r (...) from states (..., 2), and the last states."""
    batch = torch.broadcast_shapes(x.shape[:-1], g.shape, s.shape[:-1])
    none = torch.zeros_like(g)
    coef = torch.stack([g, r, none, r, none], -1).expand(*batch, 5).reshape(-1, 1, 1, 5)
    rows = x.double().expand(*batch, x.shape[-1]).reshape(-1, x.shape[-1])
    y, last = cascade(rows, svf_matrices(coef), s.expand(*batch, 2).reshape(-1, 1, 2))
    return y.reshape(*batch, x.shape[-1]), last.reshape(*batch, 2)


def _power(x: Tensor, coef: Tensor, zi: Tensor) -> tuple[Tensor, Tensor]:
    g, r, c = coef.double().unbind(-1)
    zi = zi.double()
    band, last = _band_pass(x, g, r, zi[..., :2])
    start = zi[..., 2:].expand(*band.shape[:-1], 1)
    power = first_order_scan(c[..., None], (1 - c)[..., None] * band * band, start)
    end = power[..., -1:] if x.shape[-1] else start
    return power, torch.cat([last, end], -1)


band_power = define(
    "band_power",
    inputs={"x": 1, "coef": 1, "zi": 1},
    outputs={"power": lambda x, *_: (x.shape[-1:], x.dtype), "zf": lambda x, coef, zi: ((3,), zi.dtype)},
    equation=_power,
    kernel=_kernel(powers.power_forward, powers.power_backward, lambda *_: (3,), 0),
    saves={"x": (), "coef": (), "zi": (), "checkpoints": ()},
)
"""``(x (..., T), coef (..., 3), zi (..., 3)) -> (power, zf)``: p[t] = c p[t-1] + (1 - c) BP(x)[t]^2.

``coef`` is g and r of the band-pass (`svfilt`) and c, ``zi`` its two states and p; both float64.
"""


def _parts(power: Tensor, coef: Tensor, floor: float) -> Tensor:
    threshold, slope = coef.to(power.dtype)[..., None].unbind(-2)
    return (slope * (power.amax(-3).clamp_min(floor).log() - threshold)).clamp(0.0, 1.0)


def _parts_forward(batch_shape: tuple[int, ...], inputs: Any, outputs: Any, floor: float) -> None:
    power, (coef, of_row) = whole_rows(inputs.power, 3, batch_shape), indexed_rows(inputs.coef.double(), 2, batch_shape)
    kernel = levels.forward_float if power.dtype == torch.float32 else levels.forward_double
    part = as_rows(outputs.part, 2)
    run_rows(kernel, part.shape[0] * part.shape[1], 1, power.numpy(), floor, coef, of_row, part)


def _parts_backward(
    batch_shape: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any, floor: float
) -> list[Tensor]:
    power, (coef, of_row) = whole_rows(inputs.power, 3, batch_shape), indexed_rows(inputs.coef.double(), 2, batch_shape)
    grad, part = (as_whole_rows(t, 2, batch_shape) for t in (grads.part, saved.part))
    gpower = power.new_empty(*batch_shape, *power.shape[1:])
    gcoef = inputs.coef.new_empty(*batch_shape, *coef.shape[1:], dtype=torch.float64)
    given = (grad, power.numpy(), floor, coef, of_row, part)
    run_rows(levels.backward, part.shape[0] * part.shape[1], 1, *given, as_rows(gpower, 3), as_rows(gcoef, 2))
    return [gpower, gcoef]


level_parts = define(
    "level_parts",
    inputs={"power": 3, "coef": 2},
    outputs={"part": lambda power, coef, floor: (power.shape[-2:], power.dtype)},
    equation=_parts,
    kernel=Kernel(_parts_forward, _parts_backward),
    settings={"floor": float},
    saves={"power": (), "coef": (), "part": ()},
)
"""``(power (..., C, K, T), coef (..., K, 2), floor) -> part (..., K, T)``, min(max(slope (log p - threshold), 0), 1).

p is the greatest of the channels' powers, ``floor`` at least; ``coef`` is the threshold in log power and the slope,
not 0, float64.
"""


def _peaks(x: Tensor, control: Tensor, coef: Tensor, zi: Tensor) -> tuple[Tensor, Tensor]:
    g, r, reach = coef.double().unbind(-1)
    gain = torch.expm1(reach[..., None] * control)
    y, zi, states = x.double(), zi.double(), []
    for k in range(coef.shape[-2]):
        band, last = _band_pass(y, g[..., k], r[..., k], zi[..., k, :])
        y = y + gain[..., k, :] * band
        states.append(last)
    return y, torch.stack(torch.broadcast_tensors(*states), -2)


moving_peaks = define(
    "moving_peaks",
    inputs={"x": 1, "control": 2, "coef": 2, "zi": 2},
    outputs={"y": lambda x, *_: (x.shape[-1:], x.dtype), "zf": lambda x, control, coef, zi: (zi.shape[-2:], zi.dtype)},
    equation=_peaks,
    kernel=_kernel(peaks.peaks_forward, peaks.peaks_backward, lambda control, coef, zi: zi.shape[-2:], 1),
    saves={"x": (), "control": (), "coef": (), "zi": (), "checkpoints": ()},
)
"""``(x (..., T), control (..., K, T), coef (..., K, 3), zi (..., K, 2)) -> (y, zf)``: K peaks in series,
x <- x + (exp(reach control) - 1) BP(x), whose poles stand still while their gains move.

``coef`` is g and r of the band-pass (`svfilt`) and the reach in neper, ``zi`` its states; both float64.
"""
