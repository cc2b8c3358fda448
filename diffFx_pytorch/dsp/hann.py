"""The mean under a Hann window, at a cost that does not depend on its length."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..kernels import Kernel, bound_rows, define
from ..kernels.rows import as_rows
from .fir import fir


def _equation(padded: Tensor, taps: int) -> Tensor:
    window = np.hanning(taps + 2)[1:-1]
    return fir(padded, tuple((window / window.sum()).tolist()))


def _bind(_: tuple[int, ...], inputs: Any, outputs: Any, taps: int) -> Callable[[], None]:
    from .cpu.hann_rows import hann_rows

    y = as_rows(outputs.y)
    return bound_rows(hann_rows, len(y), 1, as_rows(inputs.padded), taps, y)


def _backward(_: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any, taps: int) -> list[Tensor]:
    # The window is symmetric.
    return [hann_mean(torch.nn.functional.pad(grads.y, (taps - 1, taps - 1)), taps)]


def _tangent(inputs: Any, outputs: Any, along: Any, taps: int) -> Tensor:
    return hann_mean(torch.zeros_like(inputs.padded) if along.padded is None else along.padded, taps)


hann_mean = define(
    "hann_mean",
    inputs={"padded": 1},
    outputs={"y": lambda padded, taps: ((padded.shape[-1] - taps + 1,), padded.dtype)},
    equation=_equation,
    kernel=Kernel.bound(_bind, _backward),
    settings={"taps": int},
    tangent=_tangent,
)
"""``y[t] = sum_k w[k] padded[t + k]``: (..., T + taps - 1) to (..., T), T at least 1.

w is a Hann window of ``taps`` numbers without the zeros at its ends, of sum 1: w[k] proportional to
sin^2(pi (k + 1) / (taps + 1)).
"""
