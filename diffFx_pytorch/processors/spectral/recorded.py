"""A whole call of an effect on frames as one operator, which is what export and trace record.

Frames are counted by whole division of the length, of which the solver of ``torch.export`` proves nothing; inside an
operator nobody asks it to.
"""

from __future__ import annotations

import functools
import json
from typing import Any

import torch
from torch import Tensor

from ... import registry
from ...kernels import define
from ...params import EffectParam
from ...processor import Processor


def exports() -> bool:
    """Whether ``torch.export`` is at work."""
    return torch.compiler.is_compiling() and getattr(torch.compiler, "is_exporting", torch.compiler.is_compiling)()


def description_of(fx: Processor, *left_out: str) -> str:
    """How to build an effect like this one, without some of its options."""
    ends = {name: [row.min_val, row.max_val] for name, row in fx.params.items()}
    options = {name: value for name, value in fx.construction.items() if name not in left_out}
    return json.dumps([type(fx).__name__, fx.sample_rate, ends, options])


def recorded(description: str, x: Tensor, profile: Tensor | None, **knobs: Tensor) -> Tensor:
    """``whole(x, profile, **knobs)`` of an effect as one operator.

    Args:
        description: of the effect, ``description_of``.
        x: (B, C, T).
        profile: of an effect that is built with a sound, what it made of it; (F,).
        knobs: (B, 1, 1 or T).
    """
    return _whole(x, torch.cat(torch.broadcast_tensors(*knobs.values()), 1), profile, description)


@functools.lru_cache(maxsize=16)
def _built(description: str, device: torch.device) -> Any:
    name, sample_rate, ends, options = json.loads(description)
    cls = registry.effect(name)
    return cls(sample_rate, {n: EffectParam(low, high) for n, (low, high) in ends.items()}, **options).to(device)


def _equation(x: Tensor, knobs: Tensor, profile: Tensor | None, description: str) -> Tensor:
    fx = _built(description, x.device)
    batch = torch.broadcast_shapes(x.shape[:-2], knobs.shape[:-2])
    items = x.expand(*batch, *x.shape[-2:]).reshape(-1, *x.shape[-2:])
    rows = knobs.expand(*batch, *knobs.shape[-2:]).reshape(-1, *knobs.shape[-2:]).split(1, 1)
    y = fx.whole(items, profile, **dict(zip(fx.params, rows, strict=True)))
    return y.reshape(*batch, *x.shape[-2:])


_whole = define(
    "spectral_whole",
    inputs={"x": 2, "knobs": 2, "profile?": 1},
    outputs={"y": lambda x, *_: (x.shape[-2:], x.dtype)},
    equation=_equation,
    settings={"description": str},
)
