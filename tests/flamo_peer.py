"""FLAMO imported where it is installed, beside libraries that it names and that nothing here needs."""

import contextlib
import importlib
import sys
import types


@contextlib.contextmanager
def stand_ins():
    """Empty modules stand in for what FLAMO imports and is missing, and are forgotten again at the end."""
    absent = []
    for name in ("torchaudio", "pyfar", "nnAudio", "nnAudio.features"):
        try:
            importlib.import_module(name)
        except (ImportError, OSError):
            absent.append(name)
            sys.modules[name] = types.ModuleType(name)
    if "nnAudio" in absent:
        sys.modules["nnAudio"].features = sys.modules["nnAudio.features"]
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]
