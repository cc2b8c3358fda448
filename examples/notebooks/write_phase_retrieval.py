"""Write the notebook on phase retrieval, without outputs.

python examples/notebooks/write_phase_retrieval.py
"""

from __future__ import annotations

from pathlib import Path

from write_families import text_and_code, write_notebook

CELLS = (
    """\
# A signal from its magnitude

A spectrogram forgets the phase. This page makes a voice and some music out of arithmetic, throws their phases away, and
brings them back by every method of `diffFx_pytorch.spectrogram`, to be heard, drawn and compared.""",
    """\
import math
import time

import matplotlib.pyplot as plt
import torch
from IPython.display import Markdown, display

from diffFx_pytorch.report.demo import demo_clip
from diffFx_pytorch.report.notebook import player
from diffFx_pytorch.spectrogram import (
    METHODS,
    STFT,
    MelScale,
    invert,
    invert_mel,
    invert_spectrogram,
    pghi,
    rtisi_la,
    spectral_convergence,
    spsi,
)

RATE = 22050
SECONDS = 1.6
stft = STFT(1024, 256)


def voice(syllables=((700, 1220, 2600), (300, 2300, 3000), (450, 800, 2830), (640, 1190, 2390), (270, 2290, 3010))):
    \"\"\"Pulses of a gliding pitch through the formants of some vowels, a breath before each, and a little noise.\"\"\"
    n = int(SECONDS * RATE)
    t = torch.arange(n, dtype=torch.float64) / RATE
    pitch = 115 + 25 * torch.sin(2 * math.pi * 0.7 * t) + 3 * torch.sin(2 * math.pi * 5.3 * t)
    phase = 2 * math.pi * pitch.cumsum(0) / RATE
    breath = torch.randn(n, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = torch.zeros(n, dtype=torch.float64)
    for i, formants in enumerate(syllables):
        at = (t - i * SECONDS / len(syllables)) * len(syllables) / SECONDS  # 0 .. 1 within the syllable
        inside = ((at >= 0) & (at < 1)).double()
        voiced = inside * torch.sin(math.pi * at).clamp_min(0) ** 0.6
        for k in range(1, 60):
            gain = sum(1 / (1 + ((k * pitch - f) / (60 + 0.05 * f)) ** 2) for f in formants) / k**0.4
            x += voiced * gain * torch.sin(k * phase) * (k * pitch < 0.45 * RATE)
        x += 0.15 * inside * (-at / 0.06).clamp_max(0).exp() * breath
    x += 1e-4 * x.abs().max() * breath
    return (0.4 * x / x.abs().max()).float()


music = demo_clip(RATE, SECONDS)[0].mean(0)
sounds = {"voice": voice(), "music": music}
magnitudes = {name: stft.magnitude(x) for name, x in sounds.items()}
for name, x in sounds.items():
    display(player(x[None], RATE, f"{name}, as it was"))""",
    """\
What is left of them: how loud each frequency is in each frame. From here on nothing but this is used.""",
    """\
figure, axes = plt.subplots(1, 2, figsize=(11, 3), constrained_layout=True)
for ax, (name, A) in zip(axes, magnitudes.items(), strict=True):
    levels = 20 * (A / A.max()).clamp_min(1e-4).log10()
    ax.imshow(levels, origin="lower", aspect="auto", extent=(0, SECONDS, 0, RATE / 2000))
    ax.set(title=name, xlabel="time (s)", ylabel="frequency (kHz)")""",
    """\
## In one go, and as a stream

`spsi` and `pghi` read a phase off the magnitude itself. `rtisi_la` takes one frame after another, as a real-time
system must. The number is the spectral convergence, 20 log10 of the error over the magnitude: lower is better.""",
    """\
def spectral_db(x, A):
    return float(spectral_convergence(stft.magnitude(x), A))


results = {}


def tried(method, name, make, heard=True):
    begun = time.perf_counter()
    y = make(magnitudes[name], len(sounds[name]))
    seconds = time.perf_counter() - begun
    level = spectral_db(y, magnitudes[name])
    results[method, name] = level, seconds
    if heard:
        display(player(y[None], RATE, f"{name} by {method}: {level:.1f} dB"))


pghi(magnitudes["voice"], stft)  # compiles
for name in sounds:
    tried("spsi", name, lambda A, length: stft.inverse(spsi(A, stft), length))
    tried("pghi", name, lambda A, length: stft.inverse(pghi(A, stft), length))
    tried("rtisi_la", name, lambda A, length: rtisi_la(A, stft, length=length))""",
    """\
## By iteration

Each method begins at the phases of PGHI and takes a hundred iterations. Griffin-Lim goes back and forth between the
spectra with this magnitude and those that a signal has; the others are quicker, or leave the basin they began in.
`auto` reflects first and accelerates then. `lbfgs` follows the gradient.""",
    """\
N_ITER = 100
figure, axes = plt.subplots(1, 2, figsize=(11, 4), sharey=True, constrained_layout=True)
for ax, name in zip(axes, sounds, strict=True):
    for method in ("auto", *METHODS, "lbfgs"):

        def retrieved(A, length, method=method, ax=ax):
            y, info = invert_spectrogram(A, stft, method, N_ITER, length=length, return_info=True)
            ax.plot(info.history, label=method, lw=2.5 if method == "auto" else 1.2)
            return y

        tried(method, name, retrieved, heard=method in ("griffin_lim", "fast_griffin_lim", "auto", "lbfgs"))
    ax.set(title=name, xlabel="iteration", xlim=(0, N_ITER), ylim=(-50, -10))
axes[0].set_ylabel("spectral convergence (dB)")
axes[1].legend(fontsize=8);""",
    """\
## Method by material

Spectral convergence in dB, and how many times faster than real time.""",
    """\
rows = ["| method | " + " | ".join(sounds) + " | times real time |", "|---|" + "---|" * (len(sounds) + 1)]
for method in dict.fromkeys(m for m, _ in results):
    cells = [f"{results[method, name][0]:.1f}" for name in sounds]
    speed = SECONDS * len(sounds) / sum(results[method, name][1] for name in sounds)
    rows.append(f"| {method} | " + " | ".join(cells) + f" | {speed:.0f} |")
Markdown("\\n".join(rows))""",
    """\
## Where it begins matters

From random phases the same hundred iterations end elsewhere.""",
    """\
rows = ["| start | " + " | ".join(sounds) + " |", "|---|" + "---|" * len(sounds)]
for start in ("pghi", "spsi", "random", "zero"):
    cells = []
    for name, A in magnitudes.items():
        generator = torch.Generator().manual_seed(0)
        y = invert_spectrogram(A, stft, "auto", N_ITER, start, len(sounds[name]), generator)
        cells.append(f"{spectral_db(y, A):.1f}")
    rows.append(f"| {start} | " + " | ".join(cells) + " |")
Markdown("\\n".join(rows))""",
    """\
## From a mel spectrogram

Eighty bands know less than 513 bins. `invert_mel` finds a magnitude that fits, a phase for it, and then moves both.""",
    """\
mel = MelScale(80, RATE, 1024)
for name, A in magnitudes.items():
    M = mel.forward(A)
    y, info = invert_mel(M, stft, mel, n_iter=32, length=len(sounds[name]), return_info=True)
    reached = float(info.history[..., -1])
    display(player(y[None], RATE, f"{name} from 80 mel bands: {reached:.1f} dB from them"))""",
    """\
## From anything with a gradient

`invert` takes any function of the signal. Here the envelope of 24 bands alone, as a vocoder of old had it.""",
    """\
bands = MelScale(24, RATE, 1024, power=2)


def loudness(x):
    return bands.forward(stft.magnitude(x)).clamp_min(1e-6).sqrt()


x = sounds["voice"]
generator = torch.Generator().manual_seed(0)
y, info = invert(loudness(x), loudness, len(x), n_iter=40, generator=generator, return_info=True)
player(y[None], RATE, f"voice from 24 band envelopes: {float(info.history[-1]):.1f} dB from them")""",
)


if __name__ == "__main__":
    write_notebook(Path(__file__).with_name("phase_retrieval.ipynb"), text_and_code(CELLS))
