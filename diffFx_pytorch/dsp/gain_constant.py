"""Overshoot and gain of a compressor whose knobs stand still, in float32 on the CPU: one pass each, and back.

They give what the plain operations of ``gain_computer`` give, to the rounding of float32, several times faster: nothing
is written on the way but the result.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..kernels.bound import computed, refreshed
from ..kernels.threads import bound_rows
from ..kernels.transforms import is_traced, transforms_active

_STRETCH = 2**15
"""Samples a piece of work; a fixed number, so that sums do not depend on the number of threads."""

_TO_CURVE = (-1.0, 0.5)
"""Gradients of threshold and width over the sums of g and of g (1 - slope), where g is the gradient of the level."""


def plain(*tensors: Tensor) -> bool:
    """Whether tensors are memory, of one dtype and device, which a kernel may read."""
    if is_traced() or transforms_active():
        return False
    dtype, device = tensors[0].dtype, tensors[0].device
    return all(type(t) in (Tensor, torch.nn.Parameter) and t.dtype == dtype and t.device == device for t in tensors)


def fits(signal: Tensor, over: Tensor | None, *knobs: Tensor) -> bool:
    """Whether tensors are what the kernels take: float32 memory, (B, C, T) and (B, 1, 1)."""
    tensors = (signal, *knobs) if over is None else (signal, over, *knobs)
    if not plain(*tensors) or signal.dtype != torch.float32 or signal.device.type != "cpu":
        return False
    if signal.ndim != 3 or signal.numel() == 0:
        return False
    B, C, T = signal.shape
    fits = over is None or tuple(over.shape) in ((B, 1, T), (B, C, T))
    return fits and all(tuple(k.shape) == (B, 1, 1) for k in knobs)


def overshoot(key: Tensor, offset: Tensor, width: Tensor, floor: float, power: bool, link: bool) -> Tensor:
    """Overshoot (B, C, T), or (B, 1, T) where linked, of a key (B, C, T)."""
    B, C, T = key.shape
    over = key.new_empty(B, 1 if link else C, T)
    computed(_overshoot, (), (key, offset, width), (over,), np.float32(floor**2 if power else floor), power)
    return over


def _overshoot(_: Any, inputs: Any, outputs: Any, lowest: np.float32, power: bool) -> Callable[[], None]:
    (key, offset, width), (over,) = inputs, outputs
    return _bound("overshoot_rows", over, _grouped(key, over), _flat(offset), _flat(width), lowest, power, _two(over))


def overshoot_adjoint(
    grad: Tensor, key: Tensor, over: Tensor, _: Tensor, width: Tensor, floor: float, power: bool, to_key: bool
) -> tuple[Tensor | None, Tensor, Tensor]:
    """Gradients of the key, or None, and, summed (B, 1, 1), of threshold and width."""
    grad_key = key.new_empty(key.shape if to_key else (*key.shape[:2], 0))
    sums = _run(
        "overshoot_adjoint_rows",
        over,
        _two(grad),
        _grouped(key, over),
        _two(over),
        _flat(width),
        np.float32(floor**2),
        power,
        _grouped(grad_key, over),
        sums=2,
    )
    to_threshold, to_width = _knobs(sums * _TO_CURVE, key)
    return grad_key if to_key else None, to_threshold, to_width


def held_overshoot(key: Tensor, past: Tensor, offset: Tensor, width: Tensor, floor: float) -> Tensor:
    """Overshoot, of the shape of ``past`` but T long, of the largest of the last W sizes of a key (B, C, T).

    Args:
        key: (B, C, T).
        past: the W - 1 sizes before it, (B, C, W - 1), or (B, 1, W - 1) where channels share.
        offset: (B, 1, 1).
        width: (B, 1, 1).
        floor: keys below this count as this.
    """
    over = key.new_empty(*past.shape[:2], key.shape[-1])
    computed(_held_overshoot, (), (key, past, offset, width), (over,), np.float32(floor))
    return over


def _held_overshoot(_: Any, inputs: Any, outputs: Any, lowest: np.float32) -> Callable[[], None]:
    (key, past, offset, width), (over,) = inputs, outputs
    sizes = _grouped(key, over), _two(past)
    return _bound("held_overshoot_rows", over, *sizes, _flat(offset), _flat(width), lowest, _two(over))


def held_overshoot_adjoint(
    grad: Tensor, key: Tensor, past: Tensor, over: Tensor, width: Tensor, floor: float, to_key: bool
) -> tuple[Tensor | None, Tensor, Tensor]:
    """As ``overshoot_adjoint``; what was before the block gets nothing."""
    grad_key = key.new_zeros(key.shape if to_key else (*key.shape[:2], 0))
    sums = _run(
        "held_overshoot_adjoint_rows",
        over,
        _two(grad),
        _grouped(key, over),
        _two(past),
        _two(over),
        _flat(width),
        np.float32(floor**2),
        _grouped(grad_key, over),
        sums=2,
        whole=True,
    )
    to_threshold, to_width = _knobs(sums * _TO_CURVE, key)
    return grad_key if to_key else None, to_threshold, to_width


def gain(x: Tensor, over: Tensor, slope: Tensor, makeup: Tensor, mix: Tensor) -> Tensor:
    """The output x (1 + mix (exp(makeup - slope over) - 1)), of x (B, C, T)."""
    y = x.new_empty(x.shape)
    computed(_gain, (), (x, over, slope, makeup, mix), (y,))
    return y


def _gain(_: Any, inputs: Any, outputs: Any) -> Callable[[], None]:
    (x, over, *knobs), (y,) = inputs, outputs
    return _bound("gain_rows", over, _grouped(x, over), _two(over), *map(_flat, knobs), _grouped(y, over))


def gain_adjoint(
    grad: Tensor, x: Tensor, over: Tensor, slope: Tensor, makeup: Tensor, mix: Tensor, *, to_x: bool
) -> tuple[Tensor | None, ...]:
    """Gradients of x (or None), overshoot, slope, make-up and mix."""
    grad_x = x.new_empty(x.shape if to_x else (*x.shape[:2], 0))
    grad_over = over.new_empty(over.shape)
    sums = _run(
        "gain_adjoint_rows",
        over,
        _grouped(grad, over),
        _grouped(x, over),
        _two(over),
        _flat(slope),
        _flat(makeup),
        _flat(mix),
        _grouped(grad_x, over),
        _two(grad_over),
        sums=3,
    )
    return grad_x if to_x else None, grad_over, *_knobs(sums, x)


def _bound(kernel: str, over: Tensor, *arguments: Any, whole: bool = False) -> Callable[[], None]:
    """A kernel over pieces of time, or ``whole`` groups."""
    # Imported when first needed: Numba takes its time.
    rows = importlib.import_module(f"diffFx_pytorch.dsp.cpu.{'held' if kernel.startswith('held') else 'gain'}_rows")
    pieces = 1 if whole else math.ceil(over.shape[-1] / _STRETCH)
    return bound_rows(getattr(rows, kernel), _work(over, pieces), 1, pieces, over.shape[1], *arguments)


def _work(over: Tensor, pieces: int) -> int:
    return over.shape[0] * over.shape[1] * pieces


def _run(kernel: str, over: Tensor, *arguments: Any, sums: int, whole: bool = False) -> np.ndarray:
    """Call a kernel; its sums, (pieces of work, sums)."""
    totals = np.empty((_work(over, 1 if whole else math.ceil(over.shape[-1] / _STRETCH)), sums))
    _bound(kernel, over, *arguments, totals, whole=whole)()
    return totals


def _knobs(sums: np.ndarray, like: Tensor) -> list[Tensor]:
    """Sums (pieces of work, N) as N gradients (B, 1, 1)."""
    B = like.shape[0]
    columns = torch.from_numpy(sums.reshape(B, -1, sums.shape[1]).sum(1)).to(like.dtype).unbind(-1)
    return [column.view(B, 1, 1) for column in columns]


def _grouped(signal: Tensor, over: Tensor) -> np.ndarray:
    """(B, C, T) as (groups, channels that share a gain, T)."""
    B, C, T = signal.shape
    groups = B * over.shape[1]
    return refreshed(signal.detach().contiguous(), signal).view(groups, B * C // groups, T).numpy()


def _two(over: Tensor) -> np.ndarray:
    return refreshed(over.detach().contiguous(), over).view(-1, over.shape[-1]).numpy()


def _flat(knob: Tensor) -> np.ndarray:
    return refreshed(knob.detach().contiguous(), knob).view(-1).numpy()
