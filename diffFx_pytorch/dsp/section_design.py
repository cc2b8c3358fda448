"""Sections of any kinds from their knobs as one operator, in float64, with its derivative by formula."""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from diffFx_pytorch.kernels.precision import where_float64_is

from ..kernels import run_rows
from ..kernels.operator import define
from ..kernels.rows import as_rows, as_whole_rows, indexed_rows
from ..kernels.table import Kernel
from .section_equations import EQUATIONS

Design = Literal["matched", "bilinear"]
Value = Tensor | float

_KINDS = tuple(EQUATIONS)
_SHELVING = ("peak", "low_shelf", "high_shelf")
_FIRST_ORDER = ("low_pass_first_order", "high_pass_first_order")
_DTYPES = (torch.float32, torch.float64)


@where_float64_is
def section_design(
    kinds: Sequence[str], freq_hz: Value, q: Value | None, gain_db: Value | None, sample_rate: float, design: Design
) -> Tensor:
    """Sections [b0 b1 b2 a0 a1 a2] from their knobs, which broadcast; computed in float64 whatever their dtype.

    Args:
        kinds: names of functions of ``biquad``: one for all sections, or one per section of the last axis.
        freq_hz: as for those functions.
        q: likewise; None where no kind has it. Kinds that have none leave it unread.
        gain_db: likewise.
        sample_rate: in Hz.
        design: "matched" or "bilinear".

    Returns:
        (..., 6), float64.

    Raises:
        ValueError: unknown kind or design, a sample rate that is not positive, or knobs whose last axis is not one per
            kind.
    """
    if design not in ("matched", "bilinear"):
        raise ValueError(f'design must be "matched" or "bilinear", got {design!r}.')
    if not sample_rate > 0:
        raise ValueError(f"sample_rate must be a positive number of Hz, got {sample_rate}.")
    unknown = [kind for kind in kinds if kind not in _KINDS]
    if unknown:
        raise ValueError(f"kinds must be of {', '.join(_KINDS)}; got {unknown[0]!r}.")
    given = (freq_hz, q, gain_db)
    device = next((v.device for v in given if isinstance(v, Tensor) and v.ndim), None)
    knobs = [None if v is None else _as_tensor(v, device) for v in given]
    width = max([1, *(v.shape[-1] for v in knobs if v is not None and v.ndim)])
    if len(kinds) > 1 and width != len(kinds):
        raise ValueError(f"{len(kinds)} kinds of sections for knobs of {width} in their last axis; give one per kind.")
    return _design(*knobs, [_KINDS.index(kind) for kind in kinds], float(sample_rate), design == "matched")


def _as_tensor(value: Value, device: torch.device | None) -> Tensor:
    if isinstance(value, Tensor) and value.dtype in _DTYPES and (device is None or value.device == device):
        return value
    if isinstance(value, Tensor):
        return value.to(device, torch.float64)
    return torch.full((), value, dtype=torch.float64, device=device or "cpu")


def _equation(
    freq_hz: Tensor, q: Tensor | None, gain_db: Tensor | None, kinds: list[int], sample_rate: float, matched: bool
) -> Tensor:
    knobs = [k.double() for k in (freq_hz, q, gain_db) if k is not None]
    w0, *others = torch.broadcast_tensors(*knobs)
    w0 = 2 * math.pi / sample_rate * w0
    parts = []
    for i, kind in enumerate(kinds):
        name = _KINDS[kind]
        count = 2 if name in _SHELVING else 0 if name in _FIRST_ORDER else 1
        values = (w0, *others[:count])
        if len(kinds) > 1:
            values = [v[..., i] for v in values]
        parts.append(EQUATIONS[name](*values, matched))
    return torch.stack(parts, -2) if len(kinds) > 1 else parts[0]


_UNREAD = np.ones(1)


def _arguments(batch_shape: tuple[int, ...], inputs: Any, kinds: list[int], sample_rate: float) -> list[Any]:
    """What the kernels take of knobs and settings."""
    rows = math.prod(batch_shape)
    arguments: list[Any] = []
    for knob in inputs:
        if knob is None:
            arguments += (_UNREAD, np.zeros(rows, np.int64))
        else:
            values, row = indexed_rows(knob, 0, batch_shape)
            arguments += (np.asarray(values, np.float64), row)
    return [*arguments, np.array(kinds, np.int64), 2 * math.pi / sample_rate]


def _kernels() -> Any:
    return importlib.import_module("diffFx_pytorch.dsp.cpu.section_rows")  # when first needed: Numba takes its time


def _forward(
    batch_shape: tuple[int, ...], inputs: Any, outputs: Any, kinds: list[int], sample_rate: float, matched: bool
) -> None:
    arguments = _arguments(batch_shape, inputs, kinds, sample_rate)
    run_rows(_kernels().forward, math.prod(batch_shape), len(kinds), *arguments, matched, as_rows(outputs[0], 1))


def _backward(
    batch_shape: Any,
    grads: Any,
    inputs: Any,
    saved: Any,
    needs: Any,
    kinds: list[int],
    sample_rate: float,
    matched: bool,
) -> list[Tensor | None]:
    to_knobs = grads[0].new_empty(3, *batch_shape)
    arguments = _arguments(batch_shape, inputs, kinds, sample_rate)
    grad, found = as_whole_rows(grads[0], 1, batch_shape), to_knobs.numpy().reshape(3, -1)
    run_rows(_kernels().backward, math.prod(batch_shape), len(kinds), grad, *arguments, matched, found)
    return [g if need else None for g, need in zip(to_knobs, needs, strict=True)]


_design = define(
    "section_design",
    inputs={"freq_hz": 0, "q?": 0, "gain_db?": 0},
    outputs={"sections": lambda *_: ((6,), torch.float64)},
    equation=_equation,
    kernel=Kernel(_forward, _backward),
    settings={"kinds": list[int], "sample_rate": float, "matched": bool},
)
