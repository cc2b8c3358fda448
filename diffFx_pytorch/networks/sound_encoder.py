"""Encoders of whole sounds: a log-mel front end, a network, and a mean over time; or a network of the user's own."""

from __future__ import annotations

import itertools
import math
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from .bands import LogBands, Scale

Kind = Literal["convolutional", "recurrent", "transformer", "statistics"]


class SoundEncoder(nn.Module):
    """A sound as one vector, or as one a frame: levels in mel bands, a network over them, mean and deviation over time.

    Levels are means over the channels, so any number of channels and any length will do.

    Args:
        sample_rate: in Hz.
        kind: the network over the levels:
            "convolutional": four two-dimensional convolutions of 3 x 3, each at half the resolution;
            "recurrent": a bidirectional GRU;
            "transformer": self-attention over patches of four frames (pre-norm, sinusoidal positions);
            "statistics": none: mean level of every band (what equalisers change), its deviation over time (compressors,
            expanders) and its mean change from frame to frame (attacks, tremolo), through a perceptron. Trains fastest.
        features: size of the vector.
        bands: of the front end.
        n_fft: its window in samples; the hop is a quarter.
        scale: "mel" or "log", where the bands stand.
        layers: of the recurrent network or the transformer.
        moving: whether the network's frames are given, (B, F, features), for knobs that move over the sound.

    Shape:
        (B, C, T) to (B, features), or (B, F, features) with ``moving``.

    Raises:
        ValueError: for another kind, or statistics that should move.
    """

    def __init__(
        self,
        sample_rate: float,
        kind: Kind = "convolutional",
        *,
        features: int = 128,
        bands: int = 64,
        n_fft: int = 2048,
        scale: Scale = "mel",
        layers: int = 2,
        moving: bool = False,
    ) -> None:
        super().__init__()
        if kind not in get_args(Kind):
            raise ValueError(f"SoundEncoder: kind must be one of {', '.join(map(repr, get_args(Kind)))}, got {kind!r}")
        if moving and kind == "statistics":
            raise ValueError("SoundEncoder: statistics over time do not move; take another kind")
        self.options = {"sample_rate": sample_rate, "kind": kind, "features": features, "bands": bands}
        self.options |= {"n_fft": n_fft, "scale": scale, "layers": layers, "moving": moving}
        self.features, self.moving = features, moving
        self.levels = LogBands(sample_rate, bands, n_fft, scale=scale)
        bodies = {"convolutional": _Convolutions, "recurrent": _Recurrent, "transformer": _Transformer}
        width = 3 * bands
        if kind != "statistics":
            self.body = bodies[kind](bands, features, layers)
            width = features if moving else 2 * features
        else:
            self.body = None
        self.outlet = nn.Sequential(nn.Linear(width, features), nn.GELU(), nn.LayerNorm(features))

    def statistics(self, x: Tensor) -> Tensor:
        """Statistics of the band levels, about unit size: (B, C, T) to (B, 3 bands)."""
        levels = self.levels(x).mean(1)
        mean, deviation = levels.mean(-1), levels.std(-1, correction=0)
        change = levels.diff(dim=-1).abs().mean(-1) if levels.shape[-1] > 1 else torch.zeros_like(mean)
        return torch.cat([(mean + 50) / 20, (deviation - 10) / 5, (change - 3) / 2], 1)

    def forward(self, x: Tensor) -> Tensor:
        """The features of x."""
        if self.body is None:
            return self.outlet(self.statistics(x))
        h = self.body((self.levels(x).mean(1).mT + 50) / 20)
        if not self.moving:
            h = torch.cat([h.mean(1), (h.var(1, correction=0) + 1e-6).sqrt()], -1)
        return self.outlet(h)


