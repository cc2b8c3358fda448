"""What a sound card calls: blocks in, blocks out, with a bypass, and effects that are exchanged while they play."""

from __future__ import annotations

import gc
import math
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..control import KnobValue
from ..processor import Processor
from .voice import Voice

FADE_SECONDS = 0.005
SWITCH_SECONDS = 0.0002
"""How long another Python thread may keep the interpreter while a block waits for it."""
COLLECT_SECONDS = 1.0
"""Time between two collections of garbage, each of which waits for a block that leaves room for it."""


@dataclass
class Meter:
    """What happened since it was last read: peaks, and the blocks since the beginning.

    Args:
        peak_in: largest absolute sample of the input since the last reading.
        peak_out: the same of the output.
        blocks: played.
        late: blocks that took longer than they last.
        missed: blocks that the card or the clock had to go without.
        restarts: times that the effect gave NaN or infinity and began anew.
        busy: seconds of work in all blocks.
        worst: seconds of work in the slowest block.
        duration: seconds of sound in all blocks.
    """

    peak_in: float = 0.0
    peak_out: float = 0.0
    blocks: int = 0
    late: int = 0
    missed: int = 0
    restarts: int = 0
    busy: float = 0.0
    worst: float = 0.0
    duration: float = 0.0

    @property
    def load(self) -> float:
        """Time of work as a share of the time of sound."""
        return self.busy / self.duration if self.duration else 0.0

    @property
    def dropouts(self) -> int:
        """Blocks that came too late or not at all."""
        return max(self.late, self.missed)


