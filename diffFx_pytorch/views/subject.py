"""An effect at one setting, and the sounds that it is measured with: made alike everywhere."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import Tensor

from ..curve import Curve
from ..params import EffectParam
from .view import Mark


class Effect(Protocol):
    """What is measured: a ``Processor``."""

    sample_rate: float
    params: Mapping[str, EffectParam]
    neutral: Mapping[str, float]
    traits: Any
    latency_samples: int
    channels: tuple[int, ...] | None
    channels_out: int | None
    crosses_channels: bool

    if TYPE_CHECKING:

        def forward(self, x: Any, *, dsp_params: Any) -> Any:
            """A sound to the processed one."""

        def tail_seconds(self, *, dsp_params: Any) -> float:
            """Seconds of sound left after the input ends."""
            ...


@dataclass(frozen=True)
class Subject:
    """An effect at one setting.

    Args:
        fx: the effect.
        settings: value of every knob, in its unit.
        curve: the effect's own curve at them, where it has one.
        device: where it runs.
        sound: (C, T) to measure with what depends on the sound; None takes ``hits`` or ``wide_sound``.
    """

    fx: Effect
    settings: Mapping[str, float]
    curve: Curve | None
    device: torch.device
    sound: Tensor | None = None

    @property
    def rate(self) -> float:
        """Sample rate in Hz."""
        return self.fx.sample_rate

    @functools.cached_property
    def dtype(self) -> torch.dtype:
        """Double precision where the device has it."""
        return torch.float32 if self.device.type == "mps" else torch.float64

    def run(self, x: Tensor, **changes: float) -> Tensor:
        """The output (B, C, T) for sounds (B, C, T) without its latency, some knobs changed."""
        late = self.fx.latency_samples
        x = torch.nn.functional.pad(x, (0, late)).to(self.device, self.dtype)
        y = self.fx.forward(x, dsp_params={**self.settings, **changes})
        return y[..., late:].double().cpu()

    @property
    def inputs(self) -> int:
        """Channels of a test sound: one where the effect takes that."""
        legal = self.fx.channels
        return 1 if legal is None or 1 in legal else legal[0]

    def impulse(self, seconds: float, **changes: float) -> Tensor:
        """The response (C, T) to an impulse at time zero in every input."""
        return self._response(seconds, 0, changes)

    def centred_impulse(self, seconds: float) -> Tensor:
        """The response (C, T) to an impulse, from the latency before it on: of linear phase half rings before."""
        return self._response(seconds, self.fx.latency_samples, {})

    def _response(self, seconds: float, early: int, changes: Mapping[str, float]) -> Tensor:
        x = torch.zeros(1, self.inputs, early + max(2, round(seconds * self.rate)), dtype=torch.float64)
        x[..., early] = 1.0
        return self.run(x, **changes)[0]

    def wet_alone(self) -> dict[str, float]:
        """The change that takes out the dry sound, where a knob ``mix`` blends it in."""
        mixes = (name for name in self.fx.neutral if name == "mix" or name.endswith(".mix"))
        return {name: self.fx.params[name].max_val for name in mixes if name in self.fx.params}

    def marks(self, axis: str) -> list[Mark]:
        """The knobs that stand on an axis: corner frequencies on one in Hz, thresholds and ceilings on one in dB."""
        if axis == "Hz":
            return [Mark(_short(name), x=value) for name, value in self._heard_frequencies()]
        ends = ("threshold_db", "ceiling_db")
        return [Mark(_short(n), x=v) for n, v in self.settings.items() if n.endswith(ends)]

    def bands(self) -> list[tuple[str, float]]:
        """Name and frequency of every band: a knob in Hz, or a fixed centre."""
        centres = getattr(self.fx, "centres_hz", None)
        if centres is not None and not any(p.unit == "Hz" for p in self.fx.params.values()):
            return [("", float(f)) for f in centres]
        return [(_short(name), value) for name, value in self._heard_frequencies()]

    def _heard_frequencies(self) -> list[tuple[str, float]]:
        """Knobs of audible frequencies that do not stand at an end of their range, where filters are off."""
        found = []
        for name, value in self.settings.items():
            param = self.fx.params[name]
            inside = param.min_val * 1.001 < value < param.max_val * 0.999
            if param.unit == "Hz" and param.max_val > 200 and inside:
                found.append((name, value))
        return found


def _short(name: str) -> str:
    """A knob's name without its unit: "low_shelf_freq_hz" is "low shelf"."""
    last = name.rpartition(".")[2]
    for end in ("_freq_hz", "freq_hz", "_hz", "_db", "_ms"):
        last = last.removesuffix(end)
    return last.replace("_", " ").strip()


def pink_noise(samples: int) -> Tensor:
    """Pink noise (T,), root mean square 1: the same everywhere, for numpy keeps this generator as it is for good."""
    white = np.random.RandomState(0).uniform(-1.0, 1.0, samples)
    spectrum = torch.fft.rfft(torch.from_numpy(white))
    spectrum = spectrum / torch.arange(1, len(spectrum) + 1, dtype=torch.float64).sqrt()
    sound = torch.fft.irfft(spectrum, samples)
    return sound / sound.square().mean().sqrt()


HIT_LEVELS_DB: Sequence[float] = (-20.0, -8.0, 0.0, -14.0)


def hits(rate: float, spacing_s: float = 0.45) -> Tensor:
    """Four hits that die away over a quiet floor, of about the peak levels ``HIT_LEVELS_DB``: (T,)."""
    samples = round(spacing_s * rate)
    noise = pink_noise(samples * len(HIT_LEVELS_DB))
    noise = noise / noise.abs().max()
    time = torch.arange(samples, dtype=torch.float64) / rate
    hit = (time / 0.002).clamp_max(1.0) * torch.exp(-time / 0.1)
    return noise * (torch.cat([hit * 10 ** (level / 20) for level in HIT_LEVELS_DB]) + 1e-3)


def wide_sound(rate: float, seconds: float = 0.5) -> Tensor:
    """A stereo sound, in the middle in its lows and wider the higher: (2, T), peak 0.7."""
    time = torch.arange(round(seconds * rate), dtype=torch.float64) / rate
    top = min(0.45 * rate, 16000.0)
    sides = torch.zeros(2, len(time), dtype=torch.float64)
    count = 120
    for k in range(count):
        freq = 40.0 * (top / 40.0) ** (k / (count - 1))
        apart = math.pi * 0.4 * k / (count - 1) * math.cos(2.4 * k)
        phase = 2 * math.pi * ((k * 0.6180339887) % 1)
        angle = 2 * math.pi * freq * time + phase
        sides += torch.stack((torch.cos(angle + apart), torch.cos(angle - apart)))
    return 0.7 * sides / sides.abs().max()
