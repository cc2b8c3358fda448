"""Initial states of filters, and zero-phase filtering, which needs them; scipy's names, meanings and padding."""

from __future__ import annotations

from typing import Any, Literal, get_args

import torch
from torch import Tensor
from torch.nn.functional import pad

from .checks import broadcast_batch, check_signal, state_dtype
from .ops.lfilter import lfilter
from .ops.sections import sosfilt

PadType = Literal["odd", "even", "constant"]


def lfilter_zi(b: Tensor, a: Tensor) -> Tensor:
    r"""``scipy.signal.lfilter_zi``, differentiable: the state of :func:`lfilter` under a constant input of 1.

    .. math:: z_m = \sum_{i > m} (b_i - a_i H), \quad H = \sum b / \sum a

    Args:
        b: (..., Nb) numerator.
        a: (..., Na) denominator, a[0] included and not 0. A filter with a pole at 1 has no such state: inf or NaN.

    Returns:
        (..., max(Na, Nb) - 1) in float64 (complex128), to be multiplied by the first sample.

    Raises:
        TypeError: no float tensors.
        ValueError: no coefficients, or batch shapes that do not broadcast.
    """
    b, a = _polynomials("lfilter_zi", b, a)
    gain = b.sum(-1, keepdim=True) / a.sum(-1, keepdim=True)
    return (b - a * gain)[..., 1:].flip(-1).cumsum(-1).flip(-1)


def sosfilt_zi(sos: Tensor) -> Tensor:
    """``scipy.signal.sosfilt_zi``, differentiable: the state of :func:`sosfilt` under a constant input of 1.

    Args:
        sos: (..., K, 6) sections as b0 b1 b2 a0 a1 a2, a0 not 0.

    Returns:
        (..., K, 2) in float64, to be multiplied by the first sample.

    Raises:
        TypeError: no float tensor.
        ValueError: of another shape.
    """
    sos = _sections("sosfilt_zi", sos)
    b, a = sos[..., :3], sos[..., 3:]
    gains = b.sum(-1) / a.sum(-1)
    before = pad(gains.cumprod(-1)[..., :-1], (1, 0), value=1.0)
    return before.unsqueeze(-1) * lfilter_zi(b, a)


def lfiltic(b: Tensor, a: Tensor, y: Tensor, x: Tensor | None = None) -> Tensor:
    """``scipy.signal.lfiltic``, differentiable: the state of :func:`lfilter` after these outputs and inputs.

    Args:
        b: (..., Nb) numerator.
        a: (..., Na) denominator, a[0] included and not 0.
        y: (..., n) outputs, the most recent first: y[-1], y[-2], ...; silence before them.
        x: (..., m) inputs, the most recent first; None is silence.

    Returns:
        (..., max(Na, Nb) - 1) in float64 (complex128).

    Raises:
        TypeError: no float tensors.
        ValueError: no coefficients, or batch shapes that do not broadcast.
    """
    b, a = _polynomials("lfiltic", b, a)
    check_signal("lfiltic", y, allow_complex=True)
    past = [(a, -y.to(a.dtype))]
    if x is not None:
        check_signal("lfiltic", x, allow_complex=True)
        past.append((b, x.to(a.dtype)))
    broadcast_batch("lfiltic", b=(b, 1), a=(a, 1), y=(y, 1), **({} if x is None else {"x": (x, 1)}))
    order = a.shape[-1] - 1
    state = []
    for m in range(order):
        terms = [c[..., m + 1 :][..., : s.shape[-1]] * s[..., : order - m] for c, s in past]
        state.append(sum((t.sum(-1) for t in terms), torch.zeros((), dtype=a.dtype, device=a.device)))
    return torch.stack(torch.broadcast_tensors(*state), -1) if state else a[..., 1:]


def filtfilt(b: Tensor, a: Tensor, x: Tensor, padtype: PadType | None = "odd", padlen: int | None = None) -> Tensor:
    """``scipy.signal.filtfilt``, differentiable: forwards, then backwards, so no phase and twice the decibels.

    Args:
        b: (..., Nb) numerator.
        a: (..., Na) denominator, a[0] included and not 0.
        x: (..., T) float32 or float64 (or complex).
        padtype: how x goes on beyond its ends, ``"odd"``, ``"even"``, ``"constant"``, or None for silence.
        padlen: by how many samples; None is 3 max(Na, Nb), as scipy has it. x must be longer.

    Returns:
        (..., T) in x's dtype; computed in float64.

    Raises:
        TypeError: no float tensors.
        ValueError: shapes that do not go together, an unknown ``padtype``, or x not longer than ``padlen``.
    """
    check_signal("filtfilt", x, allow_complex=True)
    b, a = _polynomials("filtfilt", b, a)
    edge = 3 * a.shape[-1] if padlen is None else padlen
    zi = lfilter_zi(b, a)

    def run(signal: Tensor) -> Any:
        return lfilter(signal, b, a, zi * signal[..., :1], time_varying=False)

    return _both_ways("filtfilt", run, x, padtype, edge)


