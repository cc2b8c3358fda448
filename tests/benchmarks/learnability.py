"""Which settings come back from sound: random ones of every effect, found again by ``fit`` from dry and wet recordings.

    python -m tests.benchmarks.learnability --trials 10 --seconds 60 --write     # twelve hours of one core
    python -m tests.benchmarks.learnability --trials 3 --seconds 15 Phaser TanH

Recordings are those of $DIFFFX_AUDIO or ../shared/audio, else synthesised. ``--results FILE`` keeps a line a trial, and
skips those that it has; ``--write`` writes docs/learnability.md from them.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from diffFx_pytorch import Processor
from diffFx_pytorch.files import audio_info, read_sound
from diffFx_pytorch.fit import MultiResolutionSTFT, fit, residual_db
from diffFx_pytorch.processors import BandPass
from diffFx_pytorch.registry import effects
from diffFx_pytorch.report.demo import demo_clip

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "learnability.md"
GOOD_DB = -40.0
STEREO = {"MonoMaker", "StereoImager", "StereoWidener"}
FIXED = {"Dither", "Invert", "Fade"}
"""Nothing that a sound could tell of: random numbers, no knobs, ends of a file."""
OCTAVES = (125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0)
HEARD_DB = 30.0
NEAR_DB, NEAR_SHARE = 0.5, 0.15
"""Energy decay in every octave, and share of the spectral distance, within which a reverberation is met."""


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


def trial(name: str, number: int, dry: Tensor, rate: int, seconds: float, seed: int = 0) -> dict[str, Any]:
    """One setting of an effect, looked for: residual, share of the spectral distance, error of the decay."""
    fx = effects()[name](rate)
    target = fx.random_params(1, torch.Generator().manual_seed(7919 * number + seed + sum(map(ord, name))))
    if name in STEREO and dry.shape[1] == 1:
        dry = torch.cat([dry, 0.7 * dry + 0.5 * dry.roll(rate // 7, -1)], 1)
    wet = rendered(fx, dry, target)
    found = fit(fx, dry, wet, init="random", seed=number, time_budget_s=seconds, progress=False, choose=False)
    y = rendered(fx, dry, found.norm_params)
    same = dry.expand_as(wet) if dry.shape[1] in (1, wet.shape[1]) else dry.mean(1, keepdim=True).expand_as(wet)
    distance = MultiResolutionSTFT()
    row = {
        "effect": name,
        "number": number,
        "residual_db": found.residual_db,
        "dry_db": float(residual_db(same, wet)[0]),
        "distance": float(distance(y, wet).mean() / distance(same, wet).mean().clamp_min(1e-12)),
        "seconds": found.seconds,
    }
    if is_reverb(name):
        row["decay_db"] = decay_error(fx, target, found.norm_params)
    return row


def rendered(fx: Processor, dry: Tensor, positions: Tensor) -> Tensor:
    """The processed sound, in step with the dry one."""
    late = fx.latency_samples
    with torch.no_grad():
        return fx(torch.nn.functional.pad(dry, (0, late)), norm_params=positions)[..., late:]


def is_reverb(name: str) -> bool:
    """Whether an effect is of the family of reverberations."""
    return ".reverb." in effects()[name].__module__


def decay_error(fx: Processor, target: Tensor, found: Tensor) -> float:
    """Largest mean difference of two energy decays over their first 30 dB, in dB, over the octaves."""
    impulse = torch.zeros(1, 1, 2 * int(fx.sample_rate))
    impulse[..., 0] = 1.0
    worst = 0.0
    for freq in OCTAVES:
        if freq > 0.35 * fx.sample_rate:
            continue
        band = BandPass(fx.sample_rate, freq_hz=freq, q=1.4)
        curves = []
        for positions in (target, found):
            with torch.no_grad():
                h = band(rendered(fx, impulse, positions)).double().square().sum((0, 1))
            curves.append(10 * (h.flip(0).cumsum(0).flip(0) + 1e-20).log10())
        heard = curves[0] > curves[0][0] - HEARD_DB
        worst = max(worst, float((curves[0] - curves[1])[heard].abs().mean()))
    return worst


def is_good(row: dict[str, Any]) -> bool:
    """Under -40 dB; or a reverberation whose decay and spectrum are met."""
    near = row.get("decay_db", math.inf) < NEAR_DB and row["distance"] < NEAR_SHARE
    return row["residual_db"] < GOOD_DB or near


def table(rows: list[dict[str, Any]]) -> tuple[list[str], str]:
    """A line an effect, and a sentence."""
    lines, whole = [], 0
    names = sorted({row["effect"] for row in rows})
    for name in names:
        own = [row for row in rows if row["effect"] == name]
        good = sum(map(is_good, own))
        whole += good == len(own)
        residuals = ", ".join(f"{row['residual_db']:.0f}" for row in own)
        shares = ", ".join(f"{100 * row['distance']:.0f}" for row in own)
        decays = ", ".join(f"{row['decay_db']:.1f}" for row in own if "decay_db" in row)
        took = sum(row["seconds"] for row in own) / len(own)
        lines.append(f"| {name} | {good} of {len(own)} | {residuals} | {shares} | {decays} | {took:.0f} |")
    met = sum(map(is_good, rows))
    return lines, f"{met} of {len(rows)} trials met, and every trial in {whole} of {len(names)} effects"


def write(rows: list[dict[str, Any]], options: argparse.Namespace) -> None:
    """docs/learnability.md."""
    lines, summary = table(rows)
    clock = "CPU seconds" if options.cpu_time else "seconds"
    said = f"--trials {options.trials} --seconds {options.seconds:g} --seed {options.seed}"
    text = f"""# Learnability: which settings come back from sound

