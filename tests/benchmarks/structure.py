"""Which effects, in which order: chains of one to four effects drawn from eight, found again by ``fit_structure``.

    python -m tests.benchmarks.structure --trials 10 --seconds 300 --seed 0

Settings are uniformly random, recordings those of $DIFFFX_AUDIO or ../shared/audio. An effect or an order counts where
it is heard: without it, or exchanged, the sound changes by more than -40 dB.
"""

from __future__ import annotations

import argparse
import itertools
import random
import time

import soxr
import torch

from diffFx_pytorch import Chain
from diffFx_pytorch.fit import candidates, fit_structure, residual_db

from .learnability import recordings

EIGHT = ("eq", "compressor", "distortion", "delay", "chorus", "tremolo", "phaser", "reverb")
HEARD_DB = -40.0


def main() -> None:
    parser = argparse.ArgumentParser(description="Which effects, in which order.")
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=300.0, help="of one trial")
    parser.add_argument("--excerpt", type=float, default=1.5, help="seconds of sound")
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
        dry, rate = sounds[trial % len(sounds)]
        if options.rate:
            dry = torch.from_numpy(soxr.resample(dry[0].T.numpy(), rate, options.rate).T)[None].float()
            rate = options.rate
        dry = dry.expand(-1, 2, -1)  # a reverb gives two channels; that it did must not tell
        effects = {type(fx).__name__: fx for fx in candidates(EIGHT, rate)}
        drawn = chance.sample(sorted(effects), chance.randint(1, 4))
        generator = torch.Generator().manual_seed(1000 * options.seed + trial)
        settings = {name: effects[name].random_params(1, generator) for name in effects}

        def rendered(names, dry=dry, effects=effects, settings=settings):
            chain = Chain(**{name.lower(): effects[name] for name in names})
            with torch.no_grad():
                return chain(dry, norm_params=torch.cat([settings[name] for name in names], 1))

        wet = rendered(drawn)
        heard = {
            name
            for name in drawn
            if len(drawn) == 1 or residual_db(rendered([n for n in drawn if n != name]), wet) > HEARD_DB
        }
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
            f"{' '.join(drawn)} (heard: {len(heard)}) -> {' '.join(found.effects)} "
            f"{found.fit.residual_db:.1f} dB, {took:.0f} s, {len(found.tried)} chains",
            flush=True,
        )
        for tried in itertools.islice(found.tried, 3):
            print(f"      {' '.join(tried.effects)}: left {tried.left_db:.1f} dB, cost {tried.cost_db:.1f}", flush=True)
    print(f"right set in {sets}, right order in {orders} of {options.trials}")


if __name__ == "__main__":
    main()
