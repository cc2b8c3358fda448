"""What takes its time: rendering the file, and looking for settings. Each runs in a thread and tells how far it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from ..presets.chain_file import ChainFile
from ..render import render_file
from .nodes import text_of
from .session import Session

Tell = Callable[..., None]


class StoppedError(Exception):
    """A person stopped a job."""


class Jobs:
    """At most one job of each kind at a time.

    Args:
        session: whose listeners hear of them, as messages "job".
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.states: dict[str, dict[str, Any]] = {}
        self._stops: dict[str, threading.Event] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._lock = threading.Lock()

    def start(self, kind: str, work: Callable[[Tell, threading.Event], dict[str, Any]]) -> None:
        """Begin a job.

        Args:
            kind: of the job.
            work: called in a thread with a function to tell how far it is, and with what is set when it shall stop;
                returns what came of it.

        Raises:
            ValueError: if one of its kind is under way.
        """
        with self._lock:
            if (thread := self._threads.get(kind)) is not None and thread.is_alive():
                raise ValueError(f"one {kind} at a time: stop the one that is under way first")
            stop = self._stops[kind] = threading.Event()
            self.states[kind] = {"kind": kind, "state": "running"}
            self._threads[kind] = thread = threading.Thread(
                target=self._run, args=(kind, work, stop), name=f"studio {kind}", daemon=True
            )
            thread.start()

    def stop(self, kind: str, wait: float = 0.0) -> None:
        """Ask a job to stop, and wait for it so many seconds."""
        if kind in self._stops:
            self._stops[kind].set()
            if wait:
                self._threads[kind].join(wait)

    def stop_all(self, wait: float = 5.0) -> None:
        """Ask all to stop, and wait."""
        for kind in list(self._stops):
            self.stop(kind)
        for thread in list(self._threads.values()):
            thread.join(wait)

    def _run(self, kind: str, work: Callable[[Tell, threading.Event], dict[str, Any]], stop: threading.Event) -> None:
        def tell(**said: Any) -> None:
            self.states[kind] = {**self.states[kind], **said}
            self.session.tell("job", self.states[kind])

        tell()
        try:
            tell(**{"state": "done", **work(tell, stop)})
        except StoppedError:
            tell(state="stopped")
        except Exception as error:  # whatever it is, the page says so
            tell(state="failed", problem=str(error) or type(error).__name__)


def rendering(
    session: Session, name: str, overwrite: bool = False
) -> Callable[[Tell, threading.Event], dict[str, Any]]:
    """The job that renders the whole file through the rack into another.

    Raises:
        ValueError: for a name outside of the folder or taken, or where there is nothing to render.
    """
    with session.lock:
        if session.source is None:
            raise ValueError("no sound is open")
        source, target = session.folder.path(session.source.name), session.folder.path(name)
        if target.exists() and not overwrite:
            raise ValueError(f"{name}: is there already")
        text = text_of([node for node in session.nodes if not node.bypass], bypassed=False)
        chain, settings = ChainFile(text, str(session.folder.root / "rack")).build(session.desk.rate)
        seconds = session.source.seconds

    def work(tell: Tell, stop: threading.Event) -> dict[str, Any]:
        target.parent.mkdir(parents=True, exist_ok=True)
        done, told = 0.0, 0.0

        def progress(more: float) -> None:
            nonlocal done, told
            if stop.is_set():
                raise StoppedError
            done += more
            if time.monotonic() - told > 0.1:
                told = time.monotonic()
                tell(done=min(1.0, done / seconds))

        rendered = render_file(chain, settings, source, target, progress=progress)
        return {
            "done": 1.0,
            "name": session.folder.name(target),
            "seconds": rendered.seconds,
            "peak_db": rendered.peak_db if rendered.peak_db > -1e9 else None,
            "warnings": list(rendered.warnings),
        }

    return work
