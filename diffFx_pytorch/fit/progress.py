"""A progress bar on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(steps: int | None, show: bool | None) -> Iterator[Callable[[float], None]]:
    """Yield a function to call after each step with the loss; ``show`` None shows a bar where stderr is a terminal.

    ``steps`` None is an unknown number of them.
    """
    if not (sys.stderr.isatty() if show is None else show):
        yield lambda loss: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("fit", total=steps)
        yield lambda loss: bar.update(task, advance=1, description=f"fit {loss:.4g}")
