"""Chains whose effects are known, found again by ``fit``: settings random and audible, recordings real.

python -m tests.benchmarks.chains four --trials 10 --seconds 60    # EQ, compressor, tanh, delay: asked -60 dB in 9
python -m tests.benchmarks.chains six --trials 10 --seconds 300    # with chorus and reverb: asked -30 dB in 8
python -m tests.benchmarks.chains four --why                       # of each miss, which effects are wrong
python -m tests.benchmarks.chains speed                            # steps a second on 10 s of stereo, six effects

Excerpts begin anywhere in the recordings, as the trial's random numbers say. A miss is explained by putting the true
settings of one effect, or of two, in place of those found and descending from there with the others: what then falls
says whose settings held it.
"""

from __future__ import annotations

import argparse
import itertools
import random
import statistics
import time

import torch
from torch import Tensor

from diffFx_pytorch import Chain
from diffFx_pytorch.fit import candidates, fit
from diffFx_pytorch.fit.features import Waveform
from diffFx_pytorch.fit.least_squares import LeastSquares
from diffFx_pytorch.fit.progress import Watch
from diffFx_pytorch.fit.task import Task

from .learnability import recordings
from .structure import drawn_settings, sounded, stereo

CHAINS = {
    "four": (("eq", "compressor", "distortion", "delay"), -60.0),
    "six": (("eq", "compressor", "distortion", "chorus", "delay", "reverb"), -30.0),
}
WHOLE_S, LOUD = 4.0, 0.25
"""Seconds of a recording among which an excerpt is drawn, and the least level of one, relative to that of these."""
REFITTED_S, STEPS = 3.0, 40


def main() -> None:
    parser = argparse.ArgumentParser(description="Settings of chains whose effects are known.")
    parser.add_argument("chain", choices=[*CHAINS, "speed"])
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=60.0, help="of one trial")
    parser.add_argument("--excerpt", type=float, default=1.5, help="seconds of sound")
    parser.add_argument("--rate", type=int, help="in Hz, to resample to: lower is quicker")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first trial")
    parser.add_argument("--cpu-time", action="store_true", help="count the process's time, not the clock's")
    parser.add_argument("--enough", action="store_true", help="end a trial once it is met, with 10 dB to spare")
    parser.add_argument("--why", action="store_true", help="say of each miss which effects are wrong")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.chain == "speed":
        speed()
        return
    if options.cpu_time:
        time.monotonic = time.process_time
    sounds = recordings(WHOLE_S)
    names, asked_db = CHAINS[options.chain]
    met = 0
    for trial in range(options.first, options.first + options.trials):
        dry, rate = stereo(trial, sounds, options.rate)
        dry = excerpt(dry, round(options.excerpt * rate), 1000 * options.seed + trial)
        dry = dry if options.chain == "six" else dry[:, :1]
        effects = candidates(names, rate)
        settings = drawn_settings(effects, dry, 1000 * options.seed + trial)
        wet = sounded(effects, settings, dry)
        chain = Chain(**{type(fx).__name__.lower(): fx for fx in effects})
        met_already = enough(asked_db) if options.enough else False
        found = fit(chain, dry, wet, seed=trial, time_budget_s=options.seconds, progress=met_already, choose=False)
        met += found.residual_db < asked_db
        turned = (found.norm_params - torch.cat(settings, 1)).abs()[0]
        worst = ", ".join(f"{chain.param_names[i]} {float(turned[i]):.2f}" for i in turned.argsort(descending=True)[:3])
        print(f"{trial:3} {found.residual_db:7.1f} dB, {found.seconds:.0f} s; farthest off: {worst}", flush=True)
        if options.why and found.residual_db > asked_db:
            for names_put, left in why(chain, dry, wet, found.norm_params, torch.cat(settings, 1)):
                print(f"      {left:7.1f} dB with the true {' and '.join(names_put)}", flush=True)
    print(f"under {asked_db:.0f} dB in {met} of {options.trials}")


def excerpt(dry: Tensor, samples: int, seed: int) -> Tensor:
    """A part of a recording that is no pause."""
    chance = random.Random(seed)
    while True:
        first = chance.randrange(dry.shape[-1] - samples + 1)
        part = dry[..., first : first + samples]
        if part.square().mean() > LOUD**2 * dry.square().mean():
            return part


def enough(asked_db: float) -> Watch:
    """Ends a fit once its error is 10 dB under what is asked."""

    def watch(error: float, place: Tensor) -> None:
        if error < 10 ** (asked_db / 10 - 1):
            raise KeyboardInterrupt

    return watch


def why(chain: Chain, dry: Tensor, wet: Tensor, found: Tensor, true: Tensor) -> list[tuple[tuple[str, ...], float]]:
    """Residual in dB with the true settings of one effect, or of two, put in, the least first."""
    task, names = Task(chain, dry, wet), list(chain.steps)
    columns = {step: [i for i, n in enumerate(chain.param_names) if n.startswith(f"{step}.")] for step in names}
    said = []
    for put in (*itertools.combinations(names, 1), *itertools.combinations(names, 2)):
        held = [i for step in put for i in columns[step]]
        place = found[0].clone()
        place[held] = true[0, held].to(place)
        free = torch.tensor([i for i in range(len(place)) if i not in held])
        walked = LeastSquares(task, wet.shape[-1], Waveform(), free).descend(
            place, STEPS, time.monotonic() + REFITTED_S
        )
        said.append((put, float(task.residuals(walked[0][None])[0])))
    return sorted(said, key=lambda row: row[1])


def speed() -> None:
    """Steps a second: forward, loss, backward and Adam's step, of six effects on 10 s of stereo at 44.1 kHz."""
    from diffFx_pytorch.fit import ErrorToSignalRatio

    chain = Chain(**{type(fx).__name__.lower(): fx for fx in candidates(CHAINS["six"][0], 44100)})
    generator = torch.Generator().manual_seed(0)
    dry = 0.1 * torch.randn(1, 2, 441000, generator=generator)
    with torch.no_grad():
        wet = chain(dry, norm_params=chain.random_params(1, generator))
    logits = torch.zeros(1, len(chain.params), requires_grad=True)
    optimiser, loss_of = torch.optim.Adam([logits], lr=0.01), ErrorToSignalRatio()
    times = []
    for _ in range(12):
        began = time.process_time()
        optimiser.zero_grad()
        loss_of(chain(dry, norm_params=logits.sigmoid()), wet).sum().backward()
        optimiser.step()
        times.append(time.process_time() - began)
    print(f"{1 / statistics.median(times[2:]):.1f} steps a CPU second")
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        optimiser.zero_grad()
        loss_of(chain(dry, norm_params=logits.sigmoid()), wet).sum().backward()
    print(profile.key_averages().table(sort_by="self_cpu_time_total", row_limit=16, max_name_column_width=50))


if __name__ == "__main__":
    main()
