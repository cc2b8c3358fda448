"""Networks of gains and whole delays as the recursion in time that they are: exact, and quick."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from .connections import Parallel, Recursion, Series
from .delays import Delay
from .gains import Gain, Matrix
from .ops import loop_impulse
from .system import System


def exact_impulse_response(system: System, samples: int) -> Tensor:
    """The first samples of a response that rings on, with nothing folded back: (..., outputs, inputs, samples).

    For constant gains around one loop of whole delays and constant gains, in any nesting of series, with constant gains
    beside it or not: a feedback delay network without filters.

    Raises:
        ValueError: for any other system.
    """
    if isinstance(system, Parallel) and system.combine == "sum":
        return functools.reduce(torch.add, (exact_impulse_response(part, samples) for part in system.parts.values()))
    gain = _constant(system)
    if gain is not None:
        return torch.nn.functional.pad(gain.unsqueeze(-1), (0, samples - 1))
    stages = _flat(system)
    loops = [stage for stage in stages if isinstance(stage, Recursion)]
    if len(loops) == 1:
        at, delays, back = stages.index(loops[0]), loops[0].feedforward, _constant(loops[0].feedback)
        if isinstance(delays, Delay) and _is_whole(delays) and back is not None:
            identity = torch.eye(delays.inputs, dtype=back.dtype, device=back.device)
            b, c = _product(stages[:at], identity), _product(stages[at + 1 :], identity)
            if b is not None and c is not None:
                return loop_impulse(back, delays.samples().long(), b, c, samples)
    raise ValueError(
        f"{type(system).__name__} is no loop of whole delays and constant gains, with gains before and after it; "
        "its response is sampled in frequency"
    )


def _flat(system: System) -> list[System]:
    if isinstance(system, Series):
        return [stage for part in system.parts.values() for stage in _flat(part)]
    return [system]


def _constant(system: System) -> Tensor | None:
    """The matrix of a system that is one at every frequency, None for another."""
    if isinstance(system, Gain):
        gain = system.value("gain")
        return torch.diag_embed(gain) if system.diagonal else gain
    if isinstance(system, Matrix):
        return system.value("matrix")
    if isinstance(system, Series):
        return _product(list(system.parts.values()))
    return None


def _product(stages: list[System], empty: Tensor | None = None) -> Tensor | None:
    product = None
    for stage in stages:
        matrix = _constant(stage)
        if matrix is None:
            return None
        product = matrix if product is None else matrix @ product
    return empty if product is None else product


def _is_whole(delays: Delay) -> bool:
    """Delays of one sample or more, one a channel, about which nothing is learned."""
    learned = delays.offset.requires_grad
    return delays.diagonal and delays.integer and not learned and bool((delays.base >= 1).all())
