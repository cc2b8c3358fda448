"""Who watches a fit: a progress bar on a terminal, or a function."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Watch = Callable[..., None]
"""Called after each step with the lowest error so far and a setting (P,), of knob positions, that has it or nearly."""


@contextmanager
def progress_bar(steps: int | None, show: bool | Watch | None) -> Iterator[Watch]:
    """Yield what to call after each step: ``show`` itself where it is a function; None shows a bar on a terminal.

    ``steps`` None is an unknown number of them.
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
        yield lambda loss, place=None: bar.update(task, advance=1, description=f"fit {loss:.4g}")
