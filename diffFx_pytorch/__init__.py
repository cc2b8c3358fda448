"""Interpretable, differentiable audio effects in PyTorch.

Names are imported when first used (PEP 562), so that ``difffx --help`` does not wait for torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .params import EffectParam as EffectParam
    from .processor import Processor as Processor
    from .routing import Chain as Chain

__version__ = "0.1.0"

_HOMES = {"EffectParam": "params", "Processor": "processor", "Chain": "routing"}
_MODULES = (
    "dsp",
    "fit",
    "params",
    "plots",
    "presets",
    "processor",
    "processors",
    "recursion",
    "registry",
    "render",
    "routing",
)

__all__ = ["Chain", "EffectParam", "Processor", "__version__"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    if name in _MODULES:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, *_MODULES})
