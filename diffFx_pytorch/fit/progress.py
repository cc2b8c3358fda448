"""Who watches a fit: a progress bar on a terminal, or a function."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Watch = Callable[..., None]
"""Called after each step with the lowest error so far and a setting (P,), of knob positions, that has it or nearly."""


@contextmanager
def progress_bar(steps: int | None, show: bool | Watch | None, decibels: bool = False) -> Iterator[Watch]:
    """Yield what to call after each step: ``show`` itself where it is a function; None shows a bar on a terminal.

    ``steps`` None is an unknown number of them; ``decibels`` shows the loss as the level of a residual.
    """
    if callable(show):
        yield show
        return
    if not (sys.stderr.isatty() if show is None else show):
        yield lambda loss, place=None: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("fit", total=steps)

        def advance(loss: float, place: object = None) -> None:
            level = f"residual {10 * math.log10(max(loss, 1e-20)):.1f} dB" if decibels else f"fit {loss:.4g}"
            bar.update(task, advance=1, description=level)

        yield advance
