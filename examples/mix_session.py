"""A mix from a session file, and the same mix as an effect that learns: its faders found from the sound alone.

python examples/mix_session.py out/
"""

import sys
from pathlib import Path

import soundfile
import torch

from diffFx_pytorch.mix import load_session, render_session, save_session
from diffFx_pytorch.report.demo import demo_clip

RATE = 22050
SESSION = """\
version: 1
tempo_bpm: 100
tracks:
  pulse:
    file: pulse.wav
    inserts: [{effect: HighPass, params: {freq_hz: 120}}]
    gain_db: -9
    sends: {room: -12}
  tune:
    clips: [{file: tune.wav, start_beats: 1, length_s: 1.5, fade_out_s: 0.3}]
    inserts: [{effect: Compressor, params: {threshold_db: -25, ratio: 4}}]
    sidechain: pulse
    gain_db: -4
    pan: 0.4
    sends: {room: -8}
buses:
  room: {inserts: [{effect: SchroederReverb, params: {mix: 1}}], gain_db: -3}
"""


def main(folder: Path, steps: int = 150) -> float:
    folder.mkdir(parents=True, exist_ok=True)
    clip = demo_clip(RATE, 2.4)[0].T.numpy()
    soundfile.write(folder / "pulse.wav", clip[: 2 * RATE], RATE)
    soundfile.write(folder / "tune.wav", clip[::-1][: 2 * RATE], RATE)
    (folder / "song.yaml").write_text(SESSION)

    session = load_session(folder / "song.yaml")
    mixed = render_session(session, folder / "mix.wav", stems=folder / "stems")
    print(f"wrote {folder / 'mix.wav'}, {mixed.seconds:.1f} s, peak {mixed.peak_db:.1f} dBFS, stems of", *mixed.stems)

    mixer = session.mixer()
    (x,) = session.blocks(session.frames)
    target = mixer(x)
    faders = [name for name in mixer.params if name.endswith((".gain_db", ".pan", "_db")) and "inserts" not in name]
    mixer.set({name: mixer.params[name].to_physical(0.6) for name in faders})
    mixer.trainable(*faders)
    optimiser = torch.optim.Adam(mixer.parameters(), lr=0.02)
    for step in range(steps):
        optimiser.zero_grad()
        loss = (mixer(x) - target).square().mean().sqrt() / target.square().mean().sqrt()
        loss.backward()
        optimiser.step()
        if step % 50 == 0 or step == steps - 1:
            print(f"step {step:3d}: the mix is {20 * torch.log10(loss).item():6.1f} dB off")
    mixer.frozen()
    for name in faders:
        print(f"{name:24} {float(mixer.settings[name]):6.2f}")
    session.take(mixer)
    save_session(folder / "found.yaml", session)
    return loss.item()


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out"))
