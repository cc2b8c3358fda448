"""The sounds of the players: parts of the package's demo clip, and what an effect makes of them."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
import torch
from site_words import Recipe
from torch import Tensor

from diffFx_pytorch import Processor
from diffFx_pytorch.report.demo import demo_sound

RATE = 44100
SECONDS = 4.8


@cache
def sound(name: str, seconds: float = SECONDS) -> Tensor:
    """One of the demo's ``SOUNDS``: float32 (1, 2, T) at 44.1 kHz, peak 0.5."""
    return demo_sound(name, RATE, seconds)


def build(cls: type[Processor], recipe: Recipe) -> Processor:
    """The effect of a recipe, at its settings."""
    return cls(RATE, **recipe.options, **recipe.settings)


def after(cls: type[Processor], recipe: Recipe, seconds: float = SECONDS) -> Tensor:
    """What the recipe makes of its sound, its latency taken off: float32 (1, C, T)."""
    fx = build(cls, recipe)
    x = sound(recipe.sound, seconds)
    with torch.no_grad():
        y = fx(torch.nn.functional.pad(x, (0, fx.latency_samples)))
    return y[..., fx.latency_samples :]


def matched(x: Tensor, y: Tensor, match: bool) -> Tensor:
    """``y`` as loud as ``x`` (root mean square), where asked for, and in any case without clipping."""
    gain = 1.0
    if match:
        gain = float(x.square().mean().sqrt() / y.square().mean().sqrt().clamp(min=1e-6))
    return y * min(gain, 0.98 / max(float(y.abs().max()), 1e-6))


def write(path: Path, x: Tensor) -> None:
    """A small MP3."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fade = np.minimum(1.0, np.arange(x.shape[-1])[::-1] / 2000)
    soundfile.write(path, (x[0].numpy() * fade).T, RATE, format="MP3", subtype="MPEG_LAYER_III", compression_level=0.7)


def players(effects: list[type[Processor]], all_words: dict, folder: Path) -> dict[str, Path]:
    """Write the sounds of every recipe that are not there yet: their names on the site, and where they are."""
    files: dict[str, Path] = {}
    for cls in effects:
        for number, recipe in enumerate(all_words[cls.__name__].recipes if cls.__name__ in all_words else (), 1):
            for name, made in ((dry_name(recipe), None), (wet_name(cls, number), recipe)):
                key = json.dumps([name, SECONDS, recipe.sound, made and [made.settings, made.options]], default=str)
                path = folder / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.mp3"
                if not path.exists():
                    x = sound(recipe.sound)
                    write(path, x if made is None else matched(x, after(cls, recipe), recipe.matched))
                files[f"sounds/{name}"] = path
    return files


def dry_name(recipe: Recipe) -> str:
    """The file of a recipe's sound before the effect."""
    return f"{recipe.sound.replace(' ', '-')}.mp3"


def wet_name(cls: type[Processor], number: int) -> str:
    """The file of a recipe's sound after the effect."""
    return f"{cls.__name__}-{number}.mp3"
