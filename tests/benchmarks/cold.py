"""CPU seconds of the first use of an effect where nothing is compiled yet, each in a process and cache of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

BEFORE = {"Compressor": (6.3, 4.6), "FeedbackDelay": (8.1, 9.6), "FDNReverb": (7.5, 2.6)}
"""Forward, and the training step after it, when every inner function was compiled by itself."""

PROGRAM = """
import sys, time
import numba, torch
from diffFx_pytorch import registry

numba.njit(lambda x: x)(1)  # the compiler itself is loaded
fx, x = registry.effect(sys.argv[1])(44100), torch.randn(1, 2, 4410)
start = time.process_time()
with torch.no_grad():
    fx(x)
forward = time.process_time()
knobs = torch.rand(1, len(fx.param_names), requires_grad=True)
fx(x.requires_grad_(), norm_params=knobs).square().mean().backward()
print(forward - start, time.process_time() - forward)
"""


def cold_seconds(effect: str, cache: str) -> tuple[float, float]:
    """CPU seconds of a forward pass and of the training step that follows it."""
    environment = {**os.environ, "DIFFFX_CACHE": cache, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", PROGRAM, effect]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    forward, training = map(float, done.stdout.split())
    return forward, training


def table(effects: tuple[str, ...] = tuple(BEFORE)) -> list[str]:
    """The lines of the section."""
    lines = [
        "## First use, nothing compiled yet, CPU seconds",
        "",
        "Forward + training step, each effect in a new process with an empty folder for kernels, and again in another.",
        "",
        "| effect | before inner functions were compiled with their callers | cold | kernels kept |",
        "|---|---|---|---|",
    ]
    for effect in effects:
        with tempfile.TemporaryDirectory() as cache:
            pairs = [BEFORE[effect], cold_seconds(effect, cache), cold_seconds(effect, cache)]
        lines.append(f"| {effect} | " + " | ".join(f"{a:.1f} + {b:.1f}" for a, b in pairs) + " |")
    return lines


if __name__ == "__main__":
    print("\n".join(table()))