class _Convolutions(nn.Module):
    """(B, F, bands) to (B, ceil(F / 16), features): which band something is in is kept."""

    def __init__(self, bands: int, features: int, layers: int) -> None:
        super().__init__()
        widths = (1, 16, 32, 48, 64)
        steps = []
        for a, b in itertools.pairwise(widths):
            steps += [nn.Conv2d(a, b, 3, 2, 1), nn.GroupNorm(4, b), nn.GELU()]
        self.steps = nn.Sequential(*steps)
        self.outlet = nn.Linear(widths[-1] * -(-bands // 16), features)

    def forward(self, levels: Tensor) -> Tensor:
        return self.outlet(self.steps(levels[:, None]).transpose(1, 2).flatten(2))


class _Recurrent(nn.Module):
    """(B, F, bands) to (B, F, features)."""

    def __init__(self, bands: int, features: int, layers: int) -> None:
        super().__init__()
        self.cell = nn.GRU(bands, -(-features // 2), layers, batch_first=True, bidirectional=True)
        self.outlet = nn.Linear(2 * -(-features // 2), features)

    def forward(self, levels: Tensor) -> Tensor:
        return self.outlet(self.cell(levels)[0])


class _Transformer(nn.Module):
    """(B, F, bands) to (B, ceil(F / 4), features)."""

    PATCH, HEADS = 4, 4

    def __init__(self, bands: int, features: int, layers: int) -> None:
        super().__init__()
        if features % self.HEADS:
            raise ValueError(f"SoundEncoder: a transformer needs features divisible by {self.HEADS}, got {features}")
        self.inlet = nn.Linear(self.PATCH * bands, features)
        layer = nn.TransformerEncoderLayer(
            features, self.HEADS, 2 * features, 0.0, "gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, layers, nn.LayerNorm(features), enable_nested_tensor=False)

    def forward(self, levels: Tensor) -> Tensor:
        padded = nn.functional.pad(levels, (0, 0, 0, -levels.shape[1] % self.PATCH))
        h = self.inlet(padded.unflatten(1, (-1, self.PATCH)).flatten(2))
        return self.layers(h + _positions(h))


def _positions(h: Tensor) -> Tensor:
    """Sines and cosines of the place of each frame (A. Vaswani et al., "Attention is all you need", 2017, 3.5)."""
    _, frames, width = h.shape
    place = torch.arange(frames, dtype=torch.float32, device=h.device)[:, None]
    rate = torch.exp(-math.log(1e4) * torch.arange(0, width, 2, device=h.device) / width)
    return torch.stack([(place * rate).sin(), (place * rate).cos()], -1).flatten(1)[:, :width].to(h)


class ForeignEncoder(nn.Module):
    """An encoder of the user's own, as ``Controller`` calls it.

    What comes in is mixed to mono (B, T) and resampled where the encoder wants that; what comes out may be a tensor or
    an output of Hugging Face's (``last_hidden_state``), (B, D) or (B, F, D), whose mean over the frames is taken.

    Args:
        module: any module; one with a ``config`` as Hugging Face's have it gets mono.
        features: D; None reads ``module.features`` or ``module.config.hidden_size``.
        sample_rate: in Hz, of the sound that comes.
        encoder_rate: in Hz, of the sound that the module wants; None leaves the rate.
        mono: whether the module takes (B, T) in place of (B, C, T); None asks for a ``config``.
        moving: whether its frames are given, for knobs that move.

    Raises:
        ValueError: for a module that does not say its number of features, or gives something else.
    """

    def __init__(
        self,
        module: nn.Module,
        features: int | None = None,
        *,
        sample_rate: float = 44100,
        encoder_rate: float | None = None,
        mono: bool | None = None,
        moving: bool = False,
    ) -> None:
        super().__init__()
        config = getattr(module, "config", None)
        found = features or getattr(module, "features", None) or getattr(config, "hidden_size", None)
        if not isinstance(found, int):
            raise ValueError(
                f"{type(module).__name__} does not say how many features it gives; take ForeignEncoder(it, features)"
            )
        self.module, self.features, self.moving = module, found, moving
        self.mono = config is not None if mono is None else mono
        self.rates = (sample_rate, encoder_rate or sample_rate)

    def forward(self, x: Tensor) -> Tensor:
        """The features of x (B, C, T)."""
        if self.rates[0] != self.rates[1]:
            x = _at_rate(x, *self.rates)
        out: Any = self.module(x.mean(1) if self.mono else x)
        out = getattr(out, "last_hidden_state", out)
        if not isinstance(out, Tensor) or out.dim() not in (2, 3) or out.shape[-1] != self.features:
            got = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
            raise ValueError(
                f"{type(self.module).__name__} must give (B, {self.features}) or (B, F, {self.features}), got {got}"
            )
        return out if out.dim() == 2 or self.moving else out.mean(1)


def _at_rate(x: Tensor, rate: float, wanted: float) -> Tensor:
    """X at another rate by its spectrum: what lies above half of the lower rate is left out."""
    samples = max(1, round(x.shape[-1] * wanted / rate))
    spectrum = torch.fft.rfft(x.float())
    bins = samples // 2 + 1
    spectrum = nn.functional.pad(spectrum[..., :bins], (0, max(0, bins - spectrum.shape[-1])))
    return torch.fft.irfft(spectrum, samples) * (samples / x.shape[-1])
