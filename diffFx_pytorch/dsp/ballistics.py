"""Times of rising and falling as coefficients of one-pole smoothers."""

from __future__ import annotations

from torch import Tensor


def smoothing(time_ms: Tensor, sample_rate: float) -> Tensor:
    """The smoothing coefficient of a time constant, exp(-1 / (tau fs)), float64.

    Args:
        time_ms: tau in ms, any shape: the time in which a step is covered to 1 - 1/e (63 %).
        sample_rate: in Hz.
    """
    # 1 - c of a long time has no digits left in float32.
    return (-1000 / (sample_rate * time_ms.double())).exp()
