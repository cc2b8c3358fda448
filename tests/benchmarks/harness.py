"""Time ours and a peer side by side: interleaved in one process, medians and ratios; an absolute time is no result."""

from __future__ import annotations

import gc
import importlib
import importlib.util
import multiprocessing
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

Call = Callable[[], object]

MISSING = (ImportError, OSError)
"""What an import raises of a peer that is not there, or that cannot load: a library built beside another torch."""


def loads(name: str) -> bool:
    """Whether a module can be imported."""
    try:
        importlib.import_module(name)
    except MISSING:
        return False
    return True


@dataclass(frozen=True)
class Speed:
    """One row: what is timed, against whom, and how many times faster it must be.

    Args:
        name: what is done.
        ours: makes the call to time.
        peer: makes the peer's call; raises one of MISSING where the peer is not installed or cannot load.
        target: peer time / our time that must be reached; None where no figure is set.
        samples: samples times channels a call handles, for ns a sample.
        threads: of torch, for both.
    """

    name: str
    ours: Callable[[], Call]
    peer: Callable[[], Call]
    peer_name: str
    target: float | None
    samples: int
    threads: int = 1


@dataclass(frozen=True)
class Memory:
    """One row: peak memory of a call above what its inputs take, in units of ``unit`` bytes."""

    name: str
    make: Callable[[], Call]
    unit: int
    limit: float


@dataclass(frozen=True)
class Scaling:
    """One row: cost a sample over lengths; ``make(T)`` gives the call."""

    name: str
    make: Callable[[int], Call]
    channels: int = 1


def load(folder: Path, pattern: str) -> list:
    """Rows of every ``bench_*.py`` of ``folder``, by the lists ``SPEED``, ``MEMORY``, ``SCALING`` they define."""
    rows = []
    for path in sorted(folder.glob("bench_*.py")):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for kind in ("SPEED", "MEMORY", "SCALING"):
            rows += [row for row in getattr(module, kind, []) if pattern.lower() in row.name.lower()]
    return rows


def one_thread(call: Call) -> Call:
    """The call on one thread, as the peer of a row that has several."""

    def alone() -> object:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return call()
        finally:
            torch.set_num_threads(threads)

    return alone


def _time(call: Call) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def compare(row: Speed, seconds: float) -> tuple[float, float | None, float | None]:
    """Median seconds of ours, of the peer's, and the median of the ratios of neighbouring runs."""
    torch.set_num_threads(row.threads)
    ours = row.ours()
    try:
        peer = row.peer()
    except MISSING:
        peer = None
    for _ in range(2):
        ours()
        if peer:
            peer()
    gc.collect()
    mine, theirs = [], []
    end = time.perf_counter() + seconds
    while len(mine) < 5 or time.perf_counter() < end:
        mine.append(_time(ours))
        if peer:
            theirs.append(_time(peer))
    if not theirs:
        return statistics.median(mine), None, None
    ratios = [b / a for a, b in zip(mine, theirs, strict=True)]
    return statistics.median(mine), statistics.median(theirs), statistics.median(ratios)


def _status(key: str) -> int:
    line = next(li for li in Path("/proc/self/status").read_text().splitlines() if li.startswith(key))
    return int(line.split()[1]) * 1024


def _peak(make: Callable[[], Call], pipe) -> None:
    torch.set_num_threads(1)
    call = make()
    call()
    gc.collect()
    # The allocator keeps freed pages; hand them back so that the peak is this call's own.
    import ctypes

    ctypes.CDLL("libc.so.6").malloc_trim(0)
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    call()
    pipe.send(_status("VmHWM") - before)


def peak_bytes(row: Memory) -> int:
    """Peak resident memory of a warm call above what was resident before it, measured in a process of its own."""
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=_peak, args=(row.make, send))
    process.start()
    result = receive.recv()
    process.join()
    return result


def costs(row: Scaling, lengths: list[int], seconds: float) -> list[float]:
    """Median nanoseconds a sample and channel for each length."""
    torch.set_num_threads(1)
    result = []
    for length in lengths:
        call = row.make(length)
        call()
        times = []
        end = time.perf_counter() + seconds
        while len(times) < 3 or time.perf_counter() < end:
            times.append(_time(call))
        result.append(statistics.median(times) / length / row.channels * 1e9)
    return result
