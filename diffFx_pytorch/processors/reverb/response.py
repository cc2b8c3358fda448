"""What the reverbs share that are a response made of their knobs: convolution that streams, width and mix."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import pad

from ...control import can_look_at
from ...curve import Curve
from ...dsp.partitioned_convolution import convolve_block, needed_taps
from ...dsp.room_analysis import energy_decay_curve
from ...dsp.whole_delay import delayed
from ...options import Number
from ...params import EffectParam
from ...processor import Processor, State
from ...recursion import one_pole
from ..delay.crossfade import FADE_MS
from ..delay.tone import TONE, highpass_pole, lowpass_pole
from ..tiles import all_equal, is_known
from .predelay import PREDELAY

WIDTH = EffectParam(0.0, 2.0, 1.0, doc="Width of the reverberation: 0 is mono, 1 as it is, 2 twice the sides.")
EARLIEST = replace(PREDELAY, automatable=False)
"""The predelay of a response that is made of its knobs."""


DARKNESS = {
    "lowpass_hz": replace(
        TONE["lowpass_hz"], doc="Low-pass on the reverberation; off at the top of its range.", automatable=False
    ),
    "highpass_hz": replace(
        TONE["highpass_hz"], doc="High-pass on the reverberation; off at the bottom of its range.", automatable=False
    ),
}
"""Knobs of ``darkened``."""
SECONDS = Number(0.2, 20, 2.0, "s", doc="Length of the response, and the longest decay.")


class ResponseReverb(Processor, abstract=True):
    """Base of the reverbs that convolve with a response made of their knobs; a subclass gives ``respond``.

    The response is made anew only when a knob has changed. Where that happens between blocks, the sound fades from one
    response to the other within 8 ms, and what came before rings out in the room it was in.
    """

    neutral = {"mix": 0.0}
    traits = {"linear", "time_invariant", "causal", "odd"}
    channels = (1, 2)
    channels_out = 2
    crosses_channels = True
    is_matrix = False
    """Whether the response is one of every input to every output, (B, O, I, L)."""

    def respond(self, samples: int, dtype: torch.dtype, **shaping: Tensor) -> Tensor:
        """The first samples of the response (B, C, samples) for the knobs but width and mix."""
        raise NotImplementedError(f"{type(self).__name__} defines no respond()")

    def version(self) -> int:
        """A number that changes when anything else does that the response is made of."""
        return 0

    def set_length(self, samples: int) -> None:
        """Say how long the response is without its predelay."""
        latest = math.ceil(self.params["predelay_ms"].max_val * self.sample_rate / 1000)
        self._taps = samples + (latest + 6 if latest else 0)
        self._fade = max(1, round(FADE_MS / 1000 * self.sample_rate))

    def process(
        self, x: Tensor, state: State, *, width: Tensor, mix: Tensor, **shaping: Tensor
    ) -> tuple[Tensor, State]:
        """Convolve with what the knobs make of the response; the state is the sound still to come."""
        wet_state, line = (None, None) if state is None else state
        wet, wet_state = self._convolved(x.expand(-1, 2, -1) if self.is_matrix else x, wet_state, shaping)
        dry, line = delayed(x, self.latency_samples, line)
        return blend(dry, wet, width, mix), (wet_state, line)

    def tail(self, *, width: Tensor, mix: Tensor, **shaping: Tensor) -> Tensor:
        """Until the response has all but gone."""
        return heard_seconds(self.respond(self._taps, torch.float64, **shaping), self.sample_rate)

    def curve(self, *, width: Tensor, mix: Tensor, **shaping: Tensor) -> Curve:
        """Decay of the energy of the response."""
        h = self.respond(self._taps, torch.float64, **shaping)
        return decay_curve(h[0], self.sample_rate, type(self).__name__)

    def _convolved(self, x: Tensor, state: State, shaping: Mapping[str, Tensor]) -> tuple[Tensor, State]:
        """The reverberation, and the state: the room now, the one faded from, samples of that fade, what rings on."""
        now, before, left, ringing = (None, None, 0, None) if state is None else state
        setting = torch.cat([k.detach() for k in shaping.values()], -1).double()
        if version := self.version():
            setting = torch.cat((setting, torch.full_like(setting[..., :1], float(version))), -1)
        if now is not None and x.numel() and can_look_at(setting):
            if torch.equal(now[2], setting):
                setting = now[2]  # the same tensor: nothing is to be compared again
            elif left:  # a change during a fade waits for its end
                shaping, setting = self._shaping(shaping, now[2], x.dtype), now[2]
            else:
                now, before, left = None, now, self._fade
        fading = min(left, x.shape[-1])
        if before is None or not fading:
            wet, now = self._in_room(x, now, setting, shaping)
        else:
            step = torch.arange(self._fade - left + 1, self._fade - left + fading + 1, dtype=x.dtype, device=x.device)
            share = 0.5 - 0.5 * torch.cos(torch.pi / self._fade * step)
            leaving, left = x[..., :fading] * (1 - share), left - fading
            wet, now = self._in_room(x * pad(share, (0, x.shape[-1] - fading), value=1.0), now, setting, shaping)
            # The last of what went into the room before is followed by all that it gives.
            rest = 0 if left else self._taps + self.latency_samples
            old, before = self._in_room(
                pad(leaving, (0, rest)), before, before[2], self._shaping(shaping, before[2], x.dtype)
            )
            ringing = _with_more(ringing, old)
            before = before if left else None
        if ringing is not None:
            heard, ringing = _rung(ringing, wet.shape[-1])
            wet = wet + heard
        return wet, (now, before, left, ringing)

    def _shaping(self, shaping: Mapping[str, Tensor], setting: Tensor, dtype: torch.dtype) -> dict[str, Tensor]:
        """The knobs of a response that was made before."""
        return dict(zip(shaping, setting.to(dtype).split(1, -1), strict=False))

    def _in_room(self, x: Tensor, room: State, setting: Tensor, shaping: Mapping[str, Tensor]) -> tuple[Tensor, State]:
        """Convolve with one response; the room is what is in it, the response, and the setting that that is made of."""
        convolution, last, made_for = (None, None, x[..., :0]) if room is None else room
        knobs = list(shaping.values())
        # Made for what the sound so far can meet: a short signal does not pay for a long response.
        needed = needed_taps(convolution, x.shape[-1], self._taps)
        if (
            last is not None
            and last.shape[-1] >= needed
            and all(map(is_known, knobs))
            and is_known(last)
            and (made_for is setting or torch.equal(made_for, setting))
        ):
            h = last
        else:
            h = self.respond(needed, x.dtype, **shaping)
            h = h.unflatten(1, (2, 2)).transpose(1, 2) if self.is_matrix else h
        # The same tensor, not a view of it, tells the convolution that its spectra still hold.
        heard = h if h.shape[-1] == needed else h[..., :needed]
        wet, convolution = convolve_block(
            x, heard, convolution, taps=self._taps, latency=self.latency_samples, matrix=self.is_matrix
        )
        return wet, (convolution, h, setting)


def _with_more(ringing: tuple[Tensor, Tensor] | None, more: Tensor) -> tuple[Tensor, Tensor]:
    """A sound (B, C, T) still to come, and how many samples of it are over; another is added to what is left."""
    if ringing is not None:
        left = ringing[0][..., int(ringing[1]) :]
        longest = max(left.shape[-1], more.shape[-1])
        more = pad(left, (0, longest - left.shape[-1])) + pad(more, (0, longest - more.shape[-1]))
    return more, torch.zeros(1, dtype=torch.int64, device=more.device)


def _rung(ringing: tuple[Tensor, Tensor], samples: int) -> tuple[Tensor, tuple[Tensor, Tensor] | None]:
    """The next samples, and what is to come then: of one form until it ends, so that a tape can take it."""
    sound, over = ringing
    place, over, length = over + torch.arange(samples, device=over.device), over + samples, sound.shape[-1]
    heard = sound.index_select(-1, place.clamp_max(length - 1)) * (place < length)
    return heard, None if bool(over >= length) else (sound, over)


def blend(x: Tensor, wet: Tensor, width: Tensor, mix: Tensor) -> Tensor:
    """Sides of the reverberation times width, then the mixture with the sound: (B, 1 or 2, T) each to (B, 2, T)."""
    wet = wet.expand(-1, 2, -1)
    if not all_equal(width, 1.0):
        side = (0.5 * (width - 1)) * (wet[:, :1] - wet[:, 1:])
        wet = wet + torch.cat((side, -side), 1)
    return torch.lerp(x.expand(-1, 2, -1), wet, mix)


def darkened(h: Tensor, lowpass_hz: Tensor, highpass_hz: Tensor, sample_rate: float) -> Tensor:
    """A response through the one-pole filters of ``delay.tone``: h (B, C, L), knobs (B, 1, 1)."""
    low, high = lowpass_pole(lowpass_hz, sample_rate), highpass_pole(highpass_hz, sample_rate)
    if low is not None:
        h = one_pole(h, low)
    return h if high is None else h - one_pole(h, high)


def heard_seconds(h: Tensor, sample_rate: float, level_db: float = -66.0) -> Tensor:
    """Seconds until the energy still to come has fallen to ``level_db``, the longest of a batch (B, C, L)."""
    left = energy_decay_curve(h.square().sum(1).sqrt())
    return (left > level_db).sum(-1).max() / sample_rate


def decay_curve(h: Tensor, sample_rate: float, title: str) -> Curve:
    """Level of the energy still to come in a response (C, L), at some 500 points."""
    left = energy_decay_curve(h.detach().double().square().sum(0).sqrt()).clamp_min(-80.0)
    step = max(1, h.shape[-1] // 500)
    time = torch.arange(0, h.shape[-1], step, dtype=torch.float64) / sample_rate
    return Curve(time, left[::step], "time (s)", "energy still to come (dB)", title=title)
