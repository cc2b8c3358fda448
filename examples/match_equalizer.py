"""Automatic equalisation: an equaliser whose sound has the long-term spectrum of a target.

    python examples/match_equalizer.py [--smoke]                  # a made-up mix, against what a hidden equaliser makes
    python examples/match_equalizer.py sound.wav target.wav       # of other music: only the spectra are compared

Two shelves and three peaks are set by descent on the level of the sound in sixths of an octave, which needs no twin of
the target: the two sounds may be different music. Level is not matched, only the shape of the spectrum.

The made-up target is other bars of the music, so that a part of the distance cannot be taken away. What an equaliser of
31 bands leaves, its sliders set to the difference itself, is shown beside it.

Exits with status 1 unless fifteen knobs come nearer than those 31 sliders, and, without files, to 60 % of the distance.
"""

from __future__ import annotations

import argparse
import sys

import torch
from torch import Tensor

from diffFx_pytorch.files import audio_info, read_sound
from diffFx_pytorch.processors import GraphicEqualizer, ParametricEqualizer
from diffFx_pytorch.report.demo import demo_clip
from diffFx_pytorch.views.compared import third_octaves

RATE = 44100
HIDDEN = {
    "low_shelf_gain_db": 6.0,
    "low_shelf_freq_hz": 130.0,
    "peak_1_gain_db": -8.0,
    "peak_1_freq_hz": 350.0,
    "peak_2_gain_db": 5.0,
    "peak_2_freq_hz": 1800.0,
    "high_shelf_gain_db": -7.0,
    "high_shelf_freq_hz": 6000.0,
}


def shape(x: Tensor, rate: float) -> tuple[Tensor, Tensor]:
    """Centres in Hz and the spectrum of a sound (C, T) in dB about its mean, where music has sound: 40 Hz .. 16 kHz."""
    freqs, level = third_octaves(x.double(), rate)
    used = (freqs > 40) & (freqs < min(16000.0, 0.45 * rate))
    return freqs[used], level[used] - level[used].mean()


def match(fx: ParametricEqualizer, sound: Tensor, target: Tensor, steps: int) -> None:
    """Set the equaliser by descent; sound and target (1, C, T)."""
    _, wanted = shape(target[0], fx.sample_rate)
    optimizer = torch.optim.Adam(fx.parameters(), lr=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        loss = (shape(fx(sound)[0], fx.sample_rate)[1] - wanted).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()


@torch.no_grad()
def distance(sound: Tensor, target: Tensor, rate: float) -> float:
    """Mean difference of the shapes of two spectra, in dB."""
    return float((shape(sound[0], rate)[1] - shape(target[0], rate)[1]).abs().mean())


@torch.no_grad()
def drawn(sound: Tensor, target: Tensor, rate: float) -> Tensor:
    """The sound through 31 bands set to the difference of the spectra, as far as their sliders go."""
    (freqs, now), (_, wanted) = shape(sound[0], rate), shape(target[0], rate)
    fx = GraphicEqualizer(rate, bands="third_octave")
    nearest = (torch.tensor(fx.centres_hz)[:, None].log() - freqs.log()).abs().argmin(1)
    gains = (wanted - now)[nearest].clamp(-12.0, 12.0)
    return fx(sound, dsp_params=dict(zip(fx.params, gains.tolist(), strict=True)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="*", metavar="SOUND TARGET")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--smoke", action="store_true", help="a minute: fewer steps, with a verdict")
    options = parser.parse_args()
    if len(options.files) not in (0, 2):
        parser.error("give a sound and a target, or none")
    if options.files:
        rates = [audio_info(path).sample_rate for path in options.files]
        if rates[0] != rates[1]:
            parser.error(f"the files must share one sample rate, got {rates[0]} and {rates[1]} Hz")
        rate, (sound, target) = rates[0], (read_sound(path)[None] for path in options.files)
    else:
        rate = RATE
        first, second = demo_clip(rate, 9.6).split(round(4.8 * rate), -1)
        sound = first
        with torch.no_grad():
            target = ParametricEqualizer(rate)(second, dsp_params=HIDDEN)
    fx = ParametricEqualizer(rate).trainable()
    match(fx, sound, target, 80 if options.smoke else options.steps)
    fx.frozen()
    with torch.no_grad():
        made = {"as it is": sound, "31 bands drawn": drawn(sound, target, rate), "fitted": fx(sound)}
    far = {name: distance(x, target, rate) for name, x in made.items()}
    for name, value in far.items():
        print(f"{name:15s} {value:5.2f} dB from the target's spectrum")
    print(fx.describe())
    far_enough = far["as it is"] * (1.0 if options.files else 0.6)
    return 0 if far["fitted"] < min(far_enough, far["31 bands drawn"]) else 1


if __name__ == "__main__":
    sys.exit(main())
