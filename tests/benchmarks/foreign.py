"""Other people's effects: pedalboard's at random settings, fitted by ours; what is left of the spectral distance.

    python -m tests.benchmarks.foreign --trials 3 --seconds 30 [names]

The share is that of the multi-resolution STFT distance from dry to wet. Asked: 5 % for filters and the compressor, 15 %
for delay, chorus, phaser and distortion, 40 % for the reverb.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections.abc import Callable
from typing import Any

import torch

from diffFx_pytorch import Chain, Processor, processors
from diffFx_pytorch.fit import MultiResolutionSTFT, fit

from .learnability import recordings
from .structure import stereo


def _log(chance: random.Random, low: float, high: float) -> float:
    return math.exp(chance.uniform(math.log(low), math.log(high)))


def pairs() -> dict[str, tuple[Callable[[random.Random], Any], Callable[[int], Processor], float]]:
    """By name: pedalboard's effect of a random setting, ours, and the share that is asked."""
    import pedalboard as pb

    p = processors
    return {
        "HighpassFilter": (lambda c: pb.HighpassFilter(_log(c, 40, 4000)), lambda r: p.HighPass(r), 0.05),
        "LowpassFilter": (lambda c: pb.LowpassFilter(_log(c, 200, 8000)), lambda r: p.LowPass(r), 0.05),
        "PeakFilter": (
            lambda c: pb.PeakFilter(_log(c, 80, 8000), c.choice((-1, 1)) * c.uniform(4, 18), _log(c, 0.4, 6)),
            lambda r: p.Peak(r),
            0.05,
        ),
        "LowShelfFilter": (
            lambda c: pb.LowShelfFilter(_log(c, 60, 1000), c.choice((-1, 1)) * c.uniform(4, 18), _log(c, 0.4, 2)),
            lambda r: p.LowShelf(r),
            0.05,
        ),
        "HighShelfFilter": (
            lambda c: pb.HighShelfFilter(_log(c, 1000, 8000), c.choice((-1, 1)) * c.uniform(4, 18), _log(c, 0.4, 2)),
            lambda r: p.HighShelf(r),
            0.05,
        ),
        "Compressor": (
            lambda c: pb.Compressor(c.uniform(-40, -15), _log(c, 2, 12), _log(c, 1, 50), _log(c, 20, 400)),
            lambda r: p.Compressor(r),
            0.05,
        ),
        "Distortion": (lambda c: pb.Distortion(c.uniform(5, 30)), lambda r: p.TanH(r), 0.15),
        "Delay": (
            lambda c: pb.Delay(_log(c, 0.03, 0.6), c.uniform(0, 0.7), c.uniform(0.2, 0.6)),
            lambda r: p.FeedbackDelay(r),
            0.15,
        ),
        "Chorus": (
            lambda c: pb.Chorus(_log(c, 0.3, 4), c.uniform(0.1, 0.5), c.uniform(6, 15), 0.0, c.uniform(0.3, 0.6)),
            lambda r: p.Chorus(r),
            0.15,
        ),
        "Phaser": (
            lambda c: pb.Phaser(_log(c, 0.3, 4), c.uniform(0.2, 0.8), _log(c, 400, 3000), 0.0, c.uniform(0.3, 0.6)),
            lambda r: p.Phaser(r),
            0.15,
        ),
        "Reverb": (
            lambda c: pb.Reverb(c.uniform(0.1, 0.9), c.uniform(0, 1), c.uniform(0.2, 0.6), c.uniform(0.3, 0.9), 1.0),
            lambda r: Chain(reverb=p.SchroederReverb(r), gain=p.Gain(r)),
            0.40,
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Pedalboard's effects fitted by ours.")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--trials", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=30.0, help="of one trial")
    parser.add_argument("--excerpt", type=float, default=2.0, help="seconds of sound")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cpu-time", action="store_true", help="count the process's time, not the clock's")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.cpu_time:
        time.monotonic = time.process_time
    sounds = recordings(options.excerpt)
    distance = MultiResolutionSTFT()
    for name, (theirs, ours, asked) in pairs().items():
        if options.names and name not in options.names:
            continue
        shares = []
        for trial in range(options.trials):
            dry, rate = stereo(trial, sounds, None)
            board = theirs(random.Random(f"{options.seed}.{trial}.{name}"))
            wet = torch.from_numpy(board(dry[0].numpy(), rate))[None]
            found = fit(ours(rate), dry, wet, seed=trial, time_budget_s=options.seconds, progress=False)
            late = found.fx.latency_samples
            with torch.no_grad():
                y = found.fx(torch.nn.functional.pad(dry, (0, late)))[..., late:]
            shares.append(float(distance(y, wet).mean() / distance(dry, wet).mean()))
            print(
                f"{name} {trial}: {100 * shares[-1]:5.1f} %, {found.residual_db:.1f} dB, {found.seconds:.0f} s, "
                f"{board} {found.settings}",
                flush=True,
            )
        worst = max(shares)
        print(f"{name}: worst {100 * worst:.1f} %, asked {100 * asked:.0f} %: {'met' if worst < asked else 'MISSED'}")


if __name__ == "__main__":
    main()
