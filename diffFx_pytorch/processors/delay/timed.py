"""What delays share: a time in milliseconds or, at a tempo, in note lengths, and how samples are read between."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.levels import decay_seconds
from ...options import Option
from ...params import EffectParam
from ...processor import Processor, State
from ..choices import RECURSIVE_INTERPOLATION, TEMPO
from .crossfade import FADE_MS, faded_read

NOTE = EffectParam(
    1 / 16, 4.0, 0.75, "log", "beats", doc="Note length from the sound to its first echo; 1 is a quarter note."
)


def echo_time(default_ms: float) -> EffectParam:
    """The knob of a time in milliseconds."""
    doc = "Time from the sound to its first echo, and between echoes."
    return EffectParam(10.0, 5000.0, default_ms, "log", "ms", search="echo", doc=doc)


_WINDOW_S = 0.005
RING_SAMPLES = 16
"""What an interpolation rings for, at most."""


class TimedDelay(Processor, abstract=True):
    """Base of the delays: their time, as a knob that a tempo turns from ``.._ms`` into ``.._beats``, and their line.

    A time that moves smoothly shifts the pitch, as on tape; one that steps is cross-faded, within 8 ms.
    """

    options: ClassVar[Mapping[str, Option]] = {"tempo_bpm": TEMPO, "interpolation": RECURSIVE_INTERPOLATION}
    neutral = {"mix": 0.0}
    traits = {"linear", "time_invariant", "causal", "odd"}
    time_ms: ClassVar[EffectParam]
    note: ClassVar[EffectParam] = NOTE
    rest: ClassVar[Mapping[str, EffectParam]]
    """The knobs after the time."""

    @property
    def unit(self) -> str:
        """The end of the names of times, "ms" or "beats"."""
        return "ms" if self.tempo_bpm is None else "beats"

    @property
    def seconds(self) -> float:
        """How long one unit is."""
        return 1e-3 if self.tempo_bpm is None else 60.0 / self.tempo_bpm

    def table(self) -> dict[str, EffectParam]:
        """The time, and the rest."""
        return {f"delay_{self.unit}": self.time_ms if self.unit == "ms" else self.note, **self.rest}

    def clauses(self) -> tuple[str, ...]:
        """``words``, which are written for milliseconds alone."""
        return tuple(clause.replace("delay_ms}", f"delay_{self.unit}}}") for clause in self.words)

    def prepare(self) -> None:
        """The length of the line.

        Raises:
            ValueError: for a range of delays that begins below one sample.
        """
        one_sample = 1 / (self.seconds * self.sample_rate)
        times = {name: row for name, row in self.params.items() if name.endswith(f"delay_{self.unit}")}
        for name, row in times.items():
            if row.min_val < one_sample:
                raise ValueError(
                    f"{name} begins at {row.min_val:g}; a delay must be one sample or longer: from {one_sample:g} up "
                    "at this sample rate"
                )
        self._fade = max(1, round(FADE_MS / 1000 * self.sample_rate))
        shortest = min(row.min_val for row in times.values()) / one_sample
        self._piece = max(1, int(shortest) - RING_SAMPLES)
        # One more for the rounding of the product.
        self._longest = max(math.ceil(row.max_val / one_sample) + 1 for row in times.values())

    def time(self, knobs: Mapping[str, Tensor]) -> Tensor:
        """The time, in its unit."""
        return knobs[f"delay_{self.unit}"]

    def samples(self, time: Tensor) -> Tensor:
        """A time as a delay in samples, float64."""
        return time.double() * (self.seconds * self.sample_rate)

    def echo(
        self,
        x: Tensor,
        time: Tensor,
        state: State,
        *,
        outlives: bool = True,
        saturation: str | None = None,
        **loop: Tensor | None,
    ) -> tuple[Tensor, State]:
        """x, later by a time, and the line and the delays after it; the keywords are those of ``faded_read``."""
        return faded_read(
            x,
            self.samples(time),
            state,
            self._longest,
            self.interpolation,
            self._fade,
            piece=self._piece if loop else None,
            outlives=outlives,
            saturation=saturation,
            **loop,
        )

    def loop_tail(self, feedback: Tensor, time: Tensor) -> Tensor:
        """Seconds: one delay until the last echo of the input begins, then the loop dies away."""
        seconds = time * self.seconds
        return (seconds + decay_seconds(feedback, seconds)).flatten().amax()

    def cloud(self, knobs: Mapping[str, Tensor], noise_s: float = 0.0) -> Curve:
        """Level of the echoes of a click over time, as the root of its energy in 5 ms, to four seconds.

        Where a click may fall between what the effect reads, of a burst of noise of the energy of one.
        """
        constant = {name: knob[:1, :, :1].detach() for name, knob in knobs.items()}
        constant["mix"] = torch.ones_like(constant["mix"])
        window = math.ceil(_WINDOW_S * self.sample_rate)
        count = math.ceil(min(4.0, float(self.tail(**constant))) * self.sample_rate / window)
        click = torch.zeros(1, 1, count * window, dtype=constant["mix"].dtype)
        samples = min(max(1, round(noise_s * self.sample_rate)), click.shape[-1])
        burst = torch.randn(samples, generator=torch.Generator().manual_seed(0)) if samples > 1 else torch.ones(1)
        click[..., :samples] = burst / burst.norm()
        energy = self.process(click, None, **constant)[0].unflatten(-1, (count, window)).square().sum((0, 1, -1))
        level = 10 * energy.clamp_min(1e-9).log10()
        time = torch.arange(count) * (window / self.sample_rate)
        return Curve(time, level, "time (s)", "level (dB)", title=type(self).__name__)

    def stems(self, times: list[float], levels: list[float], label: str = "amplitude") -> Curve:
        """Levels of the sound and its echoes over time."""
        name = type(self).__name__
        return Curve(torch.tensor(times), torch.tensor(levels), "time (s)", label, title=name, stems=True)


def count_echoes(feedback: float) -> int:
    """How many echoes are worth drawing: down to -60 dB, at most 40."""
    return min(40, 2 + int(60 / max(-20 * math.log10(max(abs(feedback), 1e-3)), 0.1)))
