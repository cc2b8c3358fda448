"""Which settings come back from sound: random ones of every effect, found again by ``fit`` from dry and wet recordings.

    python -m tests.benchmarks.learnability --trials 10 --seconds 60 --write     # twelve hours of one core
    python -m tests.benchmarks.learnability --trials 3 --seconds 15 Phaser TanH

Recordings are those of $DIFFFX_AUDIO or ../shared/audio, else synthesised. ``--write`` writes docs/learnability.md.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import torch
from torch import Tensor

from diffFx_pytorch.files import audio_info, read_sound
from diffFx_pytorch.fit import fit, residual_db
from diffFx_pytorch.registry import effects
from diffFx_pytorch.report.demo import demo_clip

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "learnability.md"
GOOD_DB = -40.0
STEREO = {"MonoMaker", "StereoImager", "StereoWidener"}
FIXED = {"Dither", "Invert", "Fade"}
"""Nothing that a sound could tell of: random numbers, no knobs, ends of a file."""


def recordings(seconds: float) -> list[tuple[Tensor, int]]:
    """Excerpts (1, C, T) that begin at a second, and their rates."""
    folder = Path(os.environ.get("DIFFFX_AUDIO") or ROOT.parent / "shared" / "audio")
    found = []
    for path in sorted(folder.glob("*.flac")):
        rate = audio_info(path).sample_rate
        x = read_sound(path)[None, :, rate : rate + round(seconds * rate)]
        if x.shape[-1] == round(seconds * rate):
            found.append((x, rate))
    return found or [(demo_clip(44100, seconds).reshape(1, -1, round(44100 * seconds)), 44100)]


def trial(name: str, number: int, dry: Tensor, rate: int, seconds: float) -> tuple[float, float, float]:
    """Residual in dB, that of the dry sound, and seconds taken."""
    fx = effects()[name](rate)
    target = fx.random_params(1, torch.Generator().manual_seed(7919 * number + sum(map(ord, name))))
    if name in STEREO and dry.shape[1] == 1:
        dry = torch.cat([dry, 0.7 * dry + 0.5 * dry.roll(rate // 7, -1)], 1)
    late = fx.latency_samples
    with torch.no_grad():
        wet = fx(torch.nn.functional.pad(dry, (0, late)), norm_params=target)[..., late:]
    found = fit(fx, dry, wet, init="random", seed=number, time_budget_s=seconds, progress=False)
    before = residual_db(dry.expand_as(wet), wet) if dry.shape[1] in (1, wet.shape[1]) else torch.zeros(1)
    return found.residual_db, float(before[0]), found.seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("effects", nargs="*", help="all, if none is named")
    parser.add_argument("--trials", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=15.0, help="of each trial")
    parser.add_argument("--excerpt", type=float, default=1.5, help="seconds of sound")
    parser.add_argument("--cpu-time", action="store_true", help="count seconds of this process, on a busy machine")
    parser.add_argument("--write", action="store_true", help="write docs/learnability.md")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.cpu_time:
        time.monotonic = time.process_time
    sounds = recordings(options.excerpt)
    rows, good, tried = [], 0, 0
    for name in options.effects or sorted(set(effects()) - FIXED):
        found = []
        for number in range(options.trials):
            dry, rate = sounds[number % len(sounds)]
            found.append(trial(name, number, dry, rate, options.seconds))
        residuals = [residual for residual, _, _ in found]
        good += sum(r < GOOD_DB for r in residuals)
        tried += len(residuals)
        took = sum(seconds for _, _, seconds in found) / len(found)
        under = f"{sum(r < GOOD_DB for r in residuals)} of {len(residuals)}"
        rows.append(f"| {name} | {under} | {', '.join(f'{r:.0f}' for r in residuals)} | {took:.0f} |")
        print(rows[-1], flush=True)
    summary = f"{good} of {tried} trials under {GOOD_DB:g} dB"
    print(summary)
    if options.write:
        said = f"--trials {options.trials} --seconds {options.seconds:g}"
        lines = [
            "# Learnability: which settings come back from sound",
            "",
            f"Written by `python -m tests.benchmarks.learnability {said} --write`: {options.trials} random",
            f"settings of each effect, {options.excerpt:g} s of sound, up to {options.seconds:g} s of one core each,",
            f"random starts. Residuals of what `fit` finds without a recipe; {summary}.",
            "",
            "| effect | under -40 dB | residuals in dB | seconds |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
        PAGE.write_text("\n".join(lines))


if __name__ == "__main__":
    main()
