"""Reading a signal at a fractional, time-varying delay, in eager torch operations."""

from __future__ import annotations

import torch
from torch import Tensor

from diffFx_pytorch.dsp.interpolation import POINTS, history_length, split_delay, weights_or_slopes
from diffFx_pytorch.kernels.rows import broadcast_shape


def tap_weights(f: Tensor, t: Tensor | None, interpolation: str, derivative: bool = False) -> Tensor:
    """The weights of all taps, oldest first (..., P), or their derivatives to the delay.

    Args:
        f: fraction of the delay (...), as ``split_delay`` gives it.
        t: half the number of taps (...); None is all of them, which saves memory.
        interpolation: see ``gather_taps``.
        derivative: which of them.
    """
    if interpolation != "allpass":
        return weights_or_slopes(f, t, interpolation, derivative)
    linear = f < 0.5
    if derivative:
        return torch.stack((torch.where(linear, 1.0, 0.0 * f), torch.where(linear, -1.0, -2 / (1 + f) ** 2)), -1)
    return torch.stack((torch.where(linear, f, 1.0), torch.where(linear, 1 - f, (1 - f) / (1 + f))), -1)


def gather_taps(
    line: Tensor, start: int, delay: Tensor, interpolation: str, youngest: int = 0, derivative: bool = False
) -> Tensor:
    """``sum_p w_p(f[n]) line[start + n - k[n] - t[n] + p]``, one tap at a time so that memory does not grow with them.

    Args:
        line: signal with ``start`` samples of past in front (..., start + T).
        start: index of the sample at time 0.
        delay: samples (..., T).
        interpolation: any but the recursive ``"allpass"``, of which this is only the part without recursion.
        youngest: least delay a tap may have.
        derivative: use the derivatives of the weights, which gives the derivative to the delay.
    """
    k, f, t = split_delay(delay, interpolation, youngest)
    weights = tap_weights(f, t, interpolation, derivative).movedim(-1, 0)
    now = torch.arange(start, line.shape[-1], device=line.device)
    oldest = now - (k + t)
    batch_shape = broadcast_shape(line.shape[:-1], oldest.shape[:-1])
    source = line.expand(*batch_shape, line.shape[-1])
    total = torch.zeros((), dtype=line.dtype, device=line.device)
    for p in range(POINTS[interpolation]):
        at = (oldest + p).clamp(0, line.shape[-1] - 1).expand(*batch_shape, now.shape[0])
        tap = torch.where((oldest + p >= 0) & (oldest + p < line.shape[-1]), source.gather(-1, at), 0.0)
        total = total + weights[p].to(line.dtype) * tap
    return total


def delay_read(x: Tensor, delay: Tensor, interpolation: str = "lagrange", history: Tensor | None = None) -> Tensor:
    r"""Read ``x`` at ``n - delay[n]``: a time-varying fractional delay without feedback.

    .. math:: y[n] = x(n - d[n])

    Causal, exact at whole delays, zero before the start, differentiable in ``x`` and ``delay`` to any order, on every
    device. The kernel behind :func:`diffFx_pytorch.recursion.delay_line` does the same much faster on a CPU.

    Args:
        x: signal (..., T), float.
        delay: samples, at least 0: (...,) constant with fewer dimensions than ``x``, or (..., T) time-varying.
        interpolation: ``"linear"``, ``"cubic"``, ``"lagrange"`` (10 points) or ``"sinc"`` (16 points). A delay shorter
            than half the points uses as many as lie in the past: see :mod:`diffFx_pytorch.dsp.interpolation`.
        history: samples before ``x``, oldest first (..., H), for streaming: at least the longest delay plus half the
            points, see :func:`diffFx_pytorch.dsp.interpolation.history_length`. None is silence.

    Returns:
        ``y`` (..., T), of the dtype of ``x``.

    Raises:
        ValueError: interpolation unknown or recursive, or a negative constant delay.

    References:
        T. I. Laakso et al., "Splitting the unit delay", IEEE Signal Processing Magazine 13(1), 1996.
    """
    if interpolation not in POINTS or interpolation == "allpass":
        legal = ", ".join(name for name in POINTS if name != "allpass")
        raise ValueError(
            f"delay_read: interpolation must be one of {legal}; got {interpolation!r}. "
            "The recursive all-pass needs recursion.delay_line."
        )
    if isinstance(delay, (int, float)):
        if delay < 0:
            raise ValueError(
                f"delay_read: delay must be at least 0 samples, got {delay}; nothing is read from the future."
            )
        delay = x.new_full((), delay, dtype=torch.float64)
    if delay.ndim < x.ndim:
        delay = delay.unsqueeze(-1)
    start = POINTS[interpolation] if history is None else history.shape[-1]
    past = x.new_zeros(*x.shape[:-1], start) if history is None else history.to(x.dtype).expand(*x.shape[:-1], -1)
    return gather_taps(torch.cat([past, x], -1), start, delay.clamp(min=0.0), interpolation)


__all__ = ["delay_read", "gather_taps", "history_length"]
