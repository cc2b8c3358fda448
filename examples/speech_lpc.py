"""Speech as a moving all-pole filter: analysis, resynthesis, and a vocoder trained through the filter.

    python examples/speech_lpc.py [recording.wav] [-o folder]

Linear prediction takes a filter 1 / A(z) from every 30 ms of the sound. Between frames it moves along line spectral
frequencies, from sample to sample, and stays stable on the way. What is left when the sound runs through the moving
A(z) is the residual; run through 1 / A(z) it is the sound again, to rounding errors.

Then the residual is thrown away. A pulse a period of the voice and noise take its place, in shares and at a level that
move by frame: a vocoder of 21 numbers a frame. The analysis gives them by the book. From there all but the pitch, the
filters too, are trained end to end on the spectra of the speech: the gradient comes through the moving recursion.

Without a recording a voice is made up: vowels that glide into each other over a falling melody.

Prints how exact the resynthesis is and the distance of the vocoder before and after training, and exits with status 1
unless training brought it down by a quarter. With -o the four sounds are written.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor, nn

from diffFx_pytorch.files import read_sound
from diffFx_pytorch.fit import Criterion, MultiResolutionSTFT, residual_db, train
from diffFx_pytorch.recursion import allpole, fir_filter, lpc, lpc_to_lsf, lsf_to_lpc

RATE = 16000
FRAME, HOP = 480, 160
ORDER = 18
VOWELS = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480))
"""Formants in Hz: Peterson and Barney, JASA 24, 1952, table II (men)."""


def made_up_voice(seconds: float = 1.5) -> Tensor:
    """Vowels that glide into each other, (1, T)."""
    samples = round(seconds * RATE)
    t = torch.arange(samples, dtype=torch.float64) / RATE
    pitch = 120 * torch.exp2(-0.4 * t + 0.02 * torch.sin(2 * math.pi * 5.5 * t))
    phase = (pitch / RATE).cumsum(0)
    noise = torch.randn(samples, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    sound = allpole(
        (phase.floor().diff(prepend=phase[:1] * 0) - 0.01 + 0.02 * noise)[None], torch.tensor([-0.95]).double()
    )
    along = t / seconds * (len(VOWELS) - 1)
    at, share = along.floor().long().clamp(max=len(VOWELS) - 2), along - along.floor()
    formants = torch.tensor(VOWELS, dtype=torch.float64)
    for f in torch.lerp(formants[at], formants[at + 1], share[:, None]).T:
        radius = torch.exp(-math.pi * (50 + 0.03 * f) / RATE)
        a = torch.stack([-2 * radius * torch.cos(2 * math.pi * f / RATE), radius**2], -1)
        sound = allpole(sound, a[None])
    swell = torch.sin(math.pi * t / seconds) ** 0.5
    return (0.25 * swell * sound / sound.abs().max()).float()


def framed(x: Tensor) -> Tensor:
    """Frames centred at multiples of the hop, (F, FRAME)."""
    return nn.functional.pad(x, (FRAME // 2, FRAME // 2)).unfold(-1, FRAME, HOP)[0]


def between_frames(values: Tensor, samples: int) -> Tensor:
    """Values by frame (F, ...) at each sample along straight lines, (T, ...)."""
    place = torch.arange(samples, dtype=torch.float64) / HOP
    left = place.floor().long().clamp(max=len(values) - 2)
    share = (place - left).reshape(-1, *[1] * (values.dim() - 1)).to(values)
    return torch.lerp(values[left], values[left + 1], share)


def analysed(x: Tensor) -> Tensor:
    """Line spectral frequencies (F, ORDER) of a sound (1, T)."""
    window = torch.hann_window(FRAME, dtype=torch.float64)
    frames = framed(x.double()) * window
    return lpc_to_lsf(lpc(frames + 1e-5 * torch.randn(frames.shape, generator=torch.Generator().manual_seed(1)), ORDER))


def moving(lsf: Tensor, samples: int) -> Tensor:
    """Coefficients (1, T, ORDER) that move along line spectral frequencies."""
    return lsf_to_lpc(between_frames(lsf, samples))[None]


def pitch_of(x: Tensor) -> tuple[Tensor, Tensor]:
    """Pitch in Hz and how periodic a frame is, 0 .. 1, by the largest autocorrelation, (F,) each."""
    frames = framed(x.double())
    frames = torch.cat([frames, torch.zeros_like(frames)], -1)
    r = torch.fft.irfft(torch.fft.rfft(frames).abs().square())
    low, high = RATE // 400, RATE // 70
    # A window's end takes its share of the products away.
    r = r[:, low:high] / (1 - torch.arange(low, high) / FRAME) / (r[:, :1] + 1e-9)
    best = r.max(-1)
    return RATE / (low + best.indices.double()), best.values.clamp(0, 1)


class Vocoder(nn.Module):
    """Pulses and noise through a moving filter; ``forward()`` gives the sound (1, 1, T)."""

    pulses: Tensor
    noise: Tensor

    def __init__(self, x: Tensor, lsf: Tensor) -> None:
        super().__init__()
        self.samples = x.shape[-1]
        pitch, periodic = pitch_of(x)
        steps = nn.functional.pad(lsf, (1, 1), value=0.0)
        steps[:, -1] = math.pi
        self.steps = nn.Parameter(steps.diff(dim=-1).log().float())
        residual = framed(fir_filter(x.double(), nn.functional.pad(moving(lsf, self.samples), (1, 0), value=1.0)))
        self.level = nn.Parameter(
            ((residual * torch.hann_window(FRAME)).square().mean(-1) / 0.375 + 1e-9).log().float() / 2
        )
        self.voiced = nn.Parameter(torch.logit(periodic, 0.02).float())
        rate = between_frames(pitch, self.samples) / RATE
        phase = rate.cumsum(0)
        pulses = (phase.floor() - (phase - rate).floor()) / rate.sqrt()  # of power 1
        noise = torch.randn(self.samples, generator=torch.Generator().manual_seed(2))
        self.register_buffer("pulses", pulses.float())
        self.register_buffer("noise", noise)

    def forward(self) -> Tensor:
        lsf = math.pi * self.steps.softmax(-1).cumsum(-1)[:, :-1]
        voiced = between_frames(torch.sigmoid(self.voiced), self.samples)
        source = voiced.sqrt() * self.pulses + (1 - voiced).sqrt() * self.noise
        source = source * between_frames(self.level, self.samples).exp()
        return allpole(source[None], moving(lsf, self.samples)).unsqueeze(0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("file", nargs="?", help="a recording of a voice; its first three seconds are used")
    parser.add_argument("-o", "--output", type=Path, help="folder for the sounds")
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--smoke", action="store_true", help="half a second, few steps; no verdict")
    options = parser.parse_args()
    x = made_up_voice(0.5 if options.smoke else 1.5)
    if options.file:
        x = read_sound(options.file, RATE)[0].mean(0, keepdim=True)[:, : 3 * RATE].float()

    lsf = analysed(x)
    a = moving(lsf, x.shape[-1])
    residual = fir_filter(x, nn.functional.pad(a, (1, 0), value=1.0))
    again = allpole(residual, a)
    console = Console()
    console.print(
        f"residual: {10 * math.log10(float(residual.square().mean() / x.square().mean())):.1f} dB of the speech"
    )
    console.print(f"resynthesis: {float(residual_db(again[None], x[None])):.0f} dB from the speech")

    vocoder = Vocoder(x, lsf)
    with torch.no_grad():
        before = vocoder()
    steps = 4 if options.smoke else options.steps
    criterion = Criterion(MultiResolutionSTFT((256, 512, 1024), floor_db=-70.0), name="distance of spectra")
    history = train(vocoder, criterion, [(None, x[None])], epochs=steps, learning_rate=2e-2)
    with torch.no_grad():
        after = vocoder()
    first, last = history.train[0], float(criterion(vocoder, after, x[None]))
    console.print(
        f"{criterion.label}: {first:.3f} by the book, {last:.3f} after {steps} steps in {history.seconds:.0f} s"
    )
    if options.output is not None:
        import soundfile

        options.output.mkdir(parents=True, exist_ok=True)
        sounds = {"speech": x, "residual": residual, "by_the_book": before[0], "trained": after[0]}
        for name, sound in sounds.items():
            soundfile.write(options.output / f"{name}.wav", sound[0].numpy(), RATE)
    return 0 if options.smoke or last < 0.75 * first else 1


if __name__ == "__main__":
    sys.exit(main())
