"""``python tests/benchmarks [--only WORDS] [--seconds S]``: measure beside the peers, write docs/benchmarks.md."""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import platform
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))

from cold import table  # noqa: E402
from harness import Memory, Scaling, Speed, compare, costs, load, peak_bytes  # noqa: E402

PEERS = ("torch", "numba", "numpy", "scipy", "torchlpc", "torchcomp", "pedalboard", "dasp-pytorch", "flamo", "librosa")
LENGTHS = [10**4, 10**5, 10**6, 10**7]


def _machine() -> str:
    model = next(
        (
            li.split(":")[1].strip()
            for li in Path("/proc/cpuinfo").read_text().splitlines()
            if li.startswith("model name")
        ),
        platform.processor(),
    )
    flags = "AVX-512" if "avx512f" in Path("/proc/cpuinfo").read_text() else "no AVX-512"
    versions = []
    for peer in PEERS:
        try:
            versions.append(f"{peer} {importlib.metadata.version(peer)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"{peer} missing")
    return f"{model} ({flags}), {platform.system()}, Python {platform.python_version()}; {', '.join(versions)}."


def _correct() -> bool:
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-m", "not slow", "-x"], cwd=ROOT, check=False)
    return done.returncode == 0


def main() -> int:
    """Measure and write."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--only", default="", help="rows whose name contains this; prints, writes nothing")
    arguments.add_argument("--seconds", type=float, default=4.0, help="a row")
    arguments.add_argument("--skip-tests", action="store_true", help="measure without the tests; writes nothing")
    options = arguments.parse_args()
    dry = bool(options.only or options.skip_tests)
    if not dry and not _correct():
        print("the correctness tests are red: no figures are reported")
        return 1
    rows = load(HERE, options.only)
    lines = [
        "# Benchmarks",
        "",
        "Written by `python tests/benchmarks`, which refuses to run while the tests are red. Peers and ours are called",
        "in turn in one process with the same number of threads; the ratio is the median of neighbouring pairs, which",
        "a noisy machine leaves intact. The allocator is warm. Absolute times are this machine's on that day.",
        "",
        f"Run of {datetime.date.today():%-d %B %Y}. What was added since has no row.",
        "",
        _machine(),
        "",
        "## Speed",
        "",
        "| work | threads | ours, ns a sample | peer | peer, ns a sample | ratio | target |",
        "|---|---|---|---|---|---|---|",
    ]

    def add(line: str) -> None:
        lines.append(line)
        print(line, flush=True)

    for row in (r for r in rows if isinstance(r, Speed)):
        mine, theirs, ratio = compare(row, options.seconds)
        target = "" if row.target is None else f"{row.target:.3g}"
        if ratio is None:
            shown = "missing | |"
        else:
            mark = "" if row.target is None or ratio >= row.target else " (short)"
            shown = f"{theirs / row.samples * 1e9:.2f} | {ratio:.2f}{mark} |"
        add(f"| {row.name} | {row.threads} | {mine / row.samples * 1e9:.2f} | {row.peer_name} | {shown} {target} |")
    lines += ["", "## Peak memory of forward + backward", "", "| work | times the unit | limit |", "|---|---|---|"]
    for row in (r for r in rows if isinstance(r, Memory)):
        times = peak_bytes(row) / row.unit
        add(f"| {row.name} | {times:.2f}{'' if times <= row.limit else ' (over)'} | {row.limit:g} |")
    lines += ["", "## Cost over length, ns a sample and channel", ""]
    lines += ["| work | " + " | ".join(f"{n:.0e}" for n in LENGTHS) + " |", "|---|" + "---|" * len(LENGTHS)]
    for row in (r for r in rows if isinstance(r, Scaling)):
        add(f"| {row.name} | " + " | ".join(f"{c:.2f}" for c in costs(row, LENGTHS, options.seconds / 4)) + " |")
    if not options.only:
        lines.append("")
        for line in table():
            add(line)
    limits = HERE / "limits.md"
    lines += ["", limits.read_text()] if limits.exists() else []
    if not dry:
        (ROOT / "docs" / "benchmarks.md").write_text("\n".join(lines).rstrip() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