def sosfiltfilt(sos: Tensor, x: Tensor, padtype: PadType | None = "odd", padlen: int | None = None) -> Tensor:
    """``scipy.signal.sosfiltfilt``, differentiable: :func:`filtfilt` for cascades of sections.

    Args:
        sos: (..., K, 6) sections as b0 b1 b2 a0 a1 a2, a0 not 0.
        x: (..., T) float32 or float64.
        padtype: as for :func:`filtfilt`.
        padlen: by how many samples; None is scipy's, 3 (2 K + 1 - n), n the smaller of the numbers of sections with
            b2 = 0 and with a2 = 0 (in all items of a batch); it is read from ``sos``, so it waits for a device.

    Returns:
        (..., T) in x's dtype; computed in float64.

    Raises:
        TypeError: no float tensors.
        ValueError: shapes that do not go together, an unknown ``padtype``, or x not longer than ``padlen``.
    """
    check_signal("sosfiltfilt", x)
    sos = _sections("sosfiltfilt", sos)
    if padlen is None:
        first_order = (sos[..., [2, 5]] == 0).reshape(-1, sos.shape[-2], 2).all(0).sum(0).min()
        padlen = 3 * (2 * sos.shape[-2] + 1 - int(first_order))
    zi = sosfilt_zi(sos)

    def run(signal: Tensor) -> Any:
        return sosfilt(signal, sos, zi * signal[..., :1, None], time_varying=False)

    return _both_ways("sosfiltfilt", run, x, padtype, padlen)


def _both_ways(caller: str, run: Any, x: Tensor, padtype: PadType | None, edge: int) -> Tensor:
    samples, edge = x.shape[-1], 0 if padtype is None else edge
    if padtype not in (None, *get_args(PadType)):
        legal = ", ".join(map(repr, get_args(PadType)))
        raise ValueError(f"{caller}: padtype must be {legal} or None, got {padtype!r}.")
    if not 0 <= edge < samples:
        raise ValueError(
            f"{caller}: x has {samples} samples and must have more than the {edge} (padlen, 0 or more) that it is "
            f"continued by: give a longer x, or a smaller padlen."
        )
    signal = x.to(state_dtype(x.dtype))
    if edge:
        first, last = signal[..., :1], signal[..., -1:]
        head, tail = signal[..., 1 : edge + 1].flip(-1), signal[..., -edge - 1 : -1].flip(-1)
        if padtype == "odd":
            head, tail = 2 * first - head, 2 * last - tail
        elif padtype == "constant":
            head, tail = first.expand_as(head), last.expand_as(tail)
        signal = torch.cat((head, signal, tail), -1)
    y = run(run(signal).flip(-1)).flip(-1)
    return y[..., edge : edge + samples].to(x.dtype)


def _polynomials(caller: str, b: Tensor, a: Tensor) -> tuple[Tensor, Tensor]:
    """Both in float64 (complex128), of one length, divided by a[0]."""
    for name, value in (("b", b), ("a", a)):
        if not isinstance(value, Tensor) or not (value.is_floating_point() or value.is_complex()):
            raise TypeError(f"{caller}: {name} must be a float torch.Tensor, got {type(value).__name__}.")
    if min(b.dim(), a.dim()) < 1 or min(b.shape[-1], a.shape[-1]) < 1:
        raise ValueError(f"{caller}: b {tuple(b.shape)} and a {tuple(a.shape)} need at least one coefficient each.")
    broadcast_batch(caller, b=(b, 1), a=(a, 1))
    wide, length = state_dtype(torch.promote_types(b.dtype, a.dtype)), max(b.shape[-1], a.shape[-1])
    b, a = (pad(value.to(wide), (0, length - value.shape[-1])) for value in (b, a))
    return b / a[..., :1], a / a[..., :1]


def _sections(caller: str, sos: Tensor) -> Tensor:
    if not isinstance(sos, Tensor) or not sos.is_floating_point():
        raise TypeError(f"{caller}: sos must be a float torch.Tensor (..., K, 6), got {type(sos).__name__}.")
    if sos.dim() < 2 or sos.shape[-1] != 6:
        raise ValueError(f"{caller}: sos must be (..., K, 6), got {tuple(sos.shape)}.")
    return sos.double()
