"""A small network learns to set an equaliser and a compressor from what it hears.

    python examples/train_controller.py

The network hears only the wet sound and gives the positions of the knobs; the chain, differentiable in every knob,
turns them back into sound; the loss compares that sound with the one heard, and the positions with the true ones.
Nothing is taught twice: half of what the network learns comes back through the chain's own gradients.

What can be learned is what can be heard. Knobs that hide each other are not asked for (make-up gain against shelves,
knee against ratio, Q against gain), and ranges are those of everyday mixing, given with ``param_range``: so the
compressor always works, and an equaliser band is rarely without effect. The sound is 1.2 s pieces of the package's
demo clip; the network is judged on a bar of it, and on settings, that it never met in training.

Prints the error of each knob before and after, and exits with status 1 unless the mean error fell by half.
"""

from __future__ import annotations

import argparse
import sys
import time

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor

from diffFx_pytorch import Chain, EffectParam
from diffFx_pytorch.demo import demo_clip
from diffFx_pytorch.fit import MultiResolutionSTFT, SpectralController
from diffFx_pytorch.processors import Compressor, ParametricEqualizer

RATE = 22050
PIECE = round(1.2 * RATE)
BAR = round(2.4 * RATE)
BATCH = 16

LEARNED = (
    "eq.low_shelf_gain_db",
    "eq.peak_1_gain_db",
    "eq.peak_1_freq_hz",
    "eq.high_shelf_gain_db",
    "comp.threshold_db",
    "comp.ratio",
)


def make_chain() -> Chain:
    gain = EffectParam(-12.0, 12.0, 0.0, unit="dB", doc="Gain.")
    eq = ParametricEqualizer(
        RATE,
        {
            "low_shelf_gain_db": gain,
            "low_shelf_freq_hz": EffectParam(100.0, 400.0, 200.0, "log", "Hz", doc="Corner."),
            "peak_1_gain_db": gain,
            "peak_1_freq_hz": EffectParam(400.0, 3000.0, 1100.0, "log", "Hz", doc="Centre."),
            "high_shelf_gain_db": gain,
            "high_shelf_freq_hz": EffectParam(3000.0, 8000.0, 5000.0, "log", "Hz", doc="Corner."),
        },
        num_peaks=1,
    )
    comp = Compressor(
        RATE,
        {
            "threshold_db": EffectParam(-45.0, -15.0, -30.0, unit="dB", doc="Threshold."),
            "ratio": EffectParam(1.5, 10.0, 4.0, "log", doc="Ratio."),
        },
    )
    return Chain(eq=eq, comp=comp)


class Lessons:
    """Random settings, and what they make of random pieces of a clip."""

    def __init__(self, fx: Chain, net: SpectralController, clip: Tensor, seed: int) -> None:
        self.fx, self.net, self.clip = fx, net, clip
        self.generator = torch.Generator().manual_seed(seed)

    @torch.no_grad()
    def draw(self, batch: int) -> tuple[Tensor, Tensor, Tensor]:
        """Dry sound (B, 1, T), wet sound, and the positions (B, P) that lie between."""
        offsets = torch.randint(0, self.clip.shape[-1] - PIECE, (batch,), generator=self.generator)
        dry = torch.stack([self.clip[:, o : o + PIECE] for o in offsets.tolist()])
        true = self.net.knobs(torch.rand(batch, len(LEARNED), generator=self.generator))
        return dry, self.fx(dry, norm_params=true), true


@torch.no_grad()
def knob_errors(net: SpectralController, wet: Tensor, true: Tensor) -> Tensor:
    """Mean error of every learned knob, as a part of its range: (K,)."""
    return (net(wet) - true).abs().mean(0)[net.knobs.index]


def train(fx: Chain, net: SpectralController, lessons: Lessons, steps: int, seconds: float) -> None:
    audio_loss = MultiResolutionSTFT((256, 1024), reduction="mean")
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, steps + 1)
    began = time.monotonic()
    for _ in track(range(steps), "learning", console=Console(stderr=True), disable=not sys.stderr.isatty()):
        dry, wet, true = lessons.draw(BATCH)
        guess = net(wet)
        loss = audio_loss(fx(dry, norm_params=guess), wet) + 2 * (guess - true).abs().mean(0)[net.knobs.index].mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if time.monotonic() - began > seconds:
            break


def show(fx: Chain, before: Tensor, after: Tensor, middle: Tensor) -> None:
    table = Table("knob", "range", "untrained", "trained", "always at the middle", title="mean error, % of the range")
    rows = [*zip(LEARNED, before, after, middle, strict=True), ("mean", before.mean(), after.mean(), middle.mean())]
    for name, *errors in rows:
        span = fx.params[name].range_text() if name in fx.params else ""
        table.add_row(name, span, *(f"{100 * float(e):.1f}" for e in errors))
    Console().print(table)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seconds", type=float, default=90.0, help="stop training after so long")
    parser.add_argument("--quick", action="store_true", help="a few steps, to see that it runs; no verdict")
    options = parser.parse_args()
    steps = 4 if options.quick else options.steps

    torch.manual_seed(0)
    began = time.monotonic()
    fx = make_chain()
    net = SpectralController(fx, free=LEARNED)
    clip = demo_clip(RATE, 4 * BAR / RATE)[0].mean(0, keepdim=True)
    lessons = Lessons(fx, net, clip[:, : 3 * BAR], seed=1)
    _, wet, true = Lessons(fx, net, clip[:, 3 * BAR :], seed=2).draw(16 if options.quick else 256)

    before = knob_errors(net, wet, true)
    train(fx, net, lessons, steps, options.seconds)
    after = knob_errors(net, wet, true)
    middle = (true[:, net.knobs.index] - 0.5).abs().mean(0)
    show(fx, before, after, middle)
    print(f"mean error {before.mean():.3f} -> {after.mean():.3f} of the range in {time.monotonic() - began:.0f} s")
    return 0 if options.quick or after.mean() <= before.mean() / 2 else 1


if __name__ == "__main__":
    sys.exit(main())
