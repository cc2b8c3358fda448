"""What the meters in a graph read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from ..processors.utility.meter import MeterState
from ..stream import BlockState


def readings(state: Any) -> dict[str, dict[str, Tensor]]:
    """What every ``Meter`` in an effect reads, by the names of the effects that it is in, joined by dots.

    Args:
        state: what ``run`` of a meter, a chain, a mixer returned, or the ``state`` of a stream of it.

    Returns:
        Of each meter its readings, as ``Meter.readings`` gives them; a meter alone is "".

    Examples:
        >>> import torch
        >>> from diffFx_pytorch import Chain, Gain, Meter
        >>> chain = Chain(before=Meter(), gain=Gain(gain_db=-6), after=Meter())
        >>> _, state = chain.run(torch.ones(1, 2, 1000))
        >>> {name: round(float(found["rms_db"][0, 0]), 2) for name, found in readings(state).items()}
        {'before': 0.0, 'after': -6.0}
    """
    return {".".join(path): found.readings() for path, found in _meters(state, ())}


def from_here(state: Any) -> Any:
    """A state whose meters read what comes from now on; all else of it goes on."""
    if isinstance(state, MeterState):
        return None
    if isinstance(state, dict):
        return {name: from_here(inner) for name, inner in state.items()}
    if isinstance(state, (tuple, list)):
        values = [from_here(inner) for inner in state]
        return type(state)(*values) if hasattr(state, "_fields") else type(state)(values)
    return state


def _meters(nest: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], MeterState]]:
    if isinstance(nest, MeterState):
        yield path, nest
    elif isinstance(nest, BlockState):
        yield from _meters(nest.inner, path)
    elif isinstance(nest, dict):
        for name, inner in nest.items():
            yield from _meters(inner, path if name == "effects" else (*path, name))
    elif isinstance(nest, (tuple, list)):
        for inner in nest:
            yield from _meters(inner, path)
