"""Files that do not answer: a share that hangs must not hang what looks at it."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")
Asking = Callable[[object], None]
"""What is called with a path before the system is asked about it."""

_LOOK_SECONDS = 0.5


def answered(ask: Callable[[Asking], Found], timeout: float) -> Found:
    """The result of asking a file system, unless it stops to answer.

    It is asked in a thread of its own: a call that hangs in the system cannot be taken back, only left behind.

    Args:
        ask: what to do; it calls its argument with every path it is about to ask for.
        timeout: seconds after which a path that gave no answer is given up.

    Raises:
        OSError: naming the path that gives no answer.
        Exception: whatever ``ask`` raises.
    """
    said: list[tuple[object, float]] = [("", time.monotonic())]
    results: list[tuple[bool, object]] = []
    done = threading.Event()

    def asking(path: object) -> None:
        said[0] = (path, time.monotonic())

    def run() -> None:
        try:
            results.append((True, ask(asking)))
        except BaseException as error:  # handed on to who waits
            results.append((False, error))
        done.set()

    threading.Thread(target=run, daemon=True).start()
    while not done.wait(min(_LOOK_SECONDS, timeout)):
        path, since = said[0]
        if time.monotonic() - since > timeout:
            raise OSError(errno.ETIMEDOUT, f"gives no answer for {timeout:g} s; is it a share that hangs?", str(path))
    fine, result = results[0]
    if not fine:
        raise result  # type: ignore[misc]
    return result  # type: ignore[return-value]
