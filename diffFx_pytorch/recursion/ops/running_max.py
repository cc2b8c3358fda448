"""The largest of the last so many samples."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from diffFx_pytorch.kernels import Kernel, bound_rows, define
from diffFx_pytorch.kernels.cuda import triton_kernel
from diffFx_pytorch.kernels.rows import as_rows
from diffFx_pytorch.recursion.checks import check_signal
from diffFx_pytorch.recursion.cpu.running_max import running_max_rows


def _equation(x: Tensor, window: int) -> Tensor:
    """Where the largest of ``x[t : t + window]`` stands: (..., T + window - 1) to int64 (..., T).

    By doubling: the largest of two overlapping windows is that of the window that they cover.
    """
    largest, index, reach = x, torch.arange(x.shape[-1], device=x.device).expand(x.shape), 1
    while reach < window:
        step = min(reach, window - reach)
        earlier, later = largest[..., :-step], largest[..., step:]
        stays = earlier > later  # of equal ones the last
        largest = torch.where(stays, earlier, later)
        index = torch.where(stays, index[..., :-step], index[..., step:])
        reach += step
    return index


def _bind(batch_shape: tuple[int, ...], inputs: Any, outputs: Any, window: int) -> Callable[[], None]:
    return bound_rows(running_max_rows, math.prod(batch_shape), 1, as_rows(inputs.x), window, as_rows(outputs.index))


_running_max_index = define(
    "running_max_index",
    inputs={"x": 1},
    outputs={"index": lambda x, window: ((x.shape[-1] - window + 1,), torch.int64)},
    equation=_equation,
    kernel=Kernel.bound(_bind),
    settings={"window": int},
    differentiable=False,
)
_running_max_index.register(device="cuda", kernel=triton_kernel("diffFx_pytorch.recursion.cuda.running_max"))


def running_max(
    x: Tensor, window: int, zi: Tensor | None = None, return_zf: bool = False
) -> Tensor | tuple[Tensor, Tensor]:
    r"""The largest of the last ``window`` samples: :math:`y_t = \max(x_{t - W + 1}, \dots, x_t)`.

    A kernel says which sample it is; value and derivative are that sample's, so derivatives of any order are exact
    wherever the largest is one alone. Of equal ones the last counts. The cost does not depend on the window.

    Args:
        x: (..., T), float32 or float64.
        window: W, at least 1.
        zi: the W - 1 samples before x, (..., W - 1); None is silence, zeros.
        return_zf: also return the last W - 1 samples.

    Returns:
        ``y`` (..., T); with ``return_zf`` also the samples to go on from.

    Raises:
        TypeError: x is no float tensor.
        ValueError: a window that is not positive.
    """
    check_signal("running_max", x)
    if window < 1:
        raise ValueError(f"running_max: window must be 1 or more, got {window}")
    if window == 1:
        return (x, x[..., :0]) if return_zf else x
    past = x.new_zeros(*x.shape[:-1], window - 1) if zi is None else zi.to(x.dtype)
    padded = torch.cat((past, x), -1)
    y = padded.gather(-1, _running_max_index(padded, window)) if x.shape[-1] else x
    return (y, padded[..., x.shape[-1] :]) if return_zf else y
