"""Public functions over the delay line: with feedback, and as a plain read."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from diffFx_pytorch.dsp.interpolation import INTERPOLATIONS, POINTS, history_length
from diffFx_pytorch.kernels.precision import where_float64_is
from diffFx_pytorch.kernels.transforms import is_traced
from diffFx_pytorch.recursion.checks import REAL, broadcast_batch, check_signal, coefficients
from diffFx_pytorch.recursion.ops.feedback_delay import feedback_delay_operator

_STATES = 3  # of the all-pass interpolator, the low-pass and the high-pass


def delay_state_length(max_delay: int, interpolation: str = "lagrange") -> int:
    """Length of the state of :func:`feedback_delay` and :func:`delay_line`.

    The state (..., H + 3) holds the last H samples of the line, oldest first, ``H = max_delay`` plus half the points
    of the interpolator, then the states of all-pass interpolator, low-pass and high-pass. All zero is silence.
    """
    _check_interpolation("delay_state_length", interpolation)
    return history_length(max_delay, interpolation) + _STATES


Line = tuple[Tensor, Tensor]
"""A state without copies: the last samples of the line (..., at most H), of the dtype of x, and the filters'."""


def silent_line(x: Tensor, channels: int, interpolation: str) -> Line:
    """The line of a signal (B, C, T) before time zero, for ``line_read``."""
    shape = (x.shape[0], channels)
    return x.new_zeros(*shape, POINTS[interpolation]), x.new_zeros(*shape, _STATES, dtype=torch.float64)


def kept_line(line: Line, block: int) -> Line:
    """The line after a block of so many samples, without the whole buffer of a block that is longer than the line."""
    samples, filters = line
    if is_traced() or block > samples.shape[-1]:
        samples = samples.clone(memory_format=torch.contiguous_format)
    return samples, filters


def line_read(
    x: Tensor,
    delay: Tensor,
    line: Line,
    max_delay: int,
    interpolation: str,
    *,
    feedback: Tensor | None = None,
    lowpass: Tensor | None = None,
    highpass: Tensor | None = None,
    saturation: str | None = None,
) -> tuple[Tensor, Line]:
    """``feedback_delay`` or, without feedback, ``delay_line``, whose state is a ``Line``: nothing of it is copied.

    Args:
        x: (B, C, T).
        delay: in samples, (B, C or 1, 1 or T), like the others.
        line: before the block, ``silent_line`` at the beginning; what it has no samples for is silence.
        max_delay: samples, the longest delay.
        interpolation: see ``delay_line``.
        feedback: see ``feedback_delay``.
        lowpass: likewise.
        highpass: likewise.
        saturation: None or "tanh".
    """
    past, tail = line
    given = {"delay": delay, "feedback": feedback, "lowpass": lowpass, "highpass": highpass}
    d, *rows = (None if p is None else coefficients("line_read", n, p, x, "") for n, p in given.items())
    history = history_length(max_delay, interpolation)
    if POINTS[interpolation] < past.shape[-1] < history and not is_traced():
        # What goes on in blocks gets its full length at once: from then on all blocks are alike.
        past = torch.nn.functional.pad(past, (history - past.shape[-1], 0))
    v, whole, end = feedback_delay_operator(
        x, d, *rows, past, tail, interpolation, saturation is not None, float(max_delay)
    )
    # A traced graph must not depend on the length.
    if is_traced():
        whole = torch.nn.functional.pad(whole, (history, 0))
    return v, (whole[..., -history:], end)


def _check_interpolation(caller: str, interpolation: str) -> None:
    if interpolation not in POINTS:
        raise ValueError(f"{caller}: interpolation must be one of {', '.join(INTERPOLATIONS)}; got {interpolation!r}.")


