"""The engines on a CUDA device beside one thread of the CPU, a copy of the same bytes, and peers on the same card.

    python -m tests.benchmarks.gpu

takes less than eight minutes and prints its table last: milliseconds forward, and forward with backward; what was asked
of an H100 or H200; launches of one call of both ways. Without a device it says so.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tests.benchmarks.gpu_rows import ROWS, Row

MOST_SECONDS = 450.0
"""Rows that would begin later are left out, and said to be."""
SECONDS = 0.5
"""Of each measurement."""


def _median_ms(call: Callable[[], Any], cuda: bool) -> float:
    call()
    times, end = [], time.perf_counter() + SECONDS
    while not times or (time.perf_counter() < end and len(times) < 200):
        if cuda:
            begin, done = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            call()
            done.record()
            torch.cuda.synchronize()
            times.append(begin.elapsed_time(done))
        else:
            start = time.perf_counter()
            call()
            times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def _calls(row: Row, device: str) -> tuple[Callable[[], Any], Callable[[], Any], Tensor]:
    given = row.make(device)
    leaves = [t.requires_grad_() for t in given if isinstance(t, Tensor) and t.is_floating_point()]

    def forward() -> Any:
        with torch.no_grad():
            return row.run(*given)

    def both() -> Any:
        return torch.autograd.grad(row.run(*given).square().mean(), leaves)

    return forward, both, leaves[0].detach()


def _launches(call: Callable[[], Any]) -> int:
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as seen:
        call()
        torch.cuda.synchronize()
    return sum(event.count for event in seen.key_averages() if "LaunchKernel" in event.key)


def measured(row: Row, device: str = "cuda", events: bool = True) -> list[str]:
    """The row's cells; times by the device's events, or by the clock."""
    if row.whole:
        ours, theirs = (_median_ms(row.whole(d), False) for d in (device, "cpu"))
        return [row.name, f"{ours:.1f}", *"----", f"{theirs:.1f}", "-", f"{theirs / ours:.1f}", "-"]
    forward, both, x = _calls(row, device)
    times = [_median_ms(call, events) for call in (forward, both)]
    to = torch.empty_like(x)
    copy = _median_ms(lambda: to.copy_(x), events)
    launches = _launches(both) if events else 0
    cpu_forward, cpu_both, _ = _calls(row, "cpu")
    on_cpu = [_median_ms(call, False) for call in (cpu_forward, cpu_both)]
    peer = "-"
    if row.peer:
        name, make = row.peer
        try:
            peer = f"{name} {_median_ms(make(device), events):.2f}"
        except ImportError:
            peer = f"{name} is not installed"
        except Exception as error:
            peer = f"{name}: {type(error).__name__}"
    asked = "/".join("-" if a is None else f"{a:g}" for a in row.asked)
    cells = [f"{times[0]:.3f}", f"{times[1]:.3f}", asked, f"{copy:.3f}", f"{launches}"]
    return [row.name, *cells, *(f"{t:.2f}" for t in on_cpu), f"{on_cpu[1] / times[1]:.1f}", peer]


HEADINGS = ["row", "fwd ms", "both ms", "asked", "copy", "launches", "CPU fwd", "CPU both", "faster", "peer"]


def table(rows: list[list[str]]) -> str:
    """Cells in columns."""
    widths = [max(len(row[i]) for row in [HEADINGS, *rows]) for i in range(len(HEADINGS))]
    lines = [[cell.ljust(w) for cell, w in zip(row, widths, strict=True)] for row in [HEADINGS, *rows]]
    return "\n".join("  ".join(line).rstrip() for line in lines)


def main() -> int:
    """Measure and print."""
    if not torch.cuda.is_available():
        print("There is no CUDA device here, so nothing was measured.")
        return 0
    torch.set_num_threads(1)
    begin, rows = time.perf_counter(), []
    for row in ROWS:
        if time.perf_counter() - begin > MOST_SECONDS:
            rows.append([row.name, *["left out"] * (len(HEADINGS) - 1)])
            continue
        print(f"{row.name} (after {time.perf_counter() - begin:.0f} s)", file=sys.stderr, flush=True)
        try:
            rows.append(measured(row))
        except Exception as error:
            rows.append(
                [row.name, *["-"] * (len(HEADINGS) - 2), f"{type(error).__name__}: {error}".splitlines()[0][:80]]
            )
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}; milliseconds, one thread of the CPU.")
    print(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
