"""Which effects, in which order: chains of one to four effects drawn from eight, found again by ``fit_structure``.

    python -m tests.benchmarks.structure --trials 10 --seconds 300 --seed 0
    python -m tests.benchmarks.structure --lengths 1 2 --rate 16000 --seconds 40 --cpu-time

Settings are uniformly random, drawn anew until each effect is audible: without it the sound changes by more than
-20 dB. Recordings are those of $DIFFFX_AUDIO or ../shared/audio. An order counts where it is heard: exchanged, the
sound changes by more than -40 dB.
"""

from __future__ import annotations

import argparse
import itertools
import random
import time
from collections.abc import Sequence

import soxr
import torch
from torch import Tensor

from diffFx_pytorch import Chain, Processor
from diffFx_pytorch.fit import candidates, fit_structure, residual_db

from .learnability import recordings

EIGHT = ("eq", "compressor", "distortion", "delay", "chorus", "tremolo", "phaser", "reverb")
HEARD_DB = -40.0
AUDIBLE_DB = -20.0
SILENT = 1e-3
DRAWS = 200


def sounded(fx: Sequence[Processor], settings: Sequence[Tensor], dry: Tensor) -> Tensor:
    """The sound of a chain, in step with the dry one: (1, C, T)."""
    if not fx:
        return dry
    chain = Chain(**{f"fx{i}": f for i, f in enumerate(fx)})
    late = chain.latency_samples
    with torch.no_grad():
        return chain(torch.nn.functional.pad(dry, (0, late)), norm_params=torch.cat([*settings], 1))[..., late:]


def audible(fx: Sequence[Processor], settings: Sequence[Tensor], dry: Tensor) -> bool:
    """Whether each effect is heard, and there is a sound."""
    wet = sounded(fx, settings, dry)
    if not torch.isfinite(wet).all() or float(wet.square().mean().sqrt()) < SILENT:
        return False
    return all(
        float(residual_db(sounded([*fx[:i], *fx[i + 1 :]], [*settings[:i], *settings[i + 1 :]], dry), wet)) > AUDIBLE_DB
        for i in range(len(fx))
    )


def drawn_settings(fx: Sequence[Processor], dry: Tensor, seed: int) -> list[Tensor]:
    """Random settings at which each effect of a chain is audible; the last ones where there are none."""
    generator = torch.Generator().manual_seed(seed)
    settings: list[Tensor] = []
    for _ in range(DRAWS):
        settings = [f.random_params(1, generator) for f in fx]
        if audible(fx, settings, dry):
            break
    return settings


def stereo(number: int, sounds: Sequence[tuple[Tensor, int]], rate: int | None) -> tuple[Tensor, int]:
    """A recording in two channels, for a reverb gives two: that it did must not tell."""
    dry, own = sounds[number % len(sounds)]
    if rate:
        dry = torch.from_numpy(soxr.resample(dry[0].T.numpy(), own, rate).T.copy())[None].float()
        own = rate
    return dry.expand(-1, 2, -1), own


def main() -> None:
    parser = argparse.ArgumentParser(description="Which effects, in which order.")
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=300.0, help="of one trial")
    parser.add_argument("--excerpt", type=float, default=1.5, help="seconds of sound")
    parser.add_argument("--lengths", type=int, nargs="+", default=[1, 2, 3, 4], help="of the chains")
    parser.add_argument("--rate", type=int, help="in Hz, to resample to: lower is quicker")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first trial")
    parser.add_argument("--cpu-time", action="store_true", help="count the process's time, not the clock's")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.cpu_time:
        time.monotonic = time.process_time
    sounds = recordings(options.excerpt)
    sets = orders = 0
    for trial in range(options.first, options.first + options.trials):
        chance = random.Random(f"{options.seed}.{trial}")
        dry, rate = stereo(trial, sounds, options.rate)
        effects = {type(fx).__name__: fx for fx in candidates(EIGHT, rate)}
        drawn = chance.sample(sorted(effects), chance.choice(options.lengths))
        settings = dict(
            zip(drawn, drawn_settings([effects[n] for n in drawn], dry, 1000 * options.seed + trial), strict=True)
        )

        def rendered(names, dry=dry, effects=effects, settings=settings):
            return sounded([effects[n] for n in names], [settings[n] for n in names], dry)

        wet = rendered(drawn)
        heard = {n for n in drawn if residual_db(rendered([m for m in drawn if m != n]), wet) > HEARD_DB}
        began = time.monotonic()
        found = fit_structure([*effects.values()], dry, wet, seed=trial, time_budget_s=options.seconds, progress=False)
        took = time.monotonic() - began
        # An order is right where the found one, at the true settings, sounds as the true one does.
        right = heard <= set(found.effects) <= set(drawn)
        alike = [n for n in found.effects if n in drawn]
        for i, name in enumerate(drawn):
            if name not in alike:  # nobody hears it, wherever it stands
                alike.insert(i, name)
        ordered = right and bool(residual_db(rendered(alike), wet) < HEARD_DB)
        sets, orders = sets + right, orders + ordered
        print(
            f"{trial:3} {'set' if right else '---'} {'order' if ordered else '-----'} "
            f"{' '.join(drawn)} -> {' '.join(found.effects)} "
            f"{found.fit.residual_db:.1f} dB, {took:.0f} s, {len(found.tried)} chains",
            flush=True,
        )
        for tried in itertools.islice(found.tried, 3):
            print(f"      {' '.join(tried.effects)}: left {tried.left_db:.1f} dB, cost {tried.cost_db:.1f}", flush=True)
    print(f"right set in {sets}, right order in {orders} of {options.trials}")


if __name__ == "__main__":
    main()