def _run(
    caller: str,
    x: Tensor,
    delay: Tensor | float,
    parameters: Mapping[str, Tensor | float | None],
    saturate: bool,
    interpolation: str,
    max_delay: int | None,
    zi: Tensor | None,
    return_zf: bool,
    time_varying: bool | None,
) -> Tensor | tuple[Tensor, Tensor]:
    check_signal(caller, x)
    _check_interpolation(caller, interpolation)
    least = 1 if parameters["feedback"] is not None else 0
    if isinstance(delay, (int, float)) and not least <= delay < math.inf:
        raise ValueError(f"{caller}: delay must be at least {least} sample(s), got {delay}.")
    d = coefficients(caller, "delay", delay, x, "", time_varying)
    rows = {n: None if p is None else coefficients(caller, n, p, x, "", time_varying) for n, p in parameters.items()}
    if max_delay is not None and (isinstance(max_delay, bool) or not isinstance(max_delay, int) or max_delay < 1):
        raise ValueError(f"{caller}: max_delay must be a whole number of samples from 1 up, got {max_delay!r}.")
    if zi is not None:
        if not isinstance(zi, Tensor) or zi.dtype not in REAL:
            raise TypeError(f"{caller}: zi must be a float tensor, got {getattr(zi, 'dtype', type(zi).__name__)}.")
        implied = zi.shape[-1] - delay_state_length(0, interpolation) if 0 < zi.ndim <= x.ndim else -1
        if implied < 1 or max_delay not in (None, implied):
            wanted = "max_delay + " if max_delay is None else f"{max_delay} + "
            raise ValueError(
                f"{caller}: zi of shape {tuple(zi.shape)} does not fit; it must be (..., {wanted}"
                f"{delay_state_length(0, interpolation)}) with at most {x.ndim} dimensions: see delay_state_length()."
            )
        max_delay = implied
    elif return_zf and max_delay is None:
        top = d.detach().max() if d.numel() else torch.ones(())
        max_delay = max(1, math.ceil(float(top)))
    limit = math.inf if max_delay is None else float(max_delay)
    if zi is None:
        past, tail = None, x.new_zeros(_STATES, dtype=torch.float64)
    else:
        past, tail = zi[..., :-_STATES].to(x.dtype), zi[..., -_STATES:].double()
    given = {"x": x, "delay": d, **rows, "zi": tail}
    broadcast_batch(caller, **{name: (t, 1) for name, t in given.items() if t is not None})
    v, line, end = feedback_delay_operator(x, d, *rows.values(), past, tail, interpolation, saturate, limit)
    if not return_zf:
        return v
    assert max_delay is not None
    history = history_length(max_delay, interpolation)
    missing = history if is_traced() else history - line.shape[-1]
    kept = torch.nn.functional.pad(line, (missing, 0)) if missing > 0 else line
    kept = kept[..., kept.shape[-1] - history :]
    return v, torch.cat([kept.double(), end], -1)


