"""Phase gradient heap integration of a whole spectrogram."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from diffFx_pytorch.kernels import run_rows
from diffFx_pytorch.kernels.constants import constant
from diffFx_pytorch.kernels.operator import Kernel, define
from diffFx_pytorch.kernels.rows import as_rows, whole_rows

from .cpu.heap_integration import integrate_rows
from .gradient import bin_slope, gaussian_width, log_magnitude, time_slope, with_centred_phase
from .real_time_pghi import real_time_pghi
from .stft import STFT

METHODS = ("auto", "heap", "sweep")


def _integrate(batch_shape: tuple[int, ...], inputs: Any, outputs: Any) -> None:
    level, *others = (whole_rows(t, core, batch_shape) for t, core in zip(inputs, inputs.cores, strict=True))
    order = level.flatten(1).argsort(-1, descending=True)
    state = torch.zeros(order.shape, dtype=torch.uint8)
    outputs.phase.zero_()
    arrays = (t.numpy() for t in (level, order, *others))
    run_rows(integrate_rows, len(level), 1, *arrays, as_rows(outputs.phase, 2), state.numpy())


def _integrate_on_cpu(*tensors: Tensor) -> Tensor:
    """The same on any device, by the kernel of the CPU."""
    phase = _heap_integration(*(t.cpu() for t in tensors)) if tensors[0].numel() else tensors[0].double()
    return phase.to(tensors[0].device)


_heap_integration = define(
    "heap_integration",
    {"level": 2, "time_slope": 2, "bin_slope": 2, "floors": 1},
    {"phase": lambda level, *_: (level.shape[-2:], torch.float64)},
    _integrate_on_cpu,
    Kernel(_integrate),
    differentiable=False,
)


def pghi(
    magnitude: Tensor,
    stft: STFT,
    *,
    tolerance: Sequence[float] = (1e-2, 1e-10),
    gamma: float | None = None,
    method: str = "auto",
) -> Tensor:
    r"""A spectrum with the given magnitude and the phase that the magnitude's own gradient implies.

    For a Gaussian window exp(-pi n^2 / gamma) the phase's slopes are those of the log magnitude s, exchanged:

    .. math:: \partial_t \phi = \frac{2 \pi H k}{N} + \frac{H N}{\gamma} \partial_k s, \qquad
              \partial_k \phi = -\frac{\gamma}{H N} \partial_t s

    a step being a hop or a bin, phases counted from a frame's centre. They are summed from the loudest bin outwards,
    continuing from the loudest bin reached so far: first over the bins above the first tolerance, then the next, so
    that loud islands do not inherit through faint bridges, where the slopes are noise.

    Args:
        magnitude: (..., F, frames), float32 or float64, not negative.
        stft: the transform it belongs to.
        tolerance: levels of the passes relative to an item's loudest bin, falling; bins below the last get phase 0.
            (The paper's software starts at 1e-1; 1e-2 came out 0.4 dB better over speech, singing and instruments.)
        gamma: width of the Gaussian nearest to the window, in samples squared; None is the published one for Hann
            (0.25645 L^2), Hamming and Blackman, and a fit for others.
        method: "heap" runs on the CPU, items on threads; "sweep" (``real_time_pghi``) goes forwards in time only,
            costs a fifteenth, comes within 1 to 2 dB and runs on any device; "auto" is "heap" for a magnitude on the
            CPU and "sweep" for any other.

    Returns:
        Complex (..., F, frames). Gradients pass to the magnitude; the phase is detached.

    Raises:
        ValueError: what is no magnitude of this transform, an unknown method, tolerances that do not fall.

    References:
        Prusa, Balazs and Sondergaard, "A noniterative method for reconstruction of phase from STFT magnitude",
        IEEE/ACM Trans. ASLP 25(5), 2017, algorithm 1.
    """
    stft.check_magnitude("pghi", magnitude, onesided=True)
    if method not in METHODS:
        raise ValueError(f"pghi: method must be one of {', '.join(METHODS)}. Got {method!r}.")
    falling = all(a > b for a, b in pairwise(tolerance))
    if not tolerance or not falling or not tolerance[-1] > 0 or not tolerance[0] <= 1:
        raise ValueError(f"pghi: tolerance must fall from at most 1 and stay above 0. Got {tuple(tolerance)}.")
    if gamma is not None and not gamma > 0:
        raise ValueError(f"pghi: gamma must be positive. Got {gamma!r}.")
    if method == "sweep" or (method == "auto" and magnitude.device.type != "cpu"):
        return real_time_pghi(magnitude, stft, gamma=gamma)
    with torch.no_grad():
        gamma = gaussian_width(stft) if gamma is None else gamma
        level = log_magnitude(magnitude.detach().transpose(-1, -2))
        slopes = time_slope(level, stft, gamma), bin_slope(level, stft, gamma)
        below = constant(tuple(math.log(t) for t in tolerance), level.dtype, level.device)
        floors = level.amax((-2, -1)).unsqueeze(-1) + below
        phase = _heap_integration(level, *slopes, floors).transpose(-1, -2)
    return with_centred_phase(magnitude, phase, stft)
