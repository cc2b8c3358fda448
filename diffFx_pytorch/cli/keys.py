"""Keys that are pressed while a command runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def pressed_keys() -> Iterator[Callable[[float], str]]:
    """Read the keyboard key by key, if standard input is one.

    Yields:
        A function of seconds to wait, which gives the key pressed in them, or an empty string.
    """
    if not sys.stdin.isatty():
        yield _none
        return
    try:
        import select
        import termios
        import tty
    except ImportError:  # Windows
        yield _on_windows
        return
    place = sys.stdin.fileno()
    before = termios.tcgetattr(place)
    tty.setcbreak(place)
    try:
        yield lambda seconds: sys.stdin.read(1) if select.select([sys.stdin], [], [], seconds)[0] else ""
    finally:
        termios.tcsetattr(place, termios.TCSADRAIN, before)


def _none(seconds: float) -> str:
    time.sleep(seconds)
    return ""


def _on_windows(seconds: float) -> str:
    import msvcrt

    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if msvcrt.kbhit():  # type: ignore[attr-defined]  # Windows only
            return msvcrt.getwch()  # type: ignore[attr-defined]
        time.sleep(0.01)
    return ""
