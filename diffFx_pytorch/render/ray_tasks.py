"""Jobs as tasks of Ray, on one machine or a cluster of machines that share their files (extra `ray`)."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from .answering import answered
from .workers import Lost, Told

Job = TypeVar("Job")
Result = TypeVar("Result")

_LOOK_SECONDS = 1.0
_TRIES_AGAIN = 2
_HELD = 2
"""Jobs given out for each processor: one that runs, and one that begins when it ends."""
_kept: dict[str, Any] = {}


def in_ray(
    run: Callable[[Job, Told], Result],
    jobs: Iterable[Job],
    workers: int,
    timeout: float,
    heard: Callable[[Job, float], None],
    address: str | None = None,
) -> Iterator[tuple[Job, Result | Lost]]:
    """Do jobs as tasks of Ray, of one thread each.

    A task whose process or machine dies is done again elsewhere, twice at most. ``run``, jobs and results must be what
    pickle takes, and the paths in them must mean the same on every machine.

    Args:
        run: does a job; raises nothing that is expected.
        jobs: what to do.
        workers: number of processes, where a cluster on this machine is made.
        timeout: seconds without a sign of a job after which it is given up.
        heard: called with a job that ended: Ray hands on no progress.
        address: of a cluster, as ``ray.init`` takes it ("auto", "ray://host:10001"); None is the one that this process
            is connected to, or else one on this machine, for these jobs.

    Yields:
        A job and its result, in the order in which they finish.

    Raises:
        ValueError: without Ray, or where there is no such cluster.
    """
    with _cluster(address, workers) as ray:
        task = ray.remote(num_cpus=1, max_retries=_TRIES_AGAIN)(_work)
        # Of a reference in a list Ray makes no copy for each task.
        what = (secrets.token_hex(8), [ray.put(run)], timeout, os.getcwd())
        most = _HELD * max(1, int(ray.cluster_resources().get("CPU", workers)))
        waiting, begun = iter(jobs), {}
        try:
            while True:
                while len(begun) < most and (job := next(waiting, None)) is not None:
                    begun[task.remote(job, *what)] = job
                if not begun:
                    return
                ready, _ = ray.wait([*begun], timeout=_LOOK_SECONDS)
                for reference in ready:
                    job = begun.pop(reference)
                    try:
                        outcome = ray.get(reference)
                    except ray.exceptions.RayError as error:
                        outcome = Lost(f"ended its process, {1 + _TRIES_AGAIN} times ({type(error).__name__})")
                    heard(job, 0.0)
                    yield job, outcome
        finally:
            for reference in begun:
                ray.cancel(reference, force=True)


def _work(job: Any, name: str, held: list[Any], timeout: float, folder: str) -> Any:
    import ray  # type: ignore[import-not-found]  # an extra
    import torch

    if name not in _kept:
        torch.set_num_threads(1)
        _kept.clear()
        _kept[name] = ray.get(held[0])
    if os.path.isdir(folder):
        os.chdir(folder)  # paths may be as they were given
    try:
        return answered(lambda asking: _kept[name](job, lambda _: asking("")), timeout)
    except TimeoutError:
        return Lost(f"was given up: nothing happened for {timeout:g} s")


@contextmanager
def _cluster(address: str | None, workers: int) -> Iterator[Any]:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray  # type: ignore[import-not-found]  # an extra
    except ImportError as error:
        raise ValueError("the engine ray needs Ray: pip install ray") from error
    if ray.is_initialized():
        yield ray
        return
    where: dict[str, Any] = {"address": address} if address else {"num_cpus": workers, "include_dashboard": False}
    try:
        ray.init(**where, logging_level=logging.ERROR, log_to_driver=False, configure_logging=False)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise ValueError(f"there is no cluster of Ray at {address or 'this machine'}: {error}") from error
    try:
        yield ray
    finally:
        ray.shutdown()
