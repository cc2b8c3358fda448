"""From what a caller gives (positions, values, points in time) to what an equation takes: one tensor a knob."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from diffFx_pytorch.kernels.constants import made_once

from .automation import Points, read_points
from .dsp.precision import at_least_float32
from .kernels.transforms import applied, is_traced
from .params import EffectParam, keep_inside

KnobValue: TypeAlias = (
    "float | int | np.number | Tensor | np.ndarray | list[Any] | tuple[Any, ...] | Points | Mapping[float, Any]"
)
"""A number; of shape (B,) or (B, F) a tensor, numpy array or list; or points in time."""
Knobs: TypeAlias = "Mapping[str, Any] | Tensor | np.ndarray"
"""Values by name, or flat in the order of the table (B, P) or (B, P, F)."""

_ROUNDING = 16.0
_FLOAT32 = float(np.finfo(np.float32).eps)


def unknown_name(name: str, known: Iterable[str], noun: str) -> str:
    """The message for a name that is none of ``known``, with the nearest that is."""
    known = list(known)
    near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"unknown {noun} {name!r}; {hint}known: {', '.join(known) or 'none'}"


def as_dict(knobs: Knobs, table: Mapping[str, EffectParam]) -> dict[str, KnobValue]:
    """Knobs by name, from a dict or from a flat tensor (B, P) or (B, P, F) in the order of ``table``.

    What is ``{time_s: value}`` becomes ``Points``.
    """
    if isinstance(knobs, (list, tuple, np.ndarray)):
        knobs = _as_tensor("a flat parameter tensor", knobs)
    if isinstance(knobs, Tensor):
        if knobs.dim() not in (2, 3) or knobs.shape[1] != len(table):
            raise ValueError(
                f"a flat parameter tensor must be (B, P) or, moving, (B, P, F) with P = {len(table)} "
                f"({', '.join(table)}), got shape {tuple(knobs.shape)}"
            )
        return dict(zip(table, knobs.unbind(1), strict=True))
    if not isinstance(knobs, Mapping):
        raise TypeError(f"parameters must be a dict by name or a flat tensor (B, P), got {type(knobs).__name__}")
    for name in knobs:
        if name not in table:
            raise ValueError(unknown_name(name, table, "parameter"))
    return {name: read_points(name, v) if isinstance(v, Mapping) else v for name, v in knobs.items()}


def _as_tensor(name: str, values: Any) -> Tensor:
    """The tensor of an array or of nested lists of numbers, which are float64."""
    try:
        array = np.asarray(values)
        array = array if isinstance(values, np.ndarray) else array.astype(np.float64)
        return torch.as_tensor(array.astype(array.dtype.newbyteorder("=")))
    except (ValueError, TypeError):
        raise TypeError(f"{name} must be numbers of one shape, got {values!r}") from None


def as_flat(
    knobs: Mapping[str, KnobValue], table: Mapping[str, EffectParam], missing: Mapping[str, KnobValue]
) -> Tensor:
    """The flat tensor (B, P) or (B, P, F) of knobs by name; names left out take ``missing``.

    Raises:
        ValueError: for points in time, which a flat tensor cannot hold.
    """
    values = {name: knobs.get(name, missing[name]) for name in table}
    if timed := [name for name, value in values.items() if isinstance(value, Points)]:
        raise ValueError(f"{timed[0]} has points in time, which a flat tensor cannot hold; give the dict itself")
    tensors = [torch.as_tensor(value) for value in values.values()]
    if not tensors:
        return torch.zeros(1, 0)
    dtype = torch.get_default_dtype()
    for tensor in tensors:
        if tensor.dim() and tensor.is_floating_point():
            dtype = torch.promote_types(dtype, tensor.dtype)
    automated = any(t.dim() == 2 for t in tensors)
    shaped = [t.to(dtype).reshape(*t.shape, *(1,) * ((2 if automated else 1) - t.dim())) for t in tensors]
    return torch.stack(torch.broadcast_tensors(*shaped), 1)


def can_look_at(value: Tensor) -> bool:
    """Whether a value may be read without a device synchronisation or a break of a traced graph."""
    return (
        value.device.type == "cpu"
        and value.numel() > 0
        and not is_traced()
        and not torch._C._functorch.is_functorch_wrapped_tensor(value)  # pyright: ignore[reportAttributeAccessIssue]
        and not isinstance(value, torch._subclasses.FakeTensor)
    )


def check_range(name: str, value: float | Tensor, low: float, high: float, range_text: str) -> None:
    """Refuse what lies outside [low, high] by more than rounding, to float32 at least, and NaN.

    A value in float64 may have been one in float32.

    Raises:
        ValueError: naming the knob, the value and the legal range.
    """
    if isinstance(value, Tensor):
        if not can_look_at(value):
            return
        smallest, largest = (float(v) for v in torch.aminmax(value.detach()))
        eps = torch.finfo(value.dtype).eps if value.is_floating_point() else 0.0
    else:
        smallest = largest = float(value)
        eps = 0.0
    slack = _ROUNDING * max(eps, _FLOAT32) * max(abs(low), abs(high))
    if low - slack <= smallest and largest <= high + slack:
        return
    if smallest != smallest or largest != largest:
        raise ValueError(f"{name} is NaN; it must lie in {range_text}")
    given = f"{smallest:g}" if smallest == largest else f"values from {smallest:g} to {largest:g}"
    raise ValueError(f"{name} must lie in {range_text}, got {given}")


def check_kind(name: str, value: Any, batch: int | None) -> float | Tensor:
    """Refuse what is no knob value: the wrong type, or what is not 0-d, (B,) or (B, F). Arrays become tensors.

    Half precision becomes float32: it is read as exactly what it is, and nothing is computed in it.
    """
    if isinstance(value, (list, tuple, np.ndarray)):
        value = _as_tensor(name, value)
    if isinstance(value, bool) or not isinstance(value, (float, int, np.number, Tensor)):
        raise TypeError(f"{name} must be a number or a tensor, got {type(value).__name__}")
    if not isinstance(value, Tensor):
        return float(value)
    if value.is_complex():
        raise TypeError(f"{name} must be real, got {value.dtype}")
    if value.dim() > 2 or (batch is not None and value.dim() and value.shape[0] not in (1, batch)):
        legal = "0-d, (B,) or (B, F)" + ("" if batch is None else f" with B = {batch}")
        raise ValueError(f"{name} must be {legal}, got shape {tuple(value.shape)}")
    if value.dim() == 2 and value.shape[1] == 0:
        raise ValueError(f"{name} moves through no points: shape {tuple(value.shape)}")
    return at_least_float32(value) if value.is_floating_point() else value.to(torch.get_default_dtype())


def checked(name: str, param: EffectParam, value: Any, is_norm: bool, batch: int | None) -> float | Tensor:
    """A position in [0, 1], or a value in the unit of a knob, that is one."""
    value = check_kind(name, value, batch)
    if is_norm:
        check_range(f"norm_params[{name!r}]", value, 0.0, 1.0, "0 .. 1")
        return value
    check_range(name, value, param.min_val, param.max_val, param.range_text())
    return param.inside(value)


def physical(name: str, param: EffectParam, value: Any, is_norm: bool, batch: int | None) -> Any:
    """A value in the unit of a knob, checked, from a position in [0, 1] or a value: a float, a tensor, or points."""
    if isinstance(value, Points):
        return replace(value, values=physical(name, param, value.values, is_norm, batch))
    value = checked(name, param, value, is_norm, batch)
    return param.to_physical(value) if is_norm else value


def map_positions(flat: Tensor, table: Mapping[str, EffectParam], batch: int) -> Tensor | None:
    """Values of all knobs in one go, from positions (B, P); None where one needs a look at it.

    Bit for bit what ``EffectParam.to_physical`` gives knob by knob, at the cost of one; float32 for half precision.
    Positions that lie outside of [0, 1], NaN, and tensors of the wrong kind or batch are left to the checks that name
    the knob.
    """
    if not flat.is_floating_point() or flat.shape[0] not in (1, batch) or flat.numel() == 0:
        return None
    flat, rows = at_least_float32(flat), tuple(table.values())
    ends = made_once(_ends, rows, dtype=flat.dtype, device=flat.device)
    logs = made_once(_logs, rows, dtype=torch.bool, device=flat.device)
    if not can_look_at(flat):
        return _mapped(keep_inside(flat, 0.0, 1.0), ends, logs)
    low, high = (float(v) for v in torch.aminmax(flat.detach()))
    return applied(_Mapped, flat, ends, logs) if low >= 0.0 and high <= 1.0 else None


def _ends(rows: tuple[EffectParam, ...]) -> list[list[float]]:
    """Of knobs: where the curve begins and ends, and the range."""
    lows, highs = zip(*(p.ends() for p in rows), strict=True)
    return [[*lows], [*highs], [p.min_val for p in rows], [p.max_val for p in rows]]


def _logs(rows: tuple[EffectParam, ...]) -> list[bool]:
    return [p.curve == "log" for p in rows]


def _mapped(norm: Tensor, ends: Tensor, logs: Tensor) -> Tensor:
    low, high, smallest, largest = ends.unbind()
    value = norm * high + (1 - norm) * low
    # Zeros in the place of what is linear: its exponential could be infinite, and the gradient NaN.
    return torch.where(logs, keep_inside(torch.where(logs, value, 0.0).exp(), smallest, largest), value)


class _Mapped(torch.autograd.Function):
    """`_mapped` as one node, where a gradient is asked for."""

    generate_vmap_rule = True

    @staticmethod
    def forward(norm: Tensor, ends: Tensor, logs: Tensor) -> Tensor:
        return _mapped(norm, ends, logs)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs, output)
        ctx.save_for_forward(*inputs, output)

    @staticmethod
    def _slope(ctx: Any) -> Tensor:
        norm, ends, logs, value = ctx.saved_tensors
        if torch.is_grad_enabled():  # to be differentiated again
            value = _mapped(norm, ends, logs)
        return torch.where(logs, value, 1.0) * (ends[1] - ends[0])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        return grads[0] * _Mapped._slope(ctx), None, None

    @staticmethod
    def jvp(ctx: Any, *along: Any) -> Tensor:
        return along[0] * _Mapped._slope(ctx)


def check_rate(sample_rate: Any) -> float:
    """The sample rate, refused where it is no positive number.

    Raises:
        ValueError: saying what was given.
    """
    number = isinstance(sample_rate, (int, float, np.number)) and not isinstance(sample_rate, bool)
    if not number or not 0 < sample_rate < float("inf"):
        raise ValueError(f"sample_rate must be positive, a number in Hz, got {sample_rate!r}")
    return sample_rate  # type: ignore[return-value]  # a numpy number does as well


def check_audio(x: Any, name: str, channels: tuple[int, ...] | None) -> None:
    """Refuse what is no audio (B, C, T) with a legal number of channels (None takes any).

    Raises:
        TypeError: for what is no tensor, or not floating point.
        ValueError: for another shape.
    """
    if not isinstance(x, Tensor):
        raise TypeError(f"{name} must be a tensor (B, C, T), got {type(x).__name__}; use torch.as_tensor")
    if not x.is_floating_point():
        raise TypeError(f"{name} must be floating-point audio, got {x.dtype}; scale to [-1, 1] and call .float()")
    if x.dim() != 3:
        cure = {1: "x[None, None]", 2: "x.unsqueeze(0) for (C, T) or x.unsqueeze(1) for (B, T)"}.get(x.dim(), "")
        raise ValueError(f"{name} must be (B, C, T), got shape {tuple(x.shape)}" + (f"; use {cure}" if cure else ""))
    if channels is not None and x.shape[1] not in channels:
        cure = "; make mono stereo with x.expand(-1, 2, -1)" if x.shape[1] == 1 and 2 in channels else ""
        raise ValueError(f"{name} must have {' or '.join(map(str, channels))} channels, got {x.shape[1]}{cure}")


def check_sidechain(x: Tensor, sidechain: Any, taken: bool) -> None:
    """Refuse a sidechain that does not fit x, or where none is ``taken``.

    Raises:
        TypeError: for what is no tensor, or of another dtype.
        ValueError: for another shape, or where no sidechain is taken.
    """
    if not taken:
        raise ValueError("takes no sidechain")
    if not isinstance(sidechain, Tensor):
        raise TypeError(f"sidechain must be a tensor (B, C, T), got {type(sidechain).__name__}")
    batch, channels, samples = x.shape
    legal = {(batch, 1, samples), (batch, channels, samples)}
    if tuple(sidechain.shape) not in legal:
        raise ValueError(
            f"sidechain must have the batch and length of x: {' or '.join(map(str, sorted(legal)))}, "
            f"got {tuple(sidechain.shape)}"
        )
    if sidechain.dtype != x.dtype:
        raise TypeError(f"sidechain must have the dtype of x, {x.dtype}, got {sidechain.dtype}")
