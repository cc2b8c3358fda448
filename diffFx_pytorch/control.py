"""From what a caller gives (positions, values, points in time) to what an equation takes: one tensor a knob."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from .automation import Points, line, read_points
from .dsp.precision import at_least_float32
from .kernels.transforms import is_traced
from .params import EffectParam, keep_inside

KnobValue: TypeAlias = (
    "float | int | np.number | Tensor | np.ndarray | list[Any] | tuple[Any, ...] | Points | Mapping[float, Any]"
)
"""A number; of shape (B,) or (B, F) a tensor, numpy array or list; or points in time."""
Knobs: TypeAlias = "Mapping[str, Any] | Tensor | np.ndarray"
"""Values by name, or flat in the order of the table (B, P) or (B, P, F)."""

_ROUNDING = 16.0


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
    """Refuse what lies outside [low, high] by more than rounding, and NaN.

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
        eps = float(np.finfo(np.float32).eps)
    slack = _ROUNDING * eps * max(abs(low), abs(high))
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


@dataclass(frozen=True)
class Stretch:
    """The part of a signal that knobs are wanted for.

    Args:
        start: index of its first sample in the whole signal.
        total: length of the whole signal, over which evenly spread points stand; None ends it with this part.
        sample_rate: in Hz, for points in time.
        latency: by knob, the samples of latency before the place where it acts; a curve is read that much earlier.
    """

    start: int = 0
    total: int | None = None
    sample_rate: float = 44100.0
    latency: Mapping[str, float] = field(default_factory=dict)

    def moving(self, name: str, param: EffectParam, points: Points, is_norm: bool, x: Tensor) -> Tensor:
        """A knob that moves, (B, 1, T), from points that are checked."""
        samples = x.shape[-1]
        total = self.start + samples if self.total is None else self.total
        # A logarithm goes through an exponential, which would take the last digits of a long delay from float32.
        exact = torch.float64 if param.curve == "log" else x.dtype
        lines = param.to_line(points.values.to(x.device, exact), is_norm)
        moved = line(
            replace(points, values=lines), self.start - self.latency.get(name, 0), samples, total, self.sample_rate
        )
        return param.from_line(moved).to(x.dtype).unsqueeze(1)


def spreads(value: Any) -> bool:
    """Whether a value of a knob is points spread evenly over the signal, whose length it then needs."""
    return not isinstance(value, Points) and getattr(value, "ndim", 0) == 2 and value.shape[1] > 1


def resolve(
    table: Mapping[str, EffectParam],
    x: Tensor,
    norm_params: Knobs | None,
    dsp_params: Knobs | None,
    stretch: Stretch = Stretch(),  # frozen
    settings: Mapping[str, KnobValue] = {},  # only read
) -> dict[str, Tensor]:
    """Every knob of a table in its unit, (B, 1, 1) or (B, 1, T), of the dtype and device of x (B, C, T).

    Args:
        table: the knobs.
        x: the sound.
        norm_params: positions, or None.
        dsp_params: values, or None.
        stretch: where x lies in the whole signal.
        settings: values in their units of knobs that are not given; None of either is the default.

    Raises:
        ValueError: for unknown names, wrong shapes, values out of range, NaN, or both kinds at once.
        TypeError: for what is no value of a knob.
    """
    if norm_params is not None and dsp_params is not None:
        raise ValueError("give norm_params or dsp_params, not both")
    is_norm = norm_params is not None
    given = as_dict(norm_params if is_norm else {} if dsp_params is None else dsp_params, table)  # type: ignore[arg-type]
    batch, samples = x.shape[0], x.shape[-1]
    if isinstance(norm_params, Tensor) and table:
        constant = norm_params.squeeze(-1) if norm_params.dim() == 3 and norm_params.shape[-1] == 1 else norm_params
        mapped = map_positions(constant, table, batch) if constant.dim() == 2 else None
        if mapped is not None:
            columns = mapped.to(x)[..., None, None].expand(batch, -1, 1, 1).unbind(1)
            return dict(zip(table, columns, strict=True))
    values = {}
    for name, param in table.items():
        value = given[name] if name in given else settings.get(name)
        if value is None:
            values[name] = x.new_full((1, 1, 1), param.default).expand(batch, 1, 1)
            continue
        is_position = is_norm and name in given
        points = value if isinstance(value, Points) else None
        value = checked(name, param, value if points is None else points.values, is_position, batch)
        if isinstance(value, Tensor) and value.dim() == 2 and value.shape[1] > 1:
            if not param.automatable:
                raise ValueError(f"{name} cannot move within a signal; give one value per item, shape (B,)")
            points = Points(value) if points is None else replace(points, values=value)
            values[name] = stretch.moving(name, param, points, is_position, x).expand(batch, 1, samples)
            continue
        value = param.to_physical(value) if is_position else value  # type: ignore[type-var]  # one or the other
        column = value.to(x).reshape(-1, 1, 1) if isinstance(value, Tensor) else x.new_full((1, 1, 1), value)
        values[name] = column.expand(batch, 1, 1)
    return values


def map_positions(flat: Tensor, table: Mapping[str, EffectParam], batch: int) -> Tensor | None:
    """Values of all knobs in one go, from positions (B, P) or (B, P, F); None where one needs a look at it.

    Bit for bit what ``EffectParam.to_physical`` gives knob by knob, at the cost of one; float32 for half precision.
    Positions that lie outside of [0, 1], NaN, and tensors of the wrong kind or batch are left to the checks that name
    the knob.
    """
    if not flat.is_floating_point() or flat.shape[0] not in (1, batch) or flat.numel() == 0:
        return None
    flat, inside = at_least_float32(flat), False
    if can_look_at(flat):
        low, high = (float(v) for v in torch.aminmax(flat.detach()))
        inside = low >= 0.0 and high <= 1.0
        if not inside:
            return None

    def column(values: Iterable[float | bool], dtype: torch.dtype) -> Tensor:
        return torch.tensor(list(values), dtype=dtype, device=flat.device).view(-1, *(1,) * (flat.dim() - 2))

    rows = table.values()
    lows, highs = (column(ends, flat.dtype) for ends in zip(*(p.ends() for p in rows), strict=True))
    norm = flat if inside else keep_inside(flat, 0.0, 1.0)
    value = norm * highs + (1 - norm) * lows
    logs = [p.curve == "log" for p in rows]
    if not any(logs):
        return value
    ratio = column(logs, torch.bool)
    smallest, largest = column((p.min_val for p in rows), flat.dtype), column((p.max_val for p in rows), flat.dtype)
    # Zeros in the place of what is linear: its exponential could be infinite, and the gradient NaN.
    raised = keep_inside(torch.where(ratio, value, 0.0).exp(), smallest, largest)
    return torch.where(ratio, raised, value)


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
