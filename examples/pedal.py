"""A guitar pedal modelled by blocks whose knobs one can read, some of them turned by the sound.

    python examples/pedal.py [--smoke]

The pedal is a small circuit simulated here, sample by sample, which no effect of the library is: a stage that clips
one side earlier, whose operating point sinks while it is driven (a coupling capacitor charges), and a tone filter.
The model is a chain: high-pass, TanH with drive and bias, shelf, level. Learned twice from a minute of plucked
strings and their output: with knobs that stand still (`trainable`), and with drive, bias and level turned by a small
recurrent network that hears the level of the sound (`Controller(fx, "gru")`). Judged on strings that neither heard,
by the energy of the error over that of the target in dB; the baseline is the one gain that fits best.

Exits with status 1 unless the still model beats the gain and the moving one the still one.

What others report: M. Comunita, C. J. Steinmetz, J. D. Reiss, "Differentiable black-box and gray-box modeling of
nonlinear audio effects", Frontiers in Signal Processing 5, 2025, model compressors, distortions and fuzzes this way,
with dynamic controllers as here; black boxes (state space models with time-varying conditioning) come closest in
their comparison, grey boxes are readable, and harder to train.
"""

from __future__ import annotations

import argparse
import math
import sys
import time

import torch
from torch import Tensor

from diffFx_pytorch import Chain
from diffFx_pytorch.fit import ErrorToSignalRatio, MultiResolutionSTFT, residual_db
from diffFx_pytorch.networks import Controlled, Controller, FrameEncoder
from diffFx_pytorch.processors import Gain, HighPass, HighShelf, TanH
from diffFx_pytorch.recursion import one_pole

RATE = 22050


def strings(seconds: float, items: int, seed: int) -> Tensor:
    """Plucked strings, loud and soft: decaying partials of random notes, (items, 1, T)."""
    g = torch.Generator().manual_seed(seed)
    t = torch.arange(round(seconds * RATE)) / RATE
    out = torch.zeros(items, 1, len(t))
    for i in range(items):
        for _ in range(int(4 * seconds)):
            start, f0 = (torch.rand(2, generator=g) * torch.tensor([seconds, 1.0])).tolist()
            f0, level = 82 * 2 ** (2 * f0), 10 ** (-1.5 * float(torch.rand((), generator=g)))
            after = (t - start).clamp_min(0)
            for k in range(1, 9):
                decay = torch.exp(-after * (1.5 + 0.8 * k)) * (t >= start)
                out[i, 0] += 0.3 * level / k * decay * torch.sin(2 * math.pi * f0 * k * after)
    return out


def pedal(x: Tensor) -> Tensor:
    """The circuit: y = tone(clip(g x - c)), c following the clipped side slowly (40 ms down, by the sound itself)."""
    driven = 12 * x
    hold = math.exp(-1 / (0.04 * RATE))
    charge = torch.zeros_like(x)
    for _ in range(6):  # the charge depends on what is clipped and that on the charge: solved by iteration
        clipped = (driven - charge).clamp_min(0).tanh()
        charge = 1.2 * one_pole(clipped, hold)
    v = driven - charge
    shaped = torch.where(v > 0, v.tanh(), 1.6 * (v / 1.6).tanh())
    tone = math.exp(-2 * math.pi * 3500 / RATE)
    y = one_pole(shaped, tone)
    return 0.4 * (y - one_pole(y, 0.995))


def make_chain() -> Chain:
    return Chain(
        tight=HighPass(RATE, freq_hz=30.0),
        drive=TanH(RATE, oversampling=1, drive_db=12.0),
        tone=HighShelf(RATE, gain_db=-6.0, freq_hz=4000.0),
        level=Gain(RATE, gain_db=-6.0),
    )


def train(model: torch.nn.Module, x: Tensor, wet: Tensor, steps: int, rate: float) -> None:
    esr, spectra = ErrorToSignalRatio(), MultiResolutionSTFT((256, 1024))
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(steps):
        some = torch.arange(4) + 4 * (step % (len(x) // 4))
        y = model(x[some])
        loss = esr(y, wet[some]) + 0.1 * spectra(y, wet[some])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--smoke", action="store_true", help="a minute: fewer steps, less sound")
    options = parser.parse_args()
    steps, items = (60, 8) if options.smoke else (options.steps, 32)
    torch.manual_seed(0)
    began = time.monotonic()
    x, unheard = strings(1.0, items, 0), strings(1.0, 8, 1)
    wet, wet_unheard = pedal(x), pedal(unheard)

    still = make_chain().trainable()
    train(still, x, wet, steps, 2e-2)
    fx = Chain(**still.frozen().steps)
    turned = ["drive.drive_db", "drive.bias", "level.gain_db"]
    moving = Controlled(fx, Controller(fx, FrameEncoder("gru", hidden=16, period=64), free=turned))
    train(moving, x, wet, steps, 5e-3)
    with torch.no_grad():
        gain = (unheard * wet_unheard).sum() / unheard.square().sum()
        made = {"one gain": gain * unheard, "still knobs": still(unheard), "moving knobs": moving(unheard)}
        scores = {name: float(residual_db(y, wet_unheard).mean()) for name, y in made.items()}
    for name, score in scores.items():
        print(f"{name:13s} {score:6.1f} dB")
    print(still.describe())
    print(f"{steps} steps each, {time.monotonic() - began:.0f} s")
    return 0 if scores["moving knobs"] < scores["still knobs"] < scores["one gain"] else 1


if __name__ == "__main__":
    sys.exit(main())