Written by `python -m tests.benchmarks.learnability {said} --write`: up to {options.trials} random
settings of each effect, {options.excerpt:g} s of sound, at most {options.seconds:g} {clock} of one core a trial, random
starts, `fit(fx, dry, wet)` without a recipe. Trial n has the target of seed 7919 n + {options.seed} + the sum of the
name's codes, the recording n and the search of seed n.

**{summary}.** Met is a residual under {GOOD_DB:g} dB;
for a reverberation also an energy decay within {NEAR_DB} dB in every octave and {100 * NEAR_SHARE:.0f} % of the
distance from dry to wet. Distances are multi-resolution STFT distances after the fit over those before it.

| effect | met | residuals in dB | distances in % | decays in dB | seconds |
|---|---|---|---|---|---|
"""
    PAGE.write_text(text + "\n".join(lines) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("effects", nargs="*", help="all, if none is named")
    parser.add_argument("--trials", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=15.0, help="of each trial")
    parser.add_argument("--excerpt", type=float, default=1.5, help="seconds of sound")
    parser.add_argument("--seed", type=int, default=0, help="of the targets")
    parser.add_argument("--cpu-time", action="store_true", help="count seconds of this process, on a busy machine")
    parser.add_argument("--results", type=Path, help="a file of lines, one a trial, read and appended to")
    parser.add_argument("--write", action="store_true", help="write docs/learnability.md")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.cpu_time:
        time.monotonic = time.process_time
    sounds = recordings(options.excerpt)
    kept = options.results and options.results.exists()
    rows = [json.loads(line) for line in options.results.read_text().splitlines()] if kept else []
    done = {(row["effect"], row["number"]) for row in rows}
    names = options.effects or sorted(set(effects()) - FIXED)
    for number in range(options.trials):
        for name in names:
            if (name, number) in done:
                continue
            dry, rate = sounds[number % len(sounds)]
            rows.append(trial(name, number, dry, rate, options.seconds, options.seed))
            if options.results:
                with options.results.open("a") as file:
                    file.write(json.dumps(rows[-1]) + "\n")
            print(*table(rows[-1:])[0], flush=True)
    print(table(rows)[1])
    if options.write:
        write(rows, options)


if __name__ == "__main__":
    main()
