"""The effects, one folder per family.

Every module of the package is imported, and every effect defined there is a name of its family and of this package: an
effect's name is written once, where the effect is. The files ``__init__.pyi`` tell the names to editors and type
checkers; ``python docs/generate.py`` writes them.
"""

import importlib
import pkgutil
import sys

from ..params import EffectParam
from ..processor import is_effect

__all__ = ["EffectParam"]

for _module in pkgutil.walk_packages(__path__, f"{__name__}."):
    _found = importlib.import_module(_module.name)
    for _name, _value in list(vars(_found).items()):
        if is_effect(_value) and _value.__module__ == _found.__name__:
            setattr(sys.modules[_module.name.rpartition(".")[0]], _name, _value)
            globals()[_name] = _value
            __all__ += [_name]
