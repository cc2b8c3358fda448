"""A feedback delay network that sounds like a measured room.

    python examples/fit_room.py                # a synthetic room of known decay
    python examples/fit_room.py response.wav   # an impulse response; the first of several channels

What decays how fast is read off the response: T60 by octave, with which the network's absorption starts. Descent on
energy decays and spectra then sets what cannot be read off: the share of the direct sound, size, an equaliser for the
level of each octave; and corrects the decays, for the few modes of a small room do not decay in one time, and
neither do those of the network.

The baseline is the network as it begins, with what was read off and nothing more.

Exits with status 1 unless T60 is within 10 % of the room's in every octave from 125 Hz to 8 kHz
(--smoke: unless the energy decay is nearer the room's than the baseline's).
"""

from __future__ import annotations

import argparse
import sys

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from diffFx_pytorch import Chain
from diffFx_pytorch.dsp.room_analysis import (
    energy_decay_curve,
    octave_bands,
    octave_centres,
    onset,
    reverberation_time,
)
from diffFx_pytorch.files import audio_info, read_sound
from diffFx_pytorch.fit import (
    Criterion,
    EnergyDecayRelief,
    MultiResolutionSTFT,
    TrainingHistory,
    train,
)
from diffFx_pytorch.processors import FDNReverb, GraphicEqualizer

MADE_UP_S = (0.75, 0.7, 0.65, 0.6, 0.55, 0.45, 0.3)
"""T60 of the synthetic room in the octaves from 125 Hz to 8 kHz, in seconds."""


def room_model(room: Tensor, rate: float) -> Chain:
    """A network of sixteen lines and an equaliser, trainable but for what is still.

    Args:
        room: impulse response from its direct sound on, (T,).
        rate: in Hz.
    """
    reverb = FDNReverb(rate, num_lines=16, decay="octave", diffusion=0.9, mix=0.5)
    times = decay_times(room, rate, reverb.octaves)
    reverb.set({f"decay_{f}hz_s": min(max(float(t), 0.12), 15.0) for f, t in zip(reverb.octaves, times, strict=True)})
    # Rooms of short decay are small; small networks are dense at once.
    reverb.size = min(max(0.8 * float(times.median()), 0.35), 1.5)
    model = Chain(reverb=reverb, eq=GraphicEqualizer(rate))
    still = {"reverb.predelay_ms", "reverb.width", "reverb.tone", "reverb.size"}
    return model.trainable(*(name for name in model.params if name not in still))


class DecayTimes(nn.Module):
    """Mean squared relative error of T60 by octave, given the room's."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Of the decay of the energy in all channels."""
        ours, theirs = (decay_times(h, self.rate) for h in (output, target))
        return (ours.clamp_min(1e-3) / theirs).log().square().mean()


def decay_times(h: Tensor, rate: float, centres: tuple[float, ...] | None = None) -> Tensor:
    """T20 by octave of the energy in all channels (..., T), (bands,): later, measured rooms are below their noise."""
    bands = octave_bands(h.double(), rate, centres or octave_centres(rate))
    energy = bands.reshape(-1, *bands.shape[-2:]).square().mean(0)
    return reverberation_time((energy + 1e-30).sqrt(), rate, fit_db=(-5.0, -25.0), noise_share=0.1)


def made_up_room(rate: float = 48000, seconds: float = 1.2) -> Tensor:
    """Noise that decays in every octave in its own time, 5 ms after a direct sound: (T,)."""
    noise = torch.randn(round(seconds * rate), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    time = torch.arange(noise.shape[-1]) / rate
    decays = 10 ** (-3 * time / torch.tensor(MADE_UP_S, dtype=torch.float64)[:, None])
    late = (octave_bands(noise, rate, octave_centres(rate)) * decays).sum(0) * (time > 0.005)
    room = 0.3 * late / late.square().sum().sqrt()
    room[0] += 0.2
    return room


def trimmed(room: Tensor, rate: float) -> Tensor:
    """The response from just before the direct sound on, of energy 1, in float32."""
    room = room[max(0, int(onset(room)) - round(0.0005 * rate)) :]
    return (room / room.square().sum().sqrt()).float()


def impulse_like(room: Tensor) -> Tensor:
    """An impulse in both sides as long as a response: (1, 2, T)."""
    impulse = torch.zeros(1, 2, room.shape[-1])
    impulse[..., 0] = 1.0
    return impulse


def far(response: Tensor, room: Tensor, rate: float) -> tuple[float, float]:
    """The largest error of T60 in an octave, as a part of it, and the mean error of the energy decay curve, in dB."""
    off = float((decay_times(response, rate) / decay_times(room, rate) - 1).abs().max())
    ours, theirs = (
        energy_decay_curve(h.double().flatten(0, -2).square().sum(0).sqrt()) for h in (response, room[None])
    )
    heard = theirs > -40
    return off, float((ours - theirs)[heard].abs().mean())


def fit_room(room: Tensor, rate: float, steps: int) -> tuple[Chain, TrainingHistory, Tensor]:
    """The model, how its losses fell, and its response (1, 2, T)."""
    model = room_model(room, rate)
    impulse = impulse_like(room)
    target = room.expand(1, 2, -1)
    criteria = [
        Criterion(EnergyDecayRelief(rate, n_mels=32, floor_db=-40.0), name="energy decay relief"),
        Criterion(MultiResolutionSTFT((512, 2048), floor_db=-80.0), 0.1, name="spectra"),
        Criterion(DecayTimes(rate), 10.0, name="decay times"),
    ]
    optimizer = torch.optim.Adam(model.parameters(), lr=0.0125)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    history = train(model, criteria, [(impulse, target)], epochs=steps, optimizer=optimizer, scheduler=scheduler)
    with torch.no_grad():
        return model, history, model(impulse)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("file", nargs="?", help="an impulse response")
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--smoke", action="store_true", help="a minute: fewer steps, with a verdict")
    parser.add_argument("--quick", action="store_true", help="three steps, to see that it runs; no verdict")
    options = parser.parse_args()
    room, rate = made_up_room(), 48000
    if options.file:
        room, rate = read_sound(options.file)[0].double(), audio_info(options.file).sample_rate
    room = trimmed(room, rate)
    with torch.no_grad():
        begun = room_model(room, rate)(impulse_like(room))
    steps = 3 if options.quick else 20 if options.smoke else options.steps
    model, history, response = fit_room(room, rate, steps)

    ours, theirs = decay_times(response, rate), decay_times(room, rate)
    table = Table("octave", "room T60", "network T60", "")
    for f, a, b in zip(octave_centres(rate), theirs.tolist(), ours.tolist(), strict=True):
        table.add_row(f"{f:g} Hz", f"{a:.3f} s", f"{b:.3f} s", f"{100 * (b / a - 1):+.1f} %")
    console = Console()
    console.print(table)
    for name, values in history.terms.items():
        console.print(f"{name}: {values[0]:.4f} to {values[-1]:.4f}")
    console.print(model.describe())
    before, after = far(begun, room, rate), far(response, room, rate)
    for name, (t60, decay) in (("read off alone", before), ("fitted", after)):
        console.print(f"{name}: T60 within {100 * t60:.1f} %, energy decay within {decay:.2f} dB on average")
    if options.smoke:
        return 0 if after[1] < before[1] else 1
    return 0 if options.quick or after[0] < 0.1 else 1


if __name__ == "__main__":
    sys.exit(main())
