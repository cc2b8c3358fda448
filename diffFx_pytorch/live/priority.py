"""The thread that plays before all others, where the system lets it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

_PRIORITY = 10
"""Of 1 to 99: over whatever has none, under the sound system's own threads."""


def come_first() -> bool:
    """Have the calling thread run as soon as it can, whatever else there is to do: Linux's round robin in real time.

    Returns:
        Whether that is so: not where the system has no such thing, does not allow it (as ``ulimit -r`` says) or has
        given the thread a schedule already.
    """
    try:
        if os.sched_getscheduler(0) != os.SCHED_OTHER:
            return False
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(_PRIORITY))
    except (AttributeError, OSError):
        return False
    return True


@contextlib.contextmanager
def first() -> Iterator[None]:
    """A context in which the calling thread comes first."""
    changed = come_first()
    try:
        yield
    finally:
        if changed:
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
