"""Draw the picture at the head of the README: an equaliser's knobs, found by gradients from two sounds.

``python docs/picture.py`` writes docs/pictures/learning.png, and learning-dark.png for dark pages.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from diffFx_pytorch import ParametricEqualizer
from diffFx_pytorch.report.demo import demo_clip

RATE = 22050
FOLDER = Path(__file__).parent / "pictures"
TRUTH = {
    "low_shelf_gain_db": 6.0,
    "peak_1_gain_db": -9.0,
    "peak_2_gain_db": 7.0,
    "peak_3_gain_db": -6.0,
    "high_shelf_gain_db": 5.0,
}
STEPS, SHOWN = 90, (0, 10, 25, 89)
THEMES = {
    "learning.png": ("default", "#ffffff", ("#b9b9b9", "#8fc7c0", "#3fa196", "#00695c")),
    "learning-dark.png": ("dark_background", "#1e2129", ("#5c6066", "#3c6f69", "#3fa196", "#7fe0d2")),
}
"""By file: style, ground, and the curves from the first to the last."""
LINES = ("#1f9e89", "#d1495b", "#4a8fd8", "#b8860b", "#a678d0")


def spectrum(x: Tensor) -> Tensor:
    """The level of a sound in dB, averaged over half a second, in steps of 43 Hz."""
    window = torch.hann_window(512)
    frames = x[0].mean(0).unfold(-1, 512, 256) * window
    return 10 * (torch.fft.rfft(frames).abs().square().mean(0) + 1e-6).log10()


def main() -> None:
    """Train, and draw how the curve and the knobs came to where they belong."""
    dry = demo_clip(RATE, 2.4)
    wanted = spectrum(ParametricEqualizer(RATE, **TRUTH)(dry))
    fx = ParametricEqualizer(RATE, **dict.fromkeys(TRUTH, 0.0))
    fx.trainable(*TRUTH)
    optimizer = torch.optim.Adam(fx.parameters(), lr=0.012)
    frequency = torch.logspace(1.5, 4, 300)
    knobs, curves = [], {}
    for step in range(STEPS):
        loss = (spectrum(fx(dry)) - wanted).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        now = {name: float(fx.settings[name].detach()) for name in TRUTH}
        knobs.append(list(now.values()))
        if step in SHOWN:
            curves[step] = response(now, frequency)
        optimizer.step()

    for name, (style, ground, shades) in THEMES.items():
        draw(FOLDER / name, style, ground, shades, curves, knobs, frequency)


def draw(
    path: Path,
    style: str,
    ground: str,
    shades: tuple[str, ...],
    curves: dict[int, Tensor],
    knobs: list[list[float]],
    frequency: Tensor,
) -> None:
    """Draw it in the colours of a theme."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    plt.style.use(style)
    plt.rcParams.update({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False})
    plt.rcParams.update({"figure.facecolor": ground, "axes.facecolor": ground, "savefig.facecolor": ground})
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.6), width_ratios=(3, 2), layout="constrained")
    left.semilogx(
        frequency,
        response(TRUTH, frequency),
        ":",
        color=plt.rcParams["text.color"],
        linewidth=2.5,
        label="what was done to the sound",
    )
    for (step, curve), shade in zip(curves.items(), shades, strict=True):
        left.semilogx(frequency, curve, color=shade, linewidth=2, label=f"found after {step + 1} steps")
    left.set(xlabel="frequency (Hz)", ylabel="gain (dB)", title="An equaliser, learned from two sounds")
    left.set_xticks([100, 1000, 10000], ["100", "1k", "10k"])
    left.legend(frameon=False, fontsize=8.5, loc="lower right")
    left.grid(alpha=0.25)
    for name, line, colour in zip(TRUTH, zip(*knobs, strict=True), LINES, strict=True):
        right.plot(line, color=colour, linewidth=2)
        right.axhline(TRUTH[name], color=colour, linestyle=":", linewidth=1.2)
        right.annotate(name, (STEPS, line[-1]), color=colour, fontsize=8, va="center", annotation_clip=False)
    right.set(xlabel="step", ylabel="knob (dB)", title="Its knobs on the way", xlim=(0, STEPS))
    right.grid(alpha=0.25)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=110)


def response(settings: dict[str, float], frequency: Tensor) -> Tensor:
    """The gain of the equaliser in dB."""
    click = torch.zeros(1, 1, 16384)
    click[..., 0] = 1
    with torch.no_grad():
        h = torch.fft.rfft(ParametricEqualizer(RATE, **settings)(click)[0, 0]).abs()
    at = (frequency / (RATE / 2) * (len(h) - 1)).round().long()
    return 20 * h[at].clamp(min=1e-6).log10()


if __name__ == "__main__":
    main()
