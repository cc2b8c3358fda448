"""What the recursions ask of their arguments, and one question about filters worth asking before training.

Every error names the function and the argument, says what was given and what is legal, and gives the cure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

_WIDER = {
    torch.float32: (torch.float32, torch.float64),
    torch.float64: (torch.float64,),
    torch.complex64: (torch.complex64, torch.complex128),
    torch.complex128: (torch.complex128,),
}
_REAL = (torch.float32, torch.float64)


def state_dtype(dtype: torch.dtype) -> torch.dtype:
    """The type in which states of a signal of this type are carried: float64, or complex128."""
    return torch.complex128 if dtype.is_complex else torch.float64


def check_signal(caller: str, name: str, x: Any, allow_complex: bool = False) -> None:
    """A tensor (..., T) of floats.

    Args:
        caller: the function, for the message.
        name: the argument, for the message.
        x: what was given.
        allow_complex: whether complex64 and complex128 are legal.

    Raises:
        TypeError: if it is no tensor or of another type.
        ValueError: if it has no time axis.
    """
    if not isinstance(x, Tensor):
        cure = f"torch.as_tensor({name})"
        raise TypeError(f"{caller}: {name} is a {type(x).__name__}; it must be a torch.Tensor: use {cure}.")
    legal = tuple(_WIDER) if allow_complex else _REAL
    if x.dtype not in legal:
        if x.dtype.is_complex:
            cure = f"filter {name}.real and {name}.imag, or use allpole, which takes complex numbers"
        elif x.dtype.is_floating_point:
            cure = f"use {name}.float()"
        else:
            cure = f"scale it to floats first, for 16-bit audio {name}.float() / 32768"
        raise TypeError(f"{caller}: {name} has dtype {x.dtype}; legal are {_names(legal)}: {cure}.")
    if x.dim() < 1:
        raise ValueError(f"{caller}: {name} is a scalar; it must have shape (..., T): use {name}.reshape(1).")


def check_coefficients(caller: str, name: str, value: Any, x: Tensor, core: str) -> None:
    """A tensor on x's device, of x's type or the wider one of its kind.

    Args:
        caller: the function, for the message.
        name: the argument, for the message.
        value: what was given.
        x: the signal it goes with.
        core: the trailing shape it must have, such as "(..., N)".

    Raises:
        TypeError: if it is no tensor, or of a type that goes not with x's.
        ValueError: if it lies on another device.
    """
    if not isinstance(value, Tensor):
        cure = f"torch.as_tensor({name}, dtype=x.dtype)"
        raise TypeError(f"{caller}: {name} is a {type(value).__name__}; it must be a torch.Tensor {core}: use {cure}.")
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
        raise ValueError(f"{caller}: {name} is on {value.device}, x on {x.device}: use {name}.to(x.device).")


def check_state(caller: str, zi: Any, x: Tensor, order: int, core: str) -> None:
    """A state (..., order) that goes with x: any precision, x's kind of numbers.

    Args:
        caller: the function, for the message.
        zi: what was given; None is legal.
        x: the signal.
        order: length its last axis must have.
        core: the shape it must have, for the message.

    Raises:
        TypeError: if it is no tensor or of a type that goes not with x's.
        ValueError: if its last axis is of another length, or it lies on another device.
    """
    if zi is None:
        return
    if not isinstance(zi, Tensor):
        raise TypeError(f"{caller}: zi is a {type(zi).__name__}; it must be a torch.Tensor {core}, or None.")
    legal = (torch.complex64, torch.complex128) if x.dtype.is_complex else _REAL
    if zi.dtype not in legal:
        raise TypeError(
            f"{caller}: zi has dtype {zi.dtype} where x has {x.dtype}; legal are {_names(legal)}: "
            f"use zi.to(torch.{_name(legal[-1])})."
        )
    if zi.dim() < 1 or zi.shape[-1] != order:
        raise ValueError(f"{caller}: zi has shape {tuple(zi.shape)}; it must be {core} with last length {order}.")
    if zi.device != x.device:
        raise ValueError(f"{caller}: zi is on {zi.device}, x on {x.device}: use zi.to(x.device).")


def common_shape(*shapes: Sequence[int]) -> torch.Size:
    """``torch.broadcast_shapes``, which is slow, without it where all shapes are the same."""
    first = shapes[0]
    if all(shape == first for shape in shapes[1:]):
        return torch.Size(first)
    return torch.broadcast_shapes(*shapes)


def broadcast_lead(caller: str, shapes: dict[str, Sequence[int]]) -> torch.Size:
    """The common leading shape of several arguments.

    Args:
        caller: the function, for the message.
        shapes: leading shape of each argument, by name.

    Returns:
        The broadcast shape.

    Raises:
        ValueError: if they do not broadcast.
    """
    try:
        return common_shape(*shapes.values())
    except RuntimeError:
        given = ", ".join(f"{name} {tuple(shape)}" for name, shape in shapes.items())
        raise ValueError(
            f"{caller}: the leading dimensions do not broadcast: {given}. Each must match from the right, be 1, or be "
            f"missing: put an axis of length 1 where one lacks, as a.unsqueeze(-2) does."
        ) from None


def decide_moving(caller: str, name: str, value: Tensor, x: Tensor, core_dims: int, moving: bool | None) -> bool:
    """Whether coefficients move: they have one axis more than x with its own core axes counted, or ``moving`` says so.

    Constant coefficients are (..., *core), moving ones (..., T, *core), x is (..., T). With as many leading axes as
    x has, constant coefficients have ``x.dim() - 1 + core_dims`` axes and moving ones ``x.dim() + core_dims``; fewer
    are constant.

    Args:
        caller: the function, for the message.
        name: the argument, for the message.
        value: the coefficients.
        x: the signal (..., T).
        core_dims: trailing axes of the coefficients of one moment.
        moving: None decides by the number of axes; True or False overrides it.

    Returns:
        True if the coefficients move.

    Raises:
        ValueError: if they have too few or too many axes, or move over another length than x's.
    """
    full = x.dim() + core_dims
    if moving is None:
        if value.dim() > full:
            raise ValueError(
                f"{caller}: {name} of shape {tuple(value.shape)} has more leading axes than x of shape "
                f"{tuple(x.shape)}, so whether it moves is ambiguous: pass moving=True or moving=False, or give x "
                f"axes of length 1."
            )
        moving = value.dim() == full
    if value.dim() < core_dims + int(moving):
        raise ValueError(
            f"{caller}: {name} has shape {tuple(value.shape)}; it needs at least {core_dims + int(moving)} axes."
        )
    if moving and value.shape[-1 - core_dims] != x.shape[-1]:
        raise ValueError(
            f"{caller}: {name} of shape {tuple(value.shape)} is taken as moving over {value.shape[-1 - core_dims]} "
            f"samples, but x of shape {tuple(x.shape)} has {x.shape[-1]}: give one set of coefficients a sample, or "
            f"pass moving=False if they are constant."
        )
    return moving


def is_stable(a: Tensor, margin: float = 0.0) -> Tensor:
    """Whether every pole of ``1 / (1 + a[1] z^-1 + ... + a[N] z^-N)`` has a radius below ``1 - margin``.

    The polynomial is stepped down to order 0 (Schur-Cohn); it is stable where every reflection coefficient is less
    than 1 in magnitude. No roots are computed, and NaN or inf is not stable.

    Args:
        a: (..., N) coefficients without the leading 1, real or complex. Moving coefficients are tested sample by
            sample, which guards against a bad design, but does not prove the moving filter stable.
        margin: distance the poles must keep from the unit circle.

    Returns:
        Booleans of shape (...).

    References:
        M. H. Hayes, Statistical Digital Signal Processing and Modeling, Wiley, 1996, section 5.2.5.
    """
    a = a.detach().to(state_dtype(a.dtype))
    order = a.shape[-1]
    if margin:
        a = a / (1.0 - margin) ** torch.arange(1, order + 1, device=a.device, dtype=torch.float64)
    stable = torch.ones(a.shape[:-1], dtype=torch.bool, device=a.device)
    for n in range(order, 0, -1):
        k = a[..., n - 1 :]
        stable = stable & (k[..., 0].abs() < 1.0)
        a = (a[..., : n - 1] - k * a[..., : n - 1].flip(-1).conj()) / (1.0 - k.abs() ** 2)
    return stable


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


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _names(dtypes: Sequence[torch.dtype]) -> str:
    return ", ".join(_name(d) for d in dtypes)