@where_float64_is
def feedback_delay(
    x: Tensor,
    delay: Tensor | float,
    feedback: Tensor | float,
    *,
    lowpass: Tensor | float | None = None,
    highpass: Tensor | float | None = None,
    saturation: str | None = None,
    interpolation: str = "lagrange",
    max_delay: int | None = None,
    zi: Tensor | None = None,
    return_zf: bool = False,
    time_varying: bool | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    r"""Delay line with feedback, fractional and time-varying tap; returns the tap, the echoes without the dry signal.

    .. math:: v_n &= w(n - d_n) \\
        l_n &= c^l_n l_{n-1} + (1 - c^l_n) v_n, \qquad m_n = c^h_n m_{n-1} + (1 - c^h_n) l_n \\
        w_n &= x_n + g_n \tanh(l_n - m_n)

    The first echo has gain 1, the next ``g`` times the response of the loop's filters, and so on. Low-pass ``l``,
    high-pass (what a low-pass ``m`` leaves) and tanh are left out unless asked for. Both filters have a gain of at most
    one, so ``|g| < 1`` is stable at any setting; tanh bounds the loop at any gain.

    Between samples the line is interpolated: ``"linear"``, ``"cubic"`` (Lagrange, 4 points), ``"lagrange"`` (10
    points, within 0.04 dB to 10 kHz at half a sample and 44.1 kHz, gain never over one), ``"sinc"`` (16 points, Kaiser
    window, gain at most 1.002, so keep ``|g| < 0.998``), ``"allpass"`` (first order, flat, for slow changes).
    Delays shorter than half the points use Lagrange's interpolation on as many points as lie in the past, which is
    linear under two samples; whole delays are exact with every one of them. At a whole delay the derivative to the
    delay is the one towards longer delays.

    Parameters are numbers, tensors (...) constant, with fewer axes than ``x``, or (..., T) time-varying, with as many;
    in the dtype of ``x`` or float64. Batch dimensions broadcast. A float32 delay of 44100 samples has steps of 1/256
    sample: give long delays in float64.

    Args:
        x: signal (..., T), float32 or float64.
        delay: samples, at least 1.
        feedback: loop gain ``g``, linear, of either sign.
        lowpass: coefficient ``c^l`` of the loop's low-pass, ``exp(-2 pi f / sample_rate)``, in [0, 1).
        highpass: coefficient ``c^h`` of the loop's high-pass, likewise.
        saturation: ``"tanh"`` or None.
        interpolation: see above.
        max_delay: longest delay in samples that ever comes, which sizes the state; needed with ``return_zf`` and no
            ``zi`` under ``torch.compile``, else taken from ``zi`` or ``delay``.
        zi: state from a call before, (..., delay_state_length(max_delay, interpolation)); None is silence.
        return_zf: also return the state after the last sample, float64, detached from nothing: it has gradients.
        time_varying: None takes a parameter with as many axes as ``x`` as time-varying, with fewer as constant; True or
            False says it for all.

    Returns:
        ``v`` of the broadcast shape (..., T) and the dtype of ``x``; with ``return_zf`` also ``zf``.

    Raises:
        TypeError: no float tensors, or parameters narrower than ``x``.
        ValueError: a delay under one sample, over ``max_delay`` or NaN (on the CPU; elsewhere it is clamped, NaN
            to the least), shapes
            that do not broadcast, a ``zi`` of another length, an unknown name.

    References:
        T. I. Laakso et al., "Splitting the unit delay", IEEE Signal Processing Magazine 13(1), 1996.
        J. Dattorro, "Effect design, part 2: delay-line modulation and chorus", JAES 45(10), 1997.
    """
    if saturation not in (None, "tanh"):
        raise ValueError(f"feedback_delay: saturation must be None or 'tanh'; got {saturation!r}.")
    if feedback is None:
        raise TypeError("feedback_delay: feedback must be a float or a tensor, got None; delay_line() has none.")
    parameters = {"feedback": feedback, "lowpass": lowpass, "highpass": highpass}
    saturate = saturation == "tanh"
    return _run("feedback_delay", x, delay, parameters, saturate, interpolation, max_delay, zi, return_zf, time_varying)


@where_float64_is
def delay_line(
    x: Tensor,
    delay: Tensor | float,
    *,
    interpolation: str = "lagrange",
    max_delay: int | None = None,
    zi: Tensor | None = None,
    return_zf: bool = False,
    time_varying: bool | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    r"""Fractional, time-varying delay without feedback: :math:`y_n = x(n - d_n)`.

    Interpolation, parameters and state are those of :func:`feedback_delay`; delays may go down to 0 samples.

    Args:
        x: signal (..., T), float32 or float64.
        delay: samples, at least 0.
        interpolation: ``"linear"``, ``"cubic"``, ``"lagrange"``, ``"sinc"`` or ``"allpass"``.
        max_delay: longest delay that ever comes, in samples.
        zi: state from a call before, (..., delay_state_length(max_delay, interpolation)); None is silence.
        return_zf: also return the state after the last sample.
        time_varying: None takes a parameter with as many axes as ``x`` as time-varying, with fewer as constant; True or
            False says it for all.

    Returns:
        ``y`` (..., T) in the dtype of ``x``; with ``return_zf`` also ``zf`` in float64.

    Raises:
        TypeError: no float tensors, or a delay narrower than ``x``.
        ValueError: as :func:`feedback_delay`.
    """
    parameters = {"feedback": None, "lowpass": None, "highpass": None}
    return _run("delay_line", x, delay, parameters, False, interpolation, max_delay, zi, return_zf, time_varying)
