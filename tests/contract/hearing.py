"""Sounds and settings in which every knob of an effect is heard, found by listening to the effect.

A comparison of two outputs proves nothing of a knob that does not reach them: the feedback of an echo later than the
last sample, the release of a gate that never closes. So the sound rises, falls and ends in silence, and of many random
settings (times drawn short as well as long) those few are kept that together let every knob be heard, in a signal that
is lengthened until they do.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

STEP = 0.03
"""How far a knob is turned, in positions; what has steps (whole bits, prime lengths) must have taken one."""
AUDIBLE = 1e-5
"""The least change of the output, relative in RMS, by which a turned knob counts as heard."""
LENGTHS = (400, 800, 1600, 3200, 6400)
_CANDIDATES = 24
_TIMES = ("ms", "s", "beats")


def rise_and_fall(batch: int, channels: int, samples: int, seed: int = 0) -> Tensor:
    """Noise, float64, that rises from -40 dB, falls to -60 dB and ends in silence; each item at a level of its own."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(batch, channels, samples, generator=generator, dtype=torch.float64) / 3
    t = torch.linspace(0, 1, samples, dtype=torch.float64)
    level_db = torch.minimum(-40 + 40 * t / 0.4, -60 * (t - 0.4) / 0.45).clamp_max(0)
    peak_db = -6.0 - 30.0 * torch.rand(batch, 1, 1, generator=generator, dtype=torch.float64)
    return x * (10 ** ((level_db + peak_db) / 20)).where(t < 0.85, 0)


def settings(fx, batch: int, seed: int = 0) -> Tensor:
    """Random positions (B, P), float64, away from the ends; the further down the batch, the shorter all times."""
    generator = torch.Generator().manual_seed(seed + 1)
    flat = torch.rand(batch, len(fx.params), generator=generator, dtype=torch.float64)
    haste = torch.linspace(1, 0.05, batch, dtype=torch.float64)[:, None]
    is_time = torch.tensor([p.unit in _TIMES for p in fx.params.values()])
    return 0.02 + 0.93 * torch.where(is_time, flat * haste, flat)


def change(fx, x: Tensor, flat: Tensor, y: Tensor, knob: int, step: float = STEP) -> Tensor:
    """Per item: how much turning one knob changes the output y, relative in RMS."""
    moved = flat.clone()
    moved[:, knob] += torch.where(moved[:, knob] + step <= 1, step, -step)
    return _relative(fx(x, norm_params=moved), y)


@dataclass(frozen=True)
class Audition:
    """A few items of sound and setting, and how loudly each knob and option is heard in each of them."""

    x: Tensor
    flat: Tensor
    loudness: dict[str, Tensor]
    """By name, (items,): change of the output, relative in RMS, when the knob is turned or the option left out."""

    def heard(self) -> dict[str, float]:
        """How loudly each is heard in its best item."""
        return {name: float(loudness.max()) for name, loudness in self.loudness.items()}

    def loudest(self, name: str) -> list[slice]:
        """The items, each as a batch of one, by how loudly ``name`` is heard in them."""
        order = self.loudness[name].argsort(descending=True).tolist()
        return [slice(item, item + 1) for item in order]


def audition(fx, channels: int, wanted=None, others=None, lengths=LENGTHS, seed: int = 0, knobs=None) -> Audition:
    """The shortest sound and the fewest settings in which all of ``wanted`` is heard.

    Args:
        fx: the effect.
        channels: of the sound.
        wanted: names of knobs and of ``others`` that must be heard; None is all of them. In a sound long enough for
            these, the settings are chosen to let everything else be heard too.
        others: the same effect with another option, by name; what it changes is heard as a knob's change is.
        lengths: of the sound in samples, to be tried in turn.
        seed: of the sounds and settings.
        knobs: names of those to turn; None is all of them.
    """
    others, table = others or {}, list(fx.params)
    knobs = table if knobs is None else knobs
    names = [*knobs, *others]
    wanted = [i for i, name in enumerate(names) if wanted is None or name in wanted]
    for samples in lengths:
        x, flat = rise_and_fall(_CANDIDATES, channels, samples, seed), settings(fx, _CANDIDATES, seed)
        with torch.no_grad():
            y = fx(x, norm_params=flat)
            turned = [change(fx, x, flat, y, table.index(name)) for name in knobs]
            swapped = [_relative(other(x, norm_params=flat), y) for other in others.values()]
        loudness = torch.stack([*turned, *swapped], 1)
        chosen = _cover(loudness)
        if (loudness[chosen].amax(0)[wanted] > 10 * AUDIBLE).all():
            break
    return Audition(x[chosen], flat[chosen], dict(zip(names, loudness[chosen].unbind(1), strict=True)))


def _relative(y: Tensor, expected: Tensor) -> Tensor:
    if y.shape != expected.shape:
        return torch.full((len(y),), torch.inf, dtype=torch.float64)
    return (y - expected).norm(dim=(1, 2)) / expected.norm(dim=(1, 2)).clamp_min(1e-300)


def _cover(loudness: Tensor) -> list[int]:
    """Candidates that together let everything be heard well, each chosen for what those before it miss."""
    # Well is a hundred times the least, or the best there is.
    enough = loudness.amax(0).clamp(1e-300, 100 * AUDIBLE)
    share = (loudness / enough).clamp_max(1)
    chosen, reached = [], torch.zeros_like(share[0])
    while not chosen or (reached < 1).any():
        best = int(torch.maximum(share, reached).sum(1).argmax())
        if chosen and torch.maximum(reached, share[best]).equal(reached):
            break
        chosen.append(best)
        reached = torch.maximum(reached, share[best])
    return chosen
