"""Notices from an effect to whoever listens: the renderer's report of a file, or Python's warnings."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_listener: ContextVar[Callable[[str], None] | None] = ContextVar("listener", default=None)


def notify(text: str) -> None:
    """Say something that is no error: to the listener of this thread, or as a ``UserWarning`` where there is none."""
    listener = _listener.get()
    if listener is None:
        warnings.warn(text, stacklevel=3)
    else:
        listener(text)


@contextmanager
def listening(listener: Callable[[str], None]) -> Iterator[None]:
    """Within the block, give what is said in this thread to a function."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
