"""Processes that do one job after another; one that dies or hangs costs its job, and is replaced."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")
Told = Callable[[float], None]
"""What a job calls with its progress, so that it is not taken for hanging."""

_LOOK_SECONDS = 1.0
_PATIENCE = 5.0


@dataclass(frozen=True)
class Lost:
    """A job whose process did not finish it, and why: the end of a sentence about the job."""

    why: str


@dataclass
class _Worker(Generic[Job]):
    process: Any
    connection: Connection
    job: Job
    heard: float

    def end(self) -> None:
        """Let it remove what it has begun; then end it."""
        with contextlib.suppress(OSError):
            self.connection.close()
        self.process.terminate()
        self.process.join(_PATIENCE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join(_PATIENCE)


def in_processes(
    run: Callable[[Job, Told], Result],
    jobs: Iterable[Job],
    workers: int,
    timeout: float,
    heard: Callable[[Job, float], None],
) -> Iterator[tuple[Job, Result | Lost]]:
    """Do jobs in processes of one thread each.

    Processes are forked on Linux, and share what is loaded; elsewhere they are started anew, and ``run``, jobs and
    results must be what pickle takes. They end with the process that started them. Where memory runs out they are
    the first that the system ends.

    Args:
        run: does a job; raises nothing that is expected.
        jobs: what to do.
        workers: number of processes.
        timeout: seconds without a sign of a job after which it is given up.
        heard: called with a job and its progress.

    Yields:
        A job and its result, in the order in which they finish.
    """
    context = multiprocessing.get_context("fork" if sys.platform.startswith("linux") else "spawn")
    waiting = iter(jobs)
    team: list[_Worker[Any]] = []
    idle: list[_Worker[Any]] = []
    try:
        while True:
            for job in itertools.islice(waiting, workers - len(team)):
                worker = idle.pop() if idle else _started(context, run, [w.connection for w in (*team, *idle)])
                worker.job, worker.heard = job, time.monotonic()
                team.append(worker)
                with contextlib.suppress(OSError):  # one that died while it was idle is found below
                    worker.connection.send(job)
            if not team:
                return
            ready = wait([worker.connection for worker in team], _LOOK_SECONDS)
            for worker in [*team]:
                outcome = None
                if worker.connection in ready:
                    try:
                        done, content = worker.connection.recv()
                        worker.heard = time.monotonic()
                    except (EOFError, OSError):
                        worker.process.join(_PATIENCE)
                        outcome = Lost(_death(worker.process.exitcode))
                    else:
                        if not done:
                            heard(worker.job, content)
                            continue
                        outcome = content
                        idle.append(worker)
                elif time.monotonic() - worker.heard > timeout:
                    worker.process.kill()
                    worker.process.join(_PATIENCE)
                    outcome = Lost(f"was given up: nothing happened for {timeout:g} s")
                else:
                    continue
                team.remove(worker)
                if isinstance(outcome, Lost):
                    worker.connection.close()
                yield worker.job, outcome
    finally:
        for worker in idle:  # they end when nobody can give them a job any more
            worker.connection.close()
        for worker in team:
            worker.end()
        for worker in idle:
            worker.process.join(_PATIENCE)


def _started(context: Any, run: Callable[..., Any], others: list[Connection]) -> _Worker[Any]:
    ours, theirs = context.Pipe()
    inherited = [ours, *others] if context.get_start_method() == "fork" else []
    process = context.Process(target=_work, args=(run, theirs, inherited), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours, None, 0.0)


def _work(run: Callable[..., Any], connection: Connection, inherited: list[Connection]) -> None:
    import torch

    # A key press goes to all processes; the one that started this one decides what becomes of it.
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    for other in inherited:
        other.close()  # so that this process hears of the end of its parent
    torch.set_num_threads(1)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("900")
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            job = connection.recv()
            connection.send((True, run(job, lambda share: connection.send((False, share)))))


def _death(code: int | None) -> str:
    if code is None:
        return "was given up: its process does not answer"
    if code >= 0:
        return f"ended its process with status {code}"
    name = signal.Signals(-code).name
    return f"ended its process ({name}{', perhaps for lack of memory' if name == 'SIGKILL' else ''})"