class Player:
    """Plays an effect block by block, for one audio thread; used as a context (``with Player(...) as player:``).

    Within the context Python collects no garbage but at the end of a block that leaves time for it, and gives the audio
    thread the interpreter quickly. ``bypass``, ``exchange``, ``turn`` and ``meter`` may be called from other threads.

    Args:
        processor: the effect, which must be able to stream.
        block: samples of a block.
        channels: of the input.
        dsp_params: values of knobs in their units.
        total: samples of the whole signal where it is known.

    Raises:
        ValueError: for an effect that cannot play so.
    """

    def __init__(
        self,
        processor: Processor,
        block: int = 256,
        channels: int = 2,
        dsp_params: Mapping[str, KnobValue] | None = None,
        total: int | None = None,
    ) -> None:
        if block < 1 or channels < 1:
            raise ValueError(f"block and channels must be 1 or more, got {block} and {channels}")
        self.block, self.channels, self.total = block, channels, total
        self._voice = Voice(processor, block, channels, dsp_params, total)
        self.sample_rate, self.channels_out = self._voice.sample_rate, self._voice.channels_out
        self.bypassed = False
        self.error: Exception | None = None
        """What ended the sound: the output is silent from then on."""
        self._fade = max(1, round(FADE_SECONDS * self.sample_rate))
        self._ramp = torch.arange(1, block + 1) / self._fade
        self._dry_share, self._arrived = 0.0, 1.0
        self._leaving: Voice | None = None
        self._next: Voice | None = None
        self._retired: Voice | None = None
        self._meter = Meter()
        self._collected, self._collection = 0.0, 0.0

    def __enter__(self) -> Player:
        self._before = torch.get_num_threads(), gc.isenabled(), sys.getswitchinterval()
        torch.set_num_threads(1)  # a block is too small to gain from more
        sys.setswitchinterval(SWITCH_SECONDS)
        gc.collect()
        gc.freeze()
        gc.disable()
        return self

    def __exit__(self, *_: object) -> None:
        threads, collecting, interval = self._before
        torch.set_num_threads(threads)
        sys.setswitchinterval(interval)
        gc.unfreeze()
        if collecting:
            gc.enable()

    def callback(self, indata: np.ndarray, outdata: np.ndarray) -> None:
        """The next block, timed; garbage is collected after it where there is time.

        Args:
            indata: (T, channels), float32.
            outdata: (T, channels_out), float32, which is written.
        """
        start = time.perf_counter()
        try:
            self.process(indata, outdata)
        except Exception as error:  # a card's thread would lose it
            self.error, outdata[:] = error, 0.0
        seconds, lasts, meter = time.perf_counter() - start, len(indata) / self.sample_rate, self._meter
        meter.blocks += 1
        meter.busy += seconds
        meter.duration += lasts
        meter.worst = max(meter.worst, seconds)
        meter.late += seconds > lasts
        self.rest(lasts - seconds)

    def process(self, indata: np.ndarray, outdata: np.ndarray) -> None:
        """The next block; as ``callback``, untimed, and with the effect's errors."""
        if self.error is not None:
            outdata[:] = 0.0
            return
        if self._next is not None and self._leaving is None:
            self._leaving, self._voice, self._next = self._voice, self._next, None
            # A voice that starts from silence is heard when its latency has passed.
            self._arrived = 0.0 if self._voice.resume(self._leaving) else -self._voice.latency / self._fade
        with torch.no_grad():
            x = torch.from_numpy(indata.T.copy())[None]  # states may hold on to it
            steps = self._ramp if len(indata) == self.block else torch.arange(1, len(indata) + 1) / self._fade
            share = self._bypass_share(steps)
            y = _mixed(self._voice(x), share)
            if self._leaving is not None:
                arrived = (steps + self._arrived).clamp(0, 1)
                y = torch.lerp(_mixed(self._leaving(x), share), y, arrived)
                self._arrived += float(steps[-1]) if len(indata) else 0.0
                if self._arrived >= 1:
                    self._retired, self._leaving = self._leaving, None  # freed in another thread
        outdata[:] = y[0].numpy().T
        meter, peak = self._meter, _peak(outdata)
        if not math.isfinite(peak):
            for voice in filter(None, (self._voice, self._leaving)):
                voice.reset()
            outdata[:], peak = 0.0, 0.0
            meter.restarts += 1
        meter.peak_in, meter.peak_out = max(meter.peak_in, _peak(indata)), max(meter.peak_out, peak)

    def rest(self, seconds: float) -> None:
        """Collect garbage, if it is time to and it took less than half of ``seconds`` before."""
        now = time.perf_counter()
        if not gc.isenabled() and now - self._collected > COLLECT_SECONDS and 2 * self._collection < seconds:
            gc.collect(1)
            self._collected = time.perf_counter()
            self._collection = self._collected - now

    def miss(self, blocks: int = 1) -> None:
        """Count blocks that the card had to go without."""
        self._meter.missed += blocks

    def bypass(self, on: bool | None = None) -> bool:
        """Hear the input, as late as the effect, in place of the output, after a short cross-fade.

        Args:
            on: whether; None changes it.

        Returns:
            Whether the effect is bypassed now.
        """
        self.bypassed = not self.bypassed if on is None else on
        return self.bypassed

    def exchange(self, processor: Processor, dsp_params: Mapping[str, KnobValue] | None = None) -> None:
        """Play another effect from the next block on, after a short cross-fade.

        It is made and warmed here, in the caller's thread. If it differs from the one that plays by settings only, it
        goes on from its sound, so echoes last.

        Args:
            processor: the effect, of the same sample rate and channels.
            dsp_params: values of knobs in their units.

        Raises:
            ValueError: for an effect that cannot take the other's place, which plays on.
        """
        if processor.sample_rate != self.sample_rate:
            raise ValueError(f"built for {processor.sample_rate:g} Hz, and {self.sample_rate:g} Hz are playing")
        voice = Voice(processor, self.block, self.channels, dsp_params, self.total)
        if voice.channels_out != self.channels_out:
            raise ValueError(f"gives {voice.channels_out} channels, and {self.channels_out} are playing; start again")
        self._retired, self._next = None, voice

    def turn(self, knobs: Mapping[str, KnobValue]) -> None:
        """Set knobs from the next block on, after a short cross-fade.

        Args:
            knobs: values by name, in their units; others stay.

        Raises:
            ValueError: for unknown names or values out of range; what plays stays.
        """
        voice = self._next or self._voice
        self.exchange(voice.processor, {**voice.dsp_params, **knobs})

    @property
    def latency(self) -> int:
        """Samples by which the output is late, beyond the card's own."""
        return self._voice.latency

    def tail_samples(self, longest: float) -> int:
        """Samples that sound after the input, ``longest`` seconds at most."""
        voice = self._voice
        seconds = voice.processor.tail_seconds(dsp_params=voice.dsp_params)
        return math.ceil(min(seconds, longest) * self.sample_rate)

    def meter(self) -> Meter:
        """What happened so far; the peaks are those since the last reading."""
        meter = self._meter
        reading = Meter(**vars(meter))
        meter.peak_in = meter.peak_out = 0.0
        return reading

    def _bypass_share(self, steps: Tensor) -> Tensor | float:
        """How much of the input is heard: a number, or (T,) while it moves."""
        goal = float(self.bypassed)
        if self._dry_share == goal or not len(steps):
            return goal
        moving = (self._dry_share + (steps if goal else -steps)).clamp(0, 1)
        self._dry_share = float(moving[-1])
        return moving


def _mixed(sounds: tuple[Tensor, Tensor], share: Tensor | float) -> Tensor:
    wet, dry = sounds
    if isinstance(share, Tensor):
        return torch.lerp(wet, dry, share)
    return dry if share else wet


def _peak(samples: np.ndarray) -> float:
    return float(max(samples.max(), -samples.min())) if samples.size else 0.0
