"""Interpretable, differentiable audio effects in PyTorch.

Names are imported when first used (PEP 562), so that ``difffx --help`` does not wait for torch.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .params import EffectParam as EffectParam
    from .processor import Processor as Processor
    from .processors import *  # noqa: F403
    from .routing import Chain as Chain

__version__ = "0.1.0"

_HOMES = {"EffectParam": "params", "Processor": "processor", "Chain": "routing"}
_MODULES = {module.name for module in pkgutil.iter_modules(__path__)}  # noqa: F405

__all__ = ["Chain", "EffectParam", "Processor", "__version__"]
if TYPE_CHECKING:
    from . import processors

    __all__ += processors.__all__


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f".{name}", __name__)
    if not name.startswith("_"):
        home = importlib.import_module(f".{_HOMES.get(name, 'processors')}", __name__)
        if hasattr(home, name):
            return getattr(home, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    processors = importlib.import_module(".processors", __name__)
    return sorted({*globals(), *_HOMES, *_MODULES, *processors.__all__})
