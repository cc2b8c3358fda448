"""Reverse engineering of a chain of five effects from a dry and a wet recording, without a recipe.

    python examples/reverse_engineering.py [--smoke] [--seed 3]

Settings are drawn at random, the wet sound is made with them, and ``fit`` finds settings from the two sounds alone. It
is told nothing but the chain. The baselines are the defaults, and the best of several hundred random settings, which is
what chance finds. What counts is the residual, the level of what is left when the found sound is taken from the wet
one: knobs that sound alike (drive and make-up gain, say) may end elsewhere.

Exits with status 1 unless the residual is 20 dB below the best random setting (10 dB in --smoke).
"""

from __future__ import annotations

import argparse
import sys
import time

import torch
from torch import Tensor

from diffFx_pytorch import Chain
from diffFx_pytorch.fit import fit
from diffFx_pytorch.processors import Compressor, FeedbackDelay, ParametricEqualizer, TanH, Tremolo
from diffFx_pytorch.report.demo import demo_clip

RATE = 44100
TRIES = 256


def make_chain() -> Chain:
    return Chain(
        eq=ParametricEqualizer(RATE, num_peaks=2),
        comp=Compressor(RATE),
        tanh=TanH(RATE),
        delay=FeedbackDelay(RATE),
        tremolo=Tremolo(RATE),
    )


def left_db(y: Tensor, wet: Tensor) -> Tensor:
    """Level in dB of what is left of the wet sound, with the gain that suits best: (B, 1, T) to (B,)."""
    gain = (y * wet).sum((1, 2), keepdim=True) / y.square().sum((1, 2), keepdim=True).clamp_min(1e-12)
    return 10 * ((gain * y - wet).square().sum((1, 2)) / wet.square().sum()).log10()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=1, help="of the hidden settings")
    parser.add_argument("--seconds", type=float, default=120.0, help="that the fit may take")
    parser.add_argument("--smoke", action="store_true", help="half a minute's fit of two seconds of sound")
    options = parser.parse_args()
    sound, budget, wanted = (2.0, 40.0, 10.0) if options.smoke else (4.0, options.seconds, 20.0)
    fx, generator = make_chain(), torch.Generator().manual_seed(options.seed)
    dry = demo_clip(RATE, sound).mean(1, keepdim=True)
    # Away from the ends of the ranges, where effects are turned off or drown the sound.
    hidden = 0.2 + 0.6 * torch.rand(1, len(fx.params), generator=generator)
    with torch.no_grad():
        wet = fx(dry, norm_params=hidden)

    tries = torch.rand(TRIES, len(fx.params), generator=generator)
    with torch.no_grad():
        defaults = float(left_db(fx(dry), wet))
        chance = torch.cat([left_db(fx(dry.expand(16, -1, -1), norm_params=some), wet) for some in tries.split(16)])
    by_chance = float(chance.min())
    began = time.monotonic()
    found = fit(fx, dry, wet, compensate_latency=False, time_budget_s=budget, progress=False)
    seconds = time.monotonic() - began
    true = fx.map_parameters(hidden)
    print(f"{'knob':24s} {'true':>10s} {'found':>10s}")
    for i, (name, param) in enumerate(fx.params.items()):
        print(f"{name:24s} {float(true[0, i]):10.4g} {float(found.settings[name]):10.4g} {param.unit}")
    print(f"defaults                 {defaults:6.1f} dB")
    print(f"best of {TRIES} at random   {by_chance:6.1f} dB")
    print(f"fit, {seconds:3.0f} s               {found.residual_db:6.1f} dB")
    return 0 if found.residual_db < by_chance - wanted else 1


if __name__ == "__main__":
    sys.exit(main())
