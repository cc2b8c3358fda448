"""A wah recovered as a moving curve: a band-pass whose frequency goes where the recording says.

    python examples/wah.py [--smoke]

A foot rocks a band-pass between 400 Hz and 2 kHz, unevenly; heard are the sound before it and after it. Sought is the
frequency over time, as points of automation joined by lines, and the filter's Q, which stands still. Descent on spectra
alone sticks in the valley next to where it begins, so every point begins where the recording itself puts it: at the
frequency where the level came through most, band by band, over the time about the point. Then spectra, then the
waveform, move all points at once.

The baselines are the best filter that stands still, and the beginning, without descent. Exits with status 1 unless the
curve is within half a semitone of the true one on average, and nearer than where it began.
"""

from __future__ import annotations

import argparse
import math
import sys

import torch
from torch import Tensor

from diffFx_pytorch import EffectParam
from diffFx_pytorch.fit import ErrorToSignalRatio, MultiResolutionSTFT
from diffFx_pytorch.processors import BandPass
from diffFx_pytorch.views.subject import pink_noise

RATE = 22050
RANGES = {
    "freq_hz": EffectParam(200.0, 4000.0, 900.0, "log", "Hz", doc="Where the wah stands."),
    "q": EffectParam(1.0, 12.0, 4.0, "log", doc="How sharp it is."),
}
TRUE_Q = 6.0


def strings(seconds: float) -> Tensor:
    """A chord that is strummed again and again, with noise: (1, 1, T)."""
    time = torch.arange(round(seconds * RATE), dtype=torch.float64) / RATE
    since = time % 0.45
    chord = sum(torch.sin(2 * math.pi * f * k * time) / k for f in (110.0, 164.8, 220.0, 277.2) for k in range(1, 30))
    sound = (0.15 * chord + 0.2 * pink_noise(len(time))) * torch.exp(-since / 0.4)
    return (0.5 * sound / sound.abs().max()).float()[None, None]


def pedal(seconds: float, points: int) -> Tensor:
    """The frequency of the hidden pedal at evenly spread points, (1, points), in Hz."""
    t = torch.linspace(0, seconds, points, dtype=torch.float64)
    foot = 0.5 - 0.5 * torch.cos(2 * math.pi * (0.7 * t + 0.25 * torch.sin(2 * math.pi * 0.31 * t)))
    return (400.0 * (2000.0 / 400.0) ** foot)[None].float()


def peaks(dry: Tensor, wet: Tensor, points: int) -> Tensor:
    """Position in [0, 1] (1, points) of the frequency that came through most, over the time about each point."""
    size, hop = 1024, 128
    window = torch.hann_window(size)
    spectra = [torch.stft(x[0, 0], size, hop, window=window, return_complex=True).abs().square() for x in (dry, wet)]
    param = RANGES["freq_hz"]
    centres = torch.logspace(math.log10(param.min_val), math.log10(param.max_val), 49)
    bins = torch.linspace(0, RATE / 2, size // 2 + 1).clamp_min(1.0)
    bands = torch.exp(-(((bins.log2() - centres.log2()[:, None]) / 0.12).square()))
    width = max(3, spectra[0].shape[1] // points) | 1
    before, after = (
        torch.nn.functional.avg_pool1d(bands @ s, width, 1, width // 2, count_include_pad=False) for s in spectra
    )
    through = (after / (before + 1e-3 * before.amax(0))).square()
    middle = (through * centres.log()[:, None]).sum(0) / through.sum(0)
    at = torch.linspace(0, middle.shape[0] - 1, points).round().long()
    return param.to_norm(middle[at].exp())[None]


def descend(fx: BandPass, dry: Tensor, wet: Tensor, start: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """Positions of the frequency, in the shape of ``start`` (1, points), and of the Q (1, 1)."""
    freq, q = torch.logit(start.clamp(0.02, 0.98)).requires_grad_(), torch.zeros(1, 1, requires_grad=True)
    spectra, waveform = MultiResolutionSTFT((256, 1024)), ErrorToSignalRatio()
    optimizer = torch.optim.Adam((freq, q), lr=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(steps):
        y = fx(dry, norm_params={"freq_hz": freq.sigmoid(), "q": q.sigmoid()[:, 0]})
        loss = (spectra if step < steps // 3 else waveform)(y, wet)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return freq.sigmoid().detach(), q.sigmoid().detach()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=240)
    parser.add_argument("--smoke", action="store_true", help="a minute: less sound, fewer steps, with a verdict")
    options = parser.parse_args()
    seconds, steps = (2.5, 60) if options.smoke else (6.0, options.steps)
    points = round(10 * seconds)
    fx, dry = BandPass(RATE, RANGES), strings(seconds)
    truth = pedal(seconds, 8 * points)
    with torch.no_grad():
        wet = fx(dry, dsp_params={"freq_hz": truth, "q": TRUE_Q})

    began = peaks(dry, wet, points)
    still, still_q = descend(fx, dry, wet, began.mean(1, keepdim=True), steps)
    moving, q = descend(fx, dry, wet, began, steps)

    def told(name: str, freq: Tensor, q: Tensor) -> float:
        with torch.no_grad():
            y = fx(dry, norm_params={"freq_hz": freq, "q": q[:, 0]})
        curve = RANGES["freq_hz"].to_physical(freq)
        if curve.shape[1] > 1:  # joined as automation is
            log = torch.nn.functional.interpolate(curve.log()[None], truth.shape[1], mode="linear", align_corners=True)
            curve = log[0].exp()
        off = float(12 * (curve / truth).log2().abs().mean())
        residual = 10 * float(((y - wet).square().sum() / wet.square().sum()).log10())
        print(f"{name:22s} {off:6.2f} semitones from the pedal, {residual:6.1f} dB left of the sound")
        return off

    told("best filter that stands", still, still_q)
    first = told("where it began", began, torch.full((1, 1), 0.5))
    last = told("moving curve", moving, q)
    print(f"Q {float(RANGES['q'].to_physical(q)):.2f}, true {TRUE_Q:g}")
    return 0 if last < min(0.5, first) else 1


if __name__ == "__main__":
    sys.exit(main())
