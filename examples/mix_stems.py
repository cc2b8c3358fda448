"""Four stems mixed towards a reference: levels, places and sends to a room, found from the sound of the mix.

    python examples/mix_stems.py [--smoke]

A hidden mix is made of four stems. Heard are the stems and the mix; sought are the settings of a console: for each stem
gain, pan, the gains of an equaliser and its send to a room. The console is a ``Mixer`` made from a session, so all its
knobs have gradients, and what is found can be saved as a session and rendered.

The baseline is the sum of the stems as they are, with the one gain that suits it best. Exits with status 1 unless the
mix comes 20 dB nearer than that (10 dB in --smoke).
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
from pathlib import Path

import soundfile
import torch
from torch import Tensor

from diffFx_pytorch.fit import MultiResolutionSTFT
from diffFx_pytorch.mix import load_session
from diffFx_pytorch.report.demo import demo_clip

RATE = 22050
STEMS = ("low", "body", "voice", "air")
EDGES = (180.0, 800.0, 3500.0)
TRACK = """\
  {name}:
    file: {name}.wav
    inserts: [{{effect: ParametricEqualizer, options: {{num_peaks: 1}}}}]
    sends: {{room: -20}}
"""
BUS = "buses:\n  room: {inserts: [{effect: SchroederReverb, params: {mix: 1}}]}\n"


def stems(seconds: float) -> dict[str, Tensor]:
    """The demo clip, mono, in four parts of the spectrum: each (T,)."""
    clip = demo_clip(RATE, seconds)[0].mean(0).double()
    spectrum = torch.fft.rfft(clip)
    freqs = torch.fft.rfftfreq(len(clip), 1 / RATE).double()
    edges = (0.0, *EDGES, RATE)
    parts = [(freqs >= low) & (freqs < high) for low, high in itertools.pairwise(edges)]
    return {n: torch.fft.irfft(spectrum * part, len(clip)) for n, part in zip(STEMS, parts, strict=True)}


def left_db(y: Tensor, target: Tensor) -> float:
    """Level of the difference over that of the target, in dB."""
    return 10 * float(((y - target).square().sum() / target.square().sum()).log10())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--smoke", action="store_true", help="a minute: two seconds of sound, fewer steps")
    options = parser.parse_args()
    seconds, steps, wanted = (2.0, 120, 10.0) if options.smoke else (4.8, options.steps, 20.0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for stem, sound in stems(seconds).items():
            soundfile.write(folder / f"{stem}.wav", sound.numpy(), RATE, "FLOAT")
        (folder / "song.yaml").write_text("version: 1\ntracks:\n" + "".join(TRACK.format(name=n) for n in STEMS) + BUS)
        session = load_session(folder / "song.yaml")
        mixer = session.mixer()
        (x,) = session.blocks(session.frames)

    ends = ("gain_db", "pan", "_to_room_db")
    free = [n for n in mixer.params if n.endswith(ends) and not n.startswith(("room", "master"))]
    generator = torch.Generator().manual_seed(0)
    hidden = {n: mixer.params[n].to_physical(float(0.3 + 0.4 * torch.rand((), generator=generator))) for n in free}
    hidden |= {n: -18.0 + 12.0 * i / 3 for i, n in enumerate(n for n in free if n.endswith("_to_room_db"))}
    hidden |= {
        n: float(torch.empty(()).uniform_(-9, 6, generator=generator)) for n in free if n.endswith("fader.gain_db")
    }
    with torch.no_grad():
        target = mixer(x, dsp_params=hidden)
        plain = mixer(x)
    gain = (plain * target).sum() / plain.square().sum()
    baseline = left_db(gain * plain, target)

    mixer.trainable(*free)
    optimizer = torch.optim.Adam(mixer.parameters(), lr=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    spectra = MultiResolutionSTFT((512, 2048))
    for step in range(steps):
        y = mixer(x)
        error = ((y - target).square().sum() / target.square().sum()).sqrt()
        loss = error + (0.2 * spectra(y, target) if step < steps // 2 else 0.0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    mixer.frozen()
    with torch.no_grad():
        fitted = left_db(mixer(x), target)
    print(f"{'knob':32s} {'true':>8s} {'found':>8s}")
    for n in free:
        print(f"{n:32s} {hidden[n]:8.2f} {float(mixer.settings[n]):8.2f} {mixer.params[n].unit}")
    print(f"sum of the stems   {baseline:6.1f} dB")
    print(f"fitted             {fitted:6.1f} dB")
    return 0 if fitted < baseline - wanted else 1


if __name__ == "__main__":
    sys.exit(main())
