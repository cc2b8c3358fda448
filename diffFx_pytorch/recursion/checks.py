"""What the recursions ask of their arguments, and one question about filters worth asking before training.

Every error names the function and the argument, says what was given and what is legal, and gives the cure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from diffFx_pytorch.kernels.rows import batch_shape_of

_WIDER = {
    torch.float32: (torch.float32, torch.float64),
    torch.float64: (torch.float64,),
    torch.complex64: (torch.complex64, torch.complex128),
    torch.complex128: (torch.complex128,),
}
REAL = (torch.float32, torch.float64)


def state_dtype(dtype: torch.dtype) -> torch.dtype:
    """The type in which states of a signal of this type are carried: float64, or complex128."""
    return torch.complex128 if dtype.is_complex else torch.float64


def check_signal(caller: str, x: Any, allow_complex: bool = False) -> None:
    """Refuse what is no float tensor (..., T).

    Args:
        caller: the function, for the message.
        x: what was given.
        allow_complex: whether complex64 and complex128 are legal.

    Raises:
        TypeError: if it is no tensor or of another type.
        ValueError: if it has no time axis.
    """
    if not isinstance(x, Tensor):
        raise TypeError(f"{caller}: x is a {type(x).__name__}; it must be a torch.Tensor: use torch.as_tensor(x).")
    legal = tuple(_WIDER) if allow_complex else REAL
    if x.dtype not in legal:
        if x.dtype.is_complex:
            cure = "filter x.real and x.imag, or use allpole, which takes complex numbers"
        elif x.dtype.is_floating_point:
            cure = "use x.float()"
        else:
            cure = "scale it to floats first, for 16-bit audio x.float() / 32768"
        raise TypeError(f"{caller}: x must be {_names(legal)}, got {x.dtype}: {cure}.")
    if x.dim() < 1:
        raise ValueError(f"{caller}: x is a scalar; it must have shape (..., T), time last: use x.reshape(1).")


def coefficients(
    caller: str, name: str, value: Any, x: Tensor, core: str = "", time_varying: bool | None = None
) -> Tensor:
    """Coefficients with a time axis, (*batch, T or 1, *core): of length 1 where they are constant.

    Constant coefficients have shape (*batch, *core), time-varying ones (*batch, T, *core), one axis more. With
    ``x.dim()`` axes beside the core they are time-varying, with fewer they are constant.

    Args:
        caller: the function, for messages.
        name: the argument, for messages.
        value: what was given: a tensor or, where there is no core, also a number.
        x: the signal (..., T) it goes with.
        core: the core axes by name, such as "K, 6"; a number is the length that the axis must have.
        time_varying: None decides by the number of axes; True or False says it where that number does not.

    Returns:
        The coefficients, of x's dtype or the wider one of its kind, on x's device.

    Raises:
        TypeError: no tensor, or of a dtype that does not go with x's.
        ValueError: too few or too many axes, another length than x's, or another device.
    """
    axes = core.split(", ") if core else []
    if not axes and isinstance(value, (int, float, np.number)) and not isinstance(value, bool):
        return torch.full((1,), float(value), dtype=state_dtype(x.dtype), device=x.device)
    if not isinstance(value, Tensor):
        raise TypeError(
            f"{caller}: {name} is a {type(value).__name__}; it must be a torch.Tensor {_shapes(axes)}: use "
            f"torch.as_tensor({name}, dtype=x.dtype)."
        )
    legal = _WIDER[x.dtype]
    if value.dtype not in legal:
        if value.dtype.is_complex and not x.dtype.is_complex:
            cure = f"take the real part of {name}, or make x complex"
        else:
            cure = f"use {name}.to(torch.{_name(legal[-1])})"
        raise TypeError(
            f"{caller}: {name} has dtype {value.dtype} where x has {x.dtype}; legal are {_names(legal)}, "
            f"of which the wider loses nothing: {cure}."
        )
    if value.device != x.device:
        if value.dim():
            raise ValueError(f"{caller}: {name} is on {value.device}, x on {x.device}: use {name}.to(x.device).")
        value = value.to(x.device)
    given, full = tuple(value.shape), x.dim() + len(axes)
    if time_varying is None:
        if value.dim() > full:
            raise ValueError(
                f"{caller}: {name} of shape {given} has more batch axes than x of shape {tuple(x.shape)}, so whether "
                f"it is time-varying is ambiguous: pass time_varying=True or time_varying=False, or give x axes of "
                f"length 1."
            )
        time_varying = value.dim() == full
    least = len(axes) + bool(time_varying)
    if value.dim() < least:
        raise ValueError(f"{caller}: {name} has shape {given}; it needs at least {least} axes: {_shapes(axes)}.")
    if axes and any(axis.isdigit() and int(axis) != n for axis, n in zip(axes, given[-len(axes) :], strict=True)):
        raise ValueError(f"{caller}: {name} must be {_shapes(axes)}, got {given}.")
    if not time_varying:
        return value.unsqueeze(-1 - len(axes))
    if value.shape[-1 - len(axes)] not in (1, x.shape[-1]):
        raise ValueError(
            f"{caller}: {name} of shape {given} is taken as time-varying over {value.shape[-1 - len(axes)]} samples, "
            f"but x of shape {tuple(x.shape)} has {x.shape[-1]}: give one set of coefficients per sample, or pass "
            f"time_varying=False if they are constant."
        )
    return value


def initial_state(caller: str, zi: Any, x: Tensor, core: Sequence[int], shape: str) -> Tensor:
    """A state (*batch, *core) that goes with x, in float64 or complex128; zeros where ``zi`` is None.

    Args:
        caller: the function, for messages.
        zi: what was given, in any precision of x's kind of numbers.
        x: the signal.
        core: lengths of its last axes.
        shape: the shape it must have, for messages.

    Raises:
        TypeError: no tensor, or of a dtype that does not go with x's.
        ValueError: of another shape or on another device.
    """
    if zi is None:
        return x.new_zeros(tuple(core), dtype=state_dtype(x.dtype))
    if not isinstance(zi, Tensor):
        raise TypeError(f"{caller}: zi is a {type(zi).__name__}; it must be a torch.Tensor {shape}, or None.")
    legal = (torch.complex64, torch.complex128) if x.dtype.is_complex else REAL
    if zi.dtype not in legal:
        raise TypeError(
            f"{caller}: zi has dtype {zi.dtype} where x has {x.dtype}; legal are {_names(legal)}: "
            f"use zi.to(torch.{_name(legal[-1])})."
        )
    if zi.dim() < len(core) or tuple(zi.shape[zi.dim() - len(core) :]) != tuple(core):
        raise ValueError(
            f"{caller}: zi has shape {tuple(zi.shape)}; it must be {shape} with last length"
            f"{'s' * (len(core) > 1)} {', '.join(map(str, core))}."
        )
    if zi.device != x.device:
        raise ValueError(f"{caller}: zi is on {zi.device}, x on {x.device}: use zi.to(x.device).")
    wide = state_dtype(x.dtype)
    return zi if zi.dtype == wide else zi.to(wide)


def broadcast_batch(caller: str, **arguments: tuple[Tensor, int]) -> tuple[int, ...]:
    """The batch shape that all arguments broadcast to; each comes with its number of core axes, time included.

    Raises:
        ValueError: they do not broadcast; the message lists every batch shape.
    """
    try:
        return batch_shape_of(*arguments.values())
    except RuntimeError:
        given = ", ".join(f"{name} {tuple(t.shape[: t.dim() - core])}" for name, (t, core) in arguments.items())
        raise ValueError(
            f"{caller}: the batch dimensions do not broadcast: {given}. Each must match from the right, be 1, or be "
            f"missing: put an axis of length 1 where one lacks, as a.unsqueeze(-2) does."
        ) from None


def is_stable(a: Tensor, margin: float = 0.0) -> Tensor:
    """Whether every pole of ``1 / (1 + a[1] z^-1 + ... + a[N] z^-N)`` has a radius below ``1 - margin``.

    The polynomial is stepped down to order 0 (Schur-Cohn); it is stable where every reflection coefficient is less
    than 1 in magnitude. No roots are computed, and NaN or inf is not stable.

    Args:
        a: (..., N) coefficients without the leading 1, real or complex. Time-varying coefficients are tested
            sample by sample, which guards against a bad design, but does not prove the filter stable.
        margin: distance the poles must keep from the unit circle.

    Returns:
        Booleans of shape (...).

    References:
        M. H. Hayes, Statistical Digital Signal Processing and Modeling, Wiley, 1996, section 5.2.5.
    """
    a = a.detach().to(state_dtype(a.dtype))
    if margin:
        a = a / (1.0 - margin) ** torch.arange(1, a.shape[-1] + 1, device=a.device, dtype=torch.float64)
    return (step_down(a).abs() < 1.0).all(-1)


def step_down(a: Tensor) -> Tensor:
    """The reflection coefficients (..., N) of coefficients (..., N) without the leading 1, as ``lpc_to_reflection``."""
    found = []
    for n in range(a.shape[-1], 0, -1):
        k = a[..., n - 1 :]
        found.append(k[..., 0])
        a = (a[..., : n - 1] - k * a[..., : n - 1].flip(-1).conj()) / (1.0 - k.abs() ** 2)
    return torch.stack(found[::-1], -1) if found else a


def assert_stable(a: Tensor, margin: float = 0.0) -> None:
    """Raise where an all-pole filter is not stable; a check for debugging, not called by the recursions themselves.

    ``allpole`` and ``lfilter`` compute whatever recursion they are given, growing ones included; they do not look at
    the coefficients, which would cost a synchronisation on other devices.

    Args:
        a: (..., N) or (..., T, N) coefficients without the leading 1; see :func:`is_stable`.
        margin: distance the poles must keep from the unit circle.

    Raises:
        ValueError: if a filter is not stable, with the number of those and the place of the first.
    """
    bad = ~is_stable(a, margin)
    if bool(bad.any()):
        first = tuple(bad.nonzero()[0].tolist())
        raise ValueError(
            f"assert_stable: {int(bad.sum())} of {bad.numel()} filters have a pole at radius {1.0 - margin:g} or "
            f"beyond, or are not finite; the first is a[{', '.join(map(str, first)) or '...'}] = {a[first].tolist()}. "
            f"Design them from poles inside the unit circle, or scale a[i] by r**i, r < 1."
        )


def _shapes(axes: Sequence[str]) -> str:
    core = ", ".join(["", *axes])
    return f"(...{core}), or time-varying (..., T{core})"


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _names(dtypes: Sequence[torch.dtype]) -> str:
    return " or ".join(_name(d) for d in dtypes)
