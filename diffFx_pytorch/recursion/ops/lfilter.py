"""Filters of poles and zeros with scipy's meaning and scipy's states."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from ..checks import broadcast_lead, check_coefficients, check_signal, check_state, decide_moving, state_dtype
from .allpole import recur
from .fir import fir


def lfilter(
    x: Tensor,
    b: Tensor,
    a: Tensor,
    zi: Tensor | None = None,
    return_zf: bool = False,
    *,
    moving: bool | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    r"""``scipy.signal.lfilter``, differentiable, with coefficients that may move.

    .. math:: a_0 y[t] = b_0 x[t] + z_0[t-1], \quad z_m[t] = z_{m+1}[t-1] + b_{m+1} x[t] - a_{m+1} y[t]

    the transposed direct form 2, after division by a_0. Moving coefficients are those of sample t in these equations,
    as if scipy were called sample by sample with its state carried. All of it is computed in float64 whatever x is.
    For high orders, and for coefficients that move fast, :func:`sosfilt` and its state variable form behave better.

    Args:
        x: (..., T) float32 or float64 (or complex).
        b: (..., Nb) constant or (..., T, Nb) moving numerator; x's dtype or the wider one of its kind.
        a: (..., Na) constant or (..., T, Na) moving denominator, a[0] included and not 0; b and a may differ in length,
            and one may move while the other stands.
        zi: (..., max(Na, Nb) - 1) state in scipy's order, as ``lfilter_zi`` and ``lfiltic`` give it; None is silence.
        return_zf: also return the final state, to go on from.
        moving: None takes b, and a, as moving where it has one axis more than x, else as constant; True or False
            overrides that for both.

    Returns:
        y (..., T) in x's dtype and, if asked for, zf (..., max(Na, Nb) - 1) in float64 (complex128).

    Raises:
        TypeError: no tensors, integers, or dtypes that do not go together.
        ValueError: shapes that do not go together.

    Example:
        >>> lfilter(torch.ones(3), torch.tensor([0.5, 0.5]), torch.tensor([1.0]))
        tensor([0.5000, 1.0000, 1.0000])
    """
    check_signal("lfilter", "x", x, allow_complex=True)
    check_coefficients("lfilter", "b", b, x, "(..., Nb) or (..., T, Nb)")
    check_coefficients("lfilter", "a", a, x, "(..., Na) or (..., T, Na)")
    b_moves = decide_moving("lfilter", "b", b, x, 1, moving)
    a_moves = decide_moving("lfilter", "a", a, x, 1, moving)
    if min(a.shape[-1], b.shape[-1]) < 1:
        raise ValueError(f"lfilter: b {tuple(b.shape)} and a {tuple(a.shape)} need at least one coefficient each.")
    order = max(a.shape[-1], b.shape[-1]) - 1
    check_state("lfilter", zi, x, order, "(..., max(Na, Nb) - 1)")
    shapes: dict[str, Sequence[int]] = {
        "x": x.shape[:-1],
        "b": b.shape[: -2 if b_moves else -1],
        "a": a.shape[: -2 if a_moves else -1],
    }
    if zi is not None:
        shapes["zi"] = zi.shape[:-1]
    lead = broadcast_lead("lfilter", shapes)

    wide, samples = state_dtype(x.dtype), x.shape[-1]
    # (lag, ..., time) with time of length 1 where a coefficient stands still.
    numerator = _by_lag(b.to(wide), b_moves)
    denominator = _by_lag(a.to(wide), a_moves)
    numerator = [c / denominator[0] for c in numerator]
    feedback = [c / denominator[0] for c in denominator[1:]]
    if a_moves or b_moves:
        signal = x.to(wide)
        drive = numerator[0] * signal
        for lag, c in enumerate(numerator[1:], 1):
            drive = drive + _delayed(c * signal, lag)
    else:
        drive = fir(x, torch.cat(numerator, dim=-1))
    if zi is not None:
        head = zi.to(wide)[..., :samples]
        drive = drive + pad(head, (0, samples - head.shape[-1]))
    if feedback:
        if a_moves:
            # What y[t] owes to y[t - i] was put into the state at t - i, by the coefficient of that moment.
            taps = [_delayed(c.expand(*c.shape[:-1], samples), lag) for lag, c in enumerate(feedback, 1)]
            y, _ = recur(drive, torch.stack(taps, dim=-1), None, True)
        else:
            y, _ = recur(drive, torch.cat(feedback, dim=-1), None, False)
    else:
        y = drive
    y = y.expand(*lead, samples)
    out = y.to(x.dtype)
    if not return_zf:
        return out
    return out, _final_state(x.to(wide), y, numerator[1:], feedback, zi, order)


def _by_lag(c: Tensor, moves: bool) -> list[Tensor]:
    return list(c.unbind(-1)) if moves else [tap.unsqueeze(-1) for tap in c.unbind(-1)]


def _delayed(x: Tensor, lag: int) -> Tensor:
    samples = x.shape[-1]
    return pad(x[..., : max(samples - lag, 0)], (min(lag, samples), 0))


def _final_state(
    x: Tensor, y: Tensor, numerator: list[Tensor], feedback: list[Tensor], zi: Tensor | None, order: int
) -> Tensor:
    """``z[m]`` after the last sample: everything the past will yet add to the output m samples on."""
    samples = x.shape[-1]
    nothing = torch.zeros(y.shape[:-1], dtype=y.dtype, device=y.device)
    state = []
    for m in range(order):
        total = nothing if zi is None or samples + m >= order else nothing + zi[..., samples + m]
        for sign, signal, taps in ((1.0, x, numerator), (-1.0, y, feedback)):
            for lag in range(m + 1, len(taps) + 1):
                t = samples + m - lag
                if t >= 0:
                    c = taps[lag - 1]
                    total = total + sign * c[..., t if c.shape[-1] == samples else 0] * signal[..., t]
        state.append(total)
    return torch.stack(state, dim=-1) if state else y.new_zeros((*y.shape[:-1], 0))
