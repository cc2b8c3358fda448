"""Write the notebook on the design of feedback delay networks, without outputs.

python examples/notebooks/write_fdn_design.py
"""

from __future__ import annotations

from pathlib import Path

from write_families import text_and_code, write_notebook

CELLS = (
    """\
# Designing a feedback delay network

Delays in a loop, a matrix that mixes what comes out of them, filters that take away a little each round: that is a
room. This page builds one with `diffFx_pytorch.lti`, looks at it from all sides, takes the colour out of it, and plays
it.""",
    """\
import copy
import math

import ipywidgets as widgets
import matplotlib.pyplot as plt
import torch
from IPython.display import Markdown, display

from diffFx_pytorch import lti
from diffFx_pytorch.dsp.room_analysis import echo_density, reverberation_time, spectral_flatness
from diffFx_pytorch.fit import Criterion, MagnitudeError, sparsity, train
from diffFx_pytorch.report.demo import demo_clip
from diffFx_pytorch.report.notebook import player

RATE = 32000
DELAYS = torch.tensor([491, 587, 733, 881, 1061, 1277, 1433, 1621])  # samples, primes: 15 to 51 ms
KINDS = ("householder", "hadamard", "orthogonal", "scattering")


def mixing(kind, n=8, decay_s=math.inf):
    generator = torch.Generator().manual_seed(1)
    if kind != "scattering":
        return lti.Matrix(n, kind, generator=generator)
    # Its own delays decay as those of the lines do.
    return lti.ScatteringMatrix(n, 3, gain_per_sample=10 ** (-3 / (RATE * decay_s)), generator=generator)


def network(kind="hadamard", decay_s=1.5, high_ratio=0.4, delays=DELAYS):
    n = len(delays)
    signs = torch.ones(2, n)
    signs[0, 1::2] = signs[1, 2::4] = signs[1, 3::4] = -1.0  # so that left and right differ
    low, high = torch.tensor([decay_s]), torch.tensor([decay_s * high_ratio])
    return lti.Series(
        b=lti.Gain(torch.ones(n, 1) / n**0.5),
        loop=lti.Recursion(
            feedforward=lti.Delay(delays),
            feedback=lti.Series(
                mixing=mixing(kind, n, decay_s),
                absorption=lti.ShelvingAbsorption(low, high, delays, crossover_hz=3000.0, sample_rate=RATE),
            ),
        ),
        c=lti.Gain(signs / n**0.5),
    )


fdn = network()
print(fdn)
fdn.plot();""",
    """\
## What it answers

The magnitude over frequency, the two impulse responses (one channel in, two out) and how their energy decays. All of it
is one FFT long; `alias_decay_db` keeps what rings on beyond its end from folding back onto the start.""",
    """\
fdn.plot_response(RATE, nfft=1 << 16, alias_decay_db=30.0);""",
    """\
The network is linear and time-invariant, so a signal goes through it by one product of spectra.""",
    """\
clip = demo_clip(RATE, 3.0).mean(1, keepdim=True)  # mono
clip_power = clip.square().mean()


def mixed(system, share=0.35):
    with torch.no_grad():
        dry = torch.nn.functional.pad(clip, (0, RATE))
        wet = system(clip, samples=dry.shape[-1], alias_decay_db=30.0)
    wet = wet * (clip_power / wet.square().mean()).sqrt()  # as loud as the clip, whatever the network
    return 0.5 * ((1 - share) * dry + share * wet)


display(player(0.5 * clip, RATE, "dry"), player(mixed(fdn, 1.0), RATE, "wet"), player(mixed(fdn), RATE, "mixed"))""",
    """\
## Modes

Every pole is a mode: a frequency that rings, and how long. A network small enough to count them has as many as there
are samples in its delays, plus those of the absorption. Each decays as the absorption at its frequency says, whatever
the matrix: what the matrix decides is where they lie, and by the residues, how loud they are.""",
    """\
tiny = network(delays=torch.tensor([13, 17, 23, 29]), decay_s=0.05, high_ratio=0.3).double()
pole, residue, _ = lti.poles_and_residues(tiny)
ringing = (pole.imag > 1e-9) & (pole.abs() > 0.5)
pole, loudness = pole[ringing], 20 * residue[0, 0, ringing].abs().log10()
freq, t60 = pole.angle() * RATE / (2 * math.pi), -3 / (RATE * pole.abs().log10())

freqs = torch.linspace(10.0, RATE / 2 - 10, 400)
line = tiny.loop.feedback.absorption.frequency_response(freqs_hz=freqs, sample_rate=RATE).detach()
wanted = -3 * 13 / (RATE * line[0, 0].abs().log10())  # of the first line, 13 samples long

figure, (plane, decay) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
plane.plot(*torch.view_as_real(torch.polar(torch.ones(200), torch.linspace(0, math.pi, 200))).T, color="0.7")
drawn = plane.scatter(pole.real, pole.imag, c=loudness, s=22, cmap="viridis")
plane.set(title=f"{len(pole)} ringing modes of {len(lti.poles(tiny))} poles", xlabel="real", ylabel="imaginary")
plane.set_aspect("equal")
figure.colorbar(drawn, ax=plane, label="residue (dB)", shrink=0.6)
decay.plot(freqs, 1000 * wanted, color="0.6", label="absorption of a line")
decay.scatter(freq, 1000 * t60, s=14, label="modes")
decay.set(xlabel="frequency (Hz)", ylabel="T60 (ms)", ylim=(0, 60))
decay.legend();""",
    """\
## Matrices

A sparse matrix sends an echo on as few echoes, a dense one as many; a scattering matrix, which has short responses
instead of gains, as a burst. The echo density counts how many samples lie outside one standard deviation, compared with
Gaussian noise: at 1 the ear hears no single echoes any more.""",
    """\
figure, axes = plt.subplots(1, 2, figsize=(11, 3.4), layout="constrained", width_ratios=(1, 2))
heard = {}
for kind in KINDS:
    system = network(kind)
    with torch.no_grad():
        h = system.impulse_response(RATE, alias_decay_db=30.0)[:, 0]
    density = echo_density(h[0], RATE)
    heard[kind] = system
    axes[1].plot(torch.arange(len(density)) / 1000, density, label=kind)
axes[0].imshow(network("hadamard").loop.feedback.mixing.value("matrix").detach(), cmap="RdBu", vmin=-1, vmax=1)
axes[0].set(title="Hadamard", xlabel="from line", ylabel="to line")
axes[1].axhline(1, color="0.7", ls="--")
axes[1].set(xlabel="time (s)", ylabel="echo density", xlim=(0, 0.6), ylim=(0, 1.2))
axes[1].legend(loc="lower right")
for kind, system in heard.items():
    display(player(mixed(system, 0.6), RATE, kind))""",
    """\
## Absorption

A line of $m$ samples must lose $60 m / (f_s T)$ dB a round for a decay of 60 dB in $T$ seconds. A first-order shelf
does that at both ends of the spectrum; a graphic equaliser in each line does it octave by octave. Measured are the
slopes of the energy decay curves of the octaves of what comes out.""",
    """\
octaves = [125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0]
wish = torch.tensor([1.1, 1.3, 1.5, 1.4, 1.0, 0.7, 0.5])

by_octave = network(decay_s=1.0)
loss_db = -60 * DELAYS[:, None] / (RATE * wish)
by_octave.loop.feedback = lti.Series(
    mixing=lti.Matrix(8, "hadamard"),
    absorption=lti.GEQ(loss_db, centres_hz=octaves, sample_rate=RATE, diagonal=True, accurate=True),
)
measured = {}
for name, system in (("shelf", fdn), ("graphic equaliser", by_octave)):
    with torch.no_grad():
        h = system.impulse_response(2 * RATE, alias_decay_db=30.0)[0, 0]
    measured[name] = reverberation_time(h, RATE, octaves, (-5.0, -25.0))

shelf = fdn.loop.feedback.absorption.frequency_response(freqs_hz=torch.tensor(octaves), sample_rate=RATE).detach()
wanted = {"shelf": -3 * int(DELAYS[0]) / (RATE * shelf[0, 0].abs().log10()), "graphic equaliser": wish}
ax = plt.subplots(figsize=(8, 3.4), layout="constrained")[1]
for name, colour in zip(measured, ("C0", "C1"), strict=True):
    ax.plot(octaves, wanted[name], color=colour, ls="--", label=f"{name}, designed")
    ax.plot(octaves, measured[name], "o", color=colour, label=f"{name}, measured")
ax.set(xscale="log", xlabel="frequency (Hz)", ylabel="T60 (s)", ylim=(0, 2), xticks=octaves)
ax.set_xticks(octaves, [f"{f:g}" for f in octaves])
ax.minorticks_off()
ax.legend(fontsize=8)
display(player(mixed(by_octave, 0.6), RATE, "decay octave by octave"))""",
    """\
## Time aliasing

Sampled on n points of a circle a response is n samples long; what rings on folds back onto its start. On a circle
outside of the unit one it is seen with an envelope that falls by `alias_decay_db` over the n samples, and what folds
back is lower by as much; on return to time the envelope is taken off, and rounding errors grow as it rises again:
float64 takes 100 dB, float32 some 30 to 60. Here is half a second of a network that rings for longer.""",
    """\
n = RATE // 2
exact = copy.deepcopy(fdn).double()
rows = ["| alias decay (dB) | error, float64 | error, float32 |", "|---|---|---|"]
ax = plt.subplots(figsize=(8, 3.2), layout="constrained")[1]
with torch.no_grad():
    true = exact.impulse_response(n, nfft=8 * n, alias_decay_db=100.0)[0, 0]
    for alias_decay_db in (0.0, 30.0, 60.0, 100.0):
        cells = []
        for system in (exact, fdn):
            error = system.impulse_response(n, nfft=n, alias_decay_db=alias_decay_db)[0, 0] - true
            cells.append(f"{float(error.norm() / true.norm()):.1e}")
            if system is fdn:
                level = error.abs().unfold(0, 400, 400).amax(-1).clamp_min(1e-12)
                ax.plot(torch.arange(len(level)) * 400 / RATE, 20 * level.log10(), label=f"{alias_decay_db:g} dB")
        rows.append(f"| {alias_decay_db:g} | " + " | ".join(cells) + " |")
ax.set(xlabel="time (s)", ylabel="largest error (dB)", title="float32")
ax.legend(title="alias decay", fontsize=8)
display(Markdown("\\n".join(rows)))""",
    """\
## Without colour

Six lines are cheap, and sound of metal: some modes are much louder than others. Gains and matrix (tinted: what learns)
are turned so that the magnitude of the lossless network is as flat as it can be, on a circle just outside of its poles;
a second loss keeps the matrix dense, so that echoes grow dense too. A few steps here; `examples/lti/colourless_fdn.py`
takes a thousand.""",
    """\
FEW = torch.tensor([593, 607, 631, 1129, 1301, 1367])
STEPS = 150
torch.manual_seed(0)
lossless = lti.Series(
    b=lti.Gain(size=(6, 1), requires_grad=True),
    loop=lti.Recursion(lti.Delay(FEW), lti.Matrix(6, requires_grad=True)),
    c=lti.Gain(size=(1, 6), requires_grad=True),
)
lossless.plot()
shell = lti.Shell(lossless, nfft=32000, alias_decay_db=30.0)
before = copy.deepcopy(shell)
criteria = [
    Criterion(MagnitudeError(), name="colour"),
    Criterion(sparsity, 0.2, of=lambda shell: shell.core.loop.feedback.value("matrix")),
]
history = train(shell, criteria, [(None, torch.ones(1, 1, 1))] * 10, epochs=STEPS // 10, learning_rate=2e-2)


def decaying(shell, decay_s=1.5):
    \"\"\"The network with absorption in its loop.\"\"\"
    system = copy.deepcopy(shell.core)
    loss = torch.tensor([decay_s]), torch.tensor([0.6 * decay_s])
    absorption = lti.ShelvingAbsorption(*loss, FEW, crossover_hz=3000.0, sample_rate=RATE)
    system.loop.feedback = lti.Series(mixing=system.loop.feedback, absorption=absorption)
    return system


figure, axes = plt.subplots(1, 3, figsize=(12, 3.2), layout="constrained")
axes[0].plot(torch.arange(1, len(history.train) + 1) * 10, history.train)
axes[0].set(xlabel="step", ylabel="loss", yscale="log", title="training")
for name, model, colour in (("before", before, "C1"), ("after", shell, "C0")):
    with torch.no_grad():
        level = 20 * model()[0, 0].clamp_min(1e-6).log10()
        h = decaying(model).impulse_response(RATE, alias_decay_db=30.0)[0, 0]
    level = level - 10 * (10 ** (level / 10)).mean().log10()
    label = f"{name}: deviates by {float(level.std()):.1f} dB"
    axes[1].plot(torch.arange(600) + 1000, level[1000:1600], color=colour, lw=0.8, label=label)
    axes[2].hist(level, 80, range=(-30, 20), color=colour, alpha=0.6, density=True, label=name)
    flat = float(spectral_flatness(h[RATE // 8 :], RATE))
    display(player(mixed(decaying(model), 0.7), RATE, f"{name}: modal flatness {flat:.2f} (noise: 0.56)"))
axes[1].set(xlabel="frequency (Hz)", ylabel="magnitude (dB)", title="a piece of the spectrum", ylim=(-30, 20))
axes[2].set(xlabel="magnitude (dB)", ylabel="share", title="of all frequencies")
axes[1].legend(fontsize=8, loc="lower left")
axes[2].legend(fontsize=8);""",
    """\
## By hand

Kind of matrix, decay, how much sooner the highs are gone, how much of it.""",
    """\
shared = {"continuous_update": False, "readout_format": ".3g"}
kind = widgets.Dropdown(options=KINDS, value="hadamard", description="matrix")
decay = widgets.FloatLogSlider(value=1.5, min=-1, max=0.7, base=10, description="decay (s)", **shared)
high = widgets.FloatSlider(value=0.4, min=0.1, max=1.0, step=0.05, description="highs (ratio)", **shared)
share = widgets.FloatSlider(value=0.35, min=0.0, max=1.0, step=0.05, description="wet (share)", **shared)
sound = widgets.Output()


def render(change=None):
    system = network(kind.value, decay.value, high.value)
    data = {"text/html": player(mixed(system, share.value), RATE).data}
    sound.outputs = ({"output_type": "display_data", "data": data, "metadata": {}},)


for control in (kind, decay, high, share):
    control.observe(render, "value")
render()
widgets.VBox([widgets.HBox([kind, decay]), widgets.HBox([high, share]), sound])""",
)


if __name__ == "__main__":
    write_notebook(Path(__file__).with_name("fdn_design.ipynb"), text_and_code(CELLS))
