"""Chains whose effects are known, found again by ``fit``: settings random and audible, recordings real.

python -m tests.benchmarks.chains four --trials 10 --seconds 60    # EQ, compressor, tanh, delay: asked -60 dB in 9
python -m tests.benchmarks.chains six --trials 10 --seconds 300    # with chorus and reverb: asked -30 dB in 8
python -m tests.benchmarks.chains speed                            # steps a second on 10 s of stereo, six effects
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch

from diffFx_pytorch import Chain
from diffFx_pytorch.fit import candidates, fit

from .learnability import recordings
from .structure import drawn_settings, sounded, stereo

CHAINS = {
    "four": (("eq", "compressor", "distortion", "delay"), -60.0),
    "six": (("eq", "compressor", "distortion", "chorus", "delay", "reverb"), -30.0),
}


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
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.chain == "speed":
        speed()
        return
    if options.cpu_time:
        time.monotonic = time.process_time
    sounds = recordings(options.excerpt)
    names, asked_db = CHAINS[options.chain]
    met = 0
    for trial in range(options.first, options.first + options.trials):
        dry, rate = stereo(trial, sounds, options.rate)
        dry = dry if options.chain == "six" else dry[:, :1]
        effects = candidates(names, rate)
        settings = drawn_settings(effects, dry, 1000 * options.seed + trial)
        wet = sounded(effects, settings, dry)
        chain = Chain(**{type(fx).__name__.lower(): fx for fx in effects})
        found = fit(chain, dry, wet, seed=trial, time_budget_s=options.seconds, progress=False, choose=False)
        met += found.residual_db < asked_db
        turned = (found.norm_params - torch.cat(settings, 1)).abs()[0]
        worst = ", ".join(f"{chain.param_names[i]} {float(turned[i]):.2f}" for i in turned.argsort(descending=True)[:3])
        print(f"{trial:3} {found.residual_db:7.1f} dB, {found.seconds:.0f} s; farthest off: {worst}", flush=True)
    print(f"under {asked_db:.0f} dB in {met} of {options.trials}")


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
